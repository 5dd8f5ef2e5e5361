// Checks that the generated operations and dist/ are up to date with the sources: makes both anew and compares. Compressed
// files are compared after decompression, since the compressed bytes depend on zlib's version.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { build } from 'vite';
import codegen from './codegen.mjs';

const root = fileURLToPath(new URL('.', import.meta.url));
const sdk = resolve(root, '../sdk');
const { generate } = createRequire(join(sdk, 'package.json'))('@graphql-codegen/cli');

async function contents(folder) {
  const files = new Map();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    files.set(path.slice(folder.length + 1), path.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  }
  return files;
}

process.chdir(sdk);
const stale = [];
for (const { filename, content } of await generate({ ...codegen, silent: true }, false)) {
  if (content !== (await readFile(resolve(sdk, filename), 'utf8'))) stale.push(`${filename}: run \`npm run generate\``);
}
const fresh = await mkdtemp(join(tmpdir(), 'admin-'));
try {
  await build({ root, logLevel: 'warn', build: { outDir: fresh, emptyOutDir: true } });
  const built = await contents(fresh);
  const committed = await contents(join(root, 'dist'));
  for (const name of new Set([...built.keys(), ...committed.keys()])) {
    if (!built.get(name)?.equals(committed.get(name) ?? Buffer.from([0]))) stale.push(`dist/${name}: run \`npm run build\``);
  }
} finally {
  await rm(fresh, { recursive: true, force: true });
}
if (stale.length > 0) {
  console.error(`not what the sources give; commit what these make:\n  ${stale.join('\n  ')}`);
  process.exitCode = 1;
}
