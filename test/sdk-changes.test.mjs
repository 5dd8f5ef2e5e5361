// The SDK's changes of entries against the real server: edits, deletions, reactions and replies through outages and reloads, read
// marks of a user's devices, slow mode, typing and bans.
import assert from 'node:assert/strict';
import test from 'node:test';
import { WebSocket } from 'ws';
import { atEnd } from './at-end.mjs';
import { patience, startBrowser } from './app.mjs';
import { blankPage, joinIn, openBlank, servePages, startNetwork, waitForState } from './sdk.mjs';
import { startServer } from './server.mjs';

const secret = 's'.repeat(32);

/** Waits until a session's snapshot makes a check true, and returns what the check returns. */
function until(session, check) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`still ${check} with ${JSON.stringify(session.store.get(), null, 1)}`)), patience);
    const look = () => {
      const found = check(session.store.get());
      if (!found) return;
      clearTimeout(late);
      off();
      resolve(found);
    };
    const off = session.store.subscribe(look);
    queueMicrotask(look);
  });
}

/** The parts of a snapshot that all readers of a log must agree on. */
const shown = ({ entries, originals }) =>
  entries.map(({ seq, body, version, editedAt, deletedAt, data, reactions, replyTo, pending }) => ({
    seq,
    body,
    version,
    edited: editedAt !== null,
    deleted: deletedAt !== null,
    data,
    reactions: reactions.map(({ name, count }) => `${name}${count}`).join(' '),
    original: replyTo === null ? null : originals.get(replyTo)?.body,
    pending,
  }));

