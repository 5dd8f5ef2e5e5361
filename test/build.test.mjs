// What is embedded in the binary must be what its sources build, and small.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

test('the committed playground is what its sources build', async () => {
  const check = fileURLToPath(new URL('../web/playground/check.mjs', import.meta.url));
  const run = promisify(execFile)(process.execPath, [check]);
  await assert.doesNotReject(run);
});

test('the committed SDK is what the schema and its sources give', async () => {
  const check = fileURLToPath(new URL('../web/sdk/check.mjs', import.meta.url));
  const run = promisify(execFile)(process.execPath, [check]);
  await assert.doesNotReject(run);
});

test('the SDK has at most 20 kB, gzipped', async (t) => {
  const script = await readFile(new URL('../web/sdk/dist/chattok.js', import.meta.url));
  const size = gzipSync(script, { level: 9 }).length;
  t.diagnostic(`sdk/chattok.js: ${size} bytes gzipped of 20000`);
  assert.ok(size <= 20_000, `${size} bytes`);
});
