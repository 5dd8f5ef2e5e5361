// The recipes of docs/backend.md, word for word, as a backend runs them; only the server's address is replaced.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { createClient } from 'graphql-ws';
import { Webhook } from 'standardwebhooks';
import { WebSocket } from 'ws';
import { atEnd } from './at-end.mjs';
import { startServer } from './server.mjs';

const secret = 'a secret of the tests, 32 bytes at least';

/** Returns the recipe of the page whose first line names this file. */
async function recipe(name) {
  const text = await readFile(new URL('../docs/backend.md', import.meta.url), 'utf8');
  const code = [...text.matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code).find((code) => code.startsWith(`// ${name}\n`));
  assert.ok(code, `docs/backend.md has no ${name}`);
  return code;
}

/** Writes the backend, and returns what it exports. */
async function backendOf(t, server) {
  const folder = await mkdtemp(join(tmpdir(), 'chattok-backend-'));
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'backend.mjs');
  await writeFile(file, (await recipe('backend.mjs')).replaceAll('http://127.0.0.1:8080', server.origin));
  process.env.CHATTOK_API_SECRET = secret;
  return import(pathToFileURL(file));
}

/** A receiver of webhooks, which checks their signatures by the secret that is set, and keeps what it hears once. */
class Receiver {
  events = [];
  webhook = withResolvers();
  #handled = new Set();
  #told = () => {};

