// The embedded web files are the build of their sources, and small enough.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

const web = new URL('../web/', import.meta.url);

for (const folder of ['playground', 'app', 'admin', 'sdk', 'opentok']) {
  test(`the committed ${folder} is what its sources give`, async () => {
    const cwd = fileURLToPath(new URL(folder, web));
    await assert.doesNotReject(promisify(execFile)('npm', ['run', '--silent', 'check'], { cwd }));
  });
}

test('the first load of the page with the SDK is at most 75 kB, gzipped, and all of it at most 120 kB', async (t) => {
  const page = await readFile(new URL('app/dist/index.html', web), 'utf8');
  const assets = new URL('app/dist/assets/', web);
  const files = (await readdir(assets)).map((name) => new URL(name, assets));
  const sizes = {};
  for (const file of [...files, new URL('app/dist/index.html', web), new URL('sdk/dist/chattok.js', web)]) {
    sizes[file.pathname.split('/').at(-1).replace(/\.gz$/, '')] = await gzippedSize(file);
  }
  // Both need what the page names, all of which its browser loads at once; a session needs the room too, and the start page
  // two files of its own.
  const named = new Set([...page.matchAll(/"\.\/assets\/([^"]+)"/g)].map(([, name]) => name));
  assert.ok(named.size >= 2);
  const sizeOf = (belongs) => sum(Object.entries(sizes).filter(([name]) => belongs(name)));
  const both = sizeOf((name) => named.has(name) || name === 'index.html' || name === 'chattok.js');
  const first = both + sizeOf((name) => name.startsWith('Room-'));
  const start = both + sizeOf((name) => name.startsWith('Start-'));
  const all = sizeOf(() => true);
  t.diagnostic(`${JSON.stringify(sizes)} bytes; first ${first}, start page ${start}, all ${all}`);
  assert.ok(first <= 75_000, `first load: ${first} bytes: ${JSON.stringify(sizes)}`);
  assert.ok(start <= 75_000, `start page: ${start} bytes: ${JSON.stringify(sizes)}`);
  assert.ok(all <= 120_000, `all: ${all} bytes: ${JSON.stringify(sizes)}`);
});

test('the admin page is at most 40 kB, gzipped', async (t) => {
  const assets = new URL('admin/dist/admin/assets/', web);
  const files = [new URL('admin/dist/index.html', web), ...(await readdir(assets)).map((name) => new URL(name, assets))];
  assert.equal(files.length, 3);
  const size = (await Promise.all(files.map(gzippedSize))).reduce((total, each) => total + each, 0);
  t.diagnostic(`${size} bytes`);
  assert.ok(size <= 40_000, `${size} bytes`);
});

const sum = (entries) => entries.reduce((total, [, size]) => total + size, 0);

for (const [file, limit] of [['sdk/dist/chattok.js', 22_000], ['opentok/dist/opentok.js', 40_000], ['opentok/dist/ot-widget.js', 2_000]]) {
  test(`${file} has at most ${limit} bytes, gzipped`, async (t) => {
    const size = await gzippedSize(new URL(file, web));
    t.diagnostic(`${file}: ${size} bytes gzipped of ${limit}`);
    assert.ok(size <= limit, `${size} bytes`);
  });
}

test('OpenTok’s type definitions hold for what we serve', async () => {
  const cwd = fileURLToPath(new URL('opentok-pages', import.meta.url));
  await assert.doesNotReject(promisify(execFile)('node_modules/.bin/tsc', ['--project', '.'], { cwd }));
});

test('the SDK has a source map, with the sources in it', async () => {
  const [script, text] = await Promise.all(['chattok.js', 'chattok.js.map'].map((name) => readFile(new URL(`sdk/dist/${name}`, web), 'utf8')));
  assert.match(script, /\n\/\/# sourceMappingURL=chattok\.js\.map\s*$/);
  const map = JSON.parse(text);
  const connector = map.sources.indexOf('src/connector.ts');
  assert.equal(map.sourcesContent[connector], await readFile(new URL('sdk/src/connector.ts', web), 'utf8'));
});

test("the playground's editor sanitises by a current DOMPurify, not by the one that Monaco carries", async () => {
  const assets = new URL('playground/dist/playground/assets/', web);
  const { packages } = JSON.parse(await readFile(new URL('playground/package-lock.json', web), 'utf8'));
  const { version } = packages['node_modules/dompurify'];
  const found = new Set();
  for (const name of await readdir(assets)) {
    const content = gunzipSync(await readFile(new URL(name, assets))).toString();
    // Each copy contains its licence line and its version.
    for (const [, each] of content.matchAll(/\.version=["'`](3\.\d+\.\d+)["'`]/g)) found.add(each);
  }
  assert.deepEqual([...found], [version]);
});

async function gzippedSize(file) {
  const content = await readFile(file);
  return gzipSync(file.pathname.endsWith('.gz') ? gunzipSync(content) : content, { level: 9 }).length;
}