test('changes of entries in browsers', { timeout: 240_000 }, async (t) => {
  const server = await startServer(t, { CHATTOK_GRACE: '3s' });
  const origin = await servePages(t, { '/': blankPage(server) });
  const browser = await startBrowser(t);
  const open = (t) => openBlank(t, browser, `${origin}/`);
  const rows = (page) => page.evaluate(`(${shown})(globalThis.session.store.get())`);
  const settled = (page, count) =>
    page.waitForFunction((count) => {
      const { entries, pending, originals } = globalThis.session.store.get();
      return entries.length === count && pending.length === 0 && entries.every((each) => !each.pending && (!each.replyTo || originals.has(each.replyTo)));
    }, count);

  await t.test('one is cut off meanwhile, one reloaded, and all show the same at the end', async (t) => {
    const network = await startNetwork(t, server);
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    await joinIn(ann, { session: 'both', data: 'Ann', url: network.url });
    await joinIn(bob, { session: 'both', data: 'Bob' });
    await ann.evaluate(() => Promise.all(['tpyo', 'secret', 'third'].map((body) => globalThis.session.post(body))));
    await settled(bob, 3);
    network.off();
    await waitForState(ann, 'reconnecting');

    // Ann, without a network.
    await ann.evaluate(() => {
      const { session } = globalThis;
      const [first, second, third] = session.store.get().entries;
      session.edit(first.id, 'typo');
      session.post('my answre', { replyTo: third.id, data: 'card' });
      const [{ key }] = session.store.get().pending;
      session.edit(key, 'my answer');
      session.react(third.id, '👍');
      session.remove(second.id);
    });
    assert.deepEqual((await rows(ann)).map(({ body, pending }) => [body, pending]), [['typo', true], ['', true], ['third', true]]);

    // Bob, meanwhile.
    await bob.evaluate(async () => {
      const { session } = globalThis;
      const [first, second, third] = session.store.get().entries;
      await session.react(second.id, '👀');
      await session.react(third.id, '👍');
      await session.react(third.id, '🎉');
      await session.react(third.id, '🎉', false);
      const { id } = await session.post('of Bob', { replyTo: first.id });
      await session.edit(id, 'of Bob, edited');
    });

    // Ann reloads before anything is sent.
    await ann.reload();
    await ann.waitForFunction(() => globalThis.chattok);
    await joinIn(ann, { session: 'both', data: 'Anna', url: network.url, history: 50 }, { wait: false });
    await ann.waitForFunction(() => globalThis.session.store.get().pending.length === 1);
    network.on();
    await ann.evaluate(() => globalThis.session.wake());
    await ann.evaluate(() => globalThis.session.ready);
    await Promise.all([ann, bob].map((page) => settled(page, 5)));
    await bob.waitForFunction(() => globalThis.session.store.get().entries[1].deletedAt !== null);
    await bob.waitForFunction(() => globalThis.session.store.get().entries[2].reactions[0]?.count === 2);
    const expected = [
      { seq: 1, body: 'typo', version: 2, edited: true, deleted: false, data: null, reactions: '', original: null, pending: false },
      { seq: 2, body: '', version: 3, edited: false, deleted: true, data: null, reactions: '', original: null, pending: false },
      { seq: 3, body: 'third', version: 5, edited: false, deleted: false, data: null, reactions: '👍2', original: null, pending: false },
      { seq: 4, body: 'of Bob, edited', version: 2, edited: true, deleted: false, data: null, reactions: '', original: 'typo', pending: false },
      { seq: 5, body: 'my answer', version: 1, edited: false, deleted: false, data: 'card', reactions: '', original: 'third', pending: false },
    ];
    assert.deepEqual(await rows(ann), expected);
    assert.deepEqual(await rows(bob), expected);
    const mine = (page) => page.evaluate(() => globalThis.session.store.get().entries.map((each) => [globalThis.session.owns(each), ...each.myReactions].join(' ')));
    assert.deepEqual(await mine(ann), ['true', 'true', 'true 👍', 'false', 'true']);
    assert.deepEqual(await mine(bob), ['false', 'false', 'false 👍', 'true', 'false']);
    await ann.waitForFunction(() => !Object.keys(localStorage).some((name) => name.startsWith('chattok:outbox:')));

    // One that comes later sees the same.
    const late = await open(t);
    await joinIn(late, { session: 'both', data: 'Late', history: 50 });
    await settled(late, 5);
    assert.deepEqual(await rows(late), expected);
    for (const page of [ann, bob, late]) assert.deepEqual(page.faults, []);
  });

  await t.test('changes that waited are refused, and told with their reasons', async (t) => {
    const network = await startNetwork(t, server);
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    await joinIn(ann, { session: 'refused', data: 'Ann', url: network.url });
    await joinIn(bob, { session: 'refused', data: 'Bob' });
    const id = await bob.evaluate(async () => (await globalThis.session.post('of Bob')).id);
    await settled(ann, 1);
    network.off();
    await waitForState(ann, 'reconnecting');
    await ann.evaluate((id) => {
      globalThis.told = [];
      globalThis.session.on('changeRefused', ({ change, error }) => globalThis.told.push([change, error.code, error.reason]));
      globalThis.session.edit(id, 'of Ann').catch(() => {});
      globalThis.session.react(id, '👍').catch(() => {});
    }, id);
    assert.deepEqual((await rows(ann)).map(({ body, reactions }) => [body, reactions]), [['of Ann', '👍1']]);
    await bob.evaluate((id) => globalThis.session.remove(id), id);
    network.on();
    await ann.evaluate(() => globalThis.session.wake());
    await ann.waitForFunction(() => globalThis.told.length === 2);
    assert.deepEqual(JSON.parse(await ann.evaluate(() => JSON.stringify(globalThis.told))), [
      [{ kind: 'edit', id, body: 'of Ann' }, 'FORBIDDEN', null],
      [{ kind: 'react', id, name: '👍', on: true }, 'FORBIDDEN', 'ENTRY_DELETED'],
    ]);
    assert.deepEqual((await rows(ann)).map(({ body, deleted, pending }) => [body, deleted, pending]), [['', true, false]]);
  });
});

