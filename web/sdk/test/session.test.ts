import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { open, type Session } from '../src/index.ts';
import { added, entry, failure, FakeServer, type FakeSocket } from './fake-server.ts';

declare const process: Record<'on' | 'off', (event: string, listener: (error: unknown) => void) => void>; // Node's global

let server: FakeServer;
let sessions: Session[];

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  sessions = [];
});

afterEach(() => {
  sessions.forEach((session) => void session.disconnect());
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Opens a session and records its states, entries and errors. */
function start(options = {}) {
  const session = open({ url: 'http://server.example/', session: 'demo', data: 'me', persist: false, ...options });
  const seen = { states: [] as string[], entries: [] as number[], errors: [] as string[] };
  session.on('state', ({ name }) => seen.states.push(name));
  session.on('entry', ({ seq }) => seen.entries.push(seq));
  session.on('error', ({ code }) => seen.errors.push(code));
  sessions.push(session);
  return { session, ...seen };
}

const soon = () => vi.advanceTimersByTimeAsync(0);
const later = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
const subscribed = (socket: FakeSocket, name: string) => socket.operations.findLast((each) => each.name === name)!;

describe('coming back', () => {
  test('a lost socket is followed by another, in the same place of the log', async () => {
    const { session, states, entries } = start();
    await session.ready;
    server.socket.next('LogEvents', added(entry(1)));
    await soon();
    server.socket.end(1006, '');
    await later(1_000);
    expect(states).toEqual(['live', 'reconnecting', 'live']);
    expect(subscribed(server.socket, 'LogEvents').variables).toEqual({ after: 'c1' });
    server.socket.next('LogEvents', added(entry(1)));
    server.socket.next('LogEvents', added(entry(2)));
    await soon();
    expect(entries).toEqual([1, 2]);
    expect(server.posts).toEqual(['Connect']); // no new connection was created
  });

  test('a server that is down is tried with growing pauses', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    server.down = true;
    const { session, states } = start();
    await soon();
    const attempts: number[] = [];
    session.on('state', (state) => state.name === 'connecting' && attempts.push(Date.now()));
    await later(200_000);
    const pauses = attempts.map((at, n) => at - (attempts[n - 1] ?? at)).slice(1);
    expect(pauses).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000].slice(0, pauses.length));
    expect(pauses.length).toBeGreaterThan(6);
    expect(new Set(states)).toEqual(new Set(['connecting']));
  });

  test('wake tries at once, without waiting for the pause', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const { session, states } = start();
    await session.ready;
    const attempts: number[] = [];
    session.on('state', (state) => state.name === 'reconnecting' && attempts.push(state.attempt));
    server.down = true;
    server.socket.end(1006, '');
    await later(20_000); // by now the next attempt is far away
    const before = attempts.at(-1) ?? 0;
    session.wake();
    await soon();
    expect(attempts.at(-1)).toBe(before + 1);
    server.down = false;
    session.wake();
    await soon();
    expect(states.at(-1)).toBe('live');
  });

  test('a server that takes a socket and drops it at once is no reason for haste', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const { session } = start();
    await session.ready;
    const before = server.sockets.length;
    server.onOperation = (socket, { name }) => {
      if (name !== 'SessionEvents') return;
      socket.next(name, { data: { sessionEvents: server.state() } });
      setTimeout(() => socket.end(1012, 'restart'), 1);
    };
    server.socket.end(1012, 'restart');
    await later(60_000);
    expect(server.sockets.length - before).toBeLessThanOrEqual(6); // after 1, 2, 4, 8, 16 and 30 seconds
  });

  test('a thousand that are cut off at once come back one by one', async () => {
    const firsts: number[] = [];
    for (let n = 0; n < 1_000; n++) start().session.on('state', (state) => state.name === 'reconnecting' && firsts.push(state.retryAt - Date.now()));
    await soon();
    [...server.sockets].forEach((socket) => socket.end(1012, 'restart'));
    await soon();
    expect(firsts.length).toBe(1_000);
    const buckets = Array.from({ length: 10 }, (_, n) => firsts.filter((pause) => Math.floor(pause / 100) === n).length);
    expect(buckets.reduce((sum, count) => sum + count)).toBe(1_000);
    expect(Math.max(...buckets)).toBeLessThan(200);
    expect(Math.min(...buckets)).toBeGreaterThan(0);
  });

  test('4401 makes another connection, at once, with the cursor kept', async () => {
    const { session, states, entries } = start();
    await session.ready;
    server.socket.next('LogEvents', added(entry(7)));
    await soon();
    server.socket.end(4401, 'CONNECTION_DESTROYED: this connection has ended (networkDisconnected); connect again');
    await soon();
    expect(server.posts).toEqual(['Connect', 'Connect']);
    expect(subscribed(server.socket, 'LogEvents').variables).toEqual({ after: 'c7' });
    expect(session.store.get().connection?.id).toBe('me2');
    expect(states).toEqual(['live', 'reconnecting', 'live']);
    expect(entries).toEqual([7]);
  });

  test.each(['forceDisconnected', 'userErased'])('4401 with %s is the end', async (why) => {
    const { session, states } = start();
    await session.ready;
    server.socket.end(4401, `CONNECTION_DESTROYED: this connection has ended (${why}); connect again`);
    await later(120_000);
    expect(session.store.get().state).toMatchObject({ name: 'ended', reason: why });
    expect(states).toEqual(['live', 'ended']);
    expect(server.sockets.length).toBe(1);
    await expect(session.post('too late')).rejects.toMatchObject({ code: 'ENDED' });
  });

  test('4403 renews the token, once, and then makes another connection', async () => {
    const { session } = start();
    await session.ready;
    const tokens: unknown[] = [];
    server.onInit = (socket) => {
      tokens.push(socket.token);
      if (tokens.length <= 2) socket.end(4403, 'TOKEN_EXPIRED');
      else socket.say({ type: 'connection_ack' });
    };
    server.socket.end(1006, '');
    await later(10_000);
    expect(server.posts).toEqual(['Connect', 'RenewAccess', 'Connect']);
    expect(tokens).toEqual(['Bearer token1', 'Bearer token2', 'Bearer token3']);
    expect(session.store.get().state.name).toBe('live');
  });

  test('a token is renewed before it ends, over the socket', async () => {
    server.lifetime = 600_000;
    const { session } = start();
    await session.ready;
    await later(299_000);
    expect(subscribed(server.socket, 'RenewAccess')).toBeUndefined();
    await later(2_000);
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    server.socket.next('RenewAccess', { data: { renewAccess: { accessToken: 'fresh', expiresAt } } });
    await soon();
    server.socket.end(1006, '');
    await later(1_000);
    expect(server.socket.token).toBe('Bearer fresh');
  });

  test('a refused token is no reason to try again', async () => {
    server.refusal = failure('UNAUTHENTICATED');
    const { session, states } = start({ token: 'bad' });
    await expect(session.ready).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await later(120_000);
    expect(states).toEqual(['refused']);
    expect(server.posts).toEqual(['Connect']);
  });

  test('a token that a function gives is asked for with each connection', async () => {
    const token = vi.fn(async () => 'made');
    const { session } = start({ token });
    await session.ready;
    server.socket.end(4401, 'CONNECTION_DESTROYED: (networkDisconnected)');
    await soon();
    expect(token).toHaveBeenCalledTimes(2);
  });

  test('a socket without a sign of life is given up', async () => {
    const { session, states } = start();
    await session.ready;
    await later(62_000);
    expect(server.socket.pings).toBe(6);
    expect(states).toEqual(['live']);
    server.socket.mute = true;
    await later(22_000);
    expect(states).toEqual(['live', 'reconnecting', 'live']);
  });
});

