import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

// The folder of the assets. It must begin with `playground/`, since the page is at /playground and its addresses are
// relative.
const assets = 'playground/assets';

// Assets are kept in gzip form only. The server sends them as they are to the many clients that accept gzip, and
// decompresses them for the others.
function compressed() {
  let folder;
  return {
    name: 'compressed',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir, assets);
    },
    async closeBundle() {
      for (const name of await readdir(folder)) {
        const path = join(folder, name);
        await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 }));
        await rm(path);
      }
    },
  };
}

export default defineConfig({
  // Monaco contains a DOMPurify of 2024; the alias replaces it with a current version.
  resolve: { alias: [{ find: /^(\.\.?\/)+dompurify\/dompurify\.js$/, replacement: fileURLToPath(new URL('src/dompurify.js', import.meta.url)) }] },
  base: './', // relative addresses work behind any path prefix
  plugins: [compressed()],
  build: {
    assetsDir: assets,
    assetsInlineLimit: 0, // inlined data: addresses would have to be allowed by the Content-Security-Policy
    modulePreload: { polyfill: false },
    target: 'es2022',
    chunkSizeWarningLimit: 4096, // the editor is a single chunk of 2.8 MB
    rolldownOptions: {
      output: {
        // Libraries are in chunks of their own, so that a change of this page's code does not rename the large files.
        codeSplitting: {
          groups: [{ name: 'libraries', test: /node_modules\/(?!monaco-|prettier\/)|vite\/preload-helper/ }],
        },
      },
      onLog(level, log, handle) {
        // Directives such as "use client" matter to server-side rendering only.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log);
      },
    },
  },
  worker: { format: 'es' },
});
