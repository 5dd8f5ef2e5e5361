// Failures of `connect`. It rejects with a cure where a retry can't help, and otherwise logs why it is waiting.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ChattokError, connect, open, type ConnectOptions, type Session } from '../src/index.ts';
import { failure, FakeServer } from './fake-server.ts';

const options: ConnectOptions = { url: 'http://server.example/', session: 'demo', data: 'me', persist: false };
let server: FakeServer;
let sessions: Session[];
let warn: ReturnType<typeof vi.spyOn>;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(1);
  warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  server = new FakeServer();
  sessions = [];
});

afterEach(() => {
  sessions.forEach((session) => void session.disconnect());
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function start(more: Partial<ConnectOptions> = {}): Session {
  const session = open({ ...options, ...more });
  sessions.push(session);
  return session;
}

const later = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
const warnings = () => warn.mock.calls.map((call: unknown[]) => String(call[0]));

test('a token function that throws is tried again, told by the state and once on the console', async () => {
  let throws = true;
  const token = vi.fn(async () => {
    if (throws) throw new Error('the backend is away');
    return 'made';
  });
  const session = start({ token });
  await later(20_000);
  expect(token.mock.calls.length).toBeGreaterThan(3);
  expect(session.store.get().state).toMatchObject({
    name: 'connecting',
    error: { code: 'NETWORK', reason: 'TOKEN', message: 'the token function failed: the backend is away' },
  });
  expect(warnings()).toEqual(['ChatTok: trying to connect: the token function failed: the backend is away']);
  throws = false;
  await later(30_000);
  await expect(session.ready).resolves.toBeUndefined();
});

test('a token function that gives none is told of', async () => {
  const session = start({ token: (async () => undefined) as never });
  await later(100);
  expect(session.store.get().state).toMatchObject({ error: { message: 'the token function failed: it gave undefined' } });
  expect(server.posts).toEqual([]);
});

test('a token function that takes its time is told of, and waited for', async () => {
  let give!: (token: string) => void;
  const session = start({ token: () => new Promise((resolve) => (give = resolve)) });
  await later(16_000);
  expect(warnings()).toEqual(['ChatTok: trying to connect: the token function gave no token']);
  give('made');
  await later(100);
  await expect(session.ready).resolves.toBeUndefined();
});

test('a ChattokError that the token function throws is final', async () => {
  for (const code of ['FORBIDDEN', 'UNAUTHENTICATED', 'NOT_FOUND', 'BAD_USER_INPUT'] as const) {
    const token = vi.fn(async () => {
      throw new ChattokError(code, 'you are not invited');
    });
    const session = start({ token });
    await expect(session.ready).rejects.toMatchObject({ code, message: 'you are not invited' });
    await later(60_000);
    expect(token).toHaveBeenCalledOnce();
    expect(session.store.get().state).toMatchObject({ name: 'refused', error: { code } });
  }
});

test('one that says that it passes is tried again', async () => {
  const token = vi.fn(async () => {
    throw new ChattokError('UNAVAILABLE', 'in a moment');
  });
  start({ token });
  await later(20_000);
  expect(token.mock.calls.length).toBeGreaterThan(3);
});

test('an address without an API rejects, with what to do', async () => {
  for (const answer of [
    new Response('<h1>Not found</h1>', { status: 404 }),
    new Response('<!doctype html><div id="app"></div>', { status: 200 }),
    new Response('{"message":"no route"}', { status: 404 }),
    new Response('null', { status: 200 }),
  ]) {
    server.refusal = answer;
    const error = await start().ready.catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ChattokError);
    expect(error).toMatchObject({ code: 'MISCONFIGURED', reason: 'WRONG_ADDRESS' });
    expect(String(error)).toMatch(/^ChattokError: http:\/\/server\.example\/graphql answered \d+ .*; pass the server's address: connect/);
  }
});

test("a proxy's page of an error is none of the address's", async () => {
  for (const status of [502, 503, 504]) {
    server.refusal = new Response('<h1>Bad gateway</h1>', { status });
    const session = start();
    await later(10_000);
    expect(session.store.get().state).toMatchObject({ name: 'connecting', error: { code: 'NETWORK' } });
    server.refusal = undefined;
    await later(30_000);
    expect(session.store.get().state.name).toBe('live');
  }
});

test('a session that was live once waits for a wrong answer to pass', async () => {
  const session = start();
  await session.ready;
  server.refusal = new Response('<h1>Not found</h1>', { status: 404 });
  server.socket.end(4401, 'CONNECTION_DESTROYED: (networkDisconnected)');
  await later(10_000);
  expect(session.store.get().state).toMatchObject({ name: 'reconnecting', error: { code: 'MISCONFIGURED' } });
  server.refusal = undefined;
  await later(30_000);
  expect(session.store.get().state.name).toBe('live');
});

test('another schema rejects', async () => {
  for (const answer of [
    failure('GRAPHQL_VALIDATION_FAILED'),
    { errors: [{ message: 'Cannot query field "connect" on type "Mutation".' }] },
  ]) {
    server.refusal = answer;
    await expect(start().ready).rejects.toMatchObject({ code: 'MISCONFIGURED', reason: 'NOT_CHATTOK' });
  }
});

test('a server that is older than the script is waited for, as in a rolling upgrade, and told of', async () => {
  const answering = server.onOperation;
  server.onOperation = (socket, operation) => {
    if (operation.name === 'SessionEvents') {
      socket.say({ id: operation.id, type: 'error', payload: failure('GRAPHQL_VALIDATION_FAILED').errors });
    }
  };
  const session = start();
  await later(10_000);
  const { state } = session.store.get();
  expect(state).toMatchObject({ name: 'connecting', error: { code: 'UNAVAILABLE', reason: 'OLD_SERVER' } });
  expect(warnings().length).toBe(1);
  expect(warnings()[0]).toContain("update the server, or load its sdk/chattok.js");
  server.onOperation = answering;
  await later(30_000);
  expect(session.store.get().state.name).toBe('live');
});

test('where there is no WebSocket it rejects, unless one is given', async () => {
  const { WebSocket: given } = globalThis;
  vi.stubGlobal('WebSocket', undefined);
  const error = await connect(options).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'MISCONFIGURED', reason: 'NO_WEBSOCKET' });
  expect(String(error)).toContain('webSocketImpl');
  expect(server.posts).toEqual([]); // no connection was created in vain
  const session = start({ webSocketImpl: given });
  await expect(session.ready).resolves.toBeUndefined();
});

test('a server that can\'t be reached is told of once', async () => {
  server.down = true;
  const session = start();
  await later(60_000);
  expect(session.store.get().state).toMatchObject({ name: 'connecting', error: { code: 'NETWORK' } });
  expect(warnings()).toEqual(["ChatTok: trying to connect: http://server.example/graphql can't be reached"]);
  await session.disconnect();
  await expect(session.ready).rejects.toMatchObject({ code: 'ENDED' });
});

test('numbers outside their limits are refused by name', async () => {
  for (const wrong of [{ history: 201 }, { history: -1 }, { history: 1.5 }, { keep: 99 }, { keep: Infinity }]) {
    await expect(connect({ ...options, ...wrong })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  }
});