describe('a page that is looked at again', () => {
  /** Stubs the parts of window and document that the SDK uses. */
  function browser() {
    const page = Object.assign(new EventTarget(), { visibilityState: 'visible', baseURI: 'http://page.example/' });
    const view = new EventTarget();
    vi.stubGlobal('document', page);
    vi.stubGlobal('window', view);
    return { seen: () => page.dispatchEvent(new Event('visibilitychange')), online: () => view.dispatchEvent(new Event('online')) };
  }

  for (const event of ['seen', 'online'] as const) {
    test(`${event}: a dead socket is replaced within two seconds`, async () => {
      vi.spyOn(Math, 'random').mockReturnValue(1);
      const page = browser();
      const { session } = start();
      await session.ready;
      await later(12_000);
      server.socket.mute = true; // an open WebSocket without a peer, as after the computer slept
      page[event]();
      await later(1_990);
      expect(server.sockets.length).toBe(2);
      expect(session.store.get().state.name).toBe('live');
    });

    test(`${event}: a healthy socket is kept`, async () => {
      const page = browser();
      const { session, states } = start();
      await session.ready;
      page[event]();
      await later(4_000);
      expect(server.sockets.length).toBe(1);
      expect(states).toEqual(['live']);
    });
  }

  test('a sign of life that was asked for with more patience is waited for no longer than that', async () => {
    const page = browser();
    const { session } = start();
    await session.ready;
    server.socket.mute = true;
    await later(11_000); // a heartbeat ping has been pending for five seconds
    page.seen();
    await later(1_990);
    expect(server.sockets.length).toBe(2);
    expect(session.store.get().state.name).toBe('live');
  });

  test('a request that hangs is given up', async () => {
    const page = browser();
    const hanging = vi.fn((_url: URL, { signal }: RequestInit) => new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason))));
    const answering = fetch;
    vi.stubGlobal('fetch', hanging);
    const { session } = start();
    await later(5_000);
    vi.stubGlobal('fetch', answering);
    page.online();
    await later(1_990);
    expect(hanging).toHaveBeenCalledOnce();
    expect(session.store.get().state.name).toBe('live');
  });
});

