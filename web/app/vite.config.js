import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

const assets = 'assets';

// The page uses the very file that other pages are given, as it lies beside the assets: a change of the SDK is no change
// of this build.
const sdk = '../sdk/chattok.js';

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
  base: './', // every address is relative, so that the page works behind any path prefix
  plugins: [compressed()],
  build: {
    assetsDir: assets,
    assetsInlineLimit: 0, // data: addresses would need room in the content security policy
    modulePreload: { polyfill: false },
    target: 'es2022',
    rolldownOptions: {
      external: ['@chattok/sdk'],
      output: { paths: { '@chattok/sdk': sdk } },
    },
  },
});
