// docs/recipes/live-event.md with its settings: 500 who watch, or as many as CHATTOK_EVENT says, and 50 who write. Every watcher
// has every entry once and in order, and what became of each.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { WebSocket } from 'ws';
import { atEnd } from './at-end.mjs';
import { authorization, blocks, modules, outcome, secret, until } from './recipes.mjs';
import { startServer } from './server.mjs';

const page = 'recipes/live-event.md';
const watchers = Number(process.env.CHATTOK_EVENT ?? 500);
const writers = 50;
const rounds = 2;

/** Returns a process's memory in MiB and its processor time in seconds. */
async function costOf(pid) {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1];
  const times = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ');
  return { memory: Math.round(kilobytes / 1024), processor: (Number(times[11]) + Number(times[12])) / 100 };
}

test(`a live event: ${watchers} watch, ${writers} write`, { timeout: 600_000 }, async (t) => {
  const [settings] = await blocks(page, 'sh');
  const environment = Object.fromEntries([...settings.matchAll(/^export (\w+)=(\S+)/gm)].map(([, name, value]) => [name, value]));
  assert.equal(Object.keys(environment).length, 6);
  const server = await startServer(t, { CHATTOK_API_SECRET: secret, ...environment });
  process.env.CHATTOK_API_SECRET = secret;
  const folder = await modules(t, server, ['backend.md', 'backend.mjs'], [page, 'event.mjs'], [page, 'watch.mjs']);
  const event = await import(pathToFileURL(join(folder, 'event.mjs')));
  const { watch } = await import(pathToFileURL(join(folder, 'watch.mjs')));
  const ask = (query) => server.run(query, {}, authorization);

  const token = await event.begin('keynote', 60);
  const before = await costOf(server.pid);
  const audience = Array.from({ length: watchers }, () => ({ order: [], entries: new Map(), late: [] }));
  let shown = 0;
  const answeredAt = new Map(); // by the body of a post
  const follow = (one) => {
    const show = (entry) => {
      shown++;
      if (!one.entries.has(entry.seq)) {
        one.order.push(entry.seq);
        if (entry.body) one.late.push(Date.now() - (answeredAt.get(entry.body) ?? Date.now()));
      }
      one.entries.set(entry.seq, entry);
    };
    Object.assign(one, watch(token, show, WebSocket));
  };
  atEnd(t, () => Promise.all(audience.map(({ stop, done }) => Promise.all([stop?.(), done]))));
  for (let i = 0; i < watchers; i++) {
    follow(audience[i]);
    if (i % 50 === 49) await until(async () => (await ask('{ session(sessionId: "keynote") { connectionCount } }')).session.connectionCount > i, () => 'the watchers connect');
  }
  const crowd = await costOf(server.pid);

  const enter = async (token) => (await server.run('mutation ($t: String!) { connect(token: $t) { accessToken } }', { t: token })).connect.accessToken;
  const people = await Promise.all(Array.from({ length: writers }, async (_, i) => {
    const token = await event.writer('keynote', `u${i}`, `Writer ${i}`);
    const access = await enter(token);
    const post = async (body) => {
      const { addChatEntry } = await server.run('mutation ($b: String!) { addChatEntry(body: $b) { id connectionId } }', { b: body }, { authorization: `Bearer ${access}` });
      answeredAt.set(body, Date.now());
      return addChatEntry;
    };
    return { token, post };
  }));

  // Each writes once, and is too fast for a second time. Then they are let go.
  const began = Date.now();
  const first = await Promise.all(people.map(({ post }, i) => post(`first of ${i}`)));
  assert.deepEqual(await Promise.all(people.map(({ post }) => outcome(post('too fast')))), people.map(() => 'SLOW_MODE'));
  assert.deepEqual(await event.slow('keynote', 0), { updateSession: { slowMode: 0, readOnly: false } });
  for (let round = 1; round < rounds; round++) await Promise.all(people.map(({ post }, i) => post(`${round} of ${i}`)));

  // A watcher can't write. One entry is deleted, and one writer sent away with all that was written.
  const watcher = await enter(token);
  assert.equal(await outcome(server.run('mutation { addChatEntry(body: "x") { id } }', {}, { authorization: `Bearer ${watcher}` })), 'FORBIDDEN');
  await event.remove('keynote', first[0].id);
  await event.sendAway('keynote', first[1].connectionId);
  assert.equal(await outcome(people[1].post('still here')), 'CONNECTION_DESTROYED');
  assert.equal(await outcome(enter(people[1].token)), 'BANNED');
  await event.end('keynote');
  assert.equal(await outcome(people[2].post('one more')), 'READ_ONLY');

  // The log as the server has it is what each watcher shows.
  const log = [];
  for (let after = '0', more = true; more; ) {
    const { chatEntries } = await server.run(`query ($a: String!) { chatEntries(sessionId: "keynote", first: 200, after: $a) {
      nodes { seq version body deletedAt } pageInfo { hasNextPage endCursor } } }`, { a: after }, authorization);
    log.push(...chatEntries.nodes);
    ({ hasNextPage: more, endCursor: after } = chatEntries.pageInfo);
  }
  assert.equal(log.length, writers * rounds);
  assert.equal(log.filter(({ deletedAt }) => deletedAt).length, 1 + rounds);
  const all = log.map(({ seq }) => seq);
  const right = ({ entries }) => log.every(({ seq, version }) => entries.get(seq)?.version === version);
  await until(() => audience.every(right), () => 'every watcher has every entry as it is');
  const took = Date.now() - began;
  for (const { order, entries } of audience) {
    assert.deepEqual(order, all);
    assert.deepEqual(log, all.map((seq) => (({ version, body, deletedAt }) => ({ seq, version, body, deletedAt }))(entries.get(seq))));
  }
  const after = await costOf(server.pid);
  const late = audience.flatMap(({ late }) => late).sort((a, b) => a - b);
  t.diagnostic(`${log.length} entries and ${shown} deliveries in ${took} ms; from the answer of a post to a watcher ` +
    `p50 ${late[late.length >> 1]} ms, p99 ${late[Math.floor(late.length * 0.99)]} ms; ` +
    `memory ${before.memory} MiB without watchers, ${crowd.memory} with, ${after.memory} at the end; processor ` +
    `${(crowd.processor - before.processor).toFixed(1)} s to let them in, ${(after.processor - crowd.processor).toFixed(1)} s for the rest`);
});