describe('a log that grows', () => {
  test('the store keeps the newest entries, and says that there are more', async () => {
    const { session, entries } = start({ keep: 100 });
    await session.ready;
    for (let seq = 1; seq <= 500; seq++) server.socket.next('LogEvents', added(entry(seq)));
    await soon();
    expect(entries.length).toBe(500);
    const { entries: kept, history } = session.store.get();
    expect(kept.length).toBeLessThanOrEqual(150);
    expect(kept.at(-1)?.seq).toBe(500);
    expect(history.hasMore).toBe(true);
    session.trimHistory(10);
    expect(session.store.get().entries.map(({ seq }) => seq)).toEqual([491, 492, 493, 494, 495, 496, 497, 498, 499, 500]);
    void session.loadHistory(50);
    await soon();
    expect(subscribed(server.socket, 'ChatEntries').variables).toEqual({ last: 50, before: 'c491' });
  });

  test('a page of history of a log that began anew meanwhile is not mixed in', async () => {
    const { session } = start();
    await session.ready;
    server.socket.next('LogEvents', added(entry(9)));
    await soon();
    const page = session.loadHistory(50);
    await soon();
    const { id } = subscribed(server.socket, 'LogEvents');
    server.socket.say({ id, type: 'error', payload: failure('BAD_USER_INPUT', 'CURSOR_MISMATCH').errors });
    await soon();
    server.socket.next('LastCursor', { data: { session: { lastCursor: 'new3' } } });
    await soon();
    server.socket.next('ChatEntries', { data: { chatEntries: { nodes: [entry(8)], pageInfo: { hasPreviousPage: true } } } });
    await page;
    expect(session.store.get().entries).toEqual([]);
  });

  test('where entries are no longer kept that it has not seen, it begins anew, and history ends where the log begins', async () => {
    const { session } = start();
    await session.ready;
    server.socket.next('LogEvents', added(entry(2)));
    await soon();
    const { id } = subscribed(server.socket, 'LogEvents');
    const { errors } = failure('BAD_USER_INPUT', 'CURSOR_MISMATCH', undefined, { firstCursor: 'c6' });
    server.socket.say({ id, type: 'error', payload: errors });
    await soon();
    server.socket.next('LastCursor', { data: { session: { lastCursor: 'c9' } } });
    await soon();
    expect(session.store.get().entries).toEqual([]);
    expect(session.store.get().history.hasMore).toBe(true);
    const more = session.loadHistory(50);
    await soon();
    const nodes = [entry(7), entry(8), entry(9)];
    server.socket.next('ChatEntries', { data: { chatEntries: { nodes, pageInfo: { hasPreviousPage: false } } } });
    expect(await more).toBe(false);
    expect(session.store.get().entries.map(({ seq }) => seq)).toEqual([7, 8, 9]);
    expect(session.store.get().history.hasMore).toBe(false);
    expect(subscribed(server.socket, 'LogEvents').variables).toEqual({ after: 'c9' });
  });
});

