// Checks the systemd unit of deploy/ by systemd's own verifier.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const binary = resolve(process.env.CHATTOK_BINARY ?? join(here, '../chattok'));

test('systemd takes deploy/chattok.service', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'chattok-unit-'));
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  const verify = async (text) => {
    const unit = join(folder, 'chattok.service');
    await writeFile(unit, text);
    return promisify(execFile)('systemd-analyze', ['verify', '--man=no', unit]);
  };
  const unit = await readFile(join(here, '../deploy/chattok.service'), 'utf8');
  const installed = 'ExecStart=/usr/local/bin/chattok ';
  assert.ok(unit.includes(installed));
  const text = unit.replace(installed, `ExecStart=${binary} `);
  const { stdout, stderr } = await verify(text);
  assert.equal(stdout + stderr, '');

  // The verifier reports a broken unit.
  const broken = await verify(text.replace('ProtectClock=yes', 'ProtectClocks=yes'));
  assert.match(broken.stderr, /Unknown key( name)? 'ProtectClocks'/);
});