  async start(t) {
    const server = createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const message = (await this.webhook.promise).verify(Buffer.concat(chunks).toString(), request.headers);
      for (const event of message.data.events) {
        if (this.#handled.has(event.id)) continue;
        this.#handled.add(event.id);
        this.events.push(event);
      }
      response.writeHead(204).end();
      this.#told();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    atEnd(t, () => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${server.address().port}/chattok`;
  }

  async until(condition) {
    while (!condition()) await new Promise((told) => { this.#told = told; });
  }
}

/** Promise.withResolvers, which older versions of Node do not have. */
function withResolvers() {
  let resolve;
  const promise = new Promise((found) => { resolve = found; });
  return { promise, resolve };
}

/** Somebody in a session, with all that it is told of. */
class Participant {
  events = [];
  entries = new Map();
  #told = () => {};

  constructor(t, server, { accessToken, connection }) {
    this.id = connection.id;
    this.run = (query) => server.run(query, {}, { authorization: `Bearer ${accessToken}` });
    const client = createClient({ url: server.socketEndpoint, webSocketImpl: WebSocket, connectionParams: { Authorization: `Bearer ${accessToken}` }, retryAttempts: 0 });
    atEnd(t, () => client.dispose());
    this.#follow(client, `subscription { sessionEvents {
      __typename ... on SessionState { connectionCount } ... on ConnectionCreated { connection { data } }
      ... on ConnectionDestroyed { connection { data } reason }
    } }`, ({ sessionEvents }) => this.events.push(sessionEvents));
    this.#follow(client, `subscription { logEvents(after: "0") {
      ... on EntryAdded { entry { ...E } } ... on EntryChanged { entry { ...E } }
    } } fragment E on ChatEntry { seq body userId version deletedAt connection { data userId } }`, ({ logEvents: { entry } }) => {
      if (!(this.entries.get(entry.seq)?.version >= entry.version)) this.entries.set(entry.seq, entry);
    });
  }

  #follow(client, query, take) {
    client.subscribe({ query }, { next: ({ data }) => { take(data); this.#told(); }, error: () => {}, complete: () => {} });
  }

  /** Waits until a condition holds. */
  async until(condition) {
    while (!condition()) await new Promise((told) => { this.#told = told; });
  }
}

async function joined(t, server, token) {
  const { connect } = await server.run('mutation ($t: String!) { connect(token: $t) { accessToken connection { id } } }', { t: token });
  return new Participant(t, server, connect);
}

test('a Node backend', { timeout: 120_000 }, async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret, CHATTOK_OPEN: 'false', CHATTOK_WEBHOOK_PRIVATE: 'true' });
  const backend = await backendOf(t, server);
  const lines = (await recipe('backend.mjs')).split('\n').filter((line) => line && !line.startsWith('/'));
  assert.ok(lines.length <= 62, `the recipe has ${lines.length} lines`);

  const receiver = new Receiver();
  receiver.webhook.resolve(new Webhook(await backend.hear(await receiver.start(t), 'support-')));
  await backend.open('support-7');
  const ann = await joined(t, server, await backend.admit('support-7', 'u1', 'Ann'));
  await ann.until(() => ann.events.length === 1);
  const bob = await joined(t, server, await backend.admit('support-7', 'u2', 'Bob'));
  await bob.until(() => bob.events.length === 1);
  await ann.until(() => ann.events.length === 2);
  const before = [{ __typename: 'SessionState', connectionCount: 1 }, { __typename: 'ConnectionCreated', connection: { data: 'Bob' } }];
  assert.deepEqual(ann.events, before);

  // It posts as a bot and as a user, a retry once.
  const key = crypto.randomUUID();
  const hello = await backend.post('support-7', { name: 'Helper' }, 'How can we help?', key);
  assert.deepEqual(await backend.post('support-7', { name: 'Helper' }, 'How can we help?', key), hello);
  const mail = await backend.post('support-7', { userId: 'u1' }, 'by mail: it is broken');
  await backend.post('support-7', { name: 'Helper', data: '{"name":"Helper","face":"🤖"}' }, 'I see.');
  await bob.run('mutation { addChatEntry(body: "spam") { seq } }');

  // It reads, edits and deletes.
  const log = [];
  for await (const entry of backend.read('support-7')) log.push(entry);
  assert.deepEqual(log.map(({ seq, body, userId, connection }) => [seq, body, userId, connection.data]), [
    [1, 'How can we help?', null, '{"name":"Helper","face":"🤖"}'],
    [2, 'by mail: it is broken', 'u1', 'Ann'],
    [3, 'I see.', null, '{"name":"Helper","face":"🤖"}'],
    [4, 'spam', 'u2', 'Bob'],
  ]);
  assert.equal((await backend.edit('support-7', mail.id, 'it is broken')).editChatEntry.version, 2);
  assert.ok((await backend.remove('support-7', hello.id)).deleteChatEntry.deletedAt);
  await assert.rejects(backend.edit('support-7', hello.id, 'x'), { code: 'FORBIDDEN', reason: 'ENTRY_DELETED' });
  await assert.rejects(backend.post('nowhere', { name: 'Helper' }, 'x'), { code: 'NOT_FOUND' });

  // It lists the sessions: all, a user's, and those with a prefix, the newest entry's first, a page at a time.
  await backend.open('lonely');
  const listed = async (args) => (await backend.sessions(args)).nodes.map(({ id }) => id);
  for (let ids = []; ids.length < 3 || ids[0] !== 'lonely'; ) ids = await listed();
  assert.deepEqual(await listed(), ['lonely', 'support-7', 'lobby']);
  assert.deepEqual(await listed({ userId: 'u1' }), ['support-7']);
  assert.deepEqual(await listed({ prefix: 'l' }), ['lonely', 'lobby']);
  const { nodes: [{ bytes, ...room }], pageInfo } = await backend.sessions({ prefix: 'support-' });
  assert.deepEqual(room, { id: 'support-7', entryCount: 4, connectionCount: 2, lastEntry: { body: 'spam' } });
  assert.ok(bytes > 4 * 128);
  assert.equal(pageInfo.hasNextPage, false);
  assert.deepEqual(await listed({ after: pageInfo.endCursor }), ['lobby']);

  // It sees the people, itself not among them, and bans one, with all that he said.
  const there = await backend.people('support-7');
  assert.deepEqual(there.nodes.map(({ data }) => data).sort(), ['Ann', 'Bob']);
  const { banConnection: ban } = await backend.ban('support-7', bob.id, 3600);
  assert.ok(new Date(ban.until) > new Date());
  await assert.rejects(backend.post('support-7', { userId: 'u2' }, 'x'), { code: 'FORBIDDEN', reason: 'BANNED', until: ban.until });

  // Ann is told of all of it, and of nobody more in the session.
  await ann.until(() => ann.events.length === 3 && ann.entries.get(4)?.deletedAt);
  assert.deepEqual(ann.events, [...before, { __typename: 'ConnectionDestroyed', connection: { data: 'Bob' }, reason: 'forceDisconnected' }]);
  assert.deepEqual(bob.events.filter(({ __typename }) => __typename === 'ConnectionCreated'), []);
  assert.deepEqual([...ann.entries.values()].sort((a, b) => a.seq - b.seq).map(({ body, userId, deletedAt }) => [body, userId, deletedAt !== null]), [
    ['', null, true],
    ['it is broken', 'u1', false],
    ['I see.', null, false],
    ['', 'u2', true],
  ]);

  // It has heard all of it by webhook: once, and no connection but those two.
  await receiver.until(() => receiver.events.some(({ type }) => type === 'ConnectionDestroyed') &&
    [1, 2, 4].every((seq) => receiver.events.some(({ entry }) => entry?.seq === seq && (entry.deletedAt || entry.version === 2))));
  assert.deepEqual(receiver.events.filter(({ type }) => !type.startsWith('Entry')).map(({ type, connection, reason }) => [type, connection?.data, reason]), [
    ['SessionCreated', undefined, undefined],
    ['ConnectionCreated', 'Ann', undefined],
    ['ConnectionCreated', 'Bob', undefined],
    ['ConnectionDestroyed', 'Bob', 'forceDisconnected'],
  ]);
  const heard = new Map();
  for (const { entry } of receiver.events) if (entry && !(heard.get(entry.seq)?.version >= entry.version)) heard.set(entry.seq, entry);
  assert.deepEqual([...heard.values()].map(({ seq, body, userId }) => [seq, body, userId]).sort(), [
    [1, '', null], [2, 'it is broken', 'u1'], [3, 'I see.', null], [4, '', 'u2'],
  ]);
  assert.deepEqual(receiver.events.filter(({ sessionId }) => sessionId !== 'support-7'), []);

  const { session } = await ann.run('{ session { connectionCount connections { data } unread } }');
  assert.deepEqual(session, { connectionCount: 1, connections: [{ data: 'Ann' }], unread: 1 });
});
