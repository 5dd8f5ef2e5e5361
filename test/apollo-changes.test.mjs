// Apollo Client's cache shows changes of entries by their ids alone: the page is watched, and logEvents is followed without a line of
// code for what it tells.
import assert from 'node:assert/strict';
import test from 'node:test';
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition } from '@apollo/client/utilities';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { startServer } from './server.mjs';

const fields = gql`
  fragment Fields on ChatEntry {
    id
    version
    body
    deletedAt
    reactions {
      name
      count
    }
    replyTo {
      id
      body
    }
  }
`;
const page = gql`
  query {
    chatEntries {
      nodes {
        ...Fields
      }
      lastCursor
    }
  }
  ${fields}
`;
const follow = gql`
  subscription ($after: String) {
    logEvents(after: $after) {
      ... on EntryAdded {
        cursor
        entry {
          ...Fields
        }
      }
      ... on EntryChanged {
        cursor
        change
        entry {
          ...Fields
        }
      }
    }
  }
  ${fields}
`;
const connect = 'mutation ($k: String) { connect(sessionId: "apollo", userKey: $k) { accessToken connection { id } } }';

/** Joins the session as somebody and returns a function that runs operations as that connection. */
async function join(server, userKey) {
  const { accessToken, connection } = (await server.run(connect, { k: userKey })).connect;
  const authorization = `Bearer ${accessToken}`;
  const run = async (query, variables) => Object.values(await server.run(query, variables, { authorization }))[0];
  return { id: connection.id, authorization, run };
}

/** Makes an Apollo Client with a cache as it comes, over this socket. */
function apollo(server, socket, authorization) {
  const link = ApolloLink.split(
    ({ query }) => getMainDefinition(query).operation === 'subscription',
    new GraphQLWsLink(socket),
    new HttpLink({ uri: server.endpoint, headers: { authorization } }),
  );
  return new ApolloClient({ link, cache: new InMemoryCache() });
}

test("Apollo's cache shows an edit, a reaction and a deletion by ids alone", async (t) => {
  const server = await startServer(t);
  const ann = await join(server, 'a key that Ann has made');
  const ben = await join(server, 'a key that Ben has made');
  const first = await ann.run('mutation ($c: ID!) { addChatEntry(connectionId: $c, body: "helo") { id } }', { c: ann.id });
  await ben.run('mutation ($c: ID!, $r: ID) { addChatEntry(connectionId: $c, body: "yes", replyTo: $r) { id } }', { c: ben.id, r: first.id });

  const socket = createClient({ url: server.socketEndpoint, connectionParams: { Authorization: ben.authorization }, webSocketImpl: WebSocket });
  const client = apollo(server, socket, ben.authorization);
  const shown = [];
  let changed = () => {};
  const watching = client.watchQuery({ query: page }).subscribe(({ data }) => {
    if (!data) return;
    const [original, reply] = data.chatEntries.nodes;
    shown.push([original.body, reply.replyTo.body, original.reactions.map(({ name, count }) => `${name}${count}`).join(), original.deletedAt !== null]);
    changed();
  });

  /** Waits until the page looks like this. */
  const looks = async (...want) => {
    while (JSON.stringify(shown.at(-1)) !== JSON.stringify(want)) {
      await new Promise((resolve) => { changed = resolve; });
    }
  };
  await looks('helo', 'helo', '', false);
  const { lastCursor } = client.readQuery({ query: page }).chatEntries;
  const following = client.subscribe({ query: follow, variables: { after: lastCursor } }).subscribe({ error: assert.fail });

  await ann.run('mutation ($i: ID!) { editChatEntry(id: $i, body: "hello") { id } }', { i: first.id });
  await looks('hello', 'hello', '', false); // the reply's original too: it is the same object
  await ben.run('mutation ($i: ID!) { reactToChatEntry(id: $i, name: "+") { id } }', { i: first.id });
  await looks('hello', 'hello', '+1', false);
  await ann.run('mutation ($i: ID!) { deleteChatEntry(id: $i) { id } }', { i: first.id });
  await looks('', '', '', true);
  assert.equal(client.readQuery({ query: page }).chatEntries.nodes.length, 2);
  following.unsubscribe();
  watching.unsubscribe();
  await socket.dispose();
});
