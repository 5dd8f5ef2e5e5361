// A long log in a real browser: history, the reader's position, unread marks.
import assert from 'node:assert/strict';
import test from 'node:test';
import { entries, joinSession, say, startBrowser, texts } from './app.mjs';
import { startServer } from './server.mjs';

const total = 10_000;

/** Limits for a script that posts all entries, faster than anybody types. */
const rates = { CHATTOK_RATE_POSTS: '100000/s,100000', CHATTOK_RATE_POST_BYTES: '1GiB/s,1GiB' };

test('a long log', async (t) => {
  const server = await startServer(t, rates);
  const browser = await startBrowser(t);
  const writer = await connect(server, 'long');
  await fill(writer, total);
  const ann = await joinSession(t, browser, `${server.origin}/s/long`, 'Ann', { audio: false, video: false });
  const log = ann.getByRole('log');
  await entries(ann, `entry ${total}.`).waitFor();

  await t.test('at the end one stays at the end', async () => {
    await writer('at the end');
    await entries(ann, 'at the end').waitFor();
    await ann.waitForFunction((e) => e.scrollHeight - e.scrollTop - e.clientHeight < 2, await log.elementHandle());
    assert.equal(await log.getAttribute('aria-live'), 'polite');
    assert.equal(await log.getAttribute('aria-busy'), 'false'); // new entries are read out
  });

  await t.test('a reader of history is left where he is, and told how many came', async () => {
    await log.evaluate((element) => element.scrollTo(0, element.scrollHeight - element.clientHeight - 1_500));
    await ann.getByRole('button', { name: 'Jump to latest' }).waitFor();
    assert.equal(await log.getAttribute('aria-busy'), 'true'); // rows that scrolling loads are not announced
    const before = await place(log);
    for (let n = 1; n <= 20; n++) await writer(`news ${n}.`);
    await ann.getByRole('button', { name: '20 new, jump to latest' }).waitFor();
    const after = await place(log);
    assert.equal(after.key, before.key);
    assert.ok(Math.abs(after.top - before.top) <= 1, `moved by ${after.top - before.top} px`);
    assert.ok(Math.abs(after.scrollTop - before.scrollTop) <= 1, `scrolled by ${after.scrollTop - before.scrollTop} px`);
    assert.match(await ann.title(), /^\(20\) long/);

    await ann.getByRole('button', { name: '20 new, jump to latest' }).click();
    await entries(ann, 'news 20.').waitFor();
    assert.doesNotMatch(await ann.title(), /^\(/);
    assert.equal(await ann.getByRole('button', { name: 'jump to latest' }).count(), 0);
    // The divider stands before the first unread entry.
    const fresh = ann.locator('.row').filter({ has: ann.locator('.row-fresh') });
    await fresh.evaluate((element) => element.scrollIntoView());
    assert.match(await fresh.locator('.entry-body').textContent(), /^news 1\./);
  });

  await t.test('older entries come as one scrolls up, and the view does not jump', async () => {
    let oldest = await first(log);
    while (oldest > 1) {
      // A little below the top, so that one row is visible and must not move.
      await log.evaluate((element) => element.scrollTo(0, 150));
      const before = await place(log);
      await ann.waitForFunction(
        ([element, seq]) =>
          Number(element.querySelector('[data-row]').dataset.row.slice(1)) < seq ||
          element.textContent.includes('This is where the session begins.'),
        [await log.elementHandle(), Number(before.key.slice(1))],
      );
      const after = await log.evaluate((element, key) => {
        const row = element.querySelector(`[data-row="${key}"]`);
        return row && row.getBoundingClientRect().top - element.getBoundingClientRect().top;
      }, before.key);
      assert.ok(after === null || Math.abs(after - before.top) <= 1, `moved by ${after - before.top} px`);
      oldest = await first(log);
      const rows = await log.locator('.row').count();
      assert.ok(rows < 120, `${rows} rows are in the document`);
    }
    await ann.getByText('This is where the session begins.').waitFor();
    await log.evaluate((element) => element.scrollTo(0, 0));
    await log.locator('.entry-body').filter({ hasText: /^entry 1\./ }).waitFor();
  });

  await t.test('ten thousand entries later writing is as light as before', async () => {
    await say(ann, 'my own word');
    await entries(ann, 'my own word').waitFor(); // an own post scrolls to the end
    assert.equal((await texts(ann)).at(-1), 'my own word');
  });
});

/** Returns the topmost visible row, its position, and how far the log is scrolled. */
const place = (log) =>
  log.evaluate((element) => {
    const edge = element.getBoundingClientRect().top;
    const row = [...element.querySelectorAll('[data-row]')].find((each) => each.getBoundingClientRect().bottom > edge + 1);
    return { key: row.dataset.row, top: row.getBoundingClientRect().top - edge, scrollTop: element.scrollTop };
  });

/** Returns the number of the first entry in the document. */
const first = (log) => log.locator('.row').first().evaluate((row) => Number(row.dataset.row.slice(1)));

/** Connects to a session. Returns a function that posts there. */
async function connect(server, session) {
  const data = await server.run(
    'mutation ($session: ID!) { connect(sessionId: $session, data: "Ben") { accessToken connection { id } } }',
    { session },
  );
  const { accessToken, connection } = data.connect;
  return (body) =>
    server.run(
      'mutation ($id: ID!, $body: String!) { addChatEntry(connectionId: $id, body: $body) { seq } }',
      { id: connection.id, body },
      { authorization: `Bearer ${accessToken}` },
    );
}

/** Posts entries of different lengths, many at once; only the first and the last keep their place. */
async function fill(write, count) {
  const one = (n) => write(`entry ${n}. ${'and so on '.repeat((n * 7919) % 24)}`);
  let next = 2;
  const work = async () => {
    while (next < count) await one(next++);
  };
  await one(1);
  await Promise.all(Array.from({ length: 64 }, work));
  await one(count);
}
