// Fails where the committed dist/ is not the build of the sources.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, root } from './build.mjs';

const stale = [];
const fresh = await mkdtemp(join(tmpdir(), 'chattok-opentok-'));
try {
  for (const name of await build(fresh)) {
    const [built, committed] = await Promise.all([fresh, join(root, 'dist')].map((folder) => readFile(join(folder, name)).catch(() => undefined)));
    if (!committed?.equals(built)) stale.push(`dist/${name}`);
  }
} finally {
  await rm(fresh, { recursive: true, force: true });
}
if (stale.length > 0) {
  console.error(`not what the sources give; run \`npm run build\` and commit:\n  ${stale.join('\n  ')}`);
  process.exitCode = 1;
}
