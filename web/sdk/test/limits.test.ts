// RATE_LIMITED responses: nothing is lost, and everything continues after the time that the server gives.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { open, type Session } from '../src/index.ts';
import { added, entry, failure, FakeServer, type Operation } from './fake-server.ts';

let server: FakeServer;
let sessions: Session[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  server = new FakeServer();
  sessions = [];
});

afterEach(() => {
  sessions.forEach((session) => void session.disconnect());
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function start(options = {}): Session {
  const session = open({ url: 'http://server.example/', session: 'demo', data: 'me', persist: false, ...options });
  sessions.push(session);
  return session;
}

const soon = () => vi.advanceTimersByTimeAsync(0);
const later = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
const ran = (name: string) => server.socket.operations.filter((each) => each.name === name);
const limited = (milliseconds?: number) => ({ data: null, ...failure('RATE_LIMITED', undefined, milliseconds) });

/** Answers operations with this name: first with a number of refusals, then by `answering`. */
function answer(name: string, refusals: number, answering: (operation: Operation) => object): void {
  const before = server.onOperation;
  let left = refusals;
  server.onOperation = (socket, operation) => {
    if (operation.name !== name) return before(socket, operation);
    const payload = left-- > 0 ? limited(700) : answering(operation);
    socket.say({ id: operation.id, type: 'next', payload });
  };
}

test('connect waits for as long as it is told, and its state says so', async () => {
  server.refusal = failure('RATE_LIMITED', undefined, 40_000);
  const session = start();
  const states: unknown[] = [];
  session.on('state', (state) => states.push(state));
  await soon();
  const until = Date.now() + 40_000;
  expect(states).toMatchObject([{ name: 'connecting', attempt: 2, error: { code: 'RATE_LIMITED', retryAfterMs: 40_000 } }]);
  expect((states[0] as { retryAt: number }).retryAt).toBeGreaterThanOrEqual(until);
  server.refusal = undefined;
  await later(39_000);
  expect(server.posts).toEqual(['Connect']);
  await later(3_000);
  expect(session.store.get().state.name).toBe('live');
});

test('HTTP 429 without GraphQL in it, as a proxy gives it, is the same', async () => {
  server.refusal = new Response('slow down', { status: 429, headers: { 'retry-after': '20' } });
  const session = start();
  await soon();
  expect(session.store.get().state).toMatchObject({ name: 'connecting', error: { code: 'RATE_LIMITED', retryAfterMs: 20_000 } });
  server.refusal = undefined;
  await later(19_000);
  expect(server.posts).toEqual(['Connect']);
  await later(3_000);
  expect(session.store.get().state.name).toBe('live');
});

test('posts wait, in their order, and are stored once each', async () => {
  const session = start();
  await session.ready;
  let seq = 0;
  answer('AddChatEntry', 2, ({ variables }) => ({ data: { addChatEntry: entry(++seq, String(variables['body']), 'me1') } }));
  const all = Promise.all(['a', 'b', 'c'].map((body) => session.post(body)));
  await later(650);
  expect(ran('AddChatEntry').length).toBe(1);
  expect(session.store.get().pending.map(({ state }) => state)).toEqual(['pending', 'pending', 'pending']);
  await later(2_000);
  expect((await all).map(({ body, seq }) => [body, seq])).toEqual([['a', 1], ['b', 2], ['c', 3]]);
  const sent = ran('AddChatEntry').map(({ variables }) => variables);
  expect(sent.map(({ body }) => body)).toEqual(['a', 'a', 'a', 'b', 'c']);
  expect(new Set(sent.slice(0, 3).map(({ key }) => key)).size).toBe(1);
});

test('signals wait, in their order; those that will not are refused', async () => {
  const session = start();
  await session.ready;
  const passed: unknown[] = [];
  answer('SendSignal', 5, ({ variables }) => {
    passed.push(variables['data']);
    return { data: { sendSignal: { type: 'note' } } };
  });
  const all = Promise.all(['a', 'b', 'c', 'd'].map((data) => session.signal('note', data)));
  await soon();
  await expect(session.signal('note', 'now or never', { retryAfterReconnect: false })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  const late = session.signal('note', 'e');
  await later(5_000);
  await Promise.all([all, late]);
  expect(passed).toEqual(['a', 'b', 'c', 'd', 'e']);
  await session.signal('note', 'f');
  expect(passed.at(-1)).toBe('f');
});

test('a hundred signals wait at most', async () => {
  const session = start();
  await session.ready;
  answer('SendSignal', Infinity, () => ({}));
  const first = session.signal('note', 'first');
  first.catch(() => {});
  await soon();
  const rest = Promise.allSettled(Array.from({ length: 105 }, (_, n) => session.signal('note', `${n}`)));
  await soon();
  void session.disconnect();
  await later(5_000);
  const codes = (await rest).map((each) => (each.status === 'rejected' ? (each.reason as { code: string }).code : ''));
  expect(codes.filter((code) => code === 'RATE_LIMITED').length).toBe(6);
  expect(codes.filter((code) => code === 'ENDED').length).toBe(99);
});

test('other operations wait for their turn one after another, for a minute at most', async () => {
  const session = start();
  await session.ready;
  const at: number[] = [];
  answer('ForceDisconnect', 3, () => {
    at.push(Date.now());
    return { data: { forceDisconnect: { id: 'x' } } };
  });
  const began = Date.now();
  const all = Promise.all(['x', 'y', 'z'].map((id) => session.forceDisconnect(id)));
  await later(5_000);
  await all;
  expect(at.map((time) => time - began)).toEqual([700, 1_400, 2_100]);
  server.onOperation = (socket, { id }) => socket.say({ id, type: 'next', payload: limited(90_000) });
  await expect(session.forceDisconnect('x')).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 90_000 });
});

test('what is limited in number, not in time, is refused at once', async () => {
  const session = start();
  await session.ready;
  const tries = ran('ForceMute').length;
  server.onOperation = (socket, { id }) => socket.say({ id, type: 'next', payload: { data: null, ...failure('RATE_LIMITED', 'TOO_MANY_STREAMS') } });
  await expect(session.forceMute('x')).rejects.toMatchObject({ code: 'RATE_LIMITED', reason: 'TOO_MANY_STREAMS' });
  expect(ran('ForceMute').length).toBe(tries + 1);
});

test('a subscription that comes too early is asked for again on the same socket, where the log is then', async () => {
  const before = server.onOperation;
  let refuse = true;
  server.onOperation = (socket, operation) => {
    if (operation.name !== 'LogEvents' || !refuse) return before(socket, operation);
    socket.say({ id: operation.id, type: 'error', payload: failure('RATE_LIMITED', undefined, 3_000).errors });
  };
  const session = start();
  await session.ready;
  await later(2_900);
  expect(ran('LogEvents').length).toBe(1);
  refuse = false;
  await later(200);
  expect(ran('LogEvents').length).toBe(2);
  expect(server.sockets.length).toBe(1);
  server.socket.next('LogEvents', added(entry(1)));
  await soon();
  expect(session.store.get().entries.map(({ seq }) => seq)).toEqual([1]);
});

test('history that was promised is there when ready resolves, through limits and lost sockets', async () => {
  const before = server.onOperation;
  let refusals = 1;
  server.onOperation = (socket, operation) => {
    if (operation.name !== 'ChatEntries') return before(socket, operation);
    if (refusals-- > 0) return socket.say({ id: operation.id, type: 'next', payload: limited(500) });
    if (server.sockets.length < 2) return socket.end(1006, '');
    const page = { nodes: [entry(1), entry(2)], pageInfo: { hasPreviousPage: false } };
    socket.say({ id: operation.id, type: 'next', payload: { data: { chatEntries: page } } });
  };
  const session = start({ history: 50 });
  const shown = session.ready.then(() => session.store.get().entries.map(({ seq }) => seq));
  await later(10_000);
  expect(server.sockets.length).toBe(2);
  await expect(shown).resolves.toEqual([1, 2]);
});
