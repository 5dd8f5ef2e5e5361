// The reference in docs/opentok.md lists every member of OpenTok's type definitions, and every member that it says works is called
// in a browser.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startBrowser } from './app.mjs';
import { mint, openOT, pageOf, play } from './opentok.mjs';
import { calls, eventNames, fixture } from './opentok-calls.mjs';
import { definedNames, documentedRows, firstNames } from './opentok-reference.mjs';
import { servePages } from './sdk.mjs';
import { startServer } from './server.mjs';

const secret = 'a secret of the tests, thirty-two bytes and more';
/** How long to wait for one call, in milliseconds. No test measures speed. */
const patience = 120_000;

const rows = await documentedRows();
const named = (status) => rows.filter((row) => row.status === status).flatMap(({ names }) => names);

test('the reference has every member of OpenTok’s type definitions and of its first version, once, and says what is different', async (t) => {
  const documented = rows.flatMap(({ names }) => names);
  assert.deepEqual(documented.filter((name, i) => documented.indexOf(name) !== i), [], 'there twice');
  const missing = [...(await definedNames()), ...firstNames()].filter((name) => !documented.includes(name));
  assert.deepEqual(missing, [], 'not there');
  for (const { names, status, note } of rows) {
    assert.ok(['works', 'differs', 'not here'].includes(status), `${names}: ${status}`);
    assert.ok(status === 'works' || note !== '', `${names}: ${status}, and not how`);
  }
  t.diagnostic(JSON.stringify(Object.fromEntries(['works', 'differs', 'not here'].map((status) => [status, `${rows.filter((row) => row.status === status).length} rows, ${named(status).length} members`]))));
});

test('each member that works has a call, and each call is of one that works', () => {
  const called = calls.flatMap(({ names }) => names);
  const works = named('works').filter((name) => !name.startsWith('REST ')); // those are asked in opentok-server.test.mjs
  assert.deepEqual(works.filter((name) => !called.includes(name)), [], 'without a call');
  assert.deepEqual(called.filter((name) => !works.includes(name)), [], 'calls of what is not said to work');
});

test('the members that work, called', async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret });
  await server.run('mutation { createSession(id: "reference") { id } }', {}, { authorization: `Bearer ${secret}` });
  const token = mint(secret, { session: 'reference', role: 'MODERATOR', data: 'who I am' });
  const script = `var token = ${JSON.stringify(token)}, events = ${JSON.stringify(eventNames(rows))};\n(${fixture})();`;
  const head = `<script src="${server.origin}/sdk/opentok.js"></script><script src="${server.origin}/sdk/ot-widget.js"></script>`;
  const origin = await servePages(t, { '/': pageOf(server, script, { head, body: '<div id="box"></div>' }) });
  const browser = await startBrowser(t);
  const [ann, bob] = await Promise.all([openOT(t, browser, `${origin}/`), openOT(t, browser, `${origin}/`)]);
  await ann.evaluate(() => begin({ name: 'ann' }));
  await bob.evaluate(() => begin({ name: 'bob', videoSource: painted(), audioSource: tone() }));
  for (const page of [ann, bob]) await play(page, '#subscriber .OT_video-element');
  const failed = [];
  for (const { names, run } of calls) {
    const late = new AbortController();
    const given = delay(patience, 'took too long', { signal: late.signal }).catch(() => {});
    const done = await Promise.race([run({ ann, bob }).catch((error) => String(error)), given]);
    late.abort();
    if (done !== true) failed.push([names.join(', '), done, ...(await Promise.all([ann, bob].map((page) => page.evaluate(() => [...waiting]))))]);
  }
  assert.deepEqual(failed, []);
});
