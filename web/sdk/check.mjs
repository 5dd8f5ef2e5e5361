// Checks that the generated operations and dist/ are up to date with the sources.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from '@graphql-codegen/cli';
import codegen from './codegen.mjs';
import { build, root } from './build.mjs';

process.chdir(root); // GraphQL Code Generator resolves paths against the working directory

const stale = [];
for (const { filename, content } of await generate({ ...codegen, silent: true }, false)) {
  if (content !== (await readFile(join(root, filename), 'utf8'))) stale.push(`${filename}: run \`npm run generate\``);
}
const fresh = await mkdtemp(join(tmpdir(), 'chattok-sdk-'));
try {
  await build(fresh);
  for (const name of ['chattok.js', 'chattok.js.map', 'chattok.d.ts']) {
    const [built, committed] = await Promise.all([fresh, join(root, 'dist')].map((folder) => readFile(join(folder, name)).catch(() => undefined)));
    if (!committed?.equals(built)) stale.push(`dist/${name}: run \`npm run build\``);
  }
} finally {
  await rm(fresh, { recursive: true, force: true });
}
if (stale.length > 0) {
  console.error(`not what the sources give; commit what these make:\n  ${stale.join('\n  ')}`);
  process.exitCode = 1;
}
