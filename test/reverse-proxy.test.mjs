// The proxy settings of deploy/, with the real proxies before the real binary.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { Client, fetchExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import OpenTok from 'opentok';
import OldOpenTok from 'opentok-2.8.0';
import { WebSocket } from 'ws';
import { atEnd } from './at-end.mjs';
import { apiKey, apiSecret } from './opentok-server.mjs';
import { startServer } from './server.mjs';

const deploy = fileURLToPath(new URL('../deploy/', import.meta.url));
const patience = 120_000; // milliseconds; no test measures speed

const entryAdded = 'subscription ($after: String) { entryAdded(after: $after) { seq cursor body } }';
const addChatEntry = 'mutation ($body: String!) { addChatEntry(connectionId: "ann", body: $body) { seq } }';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Replaces text, and fails where it is absent, so that a change of deploy/ is noticed here. */
function replace(text, from, to) {
  assert.ok(text.includes(from), `deploy/ has no ${JSON.stringify(from)} any more`);
  return text.replaceAll(from, to);
}

/** Starts a proxy that ends with the test, and waits until the server answers through it. */
async function startProxy(t, folder, command, args, base, environment = {}) {
  const process_ = spawn(command, args, { cwd: folder, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [process_.stdout, process_.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (output += chunk));
  atEnd(t, async () => {
    if (process_.exitCode === null && process_.signalCode === null) {
      process_.kill('SIGTERM');
      await once(process_, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  });
  for (const end = Date.now() + patience; ; await delay(50)) {
    const response = await fetch(`${base}healthz`).catch(() => undefined);
    if (response?.ok) return;
    assert.ok(Date.now() < end && process_.exitCode === null, `${command} does not pass requests on:\n${output}`);
  }
}

const proxies = {
  async nginx(t, folder, port, upstream, prefix, change = (site) => site) {
    let site = change(await readFile(join(deploy, 'nginx.conf'), 'utf8'));
    site = replace(site, 'listen 80;', `listen 127.0.0.1:${await freePort()};`);
    site = replace(site, 'listen 443 ssl http2;', `listen 127.0.0.1:${port};`); // without a certificate
    site = replace(site, 'ssl_certificate', '#');
    site = replace(site, 'server 127.0.0.1:8080', `server ${upstream}`);
    if (prefix !== '/') {
      site = replace(site, 'location / {', `location ${prefix} {`);
      site = replace(site, 'proxy_pass http://chattok;', 'proxy_pass http://chattok/;');
    }
    await writeFile(join(folder, 'site.conf'), site);
    await writeFile(
      join(folder, 'nginx.conf'),
      `daemon off; pid ${folder}/nginx.pid; error_log stderr; worker_processes 1;
       events {}
       http {
         access_log off;
         ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')}
         include ${folder}/site.conf;
       }`,
    );
    await startProxy(t, folder, '/usr/sbin/nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], `http://127.0.0.1:${port}${prefix}`);
  },
  async caddy(t, folder, port, upstream) {
    const site = await readFile(join(deploy, 'Caddyfile'), 'utf8');
    await writeFile(join(folder, 'Caddyfile'), `{\n\tadmin off\n}\n${site}`);
    await startProxy(t, folder, 'caddy', ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile'], `http://127.0.0.1:${port}/`, {
      CHATTOK_SITE: `http://127.0.0.1:${port}`,
      CHATTOK_NODES: upstream,
      HOME: folder,
      XDG_DATA_HOME: folder,
      XDG_CONFIG_HOME: folder,
    });
  },
};

/** Collects items, and waits for a number of them. */
class Arrivals {
  #bodies = [];
  #changed = () => {};

  push(body) {
    this.#bodies.push(body);
    this.#changed();
  }

  async take(n) {
    const timeout = AbortSignal.timeout(patience);
    while (this.#bodies.length < n) {
      await new Promise((resolve, reject) => {
        this.#changed = resolve;
        timeout.onabort = () => reject(new Error(`only ${JSON.stringify(this.#bodies)} arrived`));
      });
    }
    return this.#bodies;
  }
}

test("behind nginx's default, HTTP/1.0, a stream is refused with a sentence", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'chattok-proxy-'));
  const server = await startServer(t);
  const port = await freePort();
  await proxies.nginx(t, folder, port, new URL(server.origin).host, '/', (site) => replace(site, 'proxy_http_version 1.1;', 'proxy_http_version 1.0;'));
  const base = `http://127.0.0.1:${port}/`;
  const ask = (query, accept) =>
    fetch(`${base}graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify({ query }),
    });
  for (const accept of ['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0,application/json']) {
    const response = await ask(entryAdded, accept);
    assert.equal(response.status, 505, accept);
    const { errors } = await response.json();
    assert.equal(errors[0].extensions.reason, 'HTTP_VERSION');
    assert.match(errors[0].message, /proxy_http_version 1\.1/);
  }
  assert.deepEqual(await (await ask('{__typename}', 'application/json')).json(), { data: { __typename: 'Query' } });
  // Apollo Client and urql report an error now, where they used to take a cut stream for a complete one.
  const apollo = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: `${base}graphql` }) });
  const urql = new Client({ url: `${base}graphql`, preferGetMethod: false, exchanges: [fetchExchange], fetchSubscriptions: true });
  const outcome = (subscribe) =>
    new Promise((resolve) => {
      subscribe({ error: (error) => resolve(`error ${error.message}`), next: ({ error }) => error && resolve(`error ${error.message}`), complete: () => resolve('complete') });
    });
  assert.match(await outcome((observer) => apollo.subscribe({ query: gql(entryAdded) }).subscribe(observer)), /^error/);
  assert.match(await outcome(({ next }) => urql.subscription(entryAdded, {}).subscribe(next)), /^error/);
  apollo.stop();
});

for (const [name, prefix] of [['nginx', '/'], ['nginx', '/chat/'], ['caddy', '/']]) {
  test(`behind ${name}, under ${prefix}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'chattok-proxy-'));
    const server = await startServer(t);
    const port = await freePort();
    await proxies[name](t, folder, port, new URL(server.origin).host, prefix);
    const base = `http://127.0.0.1:${port}${prefix}`;

    const page = await fetch(base);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /ChatTok/);

    const add = async (body) => {
      const response = await fetch(`${base}graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: `http://127.0.0.1:${port}` },
        body: JSON.stringify({ query: addChatEntry, variables: { body } }),
      });
      const { errors } = await response.json();
      assert.equal(errors, undefined);
    };

    const overSocket = new Arrivals();
    let cursor = '0';
    const client = createClient({
      url: `${base}graphql`.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      retryAttempts: Infinity,
      retryWait: () => delay(50),
      shouldRetry: () => true,
    });
    atEnd(t, async () => { await Promise.resolve(client.dispose()).catch(() => {}); }); // a reconnection fails when the proxy has ended
    client.subscribe(
      { query: entryAdded, variables: { get after() { return cursor; } } },
      {
        next: ({ data }) => {
          cursor = data.entryAdded.cursor;
          overSocket.push(data.entryAdded.body);
        },
        error: (cause) => overSocket.push(`error: ${JSON.stringify(cause)}`),
        complete: () => overSocket.push('complete'),
      },
    );

    const stop = new AbortController();
    atEnd(t, () => stop.abort());
    const stream = await fetch(`${base}graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: entryAdded, variables: { after: '0' } }),
      signal: stop.signal,
    });
    assert.equal(stream.headers.get('content-type')?.split(';')[0], 'text/event-stream');
    const overHTTP = new Arrivals();
    const reading = (async () => {
      let text = '';
      for await (const chunk of stream.body.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
          const data = /^data: ?(.+)$/m.exec(text.slice(0, end));
          if (data) overHTTP.push(JSON.parse(data[1]).data.entryAdded.body);
        }
      }
    })().catch(() => {}); // cut by the server's restart

    for (const body of ['one', 'two']) {
      await add(body);
      const n = body === 'one' ? 1 : 2;
      // Each entry arrives on its own: the proxy does not buffer the stream.
      assert.equal((await overSocket.take(n))[n - 1], body);
      assert.equal((await overHTTP.take(n))[n - 1], body);
    }

    assert.equal(await server.stop(), 0);
    await reading;
    await server.start();
    for (const end = Date.now() + patience; ; await delay(50)) {
      const response = await fetch(`${base}readyz`).catch(() => undefined);
      if (response?.ok) break;
      assert.ok(Date.now() < end, `${name} does not see that the server is back`);
    }
    await add('three');
    assert.deepEqual(await overSocket.take(3), ['one', 'two', 'three']);
  });
}

for (const [name, prefix] of [['nginx', '/'], ['nginx', '/chat/'], ['caddy', '/']]) {
  test(`OpenTok's libraries behind ${name}, under ${prefix}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'chattok-proxy-'));
    const server = await startServer(t, { CHATTOK_API_KEY: apiKey, CHATTOK_API_SECRET: apiSecret });
    const port = await freePort();
    await proxies[name](t, folder, port, new URL(server.origin).host, prefix);
    const base = `http://127.0.0.1:${port}${prefix}`;
    for (const Library of [OpenTok, OldOpenTok]) {
      for (const url of [base, base.slice(0, -1)]) {
        const library = new Library(apiKey, apiSecret, url);
        const created = await new Promise((resolve, reject) => library.createSession({}, (error, session) => (error ? reject(error) : resolve(session))));
        const streams = await new Promise((resolve, reject) => library.listStreams(created.sessionId, (error, list) => (error ? reject(error) : resolve(list))));
        assert.deepEqual(streams, []);
        const path = `v2/project/${apiKey}/session/${created.sessionId}/stream/`; // as PHP's library asks
        const response = await fetch(base + path, { headers: { 'X-OPENTOK-AUTH': library.generateJwt() } });
        assert.deepEqual(await response.json(), { count: 0, items: [] });
      }
    }
  });
}
