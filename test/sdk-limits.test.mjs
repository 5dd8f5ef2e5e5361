// The SDK against a server with low rates: nothing is lost, and order is kept. It runs in Node, since no page is needed.
import assert from 'node:assert/strict';
import test from 'node:test';
import { WebSocket } from 'ws';
import { atEnd } from './at-end.mjs';
import { startServer } from './server.mjs';

const count = 30;

test('the SDK waits on RATE_LIMITED and loses nothing', { timeout: 240_000 }, async (t) => {
  const server = await startServer(t, {
    CHATTOK_RATE_POSTS: '20/s,5',
    CHATTOK_RATE_SIGNALS: '20/s,5',
    CHATTOK_RATE_SUBSCRIPTIONS: '1/s,2', // fewer than the SDK opens at the start
  });
  const { connect } = await import('../web/sdk/dist/chattok.js');
  const join = async (data) => {
    const session = await connect({ url: server.origin, session: 'limits', data, webSocketImpl: WebSocket });
    atEnd(t, () => session.disconnect());
    return session;
  };
  const [ann, bob] = [await join('Ann'), await join('Bob')];
  const seen = { entries: [], signals: [] };
  const heard = Promise.all([
    new Promise((all) => bob.on('entry', ({ body }) => seen.entries.push(body) === count && all())),
    new Promise((all) => bob.on('signal', ({ data }) => seen.signals.push(data) === count && all())),
  ]);

  const texts = Array.from({ length: count }, (_, n) => `${n}`);
  const stored = await Promise.all([...texts.map((text) => ann.post(text)), ...texts.map((text) => ann.signal('note', text))]);
  assert.deepEqual(stored.slice(0, count).map(({ seq, body }) => `${seq - 1} ${body}`), texts.map((text) => `${text} ${text}`));
  await heard;
  assert.deepEqual(seen.entries, texts);
  assert.deepEqual([...seen.signals].sort((a, b) => a - b), texts); // each signal once
  assert.deepEqual(ann.store.get().pending, []);

  // Without waiting, further requests of the same connection are refused.
  const { accessToken, connection } = (await server.run('mutation { connect(sessionId: "limits") { accessToken connection { id } } }')).connect;
  const add = 'mutation ($id: ID!) { addChatEntry(connectionId: $id, body: "at once") { seq } }';
  const answers = await Promise.allSettled(texts.map(() => server.run(add, { id: connection.id }, { authorization: `Bearer ${accessToken}` })));
  const refused = answers.filter(({ status, reason }) => status === 'rejected' && /"code":"RATE_LIMITED"/.test(reason.message));
  assert.ok(refused.length > 0, 'the rates limit nothing: the test tested nothing');
  assert.match(refused[0].reason.message, /"retryAfterMs":\d+/);
});
