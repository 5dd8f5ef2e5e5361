// A backend that is asked before a post, with the real server: signatures as npm's standardwebhooks verifies them, and what people see.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import test from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { atEnd } from './at-end.mjs';
import { entries, join, openPage, patience, pending, say, startBrowser } from './app.mjs';
import { startServer } from './server.mjs';

const secret = 'a-secret-of-the-tests-that-is-long-enough';
const signing = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const next = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;

/** A backend that verifies each question with the library, and decides by the words in it. */
async function startBackend(t, verifying) {
  const posts = [];
  const failures = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    try {
      const question = new Webhook(verifying).verify(body, request.headers);
      posts.push(...question.posts.map((post) => ({ ...post, sessionId: question.sessionId })));
      const verdicts = question.posts.map(({ id, body }) =>
        body.includes('rude')
          ? { id, action: 'refuse', message: 'Please stay friendly.' }
          : body.includes('555')
            ? { id, action: 'replace', body: body.replace(/555\d+/, '[number]') }
            : { id, action: 'allow' },
      );
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ verdicts }));
    } catch (error) {
      failures.push(error.message);
      response.writeHead(401).end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}/before`, posts, failures };
}

async function freePort() {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const settings = (backend, more = {}) => ({
  CHATTOK_API_SECRET: secret,
  CHATTOK_BEFORE_POST: backend.url,
  CHATTOK_BEFORE_POST_SECRET: signing,
  ...more,
});

/** Runs an operation and returns its data and errors. */
async function run(server, query, variables, token) {
  const response = await fetch(server.endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

const connect = 'mutation($d:String){connect(sessionId:"room",data:$d){accessToken connection{id data}}}';
const add = 'mutation($c:ID!,$b:String!,$k:ID){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){id body}}';

test('questions are signed as standardwebhooks verifies', async (t) => {
  const backend = await startBackend(t, signing);
  const server = await startServer(t, settings(backend));
  const { connect: ann } = (await run(server, connect, { d: 'Ann 5551234' })).data;
  assert.equal(ann.connection.data, 'Ann [number]');
  const post = async (body, key) => {
    const { data, errors } = await run(server, add, { c: ann.connection.id, b: body, k: key }, ann.accessToken);
    return errors ? [errors[0].extensions.code, errors[0].extensions.reason, errors[0].message] : data.addChatEntry.body;
  };
  assert.equal(await post('grüße 😀', 'a'), 'grüße 😀');
  assert.equal(await post('call 5559876', 'b'), 'call [number]');
  assert.equal(await post('call 5559876', 'b'), 'call [number]');
  assert.deepEqual(await post('something rude', 'c'), ['FORBIDDEN', 'REFUSED', 'Please stay friendly.']);
  assert.deepEqual(backend.failures, []);
  assert.deepEqual(
    backend.posts.map(({ sessionId, type, connectionId, role, connectionData, body }) => [sessionId, type, connectionId, role, connectionData, body]),
    [
      ['room', 'name', ann.connection.id, 'PUBLISHER', null, 'Ann 5551234'],
      ['room', 'entry', ann.connection.id, 'PUBLISHER', 'Ann [number]', 'grüße 😀'],
      ['room', 'entry', ann.connection.id, 'PUBLISHER', 'Ann [number]', 'call 5559876'],
      ['room', 'entry', ann.connection.id, 'PUBLISHER', 'Ann [number]', 'something rude'],
    ],
  );
  const metrics = await (await fetch(`${server.origin}/metrics`)).text();
  for (const line of ['chattok_before_post_questions_total 4', 'chattok_before_post_refusals_total 1', 'chattok_before_post_failures_total 0']) {
    assert.ok(metrics.includes(`\n${line}\n`), line);
  }
});

test('the backend of the documentation', async (t) => {
  const page = await readFile(new URL('../docs/before-post.md', import.meta.url), 'utf8');
  const port = await freePort();
  const source = /```js\n([^]*?)```/.exec(page)[1].replace('.listen(3000)', `.listen(${port}, () => console.log('ready'))`);
  const example = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { ...process.env, CHATTOK_BEFORE_POST_SECRET: signing },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  atEnd(t, () => example.kill());
  await once(example.stdout, 'data');
  const url = `http://localhost:${port}/before-post`;
  const server = await startServer(t, settings({ url }));
  for (const [name, want] of [['Ann', undefined], ['Rude Ann', 'Please stay friendly.']]) {
    const { errors } = await run(server, connect, { d: name });
    assert.equal(errors?.[0].message, want);
  }
  assert.equal((await fetch(url, { method: 'POST', body: '{"posts":[]}' })).status, 401);
});

test('a backend may go over to another secret', async (t) => {
  for (const verifying of [signing, next]) {
    const backend = await startBackend(t, verifying);
    const server = await startServer(t, settings(backend, { CHATTOK_BEFORE_POST_SECRET: `${next},${signing}` }));
    assert.equal((await run(server, connect, { d: 'Ann' })).data.connect.connection.data, 'Ann');
    assert.deepEqual(backend.failures, []);
  }
});

test('a backend that does not know the secret, and one that is away', async (t) => {
  const backend = await startBackend(t, next);
  for (const [failure, url, want] of [
    ['refuse', backend.url, 'UNAVAILABLE NOT_REVIEWED'],
    ['allow', backend.url, 'ok'],
    ['refuse', 'http://127.0.0.1:1/away', 'UNAVAILABLE NOT_REVIEWED'],
    ['allow', 'http://127.0.0.1:1/away', 'ok'],
  ]) {
    const server = await startServer(t, settings({ url }, { CHATTOK_BEFORE_POST_FAILURE: failure }));
    const { errors } = await run(server, connect, { d: 'Ann' });
    const got = errors ? `${errors[0].extensions.code} ${errors[0].extensions.reason}` : 'ok';
    assert.equal(got, want, `${failure} ${url}`);
    assert.ok(errors === undefined || errors[0].extensions.retryAfterMs > 0);
    while (!/posts could not be checked/.test(server.output)) await pause(20); // it comes by a pipe
    await server.kill();
  }
  assert.equal(backend.failures.length, 2);
});

test('the page shows why a post was refused, and does not send it again', async (t) => {
  const backend = await startBackend(t, signing);
  const server = await startServer(t, settings(backend));
  const browser = await startBrowser(t);
  const page = await openPage(t, browser, `${server.origin}/s/room`);
  await page.getByRole('textbox', { name: 'Name' }).fill('rude Ann');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText('Please stay friendly.').waitFor({ timeout: patience });
  await join(page, 'Ann', { audio: false, video: false });

  await say(page, 'something rude');
  await pending(page, 'something rude').getByText('Please stay friendly.').waitFor({ timeout: patience });
  await say(page, 'call 5551111');
  await entries(page, 'call [number]').waitFor({ timeout: patience });
  assert.equal(await page.getByRole('log').getByText('call 5551111').count(), 0);
  assert.equal(await pending(page, 'something rude').count(), 1);
  assert.deepEqual(
    backend.posts.map(({ type, body }) => [type, body]),
    [
      ['name', 'rude Ann'],
      ['name', 'Ann'],
      ['entry', 'something rude'],
      ['entry', 'call 5551111'],
    ],
  );
});
