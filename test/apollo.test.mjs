// The example web/examples/apollo in a real browser, served from its own origin: Apollo Client as most teams use it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { extname, join, normalize } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.mjs';
import { patience, startBrowser } from './app.mjs';
import { startServer } from './server.mjs';

const example = fileURLToPath(new URL('../web/examples/apollo', import.meta.url));
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

const connect = 'mutation { connect(sessionId: "apollo", data: "Bob") { accessToken connection { id } } }';
const addChatEntry = 'mutation ($id: ID!, $body: String!) { addChatEntry(connectionId: $id, body: $body) { seq } }';

/** Serves a folder on a port of loopback until the test ends. */
async function serveFolder(t, folder) {
  const server = http.createServer(async (request, response) => {
    const path = normalize(new URL(request.url, 'http://x').pathname);
    try {
      const file = await readFile(join(folder, path.endsWith('/') ? `${path}index.html` : path));
      response.writeHead(200, { 'content-type': types[extname(path)] ?? 'text/html' }).end(file);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Returns the texts of a list's entries, without their senders. */
async function bodies(list) {
  return list.getByRole('listitem').evaluateAll((items) => items.map((item) => item.lastChild.textContent.trim()));
}

/** Waits until a list has exactly these entries. */
async function shows(list, want) {
  await list.getByRole('listitem').filter({ hasText: want.at(-1) }).first().waitFor();
  for (const end = Date.now() + patience; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const got = await bodies(list);
    if (JSON.stringify(got) === JSON.stringify(want)) return;
    if (Date.now() > end || got.length > want.length) assert.deepEqual(got, want);
  }
}

test('Apollo Client: history, live, a page back, and a server that went away', async (t) => {
  await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: example });
  const server = await startServer(t);
  const origin = await serveFolder(t, join(example, 'dist'));
  const browser = await startBrowser(t);

  const { accessToken, connection } = (await server.run(connect)).connect;
  const add = (body) => server.run(addChatEntry, { id: connection.id, body }, { authorization: `Bearer ${accessToken}` });
  const all = Array.from({ length: 50 }, (_, n) => `entry ${n + 1}.`);
  for (const body of all) await add(body);

  const context = await browser.newContext();
  context.setDefaultTimeout(patience);
  atEnd(t, () => context.close());
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.stack));
  const events = []; // received over WebSockets
  page.on('websocket', (socket) => {
    socket.on('framereceived', ({ payload }) => {
      const body = /"entryAdded":.*"body":"([^"]*)"/.exec(payload)?.[1];
      if (body) events.push(body);
    });
  });
  const renewals = [];
  page.on('request', (request) => request.postData()?.includes('RenewAccess') && renewals.push(request.url()));
  await page.clock.install();
  await page.goto(`${origin}/?server=${encodeURIComponent(server.origin)}`);
  await page.getByRole('textbox', { name: 'Name' }).fill('Ann');
  await page.getByRole('button', { name: 'Join' }).click();

  const chat = page.getByRole('list', { name: 'Entries', exact: true });
  const overHTTP = page.getByRole('list', { name: 'Entries over HTTP' });
  await shows(chat, all.slice(-20)); // the newest page
  await shows(overHTTP, all); // a multipart response, from the beginning of the log

  await page.getByRole('button', { name: 'Earlier' }).click();
  await shows(chat, all.slice(-40));

  all.push('live.');
  await add('live.');
  await shows(chat, all.slice(-41));
  await shows(overHTTP, all);

  all.push('of my own.');
  await page.getByRole('textbox', { name: 'Message' }).fill('of my own.');
  await page.getByRole('button', { name: 'Post' }).click();
  await shows(chat, all.slice(-42));
  await shows(overHTTP, all);

  assert.equal(await server.stop(), 0);
  await server.start();
  all.push('while nobody listened.');
  await add('while nobody listened.');
  await shows(chat, all.slice(-43));
  await shows(overHTTP, all);

  // After a reconnection the missed entries arrive, and none a second time.
  assert.deepEqual(events, all.slice(50));

  // A post shows at once, entries of others still arrive, and no row is there twice.
  await page.route('**/graphql', async (route) => {
    if (route.request().postData()?.includes('mutation AddEntry')) await held;
    await route.continue();
  });
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.getByRole('textbox', { name: 'Message' }).fill('on its way.');
  await page.getByRole('button', { name: 'Post' }).click();
  const onTheirWay = page.getByRole('list', { name: 'On their way' });
  await onTheirWay.getByText('on its way.').waitFor();
  all.push('of another meanwhile.', 'on its way.');
  await add('of another meanwhile.');
  await shows(chat, all.slice(-45, -1));
  assert.equal(await onTheirWay.getByRole('listitem').count(), 1);
  release();
  await shows(chat, all.slice(-45));
  await onTheirWay.getByRole('listitem').waitFor({ state: 'detached' });

  // The token is renewed after half an hour.
  assert.equal(renewals.length, 0);
  await Promise.all([page.waitForRequest((request) => Boolean(request.postData()?.includes('RenewAccess'))), page.clock.fastForward('31:00')]);

  await page.getByRole('button', { name: 'Earlier' }).click();
  await shows(chat, all);
  assert.equal(await page.getByRole('button', { name: 'Earlier' }).count(), 0);
  assert.deepEqual(faults, []);
});

test('Apollo Client in a fresh session: what is posted there shows', async (t) => {
  const server = await startServer(t);
  const origin = await serveFolder(t, join(example, 'dist'));
  const browser = await startBrowser(t);
  const context = await browser.newContext();
  context.setDefaultTimeout(patience);
  atEnd(t, () => context.close());
  const page = await context.newPage();
  await page.goto(`${origin}/?server=${encodeURIComponent(server.origin)}`);
  await page.getByRole('textbox', { name: 'Session' }).fill('fresh');
  await page.getByRole('textbox', { name: 'Name' }).fill('Ann');
  await page.getByRole('button', { name: 'Join' }).click();
  const chat = page.getByRole('list', { name: 'Entries', exact: true });
  for (const body of ['the first.', 'the second.']) {
    await page.getByRole('textbox', { name: 'Message' }).fill(body);
    await page.getByRole('button', { name: 'Post' }).click();
    await chat.getByText(body).waitFor();
  }
  assert.deepEqual(await bodies(chat), ['the first.', 'the second.']);
});
