// Checks that dist/ is up to date with the sources: builds into a temporary folder and compares all files. Compressed files
// are compared after decompression, since the compressed bytes depend on zlib's version.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { build } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));

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

const fresh = await mkdtemp(join(tmpdir(), 'app-'));
try {
  await build({ root, logLevel: 'warn', build: { outDir: fresh, emptyOutDir: true } });
  const built = await contents(fresh);
  const committed = await contents(join(root, 'dist'));
  const differing = [...new Set([...built.keys(), ...committed.keys()])].filter(
    (name) => !built.has(name) || !committed.has(name) || !built.get(name).equals(committed.get(name)),
  );
  if (differing.length > 0) {
    console.error(`dist/ is not what the sources build; run \`npm run build\` and commit it:\n  ${differing.join('\n  ')}`);
    process.exitCode = 1;
  }
} finally {
  await rm(fresh, { recursive: true, force: true });
}
