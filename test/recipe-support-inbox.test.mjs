// docs/recipes/support-inbox.md: visitors who come back, agents over many conversations, unread counts, and the end of one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { WebSocket } from 'ws';
import { atEnd } from './at-end.mjs';
import { authorization, modules, outcome, secret, until } from './recipes.mjs';
import { startServer } from './server.mjs';

const page = 'recipes/support-inbox.md';

test('a support inbox', { timeout: 240_000 }, async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret, CHATTOK_OPEN: 'false', CHATTOK_GRACE: '200ms' });
  Object.assign(process.env, { CHATTOK_API_SECRET: secret, VISITOR_KEY: 'a key of the tests for cookies' });
  const folder = await modules(t, server, ['backend.md', 'backend.mjs'], [page, 'inbox.mjs']);
  const inbox = await import(pathToFileURL(join(folder, 'inbox.mjs')));
  const http = createServer(inbox.visit).listen(0, '127.0.0.1');
  await once(http, 'listening');
  atEnd(t, () => { http.closeAllConnections(); http.close(); });

  /** Opens the page, with the cookie of an earlier visit where there is one. */
  const visit = async (cookie) => {
    const response = await fetch(`http://127.0.0.1:${http.address().port}/support`, { method: 'POST', headers: cookie ? { cookie } : {} });
    const { session, token } = await response.json();
    const { connect } = await server.run('mutation ($t: String!) { connect(token: $t) { accessToken connection { id userId } } }', { t: token });
    const run = (query, variables) => server.run(query, variables, { authorization: `Bearer ${connect.accessToken}` });
    return {
      session, run, user: connect.connection.userId, cookie: response.headers.get('set-cookie').split(';')[0], header: response.headers.get('set-cookie'),
      post: async (body) => (await run('mutation ($b: String!) { addChatEntry(body: $b) { id seq cursor } }', { b: body })).addChatEntry,
    };
  };

  const cursor = await inbox.now();
  const heard = [];
  const end = new AbortController();
  const listening = (async () => { for await (const event of inbox.news(cursor, { signal: end.signal, webSocketImpl: WebSocket })) heard.push(event); })();
  atEnd(t, () => {
    end.abort();
    return listening;
  });

  const eva = { userId: 'agent-eva', name: 'Eva' };
  const max = { userId: 'agent-max', name: 'Max' };
  const ann = await visit();
  assert.match(ann.header, /; HttpOnly; Secure; SameSite=Lax$/);
  await ann.post('My order is late.');
  const one = async (agent, id) => (await inbox.conversations(agent)).nodes.find((node) => node.id === id);
  const listed = await until(() => one(eva, ann.session));
  assert.deepEqual(
    [listed.unread, listed.lastEntry.body, listed.lastEntry.userId, listed.lastEntry.connection.data, listed.readOnly, listed.data],
    [1, 'My order is late.', ann.user, 'Visitor', false, null]);

  // Eva answers, which is reading; for Max both are unread, until he has seen them.
  const answered = await inbox.answer(ann.session, eva, 'I look into it.', crypto.randomUUID());
  assert.deepEqual([(await one(eva, ann.session)).unread, (await one(max, ann.session)).unread], [0, 2]);
  const { chatEntries } = await server.run('query ($s: ID!) { chatEntries(sessionId: $s, last: 1) { nodes { id cursor } } }', { s: ann.session }, authorization);
  assert.equal(chatEntries.nodes[0].id, answered.id);
  await inbox.seen(ann.session, max, chatEntries.nodes[0].cursor);
  assert.equal((await one(max, ann.session)).unread, 0);

  // The visitor leaves, and comes back later: the same user, on a new connection, with the history and what is unread of it.
  await ann.run('mutation { disconnect { id } }');
  await inbox.answer(ann.session, max, 'It is on its way.');
  await inbox.answer(ann.session, eva, 'It comes tomorrow.');
  const back = await visit(`theme=dark; ${ann.cookie}`);
  assert.deepEqual([back.session, back.user], [ann.session, ann.user]);
  const { session, chatEntries: history } = await back.run('{ session { unread } chatEntries(last: 50) { nodes { body userId connection { data } } } }');
  assert.equal(session.unread, 3);
  assert.deepEqual(history.nodes.map(({ body, userId, connection }) => [body, userId, connection.data]), [
    ['My order is late.', ann.user, 'Visitor'], ['I look into it.', 'agent-eva', 'Eva'],
    ['It is on its way.', 'agent-max', 'Max'], ['It comes tomorrow.', 'agent-eva', 'Eva'],
  ]);
  assert.equal((await back.run('{ session { connectionCount } }')).session.connectionCount, 1); // no agent is there

  // Cookies of others, and ones that were changed, are those of a new visitor.
  const [id, signature] = ann.cookie.slice('visitor='.length).split('.');
  for (const cookie of [`visitor=${'0'.repeat(32)}.${signature}`, `visitor=${id}.${signature.slice(1)}`, `visitor=${id}`, 'visitor=', `xvisitor=${id}.${signature}`]) {
    assert.notEqual((await visit(cookie)).user, ann.user);
  }

  // Closed, it is read and not written, but by agents; open again, it goes on.
  assert.deepEqual(await inbox.close(ann.session, eva), { updateSession: { readOnly: true, data: '{"status":"closed","by":"Eva"}' } });
  assert.equal(await outcome(back.post('One more thing')), 'READ_ONLY');
  await inbox.answer(ann.session, eva, 'Closed.');
  assert.deepEqual((({ readOnly, data }) => [readOnly, data])(await one(max, ann.session)), [true, '{"status":"closed","by":"Eva"}']);
  await inbox.reopen(ann.session);
  await back.post('One more thing');
  assert.equal((await one(eva, ann.session)).unread, 1);

  // Many conversations: the pages have each once, the newest first, through a restart that the news survive.
  const many = [];
  for (let i = 0; i < 55; i++) {
    const visitor = await visit();
    await visitor.post(`question ${i}`);
    many.push(visitor.session);
  }
  assert.equal(await server.stop(), 0);
  await server.start();
  const late = await visit();
  await late.post('after the restart');
  await until(() => heard.some(({ event }) => event.entry?.body === 'after the restart'));
  const all = [];
  for (let after, more = true; more; ) {
    const { nodes, pageInfo } = await inbox.conversations(eva, after);
    all.push(...nodes);
    ({ hasNextPage: more, endCursor: after } = pageInfo);
  }
  const ids = all.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(ids.length, 1 + 5 + 55 + 1);
  assert.equal(ids[0], late.session);
  assert.deepEqual(ids.filter((id) => many.includes(id)), many.toReversed());

  // The news had every entry once, in each conversation's order.
  const bodies = (id) => heard.filter(({ sessionId, event }) => sessionId === id && event.__typename === 'EntryAdded').map(({ event }) => event.entry.body);
  assert.deepEqual(bodies(ann.session), ['My order is late.', 'I look into it.', 'It is on its way.', 'It comes tomorrow.', 'Closed.', 'One more thing']);
  assert.deepEqual(many.map(bodies), many.map((_, i) => [`question ${i}`]));
  assert.deepEqual(heard.filter(({ event }) => event.__typename === 'SessionChanged' ).map(({ event }) => event.session.readOnly).at(-1), false);
});
