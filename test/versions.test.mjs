// Server and SDK say their versions, and the SDK can be loaded below one, with a hash.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.mjs';
import { startBrowser } from './app.mjs';
import { openBlank, servePages } from './sdk.mjs';
import { startServer } from './server.mjs';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const source = (await readFile(join(root, 'VERSION'), 'utf8')).trim();
const forever = 'public, max-age=31536000, immutable';
const versionOf = async (server) => (await server.run('{ server { version } }')).server.version;
const sha384 = (text) => `sha384-${createHash('sha384').update(text).digest('base64')}`;

test('the server says its version to everybody, in the API and in a header', async (t) => {
  const server = await startServer(t, { CHATTOK_OPEN: 'false' });
  const version = await versionOf(server);
  assert.match(version, new RegExp(`^${source.replaceAll('.', '\\.')}(-dev(\\+[0-9a-f]{12}(\\.modified)?)?)?$`));
  for (const path of ['/graphql', '/query']) {
    const answer = await fetch(`${server.origin}${path}?query={server{version}}`, { headers: { origin: server.origin } });
    assert.equal(answer.headers.get('chattok-version'), version);
    assert.match(answer.headers.get('access-control-expose-headers'), /\bChattok-Version\b/);
    assert.deepEqual(await answer.json(), { data: { server: { version } } });
  }
  // A refusal has it too; a false token is refused here as everywhere.
  const refused = await fetch(`${server.endpoint}?query={server{version}}`, { headers: { authorization: 'Bearer none' } });
  assert.equal(refused.headers.get('chattok-version'), version);
  assert.equal((await refused.json()).errors[0].extensions.code, 'UNAUTHENTICATED');
  assert.equal((await fetch(`${server.origin}/healthz`)).headers.get('chattok-version'), null);
});

test('the SDK is served below the version, with a list of hashes', async (t) => {
  const server = await startServer(t);
  const version = await versionOf(server);
  const list = await (await fetch(`${server.origin}/sdk/${version}/integrity.json`)).json();
  assert.equal(list.version, version);
  for (const name of ['chattok.js', 'chattok.d.ts', 'opentok.js']) {
    const [stays, below] = await Promise.all([`/sdk/${name}`, `/sdk/${version}/${name}`].map((path) => fetch(server.origin + path)));
    assert.equal(stays.headers.get('cache-control'), 'no-cache');
    const oneBuild = !version.includes('-dev') || (version.includes('+') && !version.endsWith('.modified'));
    assert.equal(below.headers.get('cache-control'), oneBuild ? forever : 'no-cache');
    const text = await below.text();
    assert.equal(text, await stays.text());
    assert.equal(list.files[name], sha384(text));
  }
  // The version that the source leads to brings one here, and any other one nowhere.
  assert.equal((await fetch(`${server.origin}/sdk/${source}/chattok.js`)).url, `${server.origin}/sdk/${version}/chattok.js`);
  const unknown = await fetch(`${server.origin}/sdk/0.0.1/chattok.js`);
  assert.equal(unknown.status, 404);
  assert.match(await unknown.text(), new RegExp(`^this server has version ${version.replace('+', '\\+')} of the SDK, and no other`));
});

test('a page loads the SDK of a release by version and hash, and the SDK says its version', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'chattok-release-'));
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  const binary = join(folder, 'chattok');
  await run('go', ['build', '-ldflags', `-X main.release=${source}`, '-o', binary, '.'], { cwd: root });
  const server = await startServer(t, { CHATTOK_LOG_LEVEL: 'debug', CHATTOK_LOG_FORMAT: 'json' }, binary);
  assert.equal(await versionOf(server), source);
  const address = `${server.origin}/sdk/${source}/chattok.js`;
  assert.equal((await fetch(address)).headers.get('cache-control'), forever);
  const { files } = await (await fetch(`${server.origin}/sdk/integrity.json`)).json();

  const page = (integrity) => `<!doctype html>
    <meta charset="utf-8">
    <link rel="icon" href="data:,">
    <script type="module" src="${address}" integrity="${integrity}" crossorigin
      onload="document.title = 'loaded'" onerror="document.title = 'refused'"></script>
    <script type="module">
      import * as chattok from '${address}';
      globalThis.chattok = chattok;
    </script>`;
  const origin = await servePages(t, { '/right': page(files['chattok.js']), '/wrong': page(sha384('something else')) });
  const browser = await startBrowser(t);
  const right = await openBlank(t, browser, `${origin}/right`);
  assert.equal(await right.title(), 'loaded');
  assert.equal(await right.evaluate(() => globalThis.chattok.version), source);
  // Its server is the one that it comes from, also below a version.
  const seq = await right.evaluate(async () => {
    const session = await globalThis.chattok.connect({ session: 'versions' });
    const { seq } = await session.post('by a script of one version');
    await session.disconnect();
    return seq;
  });
  assert.equal(seq, 1);
  assert.deepEqual(right.faults, []);
  const asked = server.output.split('\n').filter((line) => line.includes('"msg":"request"') && line.includes('"method":"POST"'));
  assert.ok(asked.some((line) => JSON.parse(line).sdk === source), asked.join('\n'));

  const context = await browser.newContext();
  atEnd(t, () => context.close());
  const wrong = await context.newPage();
  await wrong.goto(`${origin}/wrong`);
  assert.equal(await wrong.title(), 'refused');
});

test('the package has what a page needs, its readme and its licence', async () => {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json'], { cwd: join(root, 'web/sdk') });
  const [{ name, version, files }] = JSON.parse(stdout);
  assert.deepEqual({ name, version }, { name: '@chattok/sdk', version: source });
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    'LICENSE',
    'README.md',
    'dist/chattok.d.ts',
    'dist/chattok.js',
    'dist/chattok.js.map',
    'package.json',
  ]);
});
