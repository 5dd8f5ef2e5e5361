// docs/recipes/go-bot.md: the page shows the files of docs/recipes/go-bot, which are generated from the schema, built, and run.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.mjs';
import { authorization, blocks, folderOf, secret, until } from './recipes.mjs';
import { startServer } from './server.mjs';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

test('the Go bot', { timeout: 240_000 }, async (t) => {
  const base = await folderOf(t);
  const folder = join(base, 'docs/recipes/go-bot');
  await mkdir(folder, { recursive: true });
  await cp(join(root, 'schema.graphqls'), join(base, 'schema.graphqls'));
  for (const name of ['go.mod', 'go.sum']) await cp(join(root, 'docs/recipes/go-bot', name), join(folder, name));
  for (const [name, language] of [['main.go', 'go'], ['operations.graphql', 'graphql'], ['genqlient.yaml', 'yaml']]) {
    const [code, ...others] = await blocks('recipes/go-bot.md', language);
    assert.equal(others.length, 0);
    assert.equal(code, await readFile(join(root, 'docs/recipes/go-bot', name), 'utf8'), `the page's ${name} is not the folder's`);
    await writeFile(join(folder, name), code);
  }
  await run('go', ['generate'], { cwd: folder });
  assert.equal(await readFile(join(folder, 'generated.go'), 'utf8'), await readFile(join(root, 'docs/recipes/go-bot/generated.go'), 'utf8'),
    'docs/recipes/go-bot/generated.go is not what the schema gives: run go generate there');
  await run('go', ['build', '-o', 'bot', '.'], { cwd: folder });

  const server = await startServer(t, { CHATTOK_API_SECRET: secret, CHATTOK_OPEN: 'false', CHATTOK_PING_INTERVAL: '1s' });
  const ask = (query, variables) => server.run(query, variables, authorization);
  for (const id of ['support-1', 'support-2', 'other']) await ask('mutation ($id: ID!) { createSession(id: $id) { id } }', { id });
  const post = async (s, body) =>
    (await ask('mutation ($s: ID!, $b: String!) { addChatEntry(sessionId: $s, body: $b) { id } }', { s, b: body })).addChatEntry.id;
  const log = async (s) => (await ask('query ($s: ID!) { chatEntries(sessionId: $s, first: 200) { nodes { body replyTo { id } connection { data } } } }', { s }))
    .chatEntries.nodes.map(({ body, replyTo, connection }) => [body, replyTo?.id, connection.data]);
  const answers = async (s) => (await log(s)).filter(([, , name]) => name === 'Calculator').map(([body, question]) => [body, question]);

  let bot;
  const start = async () => {
    bot = spawn(join(folder, 'bot'), { cwd: folder, env: { CHATTOK_URL: server.origin, CHATTOK_API_SECRET: secret, BOT_SESSIONS: 'support-' }, stdio: ['ignore', 'ignore', 'pipe'] });
    bot.said = '';
    bot.stderr.setEncoding('utf8').on('data', (text) => { bot.said += text; });
    bot.ended = once(bot, 'exit');
  };
  const end = (signal) => {
    bot.kill(signal);
    return bot.ended;
  };
  atEnd(t, () => end('SIGKILL'));

  // It begins with what happens from now on, so its first question is asked until it is there.
  await start();
  await until(async () => {
    await post('support-1', '!sum 0');
    return (await answers('support-1')).length > 0;
  });
  const [first, second] = [await post('support-2', '!sum 1 2 3'), await post('support-2', '!sum 1 x')];
  await post('support-2', 'no question');
  await post('other', '!sum 1 2 3'); // of another prefix
  await until(async () => (await answers('support-2')).length === 2);
  assert.deepEqual(await answers('support-2'), [['6', first], ['"x" is no number that I can add.', second]]);

  // A restart of the server, with a question before the bot is back.
  assert.equal(await server.stop(), 0);
  await server.start();
  const third = await post('support-2', '!sum 2 2');
  await until(async () => (await answers('support-2')).length === 3);

  // A crash of the bot: the questions of meanwhile are answered, and the earlier ones not again. With its place of before a question,
  // as after a crash between the answer and the place, it answers under the same key, which posts nothing.
  const place = await readFile(join(folder, 'bot.place'), 'utf8');
  const fourth = await post('support-2', '!sum 3 3');
  await until(async () => (await answers('support-2')).length === 4);
  await end('SIGKILL');
  await writeFile(join(folder, 'bot.place'), place);
  const fifth = await post('support-2', '!sum 4 4');
  await start();
  await until(async () => (await answers('support-2')).length === 5);
  assert.deepEqual((await answers('support-2')).slice(2), [['4', third], ['6', fourth], ['8', fifth]]);
  assert.deepEqual(await answers('other'), []);

  // A session that is deleted stops it no more than a cursor of another life of the database does.
  await ask('mutation { deleteSession(id: "support-1") }');
  await end('SIGTERM');
  assert.equal(bot.exitCode, 0, bot.said);
  await writeFile(join(folder, 'bot.place'), 'AAAA');
  await start();
  await until(() => bot.said.includes('CURSOR_MISMATCH') || bot.said.includes('cursor'));
  await until(async () => {
    const last = await post('support-2', '!sum 5 5');
    return (await answers('support-2')).some(([body]) => body === '10') && last;
  });

  // A secret that is refused ends it.
  await end('SIGTERM');
  bot = spawn(join(folder, 'bot'), { cwd: folder, env: { CHATTOK_URL: server.origin, CHATTOK_API_SECRET: secret.toUpperCase(), BOT_SESSIONS: 'support-' }, stdio: 'ignore' });
  bot.ended = once(bot, 'exit');
  await bot.ended;
  assert.equal(bot.exitCode, 1);
  assert.equal(await server.stop(), 0);
});
