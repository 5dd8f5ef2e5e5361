// Read marks, slow mode, typing, bans, and the key of the user.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { open, type ConnectOptions, type Session } from '../src/index.ts';
import { added, changed, entry, failure, FakeServer, member, type FakeEntry } from './fake-server.ts';

let server: FakeServer;
let sessions: Session[];

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  server = new FakeServer();
  server.userId = 'ann';
  sessions = [];
});

afterEach(() => {
  sessions.forEach((session) => void session.disconnect());
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const soon = () => vi.advanceTimersByTimeAsync(0);
const later = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

async function start(options: Partial<ConnectOptions> = {}): Promise<Session> {
  const session = open({ url: 'http://server.example/', session: 'demo', data: 'me', persist: false, ...options });
  sessions.push(session);
  await session.ready;
  return session;
}

const log = (event: object) => server.socket.next('LogEvents', event);
const ran = (name: string) => server.sockets.flatMap(({ operations }) => operations.filter((each) => each.name === name));
const mine = (seq: number): FakeEntry => ({ ...entry(seq, `${seq}`, 'me1'), userId: 'ann' });
const marked = (readCursor: string) => server.socket.next('UserEvents', { data: { userEvents: { __typename: 'ReadMarked', readCursor } } });
const stateRead = (readCursor: string | null, unread: number | null, newest: number, slowMode = 0, readOnly = false) =>
  server.socket.next('ReadState', {
    data: { session: { readCursor, unread, slowMode, readOnly }, chatEntries: { nodes: newest ? [{ id: `e${newest}`, seq: newest, version: 1, myReactions: [] }] : [] } },
  });
const after = (seq?: number) =>
  server.socket.next('MissedEntries', { data: { chatEntries: { nodes: seq === undefined ? [] : [{ ...entry(seq), myReactions: [] }] } } });
const read = (session: Session) => {
  const { unread, readCursor, lastRead } = session.store.get();
  return [unread, readCursor, lastRead];
};

describe('what was read', () => {
  test('is not known at first, then the server’s, then counted with each entry of others', async () => {
    server.lastCursor = 'c50';
    const session = await start();
    expect(read(session)).toEqual([null, null, null]);
    marked('place40');
    await soon();
    stateRead('place40', 12, 50);
    await soon();
    expect(ran('MissedEntries').map(({ variables }) => variables)).toEqual([{ first: 1, after: 'place40' }]);
    after(38); // two entries after 36 were changed later, so the place is not the entry's
    await soon();
    // Nothing is loaded, so the server's count holds up to 50.
    expect(read(session)).toEqual([12, 'place40', 37]);
    for (const each of [entry(51), entry(52)]) log(added(each));
    await soon();
    expect(read(session)).toEqual([14, 'place40', 37]);
    log(added(mine(53))); // posting marks
    await soon();
    expect(read(session)).toEqual([0, 'c53', 53]);
    log(added(entry(54)));
    log(changed({ ...entry(54), version: 2, deletedAt: '2026-01-01T00:00:00.000Z' }, 'DELETED'));
    log(added(entry(55)));
    await soon();
    expect(read(session)).toEqual([1, 'c53', 53]);
    expect(ran('ReadState').length).toBe(1);
  });

  test('nothing was posted, so nothing is unread', async () => {
    const session = await start();
    marked('0');
    await soon();
    expect(read(session)).toEqual([0, '0', 0]);
    expect(ran('ReadState')).toEqual([]); // all is known
  });

  test('nothing was read of a log that is not loaded: the server counts', async () => {
    server.lastCursor = 'c50';
    const session = await start();
    marked('0');
    await soon();
    expect(read(session)).toEqual([null, '0', 0]);
    stateRead('0', 48, 50);
    await soon();
    expect(ran('MissedEntries')).toEqual([]);
    expect(read(session)).toEqual([48, '0', 0]);
  });

  test('a mark that is told before the session is live is not forgotten', async () => {
    server.lastCursor = 'c50';
    const before = server.onOperation;
    server.onOperation = (socket, operation) => {
      if (operation.name !== 'SessionEvents') before(socket, operation);
    };
    const session = open({ url: 'http://server.example/', session: 'demo', data: 'me', persist: false });
    sessions.push(session);
    await soon();
    marked('0');
    await soon();
    stateRead('0', 48, 50);
    server.socket.next('SessionEvents', { data: { sessionEvents: server.state() } });
    await session.ready;
    await later(20);
    expect(read(session)).toEqual([48, '0', 0]);
  });

  test('markRead shows at once, goes forwards only, and is sent once for what was not sent yet', async () => {
    const session = await start();
    marked('0');
    for (let seq = 1; seq <= 5; seq++) log(added(entry(seq)));
    await soon();
    expect(read(session)).toEqual([5, '0', 0]);
    server.socket.end(1006, '');
    await soon();
    const done = Promise.all([session.markRead('c3'), session.markRead('c2'), session.markRead()]);
    expect(read(session)).toEqual([0, 'c5', 5]);
    await later(1_000);
    expect(ran('MarkRead').map(({ variables }) => variables)).toMatchObject([{ cursor: 'c5' }]);
    server.socket.next('MarkRead', { data: { markRead: { readCursor: 'c5' } } });
    await done;
    marked('c4'); // older, and late
    await soon();
    expect(read(session)).toEqual([0, 'c5', 5]);
  });

  test('another device reads, and this one follows', async () => {
    const session = await start();
    marked('0');
    for (let seq = 1; seq <= 5; seq++) log(added(entry(seq)));
    await soon();
    marked('c4');
    await soon();
    expect(read(session)).toEqual([1, 'c4', 4]);
    marked('place9'); // of a change
    await soon();
    stateRead('place9', 0, 5);
    await soon();
    after();
    await soon();
    expect(read(session)).toEqual([0, 'place9', 5]);
  });

  test('a deletion of an unread entry that is not loaded is counted by the server', async () => {
    server.lastCursor = 'c50';
    const session = await start();
    marked('place40');
    await soon();
    stateRead('place40', 12, 50);
    await soon();
    after(38);
    await soon();
    log(changed({ ...entry(45), version: 2, deletedAt: '2026-01-01T00:00:00.000Z' }, 'DELETED'));
    await soon();
    stateRead('place40', 11, 50);
    await soon();
    after(38);
    await soon();
    expect(read(session)).toEqual([11, 'place40', 37]);
  });

  test('a refused mark is asked for anew', async () => {
    const session = await start();
    marked('0');
    log(added(entry(1)));
    await soon();
    const done = session.markRead();
    await soon();
    server.socket.next('MarkRead', { data: null, ...failure('BAD_USER_INPUT', 'CURSOR_MISMATCH') });
    await expect(done).rejects.toMatchObject({ reason: 'CURSOR_MISMATCH' });
    await soon();
    stateRead('0', 1, 1);
    await soon();
    expect(read(session)).toEqual([1, '0', 0]);
  });

  test('without a user there is nothing to mark', async () => {
    server.userId = null;
    const session = await start({ userKey: null });
    expect(server.variables).toEqual({ sessionId: 'demo', data: 'me', userKey: null });
    log(added(entry(1)));
    await soon();
    expect(read(session)).toEqual([null, null, null]);
    await expect(session.markRead()).rejects.toMatchObject({ code: 'FORBIDDEN', reason: 'NO_USER' });
    expect(ran('UserEvents')).toEqual([]);
    log(added({ ...entry(2, '2', 'me1') }));
    await soon();
    expect(session.store.get().entries.map((each) => session.owns(each))).toEqual([false, true]);
  });
});

describe('slow mode', () => {
  const slow = (session: Session) => session.store.get().slowMode;
  const now = (milliseconds: number) => Date.parse('2026-01-01T00:00:00Z') + milliseconds;
  const settings = (slowMode: number) =>
    server.socket.next('SessionEvents', { data: { sessionEvents: { __typename: 'SessionChanged', session: { slowMode, readOnly: false } } } });

  test('the queue waits for as long as it is told, loses nothing, and the snapshot says until when', async () => {
    server.slowMode = 30;
    const session = await start();
    expect(slow(session)).toEqual({ seconds: 30, until: undefined });
    const all = Promise.all([session.post('a'), session.post('b')]);
    await soon();
    server.socket.next('AddChatEntry', { data: null, ...failure('RATE_LIMITED', 'SLOW_MODE', 20_000) });
    await soon();
    expect(slow(session)).toEqual({ seconds: 30, until: now(20_000) });
    const told = slow(session);
    await later(19_999);
    expect(ran('AddChatEntry').length).toBe(1);
    expect(slow(session)).toBe(told);
    expect(session.store.get().pending.map(({ body, state }) => [body, state])).toEqual([['a', 'pending'], ['b', 'pending']]);
    await later(1);
    expect(ran('AddChatEntry').length).toBe(2);
    server.socket.next('AddChatEntry', { data: { addChatEntry: { ...mine(1), createdAt: new Date().toISOString(), myReactions: [] } } });
    await soon();
    expect(slow(session)).toEqual({ seconds: 30, until: now(50_000) });
    await later(29_999);
    expect(ran('AddChatEntry').length).toBe(2); // without asking in vain
    await later(1);
    server.socket.next('AddChatEntry', { data: { addChatEntry: { ...mine(2), myReactions: [] } } });
    expect((await all).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('an answer that an event has overtaken does not bring old settings back', async () => {
    const session = await start();
    const { slowMode, readOnly } = server;
    marked('place'); // so the state is asked for
    await soon();
    expect(ran('ReadState').length).toBe(1);
    server.socket.next('SessionEvents', { data: { sessionEvents: { __typename: 'SessionChanged', session: { slowMode: 5, readOnly: true } } } });
    stateRead('0', 0, 0, slowMode, readOnly);
    await soon();
    expect([slow(session).seconds, session.store.get().readOnly]).toEqual([5, true]);

    void session.updateSession({ readOnly: false });
    await soon();
    server.socket.next('SessionEvents', { data: { sessionEvents: { __typename: 'SessionChanged', session: { slowMode: 7, readOnly: true } } } });
    server.socket.next('UpdateSession', { data: { updateSession: { slowMode: 5, readOnly: false } } });
    await soon();
    expect([slow(session).seconds, session.store.get().readOnly]).toEqual([7, true]);
  });

  test('a post that waits is edited in its place', async () => {
    const session = await start();
    void session.post('tpyo');
    await soon();
    server.socket.next('AddChatEntry', { data: null, ...failure('RATE_LIMITED', 'SLOW_MODE', 20_000) });
    await soon();
    const [{ key }] = session.store.get().pending as unknown as [{ key: string }];
    void session.edit(key, 'typo');
    await later(20_000);
    expect(ran('AddChatEntry').map(({ variables }) => variables['body'])).toEqual(['tpyo', 'typo']);
    void session.edit(key, 'too late');
    await later(20_000);
    expect(ran('AddChatEntry').length).toBe(2);
    expect(ran('EditChatEntry')).toEqual([]); // it is under way
  });

  test('changes do not wait with the posts', async () => {
    const session = await start();
    log(added(mine(1)));
    await soon();
    void session.post('a');
    await soon();
    server.socket.next('AddChatEntry', { data: null, ...failure('RATE_LIMITED', 'SLOW_MODE', 20_000) });
    await soon();
    void session.react('e1', '👍');
    await soon();
    expect(ran('ReactToChatEntry').length).toBe(1);
    expect(ran('AddChatEntry').length).toBe(1);
  });

  test('its end lets posts go at once; a moderator never waits', async () => {
    server.slowMode = 3_600;
    const session = await start();
    void session.post('a');
    await soon();
    server.socket.next('AddChatEntry', { data: null, ...failure('RATE_LIMITED', 'SLOW_MODE', 3_600_000) });
    await later(1_000);
    expect(ran('AddChatEntry').length).toBe(1);
    settings(0);
    await soon();
    expect(slow(session)).toEqual({ seconds: 0, until: undefined });
    expect(ran('AddChatEntry').length).toBe(2);
    settings(10);
    await soon();
    expect(slow(session)).toEqual({ seconds: 10, until: undefined });
  });

  test('one’s post from another device begins the time as well', async () => {
    server.slowMode = 30;
    const session = await start();
    log(added({ ...entry(1, 'x', 'phone'), userId: 'ann', createdAt: new Date(now(-5_000)).toISOString() }));
    await soon();
    expect(slow(session)).toEqual({ seconds: 30, until: now(25_000) });
    void session.post('a');
    await later(24_999);
    expect(ran('AddChatEntry')).toEqual([]);
    await later(1);
    expect(ran('AddChatEntry').length).toBe(1);
  });
});

describe('read-only', () => {
  const changed = (readOnly: boolean) =>
    server.socket.next('SessionEvents', { data: { sessionEvents: { __typename: 'SessionChanged', session: { slowMode: 0, readOnly } } } });

  test('the snapshot says so from the first, and as it changes', async () => {
    server.readOnly = true;
    const session = await start();
    expect(session.store.get().readOnly).toBe(true);
    const seen: boolean[] = [];
    session.store.subscribe(({ readOnly }) => seen.push(readOnly));
    changed(false);
    await soon();
    expect(session.store.get().readOnly).toBe(false);
    await vi.waitFor(() => expect(seen).toContain(false));
    changed(true);
    await soon();
    expect(session.store.get().readOnly).toBe(true);
  });

  test('a post of that time fails, with the reason', async () => {
    const session = await start();
    const post = session.post('a');
    await soon();
    server.socket.next('AddChatEntry', { data: null, ...failure('FORBIDDEN', 'READ_ONLY') });
    await expect(post).rejects.toMatchObject({ code: 'FORBIDDEN', reason: 'READ_ONLY' });
    expect(session.store.get().pending.map(({ state }) => state)).toEqual(['failed']);
  });

  test('a moderator sets it', async () => {
    const session = await start();
    const set = session.updateSession({ readOnly: true });
    await soon();
    expect(ran('UpdateSession').map(({ variables }) => variables)).toEqual([{ readOnly: true }]);
    server.socket.next('UpdateSession', { data: { updateSession: { slowMode: 0, readOnly: true } } });
    await set;
    expect(session.store.get().readOnly).toBe(true);
  });
});

describe('typing', () => {
  const typing = (session: Session) => session.store.get().typing.map(({ id }) => id);
  const heard = (fromConnectionId: string, data: string | null = null) =>
    server.socket.next('SignalReceived', { data: { signalReceived: { type: 'chattok.typing', data, fromConnectionId, to: null, missed: 0 } } });

  beforeEach(() => {
    server.state = () => {
      const connections = [member('me1', 'me', 'ann'), member('bob'), member('cid')];
      return { __typename: 'SessionState', connections, connectionCount: 3, streams: [], streamCount: 0 };
    };
  });

  test('is told every three seconds at most, and taken back once', async () => {
    const session = await start();
    for (let n = 0; n < 70; n++) {
      session.typing();
      await later(100);
    }
    expect(ran('SendSignal').map(({ variables }) => variables)).toEqual([0, 1, 2].map(() => ({ type: 'chattok.typing' })));
    session.typing(false);
    session.typing(false);
    expect(ran('SendSignal').slice(3).map(({ variables }) => variables)).toEqual([{ type: 'chattok.typing', data: 'off' }]);
    session.typing();
    void session.post('done');
    session.typing(false); // the post said so
    expect(ran('SendSignal').length).toBe(5);
    server.socket.end(1006, '');
    await soon();
    session.typing();
    await later(5_000);
    expect(ran('SendSignal').length).toBe(5);
  });

  test('others are typing until they stop, post, leave or fall silent', async () => {
    const session = await start();
    const signals: unknown[] = [];
    session.on('signal', (signal) => signals.push(signal));
    heard('cid');
    heard('bob');
    heard('me1');
    heard('nobody');
    await soon();
    expect(typing(session)).toEqual(['cid', 'bob']);
    heard('cid', 'off');
    await later(20);
    expect(typing(session)).toEqual(['bob']);
    await later(5_000);
    heard('bob');
    await later(5_990);
    expect(typing(session)).toEqual(['bob']);
    await later(30);
    expect(typing(session)).toEqual([]);
    heard('bob');
    heard('cid');
    log(added(entry(1, 'said', 'bob')));
    await later(20);
    expect(typing(session)).toEqual(['cid']);
    const gone = { __typename: 'ConnectionDestroyed', connection: { id: 'cid' }, reason: 'clientDisconnected' };
    server.socket.next('SessionEvents', { data: { sessionEvents: gone } });
    await later(20);
    expect(typing(session)).toEqual([]);
    expect(signals).toEqual([]);
  });
});

describe('bans', () => {
  const until = '2026-02-01T00:00:00.000Z';

  test('a banned user is refused, and told until when', async () => {
    server.refusal = failure('FORBIDDEN', 'BANNED', undefined, { until });
    const session = open({ url: 'http://server.example/', session: 'demo', data: 'me', persist: false });
    sessions.push(session);
    await expect(session.ready).rejects.toMatchObject({ code: 'FORBIDDEN', reason: 'BANNED', until });
    expect(session.store.get().state).toMatchObject({ name: 'refused', error: { until } });
  });

  test('so is a post', async () => {
    const session = await start();
    const done = session.post('a');
    await soon();
    server.socket.next('AddChatEntry', { data: null, ...failure('FORBIDDEN', 'BANNED', undefined, { until }) });
    await expect(done).rejects.toMatchObject({ reason: 'BANNED', until });
    expect(session.store.get().pending).toMatchObject([{ state: 'failed', error: { until } }]);
  });

  test('a moderator bans, lists and ends bans', async () => {
    const session = await start();
    const ban = { id: 'b1', userId: 'bob', connection: member('bob'), moderator: member('me1'), createdAt: until, until };
    const made = session.ban('bob', 60, { deleteEntries: true });
    await soon();
    expect(ran('BanConnection').map(({ variables }) => variables)).toEqual([{ connectionId: 'bob', seconds: 60, deleteEntries: true }]);
    server.socket.next('BanConnection', { data: { banConnection: ban } });
    await expect(made).resolves.toEqual(ban);
    const all = session.bans();
    await soon();
    server.socket.next('Bans', { data: { bans: [ban] } });
    await expect(all).resolves.toEqual([ban]);
    const ended = session.unban('b1');
    await soon();
    expect(ran('Unban').map(({ variables }) => variables)).toEqual([{ id: 'b1' }]);
    server.socket.next('Unban', { data: { unban: ban } });
    await expect(ended).resolves.toEqual(ban);
    const slower = session.updateSession({ slowMode: 5 });
    await soon();
    expect(ran('UpdateSession').map(({ variables }) => variables)).toEqual([{ slowMode: 5 }]);
    server.socket.next('UpdateSession', { data: { updateSession: { slowMode: 5, readOnly: false } } });
    await slower;
    expect(session.store.get().slowMode.seconds).toBe(5);
  });
});

describe('the key of the user', () => {
  const items = new Map<string, string>();
  const storage = {
    get length() {
      return items.size;
    },
    key: (n: number) => [...items.keys()][n] ?? null,
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => void items.set(name, value),
    removeItem: (name: string) => void items.delete(name),
  };
  const sent = async (url: string, options: Partial<ConnectOptions> = {}) => {
    await start({ url, ...options });
    return server.variables['userKey'];
  };

  beforeEach(() => items.clear());

  test('is made once for each server, and kept', async () => {
    vi.stubGlobal('localStorage', storage);
    const key = await sent('http://one.example/');
    expect(key).toMatch(/^[0-9a-f]{32}$/);
    expect([...items]).toEqual([['chattok:user:http://one.example', key]]);
    expect(await sent('http://one.example/graphql')).toBe(key);
    expect(await sent('http://two.example/')).not.toBe(key);
    items.set('chattok:user:http://one.example', 'nonsense');
    expect(await sent('http://one.example/')).toBe(key);
    expect(items.get('chattok:user:http://one.example')).toBe(key);
  });

  test('lives as long as the page where storage is forbidden or full', async () => {
    vi.stubGlobal('localStorage', { getItem: () => { throw new DOMException('', 'SecurityError'); } });
    const key = await sent('http://three.example/');
    expect(key).toMatch(/^[0-9a-f]{32}$/);
    expect(await sent('http://three.example/')).toBe(key);
    vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => { throw new DOMException('', 'QuotaExceededError'); } });
    const other = await sent('http://four.example/');
    expect(other).toMatch(/^[0-9a-f]{32}$/);
    expect(await sent('http://four.example/')).toBe(other);
  });

  test('is the page’s own if it gives one, and none with a token or null', async () => {
    vi.stubGlobal('localStorage', storage);
    expect(await sent('http://one.example/', { userKey: 'a secret of my own' })).toBe('a secret of my own');
    expect(await sent('http://one.example/', { userKey: null })).toBeNull();
    expect(await sent('http://one.example/', { token: 'made', userKey: 'ignored anyway' })).toBeUndefined();
    expect(items.size).toBe(0);
  });

  test('what waits belongs to the user, whatever its name is, and posts of the first version are taken over', async () => {
    vi.stubGlobal('localStorage', storage);
    vi.stubGlobal('navigator', {}); // no Web Locks
    const old = { key: 'k0', body: 'of the first version', createdAt: Date.now() - 10, failed: false, senders: [], page: 'gone' };
    items.set('chattok:outbox:http://one.example/graphql:demo:Ann:k0', JSON.stringify(old));
    const first = await start({ url: 'http://one.example/', data: 'Ann', persist: true });
    server.socket.end(1006, '');
    server.down = true;
    await soon();
    void first.post('waits');
    void first.react('e1', '👍');
    void first.markRead('c1');
    void first.setData('Anna'); // the next page says its name itself
    await first.disconnect();
    const names = [...items.keys()].filter((name) => name.startsWith('chattok:outbox:'));
    expect(names.map((name) => name.split(':').slice(0, -1).join(':'))).toEqual(Array(4).fill('chattok:outbox:http://one.example/graphql:demo:~'));
    server.down = false;
    const second = await start({ url: 'http://one.example/', data: 'Anna', persist: true });
    expect(second.store.get().pending.map(({ body }) => body)).toEqual(['of the first version', 'waits']);
    await soon();
    expect(server.socket.operations.filter(({ name }) => name === 'AddChatEntry').map(({ variables }) => variables['key'])).toEqual(['k0']);
    server.socket.next('AddChatEntry', { data: { addChatEntry: { ...mine(1), myReactions: [] } } });
    await soon();
    server.socket.next('AddChatEntry', { data: { addChatEntry: { ...mine(2), myReactions: [] } } });
    await soon();
    expect(server.socket.operations.at(-1)).toMatchObject({ name: 'ReactToChatEntry', variables: { id: 'e1', name: '👍', on: true } });
    server.socket.next('ReactToChatEntry', { data: { reactToChatEntry: { ...mine(1), version: 2, myReactions: [] } } });
    await soon();
    expect(server.socket.operations.at(-1)).toMatchObject({ name: 'MarkRead', variables: { cursor: 'c1' } });
    server.socket.next('MarkRead', { data: { markRead: { readCursor: 'c1' } } });
    await soon();
    expect([...items.keys()].filter((name) => name.startsWith('chattok:outbox:'))).toEqual([]);
  });

  test('what waits for a user that a token or the page names is no other’s', async () => {
    vi.stubGlobal('localStorage', storage);
    vi.stubGlobal('navigator', {});
    const pending = async (userId: string, options: Partial<ConnectOptions>) => {
      server.userId = userId;
      const session = await start({ url: 'http://one.example/', persist: true, ...options });
      server.socket.end(1006, '');
      await soon();
      return session;
    };
    const ann = await pending('ann', { token: 'of Ann' });
    void ann.post('of Ann');
    await ann.disconnect();
    expect((await pending('bob', { token: 'of Bob' })).store.get().pending).toEqual([]);
    expect((await pending('~key', { userKey: 'a key of the page itself' })).store.get().pending).toEqual([]);
    expect((await pending('ann', { token: 'of Ann, another' })).store.get().pending.map(({ body }) => body)).toEqual(['of Ann']);
  });

  test('what waited for a day is not done unasked', async () => {
    vi.stubGlobal('localStorage', storage);
    vi.stubGlobal('navigator', {});
    const at = { createdAt: Date.now() - 25 * 60 * 60_000, failed: false, senders: [], page: 'gone' };
    const prefix = 'chattok:outbox:http://one.example/graphql:demo:~:';
    items.set(`${prefix}k1`, JSON.stringify({ key: 'k1', action: { kind: 'edit', id: 'e1', body: 'late' }, ...at }));
    items.set(`${prefix}k2`, JSON.stringify({ key: 'k2', action: { kind: 'post', body: 'late' }, ...at }));
    const session = open({ url: 'http://one.example/', session: 'demo', data: 'me' });
    sessions.push(session);
    await session.ready;
    expect(session.store.get().pending).toMatchObject([{ key: 'k2', state: 'failed' }]);
    await soon();
    expect(ran('EditChatEntry')).toEqual([]);
    expect([...items.keys()].filter((name) => name.startsWith(prefix))).toEqual([`${prefix}k2`]);
  });
});
