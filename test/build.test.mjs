// The playground that is embedded in the binary must be what its sources build.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';

test('the committed playground is what its sources build', async () => {
  const check = fileURLToPath(new URL('../web/playground/check.mjs', import.meta.url));
  const run = promisify(execFile)(process.execPath, [check]);
  await assert.doesNotReject(run);
});