describe('what goes wrong with an event', () => {
  test('one bad event does not end a stream', async () => {
    const { session, entries, errors } = start();
    await session.ready;
    server.socket.next('LogEvents', added(entry(1)));
    server.socket.next('LogEvents', { data: null, ...failure('INTERNAL') });
    server.socket.next('LogEvents', added(entry(3)));
    await soon();
    expect(entries).toEqual([1, 3]);
    expect(errors).toEqual(['INTERNAL']);
    expect(server.sockets.length).toBe(1);
  });

  test('what did not come live is loaded, and stands in its place', async () => {
    const { session, entries } = start();
    await session.ready;
    server.socket.next('LogEvents', added(entry(1)));
    server.socket.next('LogEvents', { data: null, ...failure('INTERNAL') });
    server.socket.next('LogEvents', added(entry(4)));
    await soon();
    expect(subscribed(server.socket, 'MissedEntries').variables).toEqual({ first: 2, after: 'c1' });
    server.socket.next('MissedEntries', { data: { chatEntries: { nodes: [entry(2), entry(3)] } } });
    await soon();
    expect(session.store.get().entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(entries).toEqual([1, 4]);
  });

  test('what a listener throws is the page\'s, and ends nothing', async () => {
    const { session, entries } = start();
    await session.ready;
    const thrown: unknown[] = [];
    const catching = (error: unknown) => void thrown.push(error);
    process.on('uncaughtException', catching);
    session.on('entry', () => {
      throw new Error('of the page');
    });
    server.socket.next('LogEvents', added(entry(1)));
    server.socket.next('LogEvents', added(entry(2)));
    await later(10);
    process.off('uncaughtException', catching);
    expect(entries).toEqual([1, 2]);
    expect(thrown.map(String)).toEqual(['Error: of the page', 'Error: of the page']);
    expect(server.sockets.length).toBe(1);
  });

  test('a cursor of another log begins the log anew', async () => {
    const { session, entries } = start();
    await session.ready;
    const reset = vi.fn();
    session.on('logReset', reset);
    server.socket.next('LogEvents', added(entry(9)));
    await soon();
    const { id } = subscribed(server.socket, 'LogEvents');
    server.socket.say({ id, type: 'error', payload: failure('BAD_USER_INPUT', 'CURSOR_MISMATCH').errors });
    await soon();
    server.socket.next('LastCursor', { data: { session: { lastCursor: 'new3' } } });
    await soon();
    expect(subscribed(server.socket, 'LogEvents').variables).toEqual({ after: 'new3' });
    expect(session.store.get().entries).toEqual([]);
    expect(reset).toHaveBeenCalledOnce();
    server.socket.next('LogEvents', added(entry(4)));
    await soon();
    expect(entries).toEqual([9, 4]);
    expect(server.sockets.length).toBe(1);
  });
});

describe('posts', () => {
  const answer = (seq: number, body: string) => ({ data: { addChatEntry: entry(seq, body, 'me1') } });

  test('an event that comes before its answer makes one row', async () => {
    const { session, entries } = start();
    await session.ready;
    const stored = session.post('hello');
    expect(session.store.get().pending.map(({ body, state }) => [body, state])).toEqual([['hello', 'pending']]);
    await soon();
    server.socket.next('LogEvents', added(entry(1, 'hello', 'me1')));
    await soon();
    expect(session.store.get().pending).toEqual([]);
    expect(session.store.get().entries.map(({ seq }) => seq)).toEqual([1]);
    server.socket.next('AddChatEntry', answer(1, 'hello'));
    await expect(stored).resolves.toMatchObject({ seq: 1 });
    expect(session.store.get().entries.map(({ seq }) => seq)).toEqual([1]);
    expect(entries).toEqual([1]);
  });

  test("another's entry with the same words is not taken for one's own", async () => {
    const { session } = start();
    await session.ready;
    void session.post('hello');
    await soon();
    server.socket.next('LogEvents', added(entry(1, 'hello', 'bob')));
    await soon();
    expect(session.store.get().pending.length).toBe(1);
  });

  test('a lost answer is asked for again with the same key, and what follows waits', async () => {
    const { session } = start();
    await session.ready;
    const all = Promise.all([session.post('a'), session.post('b')]);
    await soon();
    const { key } = subscribed(server.socket, 'AddChatEntry').variables;
    server.socket.end(1006, '');
    await later(1_000);
    const again = server.socket.operations.filter(({ name }) => name === 'AddChatEntry');
    expect(again.map(({ variables }) => [variables['body'], variables['key'] === key])).toEqual([['a', true]]);
    server.socket.next('AddChatEntry', answer(1, 'a'));
    await soon();
    server.socket.next('AddChatEntry', answer(2, 'b'));
    expect((await all).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('a store that is busy is tried again, a refusal is not', async () => {
    const { session } = start();
    await session.ready;
    const busy = session.post('busy');
    await soon();
    server.socket.next('AddChatEntry', { data: null, ...failure('UNAVAILABLE') });
    await later(1_000);
    expect(server.socket.operations.filter(({ name }) => name === 'AddChatEntry').length).toBe(2);
    server.socket.next('AddChatEntry', answer(1, 'busy'));
    await expect(busy).resolves.toMatchObject({ seq: 1 });

    const refused = session.post('refused');
    await soon();
    server.socket.next('AddChatEntry', { data: null, ...failure('BAD_USER_INPUT') });
    await expect(refused).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    const [item] = session.store.get().pending;
    expect(item).toMatchObject({ state: 'failed', error: { code: 'BAD_USER_INPUT' } });
    session.drop(item!.key);
    expect(session.store.get().pending).toEqual([]);
  });
});
