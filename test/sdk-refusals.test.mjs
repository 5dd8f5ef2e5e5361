// Errors of connect() where it can't succeed, in a browser and in Node: a code with a cure, or the cause while it retries.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { atEnd } from './at-end.mjs';
import { patience, startBrowser } from './app.mjs';
import { blankPage, joinIn, openBlank, servePages, startNetwork, waitForState } from './sdk.mjs';
import { startServer } from './server.mjs';

const name = 'elsewhere.example'; // neither loopback nor the server's own host
const script = fileURLToPath(new URL('../web/sdk/dist/chattok.js', import.meta.url));

test('connect() where it can not succeed', async (t) => {
  const server = await startServer(t);
  const bundled = await readFile(script, 'utf8');
  const policy = (rule) =>
    blankPage(server).replace('<title>', `<meta http-equiv="Content-Security-Policy" content="connect-src ${rule}">\n<title>`);
  const clients = await readFile(new URL('../docs/clients.md', import.meta.url), 'utf8');
  const named = /```\n(script-src .*)\n```/
    .exec(clients)[1]
    .replace('script-src', "script-src 'self'") // for the page's own script
    .replaceAll('https://chat.example', server.origin)
    .replaceAll('wss://chat.example', server.origin.replace('http', 'ws'));
  const origin = await servePages(t, {
    '/': blankPage(server),
    '/strict': policy("'self'"),
    '/named': blankPage(server)
      .replace('<title>', `<meta http-equiv="Content-Security-Policy" content="${named}">\n<title>`)
      .replace('<script type="module">', '<script type="module" src="/named.js">')
      .replace(/import \* as chattok[^]*?chattok = chattok;/, ''),
    '/named.js': `import * as chattok from '${server.origin}/sdk/chattok.js';\nglobalThis.chattok = chattok;`,
    '/no-sockets': policy(server.origin),
    '/without': blankPage(server).replace('<script', '<script>delete globalThis.WebSocket</script>\n<script'),
    '/bundled': blankPage(server).replace(`${server.origin}/sdk/chattok.js`, '/node_modules/.vite/deps/chattok.js'),
    '/node_modules/.vite/deps/chattok.js': bundled,
  });
  const browser = await startBrowser(t, { name });
  const open = (t, path = '/', from = origin) => openBlank(t, browser, from + path);
  /** Returns the outcome of connect(options) in a page. */
  const refusal = (page, options) =>
    page.evaluate(async (options) => {
      try {
        await globalThis.chattok.connect(options);
        return 'live';
      } catch ({ name, code, reason, message, cure }) {
        return { name, code, reason, message, cure };
      }
    }, options);
  const demo = { session: 'demo', data: 'Ann' };

  await t.test('the page\'s Content-Security-Policy forbids the server', async (t) => {
    const { code, reason, cure } = await refusal(await open(t, '/strict'), demo);
    assert.deepEqual([code, reason], ['MISCONFIGURED', 'CONTENT_SECURITY_POLICY']);
    assert.equal(cure, `add ${server.origin} and ${server.origin.replace('http', 'ws')} to its connect-src`);
  });

  await t.test('it allows requests and forbids the WebSocket', async (t) => {
    const { code, reason, message } = await refusal(await open(t, '/no-sockets'), demo);
    assert.deepEqual([code, reason], ['MISCONFIGURED', 'CONTENT_SECURITY_POLICY']);
    assert.match(message, /forbids ws:/);
  });

  await t.test('one that names both, as docs/clients.md has it, lets them through', async (t) => {
    assert.equal(await refusal(await open(t, '/named'), demo), 'live');
  });

  await t.test('the server refuses the page\'s origin', async (t) => {
    const stranger = origin.replace('127.0.0.1', name);
    const { code, reason, cure } = await refusal(await open(t, '/', stranger), demo);
    assert.deepEqual([code, reason], ['MISCONFIGURED', 'ORIGIN_REFUSED']);
    assert.equal(cure, `add ${stranger} to CHATTOK_ORIGINS of the server`);
  });

  await t.test('the address is wrong', async (t) => {
    const page = await open(t);
    for (const url of [`${server.origin}/nowhere/`, origin]) {
      const { code, reason, message, cure } = await refusal(page, { ...demo, url });
      assert.deepEqual([code, reason], ['MISCONFIGURED', 'WRONG_ADDRESS']);
      assert.match(message, /\/graphql answered 404 /);
      assert.match(cure, /^pass the server's address: connect/);
    }
    assert.equal(await refusal(page, { ...demo, url: `${server.origin}/graphql` }), 'live');
    assert.equal(await refusal(page, { ...demo, url: server.origin }), 'live');
  });

  await t.test('a bundler has put the script elsewhere', async (t) => {
    const page = await open(t, '/bundled');
    const { code, message } = await refusal(page, demo);
    assert.equal(code, 'BAD_USER_INPUT');
    assert.match(message, /^url is needed: .*\.vite\/deps\/chattok\.js is not a server's sdk\/chattok\.js; pass the server's address/);
    assert.equal(await refusal(page, { ...demo, url: server.origin }), 'live');
  });

  await t.test('there is no WebSocket', async (t) => {
    const { code, reason, cure } = await refusal(await open(t, '/without'), demo);
    assert.deepEqual([code, reason], ['MISCONFIGURED', 'NO_WEBSOCKET']);
    assert.match(cure, /webSocketImpl/);
  });

  await t.test('the server is another one, or older than the script', async (t) => {
    const other = await startOther(t);
    const page = await open(t);
    const warnings = [];
    page.on('console', (message) => message.type() === 'warning' && warnings.push(message.text()));
    const { code, reason } = await refusal(page, { ...demo, url: `${other}/another/` });
    assert.deepEqual([code, reason], ['MISCONFIGURED', 'NOT_CHATTOK']);
    await joinIn(page, { ...demo, url: `${other}/old/` }, { wait: false });
    await page.waitForFunction(() => {
      const { state } = globalThis.session.store.get();
      return state.name === 'connecting' && state.attempt > 2 && state.error?.reason === 'OLD_SERVER';
    });
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0], /^ChatTok: trying to connect: the server is older than this script/);
  });

  await t.test('the token function throws: it is asked again, unless that is final', async (t) => {
    const page = await open(t);
    const warnings = [];
    page.on('console', (message) => message.type() === 'warning' && warnings.push(message.text()));
    const outcome = await page.evaluate(async () => {
      const { connect, ChattokError } = globalThis.chattok;
      let calls = 0;
      const refused = await connect({
        token: async () => {
          if (++calls < 3) throw new Error('the backend is away');
          throw new ChattokError('FORBIDDEN', 'you are not invited');
        },
      }).catch(({ code, message }) => ({ code, message }));
      return { ...refused, calls };
    });
    assert.deepEqual(outcome, { code: 'FORBIDDEN', message: 'you are not invited', calls: 3 });
    assert.deepEqual(warnings, ['ChatTok: trying to connect: the token function failed: the backend is away']);
  });

  await t.test('a dead socket is replaced as soon as the page is looked at', async (t) => {
    const network = await startNetwork(t, server);
    const page = await open(t);
    await joinIn(page, { ...demo, url: network.url });
    network.silence(); // as after a night's sleep: sockets are open, but nothing arrives
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await waitForState(page, 'reconnecting');
    network.on();
    await waitForState(page, 'live');
  });

  await t.test('connect({ history }) has it when it resolves', async (t) => {
    const page = await open(t);
    const seen = await page.evaluate(async () => {
      const { connect } = globalThis.chattok;
      const first = await connect({ session: 'promised', data: 'Ann' });
      for (const body of ['a', 'b', 'c']) await first.post(body);
      const second = await connect({ session: 'promised', data: 'Bob', history: 2 });
      return second.store.get().entries.map(({ body }) => body);
    });
    assert.deepEqual(seen, ['b', 'c']);
  });
});

