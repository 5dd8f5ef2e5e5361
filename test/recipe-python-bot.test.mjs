// docs/recipes/python-bot.md, run by Debian's Python.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { atEnd } from './at-end.mjs';
import { authorization, blocks, folderOf, secret, until } from './recipes.mjs';
import { startServer } from './server.mjs';

test('the Python bot', { timeout: 240_000 }, async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret, CHATTOK_OPEN: 'false', CHATTOK_GRACE: '1s', CHATTOK_PING_INTERVAL: '1s' });
  const folder = await folderOf(t);
  const [code] = await blocks('recipes/python-bot.md', 'python');
  await writeFile(join(folder, 'bot.py'), code);

  const ask = (query, variables) => server.run(query, variables, authorization);
  await ask('mutation { createSession(id: "lunch") { id } }');
  const post = async (userId, body) =>
    (await ask('mutation ($u: ID!, $b: String!) { addChatEntry(sessionId: "lunch", as: { userId: $u }, body: $b) { id } }', { u: userId, b: body })).addChatEntry.id;
  const answers = async () => (await ask('{ chatEntries(sessionId: "lunch", last: 200) { nodes { userId body replyTo { id } connection { data } } } }'))
    .chatEntries.nodes.filter(({ userId }) => userId === 'poll-bot').map(({ body, replyTo }) => [replyTo.id, body]);
  const bots = async () => (await ask('{ session(sessionId: "lunch") { connections { id userId data } } }')).session.connections;

  let bot;
  const start = () => {
    bot = spawn('/usr/bin/python3', ['bot.py'], { cwd: folder, env: { CHATTOK_URL: server.origin, CHATTOK_API_SECRET: secret, BOT_SESSION: 'lunch' }, stdio: ['ignore', 'ignore', 'pipe'] });
    bot.said = '';
    bot.stderr.setEncoding('utf8').on('data', (text) => { bot.said += text; });
    bot.ended = once(bot, 'exit');
  };
  const end = (signal) => {
    bot.kill(signal);
    return bot.ended;
  };
  atEnd(t, () => end('SIGKILL'));
  const answered = async (question, body) => {
    await until(async () => (await answers()).some(([of]) => of === question), () => bot.said);
    assert.deepEqual((await answers()).filter(([of]) => of === question), [[question, body]]);
  };

  // It answers what was asked before it came, and what comes then.
  await post('ann', '!vote pizza');
  const first = await post('ann', '!result');
  start();
  await answered(first, 'pizza: 1');
  assert.deepEqual((await bots()).map(({ userId, data }) => [userId, data]), [['poll-bot', 'Poll']]);

  // The last vote of each counts; deleted and edited ones do not.
  await post('ann', '!vote soup');
  await post('ben', '!vote soup');
  const gone = await post('cat', '!vote pizza');
  await post('dan', '!vote rice');
  const second = await post('ann', '!result');
  await answered(second, 'soup: 2, pizza: 1, rice: 1');
  await ask('mutation ($id: ID!) { deleteChatEntry(sessionId: "lunch", id: $id) { id } }', { id: gone });
  const third = await post('ann', '!result');
  await answered(third, 'soup: 2, rice: 1');

  // Through a restart of the server, with a question meanwhile, it goes on as the same connection.
  const [{ id }] = await bots();
  assert.equal(await server.stop(), 0);
  await server.start();
  const fourth = await post('ben', '!result');
  await answered(fourth, 'soup: 2, rice: 1');
  assert.match(bot.said, /closed: 1012/);

  // Stopped for longer than the grace time it loses its connection, and connects again.
  bot.kill('SIGSTOP');
  await until(async () => (await bots()).length === 0);
  const fifth = await post('ben', '!result');
  bot.kill('SIGCONT');
  await answered(fifth, 'soup: 2, rice: 1');
  const [{ id: next }] = await bots();
  assert.notEqual(next, id);

  // After a crash each question still has its one answer.
  await end('SIGKILL');
  const sixth = await post('dan', '!result');
  start();
  await answered(sixth, 'soup: 2, rice: 1');
  assert.deepEqual((await answers()).map(([question]) => question), [first, second, third, fourth, fifth, sixth]);

  // Sent away it ends.
  const [{ id: last }] = (await bots()).slice(-1);
  await until(async () => (await bots()).length === 1);
  await ask('mutation ($id: ID!) { forceDisconnect(sessionId: "lunch", connectionId: $id) { id } }', { id: last });
  await bot.ended;
  assert.equal(bot.exitCode, 0, bot.said);
});
