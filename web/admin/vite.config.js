import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

// The folder of the assets. It must begin with `admin/`, since the page is at /admin and its addresses are relative.
const assets = 'admin/assets';

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
  },
});
