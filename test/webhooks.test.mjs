// Webhooks of the real binary, received as docs/webhooks.md says: the signature is checked by the package standardwebhooks.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.mjs';
import { startServer } from './server.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

const apiSecret = 'abcdef0123456789'.repeat(4);
const authorization = { authorization: `Bearer ${apiSecret}` };

/** Starts a receiver that keeps each request's headers and body, until the test ends. */
async function startReceiver(t) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    response.writeHead(204).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}/hook`, requests, server };
}

/** Waits until there are events for which found is true, and returns all. */
async function eventsOf(requests, found) {
  for (let tries = 0; tries < 3000; tries++) {
    const events = requests.flatMap(({ body }) => JSON.parse(body).data.events);
    if (found(events)) return events;
    await delay(10);
  }
  throw new Error('the events did not come');
}

const has = (type) => (events) => events.some((event) => event.type === type);

test('the signature holds by standardwebhooks, and no other does', async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: apiSecret, CHATTOK_WEBHOOK_PRIVATE: 'true' });
  const { url, requests } = await startReceiver(t);
  const { createWebhook } = await server.run('mutation ($u: String!) { createWebhook(url: $u) { secret webhook { id } } }', { u: url }, authorization);
  const { connect } = await server.run('mutation { connect(sessionId: "room", data: "Ann") { accessToken connection { id } } }');
  const body = '<b>Zoë & 👋</b>\u2028';
  await server.run('mutation ($b: String!, $c: ID!) { addChatEntry(connectionId: $c, body: $b) { seq } }', { b: body, c: connect.connection.id },
    { authorization: `Bearer ${connect.accessToken}` });
  await eventsOf(requests, has('EntryAdded'));

  const webhook = new Webhook(createWebhook.secret);
  const events = [];
  for (const { headers, body } of requests) {
    const { type, data } = webhook.verify(body, headers);
    assert.equal(type, 'chattok.events');
    events.push(...data.events);
    assert.throws(() => webhook.verify(body.replace('room', 'Room'), headers), WebhookVerificationError);
    assert.throws(() => webhook.verify(body, { ...headers, 'webhook-id': 'msg_other' }), WebhookVerificationError);
    const another = new Webhook(`whsec_${randomBytes(32).toString('base64')}`);
    assert.throws(() => another.verify(body, headers), WebhookVerificationError);
  }
  const room = events.filter((event) => event.sessionId === 'room');
  assert.deepEqual(room.map(({ type }) => type), ['SessionCreated', 'ConnectionCreated', 'EntryAdded']);
  assert.equal(room[1].connection.data, 'Ann');
  assert.equal(room[2].entry.body, body);
  assert.equal(room[2].entry.connectionId, connect.connection.id);

  assert.ok(!server.output.includes(createWebhook.secret.slice(6)), 'the secret is in the log');
  const { webhooks } = await server.run('{ webhooks { id url lag lastError failingSince } }', {}, authorization);
  assert.deepEqual(webhooks.map(({ lastError, failingSince }) => [lastError, failingSince]), [[null, null]]);
});

test('the webhook of the settings needs no API, and a private one of the API needs leave', async (t) => {
  const { url, requests } = await startReceiver(t);
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const server = await startServer(t, { CHATTOK_API_SECRET: apiSecret, CHATTOK_WEBHOOK: url, CHATTOK_WEBHOOK_SECRET: secret, CHATTOK_WEBHOOK_EVENTS: 'ENTRY_ADDED' });
  const other = await startReceiver(t);
  const create = 'mutation ($u: String!) { createWebhook(url: $u) { webhook { id } } }';
  await assert.rejects(server.run(create, { u: other.url }, authorization), /must begin with https/);
  const { createWebhook } = await server.run(create, { u: other.url.replace('http:', 'https:') }, authorization);
  await server.run('mutation { addChatEntry(connectionId: "ann", body: "Hello") { seq } }');
  const events = await eventsOf(requests, has('EntryAdded'));
  assert.deepEqual(events.map(({ type, sessionId, entry }) => [type, sessionId, entry.body]), [['EntryAdded', 'lobby', 'Hello']]);
  for (const { body, headers } of requests) new Webhook(secret).verify(body, headers);

  const failing = async () => {
    const { webhooks } = await server.run('{ webhooks { id lastError } }', {}, authorization);
    return webhooks.find(({ id }) => id === createWebhook.webhook.id).lastError;
  };
  for (let tries = 0; tries < 1000 && !(await failing()); tries++) await delay(10);
  assert.equal(await failing(), "the host's address is not on the public internet");
  assert.equal(other.requests.length, 0);
  await assert.rejects(server.run('mutation { deleteWebhook(id: "environment") { id } }', {}, authorization), /CHATTOK_WEBHOOK/);
});

test('the receiver of the documentation', async (t) => {
  const page = await readFile(new URL('../docs/webhooks.md', import.meta.url), 'utf8');
  const code = /```js\n(.*?)```/s.exec(page)[1];
  const spare = await startReceiver(t); // for a port that is free, which it gives up
  spare.server.close();
  spare.server.closeAllConnections();
  const port = new URL(spare.url).port;
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const receiver = spawn(process.execPath, ['--input-type=module', '--eval', code], { cwd: here, env: { PATH: process.env.PATH, PORT: port, WEBHOOK_SECRET: secret } });
  atEnd(t, () => receiver.kill());
  let printed = '';
  receiver.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
  receiver.stderr.setEncoding('utf8').on('data', (text) => (printed += text));

  const server = await startServer(t, { CHATTOK_API_SECRET: apiSecret, CHATTOK_WEBHOOK: `http://127.0.0.1:${port}/`, CHATTOK_WEBHOOK_SECRET: secret });
  for (const body of ['One', 'Two', 'Three']) {
    await server.run('mutation ($b: String!) { addChatEntry(connectionId: "ann", body: $b) { seq } }', { b: body });
  }
  const want = 'lobby: One\nlobby: Two\nlobby: Three\n';
  for (let tries = 0; tries < 3000 && printed.length < want.length; tries++) await delay(10);
  await server.run('mutation { replayWebhook(id: "environment", after: "0") { id } }', {}, authorization);
  const well = async () => (await server.run('{ webhooks { lag lastError } }', {}, authorization)).webhooks[0];
  let state = await well();
  for (let tries = 0; tries < 3000 && (state.lag > 0 || state.lastError); tries++) {
    await delay(10);
    state = await well();
  }
  assert.deepEqual(state, { lag: 0, lastError: null });
  assert.equal(printed, want); // nothing was handled twice

  const forged = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{"data":{"events":[]}}' });
  assert.equal(forged.status, 401);
});