test('Node: the SDK with a WebSocket of the package ws; the process ends after disconnect()', async (t) => {
  const server = await startServer(t);
  const program = `
    import { WebSocket } from 'ws';
    const { connect } = await import(${JSON.stringify(script)});
    const session = await connect({ url: '${server.origin}', session: 'node', data: 'bot', webSocketImpl: WebSocket });
    const entry = await session.post('from Node');
    await session.disconnect();
    console.log(entry.seq, entry.body);
  `;
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { cwd, timeout: patience });
  assert.equal((await run).stdout, '1 from Node\n');
});

/** Serves two schemas: /another/ is unrelated, /old/ lacks a subscription that the SDK uses. Returns the origin. */
async function startOther(t) {
  const invalid = (message) => [{ message, extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }];
  const member = { id: 'me', data: 'Ann', role: 'PUBLISHER', createdAt: new Date().toISOString() };
  const connect = { accessToken: 'x', expiresAt: new Date(Date.now() + 3.6e6).toISOString(), connection: member, session: { id: 'demo', lastCursor: '0' } };
  const server = http.createServer((request, response) => {
    const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*', 'content-type': 'application/json' };
    const result = request.url.startsWith('/old/') ? { data: { connect } } : { errors: invalid('Cannot query field "connect" on type "Mutation".') };
    response.writeHead(200, headers).end(request.method === 'OPTIONS' ? '' : JSON.stringify(result));
  });
  new WebSocketServer({ server, handleProtocols: () => 'graphql-transport-ws' }).on('connection', (socket) => {
    socket.on('message', (data) => {
      const { type, id } = JSON.parse(data);
      if (type === 'connection_init') socket.send('{"type":"connection_ack"}');
      if (type === 'subscribe') socket.send(JSON.stringify({ type: 'error', id, payload: invalid('Cannot query field "later".') }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}
