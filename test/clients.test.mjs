// Clients that others wrote, each as its users would: join, follow, post, see the entry. Apollo, urql, graphql-sse and
// EventSource are in apollo.test.mjs and streams.test.mjs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { createClient } from 'graphql-ws';
import relay from 'relay-runtime';
import { SubscriptionClient } from 'subscriptions-transport-ws';
import { WebSocket } from 'ws';
import { startServer } from './server.mjs';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const connect = 'mutation ($s: ID!) { connect(sessionId: $s, data: "Ann") { accessToken connection { id } session { lastCursor } } }';
const addChatEntry = `mutation ($c: ID!, $b: String!, $k: ID!) {
  addChatEntry(connectionId: $c, body: $b, idempotencyKey: $k) { seq }
}`;
const entryAdded = 'subscription EntryAdded($after: String) { entryAdded(after: $after) { seq body } }';

test('clients of others', async (t) => {
  const server = await startServer(t);

  /** Joins a session. Returns what one is, and how to post there. */
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
    t.after(() => client.close());
    const seen = new Promise((resolve, reject) => {
      client.request({ query: entryAdded, variables: { after: me.lastCursor } }).subscribe({ next: resolve, error: reject });
    });
    await me.post('by the older protocol');
    assert.deepEqual(await seen, { data: { entryAdded: { seq: 1, body: 'by the older protocol' } } });
  });

  await t.test("Relay's network layer over fetch and graphql-ws, as its documentation has it", async (t) => {
    const me = await join('relay');
    const socket = createClient({ url: server.socketEndpoint, webSocketImpl: WebSocket, connectionParams: { Authorization: me.authorization } });
    t.after(() => socket.dispose());
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

  await t.test("Go: genqlient, with its generated code, and hasura's go-graphql-client", async () => {
    const { stdout } = await run('go', ['run', '.', server.endpoint], { cwd: `${here}goclients` });
    assert.deepEqual(JSON.parse(stdout), { genqlient: '1 from Go', hasura: '1 from Go', roster: 1 });
  });

  await t.test("Python: Debian's websockets", async () => {
    const { stdout } = await run('/usr/bin/python3', [`${here}clients.py`, server.endpoint]);
    assert.equal(stdout, '1 from Python\n');
  });
});
