// Third-party clients, each used as documented: join, follow, post, see the entry. Apollo, urql, graphql-sse and
// EventSource are in apollo.test.mjs and streams.test.mjs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { createClient } from 'graphql-ws';
import relay from 'relay-runtime';
import { SubscriptionClient } from 'subscriptions-transport-ws';
import { WebSocket } from 'ws';
import { atEnd } from './at-end.mjs';
import { startServer } from './server.mjs';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const connect = 'mutation ($s: ID!) { connect(sessionId: $s, data: "Ann") { accessToken connection { id } session { lastCursor } } }';
const addChatEntry = `mutation ($c: ID!, $b: String!, $k: ID!) {
  addChatEntry(connectionId: $c, body: $b, idempotencyKey: $k) { seq }
}`;
const entryAdded = 'subscription EntryAdded($after: String) { entryAdded(after: $after) { seq body } }';

const secret = 'abcdef0123456789'.repeat(4); // looks like hex, but is text

/** Signs a JWT with these claims. */
function signed(claims, key = createHmac('sha256', secret)) {
  const text = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${key.update(text).digest('base64url')}`;
}

test('clients of others', async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret });

  /** Joins a session. Returns the connection, and a function that posts there. */
  async function join(session) {
    const { accessToken, connection, session: { lastCursor } } = (await server.run(connect, { s: session })).connect;
    const authorization = `Bearer ${accessToken}`;
    const post = (b) => server.run(addChatEntry, { c: connection.id, b, k: randomUUID() }, { authorization });
    return { authorization, lastCursor, post };
  }

  await t.test('subscriptions-transport-ws, the reference client of the older protocol', async (t) => {
    const me = await join('older');
    const options = { connectionParams: { Authorization: me.authorization }, reconnect: true, minTimeout: 30_000 };
    const client = new SubscriptionClient(server.socketEndpoint, options, WebSocket);
    atEnd(t, () => client.close());
    await new Promise((connected) => client.onConnected(connected));
    const seen = new Promise((resolve, reject) => {
      client.request({ query: entryAdded, variables: { after: me.lastCursor } }).subscribe({ next: resolve, error: reject });
    });
    await me.post('by the older protocol');
    assert.deepEqual(await seen, { data: { entryAdded: { seq: 1, body: 'by the older protocol' } } });
  });

  await t.test("Relay's network layer over fetch and graphql-ws, as its documentation has it", async (t) => {
    const me = await join('relay');
    const socket = createClient({ url: server.socketEndpoint, webSocketImpl: WebSocket, connectionParams: { Authorization: me.authorization } });
    atEnd(t, () => socket.dispose());
    const network = relay.Network.create(
      async ({ text }, variables) => {
        const response = await fetch(server.endpoint, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, application/json', authorization: me.authorization },
          body: JSON.stringify({ query: text, variables }),
        });
        return response.json();
      },
      ({ name, text }, variables) =>
        relay.Observable.create((sink) => socket.subscribe({ operationName: name, query: text, variables }, sink)),
    );
    const request = (operationKind, name, text) => ({ operationKind, name, text, id: null, cacheID: name, metadata: {} });
    const seen = network.execute(request('subscription', 'EntryAdded', entryAdded), { after: me.lastCursor }, {}).toPromise();
    await me.post('by Relay');
    assert.deepEqual(await seen, { data: { entryAdded: { seq: 1, body: 'by Relay' } } });
    const page = 'query Page { chatEntries(first: 1) { edges { cursor node { id body } } pageInfo { endCursor hasNextPage } } }';
    const { data } = await network.execute(request('query', 'Page', page), {}, {}).toPromise();
    assert.equal(data.chatEntries.edges[0].node.body, 'by Relay');
    assert.equal(data.chatEntries.pageInfo.endCursor, data.chatEntries.edges[0].cursor);
  });

  await t.test("a backend's own JWT, as docs/clients.md has it", async () => {
    const docs = await readFile(new URL('../docs/clients.md', import.meta.url), 'utf8');
    const claims = JSON.parse(/```json\n([^]*?)```/.exec(docs)[1]);
    claims.exp = Math.floor(Date.now() / 1000) + 60;
    await server.run('mutation { createSession(id: "standup") { id } }', {}, { authorization: `Bearer ${secret}` });
    const enter = 'mutation ($token: String, $data: String) { connect(token: $token, data: $data) { connection { data role } } }';
    const code = (token, data) => server.run(enter, { token, data }).then(() => 'ok', ({ message }) => JSON.parse(message)[0].extensions.code);
    assert.deepEqual((await server.run(enter, { token: signed(claims) })).connect.connection, { data: 'Ann', role: 'PUBLISHER' });
    assert.equal(await code(signed(claims), 'Ann'), 'ok'); // equal to the token's data
    assert.equal(await code(signed(claims), 'Bob'), 'BAD_USER_INPUT');
    assert.equal(await code(signed({ ...claims, exp: claims.exp - 80 })), 'ok'); // within the leeway of 30 seconds
    assert.equal(await code(signed({ ...claims, exp: claims.exp - 120 })), 'UNAUTHENTICATED');
    for (const needed of ['aud', 'session', 'role', 'exp']) {
      const { [needed]: _, ...rest } = claims;
      assert.equal(await code(signed(rest)), 'UNAUTHENTICATED', `without ${needed}`);
    }
    const hex = createHmac('sha256', Buffer.from(secret, 'hex')); // the key is the text, not its hex value
    assert.equal(await code(signed(claims, hex)), 'UNAUTHENTICATED');
  });

  await t.test('createSession and createToken, by who asks', async () => {
    const me = await join('anybody');
    const code = (query, headers) => server.run(query, {}, headers).then(() => 'ok', ({ message }) => JSON.parse(message)[0].extensions.code);
    for (const query of ['mutation { createSession { id } }', 'mutation { createToken(sessionId: "standup") { token } }']) {
      assert.equal(await code(query), 'UNAUTHENTICATED');
      assert.equal(await code(query, { authorization: me.authorization }), 'FORBIDDEN');
      assert.equal(await code(query, { authorization: `Bearer ${secret}` }), 'ok');
    }
  });

  await t.test("Go: genqlient, with its generated code, and hasura's go-graphql-client", async () => {
    const { stdout } = await run('go', ['run', '.', server.endpoint], { cwd: `${here}goclients` });
    assert.deepEqual(JSON.parse(stdout), { genqlient: '1 from Go', hasura: '1 from Go', roster: 1 });
  });

  await t.test("Python: Debian's websockets", async () => {
    const { stdout } = await run('/usr/bin/python3', [`${here}clients.py`, server.endpoint]);
    assert.equal(stdout, '1 from Python\n');
  });
});
