// docs/recipes/notifications.md: a receiver of webhooks that notifies those who have not read, once, also over a crash.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { atEnd } from './at-end.mjs';
import { authorization, blocks, modules, secret, until } from './recipes.mjs';
import { startServer } from './server.mjs';

const page = 'recipes/notifications.md';

// The application around the recipe: who is in a session, and a push that is a line of output.
const yours = `
import { writeSync } from 'node:fs'
export const members = async (sessionId) => ['ann', 'ben', 'cat', ...Array.from({ length: 60 }, (_, i) => \`idle \${i}\`)].slice(0, sessionId === 'team-large' ? 63 : 3)
export const push = async (push) => writeSync(1, JSON.stringify(push) + '\\n')
`;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

test('notifications for those who have not read', { timeout: 240_000 }, async (t) => {
  const port = await freePort();
  const [settings] = await blocks(page, 'sh');
  const { stdout } = await promisify(execFile)('bash', ['-euc', `${settings.replace('https://app.example/', `http://127.0.0.1:${port}/`)}\nenv -0`]);
  const webhook = Object.fromEntries(stdout.split('\0').filter((line) => line.startsWith('CHATTOK_WEBHOOK')).map((line) => /^([^=]+)=([^]*)$/.exec(line).slice(1)));
  assert.deepEqual(Object.keys(webhook).sort(), ['CHATTOK_WEBHOOK', 'CHATTOK_WEBHOOK_EVENTS', 'CHATTOK_WEBHOOK_SECRET']);
  const server = await startServer(t, { CHATTOK_API_SECRET: secret, CHATTOK_OPEN: 'false', ...webhook });
  const folder = await modules(t, server, ['backend.md', 'backend.mjs'], [page, 'notify.mjs'], [page, 'server.mjs']);
  await writeFile(join(folder, 'yours.mjs'), yours);

  let receiver;
  const pushes = [];
  const start = (delay) => {
    receiver = spawn(process.execPath, ['server.mjs'], {
      cwd: folder, stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...webhook, CHATTOK_API_SECRET: secret, PORT: String(port), NOTIFY_AFTER: String(delay) },
    });
    receiver.stdout.setEncoding('utf8').on('data', (text) => pushes.push(...text.split('\n').filter(Boolean).map((line) => JSON.parse(line))));
    receiver.ended = once(receiver, 'exit');
  };
  const kill = () => {
    receiver.kill('SIGKILL');
    return receiver.ended;
  };
  atEnd(t, () => kill());
  const pushed = (sessionId) => pushes.filter((push) => push.sessionId === sessionId).map(({ userId, unread }) => [userId, unread]);
  const journal = () => readFile(join(folder, 'notify.journal'), 'utf8').catch(() => ''); // there is none at first
  const done = (sessionId, seq) => until(async () => (await journal()).includes(`{"sessionId":"${sessionId}","done":${seq},`));

  const ask = (query, variables) => server.run(query, variables, authorization);
  const open = (id) => ask('mutation ($id: ID!) { createSession(id: $id) { id } }', { id });
  const enter = async (s, u) => {
    const { createToken } = await ask('mutation ($s: ID!, $u: ID!) { createToken(sessionId: $s, userId: $u) { token } }', { s, u });
    const { connect } = await server.run('mutation ($t: String!) { connect(token: $t) { accessToken } }', { t: createToken.token });
    return (query, variables) => server.run(query, variables, { authorization: `Bearer ${connect.accessToken}` });
  };
  const post = async (person, body) => (await person('mutation ($b: String!) { addChatEntry(body: $b) { seq cursor } }', { b: body })).addChatEntry;

  // Ann writes twice, Ben reads, Cat has never been there.
  start(2);
  await open('team-1');
  const [ann, ben] = [await enter('team-1', 'ann'), await enter('team-1', 'ben')];
  await post(ann, 'one');
  const { cursor } = await post(ann, 'two');
  await ben('mutation ($c: String!) { markRead(upTo: $c) { id } }', { c: cursor });
  await done('team-1', 2);
  assert.deepEqual(pushed('team-1'), [['cat', 2]]);

  // A replay brings every event again, and no push. Requests that nobody signed are refused.
  await ask('mutation { replayWebhook(id: "environment", after: "0") { id } }');
  await open('team-2');
  await post(await enter('team-2', 'cat'), 'three');
  await done('team-2', 1);
  assert.deepEqual(pushed('team-2'), [['ann', 1], ['ben', 1]]);
  assert.deepEqual(pushed('team-1'), [['cat', 2]]);
  const events = { type: 'chattok.events', data: { events: [{ id: 'x', type: 'EntryAdded', sessionId: 'team-1', entry: { seq: 9 } }] } };
  const forged = await fetch(webhook.CHATTOK_WEBHOOK, { method: 'POST', body: JSON.stringify(events) });
  assert.equal(forged.status, 401);

  // More people than an operation has aliases, and a deleted session, of which there is nothing to tell.
  await open('team-large');
  await post(await enter('team-large', 'ann'), 'four');
  await done('team-large', 1);
  assert.deepEqual(pushed('team-large').length, 62);
  await open('team-gone');
  await post(await enter('team-gone', 'ann'), 'five');
  await until(async () => (await journal()).includes('"sessionId":"team-gone"'));
  await ask('mutation { deleteSession(id: "team-gone") }');
  await done('team-gone', 1);
  assert.deepEqual(pushed('team-gone'), []);

  // It dies after its answer and before the push, in the middle of a line of its journal; the next one sends the push.
  await kill();
  start(3600);
  await open('team-3');
  const caller = await enter('team-3', 'ben');
  await post(caller, 'six');
  await until(async () => (await journal()).includes('"sessionId":"team-3"'));
  await until(async () => (await ask('{ webhooks { lag } }')).webhooks[0].lag === 0);
  await kill();
  assert.deepEqual(pushed('team-3'), []);
  await writeFile(join(folder, 'notify.journal'), '{"id":"torn', { flag: 'a' });
  await post(caller, 'seven'); // while nobody receives
  start(1);
  await until(async () => /"sessionId":"team-3","done":2,/.test(await journal()));
  assert.deepEqual(pushed('team-3').slice(-2), [['ann', 2], ['cat', 2]]);
  assert.deepEqual(pushed('team-1'), [['cat', 2]]);
});
