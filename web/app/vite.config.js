import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

const assets = 'assets';

// The SDK is not bundled: the page loads the same /sdk/chattok.js that other sites load. A change of the SDK therefore does
// not change this build.
const sdk = '../sdk/chattok.js';

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
  base: './', // relative addresses work behind any path prefix
  plugins: [compressed()],
  build: {
    assetsDir: assets,
    assetsInlineLimit: 0, // inlined data: addresses would have to be allowed by the Content-Security-Policy
    modulePreload: { polyfill: false },
    target: 'es2022',
    rolldownOptions: {
      external: ['@chattok/sdk'],
      output: { paths: { '@chattok/sdk': sdk } },
    },
  },
});
