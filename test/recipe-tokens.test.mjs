// docs/recipes/tokens.md: session tokens by jose, with the API secret and with keys, and how both are rotated.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { pathToFileURL } from 'node:url';
import { decodeProtectedHeader } from 'jose';
import { atEnd } from './at-end.mjs';
import { modules, outcome, secret, until } from './recipes.mjs';
import { startServer } from './server.mjs';

const page = 'recipes/tokens.md';
const enter = 'mutation ($token: String!) { connect(token: $token) { connection { userId role data } session { id } } }';
const create = 'mutation { createSession(id: "standup") { id } }';

test('tokens with the API secret, by the route, and a new secret', async (t) => {
  const environment = { CHATTOK_API_SECRET: secret, CHATTOK_OPEN: 'false' };
  const server = await startServer(t, environment);
  await server.run(create, {}, { authorization: `Bearer ${secret}` });

  /** Starts the backend with a secret, and returns how a page asks it for a token. */
  const backend = async (secret) => {
    process.env.CHATTOK_API_SECRET = secret;
    const folder = await modules(t, server, [page, 'tokens.mjs'], [page, 'route.mjs']);
    const { tokenRoute } = await import(pathToFileURL(join(folder, 'route.mjs')));
    const admit = (request, session) => session === 'standup' && request.headers.cookie === 'user=u7' ? { userId: 'u7', data: 'Ann', role: 'MODERATOR' } : undefined;
    const http = createServer(tokenRoute(admit)).listen(0, '127.0.0.1');
    await once(http, 'listening');
    atEnd(t, () => { http.closeAllConnections(); http.close(); });
    return (session, cookie, method = 'POST') =>
      fetch(`http://127.0.0.1:${http.address().port}/session-token?session=${session}`, { method, headers: { cookie } });
  };

  const ask = await backend(secret);
  const token = await (await ask('standup', 'user=u7')).text();
  assert.deepEqual((await server.run(enter, { token })).connect, { connection: { userId: 'u7', role: 'MODERATOR', data: 'Ann' }, session: { id: 'standup' } });
  assert.deepEqual(await Promise.all([ask('standup', 'user=u8'), ask('other', 'user=u7'), ask('standup', 'user=u7', 'GET')].map(async (answer) => (await answer).status)), [403, 403, 403]);

  // A new secret: at each step the tokens of before and those of the backend are good, until the old secret is left out.
  const next = 'the next secret of the tests that has 32 bytes at least';
  const of = async (ask) => (await ask('standup', 'user=u7')).text();
  const restart = async (changes) => {
    Object.assign(environment, changes);
    assert.equal(await server.stop(), 0);
    await server.start();
  };
  await restart({ CHATTOK_API_SECRET: next, CHATTOK_API_SECRET_OLD: secret });
  assert.equal(await outcome(server.run(enter, { token })), 'ok');
  assert.equal(await outcome(server.run(enter, { token: await of(ask) })), 'ok');
  const renewed = await backend(next);
  const later = await of(renewed);
  assert.equal(await outcome(server.run(enter, { token: later })), 'ok');
  delete environment.CHATTOK_API_SECRET_OLD;
  await restart({});
  assert.equal(await outcome(server.run(enter, { token: later })), 'ok');
  assert.equal(await outcome(server.run(enter, { token })), 'TOKEN_INVALID');
});

test('tokens with a key: through a rotation nobody is refused', async (t) => {
  const issuer = 'https://app.example';
  const folder = await modules(t, { origin: '' }, [page, 'keys.mjs']);
  const files = { PRIVATE_KEYS: join(folder, 'private.json'), PUBLIC_KEYS: join(folder, 'public.json'), CHATTOK_TOKEN_ISSUER: issuer, KEY_LEAD: '2' };
  const rotate = () => promisify(execFile)(process.execPath, [join(folder, 'keys.mjs'), 'rotate'], { env: { ...process.env, ...files } });
  const keys = async () => JSON.parse(await readFile(files.PUBLIC_KEYS)).keys;
  await rotate();
  assert.equal((await stat(files.PRIVATE_KEYS)).mode & 0o777, 0o600);
  assert.deepEqual(Object.keys((await keys())[0]).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']); // nothing private

  const server = await startServer(t, { CHATTOK_API_SECRET: secret, CHATTOK_OPEN: 'false', CHATTOK_TOKEN_KEYS: files.PUBLIC_KEYS, CHATTOK_TOKEN_ISSUER: issuer });
  await server.run(create, {}, { authorization: `Bearer ${secret}` });
  Object.assign(process.env, files);
  const backend = await import(pathToFileURL(join(folder, 'keys.mjs')));

  const first = await backend.sessionToken('standup', 'u7', { data: 'Ann' });
  assert.deepEqual((await server.run(enter, { token: first })).connect.connection, { userId: 'u7', role: 'PUBLISHER', data: 'Ann' });
  const [{ kid }] = await keys();
  assert.deepEqual(decodeProtectedHeader(first), { alg: 'ES256', kid });

  await rotate();
  const [, { kid: second }] = await keys();
  const used = new Set();
  await until(async () => {
    const token = await backend.sessionToken('standup', 'u7');
    used.add(decodeProtectedHeader(token).kid);
    assert.equal(await outcome(server.run(enter, { token })), 'ok');
    await delay(50);
    return used.has(second);
  });
  assert.deepEqual([...used], [kid, second]);
  assert.equal(await outcome(server.run(enter, { token: first })), 'ok'); // until its time is over

  // Two hours later the next rotation removes the first key: its tokens have ended.
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 2 * 3600_000 });
  await backend.rotate();
  t.mock.timers.reset();
  assert.deepEqual((await keys()).map(({ kid }) => kid).slice(0, 1), [second]);
  await until(async () => (await outcome(server.run(enter, { token: first }))) === 'TOKEN_INVALID');
  assert.equal(await outcome(server.run(enter, { token: await backend.sessionToken('standup', 'u7') })), 'ok');
});