test('a user’s devices, slow mode and bans', { timeout: 240_000 }, async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret });
  const sdk = await import('../web/sdk/dist/chattok.js');
  const join = async (t, options) => {
    const session = await sdk.connect({ url: server.origin, webSocketImpl: WebSocket, ...options });
    atEnd(t, () => session.disconnect());
    return session;
  };
  const key = (name) => name.padEnd(16, '-');
  const { connect } = sdk;
  const moderator = async (sessionId) => {
    const bearer = { authorization: `Bearer ${secret}` };
    const create = 'mutation ($id: ID!) { createSession(id: $id) { id } }';
    const mint = 'mutation ($id: ID!, $user: ID!, $role: Role) { createToken(sessionId: $id, userId: $user, role: $role) { token } }';
    await server.run(create, { id: sessionId }, bearer);
    return async (user, role = 'PUBLISHER') => (await server.run(mint, { id: sessionId, user, role }, bearer)).createToken.token;
  };

  await t.test('what one device reads and reacts to, the other shows', async (t) => {
    const phone = await join(t, { session: 'devices', data: 'Ann', userKey: key('ann'), history: 50 });
    const bob = await join(t, { session: 'devices', data: 'Bob', userKey: key('bob') });
    for (let n = 1; n <= 5; n++) await bob.post(`${n}`);
    await until(phone, ({ unread }) => unread === 5);
    const laptop = await join(t, { session: 'devices', data: 'Ann at work', userKey: key('ann') });
    await until(laptop, ({ unread }) => unread === 5); // by the server's count: nothing is loaded
    assert.deepEqual([laptop.store.get().entries.length, laptop.store.get().lastRead], [0, 0]);
    const third = phone.store.get().entries[2];
    await phone.markRead(third.cursor);
    await until(laptop, ({ unread, lastRead, readCursor }) => unread === 2 && lastRead === 3 && readCursor === third.cursor);
    assert.deepEqual([phone.store.get().unread, phone.store.get().lastRead], [2, 3]);
    await bob.remove(phone.store.get().entries[4].id);
    await until(laptop, ({ unread }) => unread === 1);
    await until(phone, ({ unread }) => unread === 1);

    await laptop.loadHistory(50);
    await laptop.react(third.id, '👍');
    await until(phone, ({ entries }) => entries[2].myReactions.join() === '👍');
    const posted = await laptop.post('from work'); // marks all before it
    await until(phone, ({ unread, lastRead }) => unread === 0 && lastRead === 6);
    await phone.edit(posted.id, 'from the phone');
    await until(laptop, ({ entries }) => entries[5].body === 'from the phone');
    assert.ok(phone.owns(laptop.store.get().entries[5]));

    await assert.rejects(bob.edit(posted.id, 'of Bob'), { code: 'FORBIDDEN' });
    await assert.rejects(bob.remove(posted.id), { code: 'FORBIDDEN' });
    await until(bob, ({ entries }) => entries[5].body === 'from the phone' && !entries[5].pending);
    assert.deepEqual(
      (await bob.reactors(third.id)).map(({ name, count, users }) => [name, count, users.map(({ data }) => data)]),
      [['👍', 1, ['Ann at work']]],
    );
    assert.equal(laptop.store.get().connection.userId, phone.store.get().connection.userId);
    assert.notEqual(bob.store.get().connection.userId, phone.store.get().connection.userId);

    const nobody = await join(t, { session: 'devices', data: 'Nobody', userKey: null });
    assert.equal(nobody.store.get().connection.userId, null);
    await assert.rejects(nobody.markRead(), { code: 'FORBIDDEN', reason: 'NO_USER' });
    const own = await nobody.post('of nobody');
    assert.equal((await nobody.edit(own.id, 'of nobody yet')).version, 2); // the connection itself is the author
  });

  await t.test('a reply’s original that is not loaded is there, and can be gone to', async (t) => {
    const ann = await join(t, { session: 'originals', data: 'Ann', userKey: key('ann') });
    const first = await ann.post('the original');
    for (let n = 0; n < 120; n++) void ann.post(`${n}`);
    await ann.post('the reply', { replyTo: first.id });
    const bob = await join(t, { session: 'originals', data: 'Bob', userKey: key('bob'), history: 10 });
    await until(bob, ({ originals }) => originals.get(first.id)?.body === 'the original');
    assert.equal(bob.store.get().entries.length, 10);
    await ann.edit(first.id, 'the original, edited');
    await until(bob, ({ originals }) => originals.get(first.id)?.body === 'the original, edited');
    assert.equal(await bob.loadTo(first.id), true);
    const { entries, originals } = bob.store.get();
    assert.equal(entries[0], originals.get(first.id));
    assert.deepEqual(entries.map(({ seq }) => seq), Array.from({ length: 122 }, (_, n) => n + 1));
    assert.equal(await bob.loadTo('bm8gc3VjaCBlbnRyeQ'), false);
  });

  await t.test('typing is told, and ended by the post', async (t) => {
    const ann = await join(t, { session: 'typing', data: 'Ann', userKey: key('ann') });
    const bob = await join(t, { session: 'typing', data: 'Bob', userKey: key('bob') });
    await until(ann, ({ connectionCount }) => connectionCount === 2);
    bob.typing();
    await until(ann, ({ typing }) => typing.map(({ data }) => data).join() === 'Bob');
    await bob.post('done');
    await until(ann, ({ typing }) => typing.length === 0);
    bob.typing();
    await until(ann, ({ typing }) => typing.length === 1);
    bob.typing(false);
    await until(ann, ({ typing }) => typing.length === 0);
  });

  await t.test('slow mode: everybody is told, posts wait, none is lost, changes pass', async (t) => {
    const token = await moderator('slow');
    const mod = await join(t, { token: await token('mod', 'MODERATOR') });
    const ann = await join(t, { token: await token('ann') });
    await mod.updateSession({ slowMode: 2 });
    await until(ann, ({ slowMode }) => slowMode.seconds === 2 && slowMode.until === undefined);
    const first = await ann.post('a');
    const { until: end } = ann.store.get().slowMode;
    assert.ok(end <= Date.now() + 2_000, `${end - Date.now()}`);
    const rest = Promise.all([ann.post('b'), ann.post('c')]);
    const edit = ann.edit(first.id, 'A');
    assert.deepEqual(ann.store.get().pending.map(({ body, state }) => [body, state]), [['b', 'pending'], ['c', 'pending']]);
    await edit;
    await mod.post('x');
    await mod.post('y'); // a moderator does not wait
    const stored = await rest;
    const times = [first, ...stored].map(({ createdAt }) => Date.parse(createdAt));
    assert.ok(times[1] - times[0] >= 2_000 && times[2] - times[1] >= 2_000, `${times}`);
    void ann.post('d');
    await mod.updateSession({ slowMode: 0 });
    await until(ann, ({ slowMode, pending }) => slowMode.seconds === 0 && slowMode.until === undefined && pending.length === 0);
    assert.deepEqual(ann.store.get().entries.map(({ body }) => body).filter((body) => /[A-Za-d]/.test(body)), ['A', 'b', 'c', 'd']);
  });

  await t.test('read-only: everybody is told, also who comes later or was away; posts fail with the reason, a moderator’s do not', async (t) => {
    const token = await moderator('quiet');
    const mod = await join(t, { token: await token('mod', 'MODERATOR') });
    const ann = await join(t, { token: await token('ann') });
    assert.equal(ann.store.get().readOnly, false);
    const { id } = await ann.post('a');
    await mod.updateSession({ readOnly: true });
    assert.equal(mod.store.get().readOnly, true);
    await until(ann, ({ readOnly }) => readOnly);
    await assert.rejects(ann.post('b'), { code: 'FORBIDDEN', reason: 'READ_ONLY' });
    await assert.rejects(ann.react(id, '+1'), { code: 'FORBIDDEN', reason: 'READ_ONLY' });
    await mod.post('c');
    const bob = await join(t, { token: await token('bob') });
    assert.equal(bob.store.get().readOnly, true);
    await mod.updateSession({ readOnly: false, slowMode: 1 });
    await until(ann, ({ readOnly, slowMode }) => !readOnly && slowMode.seconds === 1);
    await bob.post('d');
    await until(ann, ({ entries }) => entries.map(({ body }) => body).join('') === 'acd');
  });

  await t.test('a ban ends all of a user’s connections, and holds for a new one, until it ends', async (t) => {
    const token = await moderator('bans');
    const mod = await join(t, { token: await token('mod', 'MODERATOR') });
    const [one, two] = [await join(t, { token: await token('bob') }), await join(t, { token: await token('bob') })];
    await one.post('rude');
    await two.post('ruder');
    await until(mod, ({ entries }) => entries.length === 2);
    await assert.rejects(one.ban(mod.store.get().connection.id, 60), { code: 'FORBIDDEN' });
    const ban = await mod.ban(one.store.get().connection.id, 3_600, { deleteEntries: true });
    assert.equal(ban.userId, 'bob');
    for (const session of [one, two]) await until(session, ({ state }) => state.name === 'ended' && state.reason === 'forceDisconnected');
    await until(mod, ({ entries }) => entries.every(({ body, deletedAt }) => body === '' && deletedAt !== null));
    await assert.rejects(connect({ url: server.origin, webSocketImpl: WebSocket, token: await token('bob') }), {
      code: 'FORBIDDEN',
      reason: 'BANNED',
      until: ban.until,
    });
    assert.deepEqual(await mod.bans(), [ban]);
    assert.deepEqual(await mod.unban(ban.id), ban);
    assert.deepEqual(await mod.bans(), []);
    const back = await join(t, { token: await token('bob') });
    await back.post('sorry');
    await until(mod, ({ entries }) => entries.at(-1).body === 'sorry');
  });
});
