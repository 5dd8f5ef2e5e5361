import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

// Where the assets lie, below the page's own folder: the page is /playground, so they are /playground/assets/….
const assets = 'playground/assets';

// The server sends an asset as it lies in the binary, and nearly every client takes gzip, so only that form is kept.
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
  // Monaco has a copy of DOMPurify of 2024 in its own folder; what it sanitises is sanitised by a current one.
  resolve: { alias: [{ find: /^(\.\.?\/)+dompurify\/dompurify\.js$/, replacement: fileURLToPath(new URL('src/dompurify.js', import.meta.url)) }] },
  base: './', // every address is relative, so that the page works behind any path prefix
  plugins: [compressed()],
  build: {
    assetsDir: assets,
    assetsInlineLimit: 0, // data: addresses would need room in the content security policy
    modulePreload: { polyfill: false },
    target: 'es2022',
    chunkSizeWarningLimit: 4096, // the editor is one piece of 2.8 MB
    rolldownOptions: {
      output: {
        // Our own code apart from the libraries', so that a change of ours leaves the names of the large files as they are.
        codeSplitting: {
          groups: [{ name: 'libraries', test: /node_modules\/(?!monaco-|prettier\/)|vite\/preload-helper/ }],
        },
      },
      onLog(level, log, handle) {
        // Libraries mark their files for a server-side renderer; there is none here.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log);
      },
    },
  },
  worker: { format: 'es' },
});
