// The SDK in pages of another origin: the first page of its docs, and entries through failures.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { atEnd } from './at-end.mjs';
import { startBrowser } from './app.mjs';
import {
  blankPage,
  bodies,
  happened,
  joinIn,
  openBlank,
  openTab,
  publishCamera,
  servePages,
  startNetwork,
  videosPlay,
  waitFor,
  waitForEntries,
  waitForState,
} from './sdk.mjs';
import { startServer } from './server.mjs';

const grace = 3; // seconds

test('the SDK', async (t) => {
  const server = await startServer(t, { CHATTOK_GRACE: `${grace}s` });
  const docs = await readFile(new URL('../docs/sdk.md', import.meta.url), 'utf8');
  const [, first] = /```html\n([^]*?)```/.exec(docs);
  const origin = await servePages(t, {
    '/': blankPage(server),
    '/first': first.replace('http://127.0.0.1:8080', server.origin),
  });
  const browser = await startBrowser(t);
  const open = (t) => openBlank(t, browser, `${origin}/`);

  await t.test("the first page of the docs, copied into a page of another origin", async (t) => {
    const [ann, bob] = await Promise.all(
      ['Ann', 'Bob'].map(async (name) => {
        const context = await browser.newContext();
        atEnd(t, () => context.close());
        const page = await context.newPage();
        await page.goto(`${origin}/first?name=${name}`);
        return page;
      }),
    );
    await Promise.all([videosPlay(ann, 1), videosPlay(bob, 1)]);
    for (const [page, text] of [[ann, 'hello'], [bob, 'hi'], [ann, 'how are you?']]) {
      await page.getByRole('textbox', { name: 'Message' }).fill(text);
      await page.getByRole('button', { name: 'Send' }).click();
      for (const each of [ann, bob]) await each.getByRole('listitem').filter({ hasText: text }).waitFor();
    }
    const expected = ['Ann: hello', 'Bob: hi', 'Ann: how are you?'];
    assert.deepEqual(await ann.getByRole('listitem').allTextContents(), expected);
    assert.deepEqual(await bob.getByRole('listitem').allTextContents(), expected);
    await bob.close();
    await ann.getByText('Bob left (clientDisconnected)').waitFor();
    await ann.locator('video').waitFor({ state: 'detached' });
  });

  await t.test('a server that is killed in the midst of a conversation', async (t) => {
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    await joinIn(ann, { session: 'killed', data: 'Ann' });
    await joinIn(bob, { session: 'killed', data: 'Bob' });
    await Promise.all([publishCamera(ann), publishCamera(bob)]);
    await Promise.all([videosPlay(ann, 1), videosPlay(bob, 1)]);
    const talk = (page, from) =>
      page.evaluate((from) => {
        for (let n = from; n < from + 20; n++) globalThis.session.post(`${n}`);
      }, from);

    await Promise.all([talk(ann, 100), talk(bob, 200)]);
    await waitForEntries(ann, 3);
    await server.kill();
    await Promise.all([talk(ann, 120), talk(bob, 220)]);
    await Promise.all([ann, bob].map((page) => waitForState(page, 'reconnecting')));
    await Promise.all([videosPlay(ann, 1), videosPlay(bob, 1)]);
    await server.start();
    await Promise.all([ann, bob].map((page) => waitForEntries(page, 80)));

    const said = await bodies(ann);
    assert.deepEqual(await bodies(bob), said);
    const range = (from) => Array.from({ length: 40 }, (_, n) => String(from + n));
    assert.deepEqual(said.filter((body) => body < '200'), range(100)); // none lost or doubled, in order
    assert.deepEqual(said.filter((body) => body >= '200'), range(200));
    for (const page of [ann, bob]) {
      assert.deepEqual(await happened(page, 'entry'), said.map((body, n) => `${n + 1} ${body}`));
      assert.deepEqual(await happened(page, 'connectionDestroyed'), []); // the same connections, within the grace time
      assert.equal(await page.evaluate(() => globalThis.session.store.get().pending.length), 0);
    }
    await Promise.all([videosPlay(ann, 1), videosPlay(bob, 1)]);
  });

  await t.test('a network that is off for longer than the grace time', async (t) => {
    const network = await startNetwork(t, server);
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    await joinIn(ann, { session: 'off', data: 'Ann', url: network.url });
    await joinIn(bob, { session: 'off', data: 'Bob' });
    await publishCamera(ann);
    await videosPlay(bob, 1);
    await bob.evaluate(() => globalThis.session.post('before'));
    await waitForEntries(ann, 1);
    network.off();
    await waitForState(ann, 'reconnecting');
    await ann.evaluate(() => void globalThis.session.post('from afar'));
    await waitFor(bob, 'connectionDestroyed', 'Ann networkDisconnected');
    await bob.evaluate(() => globalThis.session.post('meanwhile'));
    network.on();
    await ann.evaluate(() => globalThis.dispatchEvent(new Event('online'))); // reconnects at once, whatever the pause
    for (const page of [ann, bob]) {
      await waitForEntries(page, 3);
      assert.deepEqual(await bodies(page), ['before', 'meanwhile', 'from afar']);
    }
    await videosPlay(bob, 1); // the camera was published again
    assert.deepEqual(await happened(bob, 'stream'), ['camera', 'camera']);
    assert.deepEqual(await happened(ann, 'state'), ['live', 'reconnecting', ...(await retries(ann)), 'live']);
  });

  await t.test('a socket that is dead but open', async (t) => {
    const network = await startNetwork(t, server);
    const ann = await open(t);
    await joinIn(ann, { session: 'silent', data: 'Ann', url: network.url });
    network.silence();
    await waitForState(ann, 'reconnecting'); // a missing pong shows it, within 20 seconds
    network.on();
    await waitForState(ann, 'live');
  });

  await t.test('a reload with a post that waits', async (t) => {
    const network = await startNetwork(t, server);
    const ann = await open(t);
    await joinIn(ann, { session: 'reload', data: 'Ann', url: network.url });
    network.off();
    await waitForState(ann, 'reconnecting');
    await ann.evaluate(() => ['one', 'two'].forEach((body) => globalThis.session.post(body)));
    await ann.reload();
    await ann.waitForFunction(() => globalThis.chattok);
    await joinIn(ann, { session: 'reload', data: 'Ann', url: network.url, history: 10 }, { wait: false });
    await ann.waitForFunction(() => globalThis.session.store.get().pending.length === 2);
    network.on();
    await waitForEntries(ann, 2);
    assert.deepEqual(await bodies(ann), ['one', 'two']);
    await ann.waitForFunction(() => !Object.keys(localStorage).some((name) => name.startsWith('chattok:outbox:'))); // the answers may come after the entries
  });

  await t.test("posts that wait are not another's, and not lost with their tab", async (t) => {
    const network = await startNetwork(t, server);
    const ann = await open(t);
    await joinIn(ann, { session: 'tabs', data: 'Ann', url: network.url, userKey: 'the key of Ann, kept by the page' });
    network.off();
    await waitForState(ann, 'reconnecting');
    await ann.evaluate(() => void globalThis.session.post('of a closed tab'));
    const bob = await openTab(ann.context(), `${origin}/`);
    const second = await openTab(ann.context(), `${origin}/`);
    await joinIn(bob, { session: 'tabs', data: 'Bob', url: network.url, userKey: 'the key of Bob, kept by the page' }, { wait: false });
    await joinIn(second, { session: 'tabs', data: 'Ann', url: network.url, userKey: 'the key of Ann, kept by the page' }, { wait: false });
    assert.equal(await second.evaluate(() => globalThis.session.store.get().pending.length), 0); // they belong to ann
    await ann.close();
    network.on();
    await Promise.all([bob, second].map((page) => page.evaluate(() => globalThis.session.wake())));
    await waitForState(bob, 'live');
    assert.equal(await bob.evaluate(() => globalThis.session.store.get().pending.length), 0);
    await waitForEntries(second, 1);
    assert.deepEqual(
      await second.evaluate(() => globalThis.session.store.get().entries.map(({ body, connection }) => [body, connection.data])),
      [['of a closed tab', 'Ann']],
    );
  });

  await t.test('a duplicated tab, and a reload', async (t) => {
    const ann = await open(t);
    await joinIn(ann, { session: 'duplicate', data: 'Ann' });
    const bob = await open(t);
    await joinIn(bob, { session: 'duplicate', data: 'Bob' });
    const [twin] = await Promise.all([
      ann.context().waitForEvent('page'),
      ann.evaluate(() => void globalThis.open(location.href)), // the new tab has a copy of sessionStorage
    ]);
    await twin.waitForFunction(() => globalThis.chattok);
    await joinIn(twin, { session: 'duplicate', data: 'Ann' });
    await waitFor(bob, 'connectionCreated', 'Ann');
    const ids = await bob.evaluate(() => globalThis.session.store.get().connections.map(({ data }) => data));
    assert.deepEqual(ids, ['Ann', 'Bob', 'Ann']);
    await twin.reload();
    await twin.waitForFunction(() => globalThis.chattok);
    await joinIn(twin, { session: 'duplicate', data: 'Ann' });
    await waitFor(bob, 'connectionDestroyed', 'Ann');
    await bob.waitForFunction(() => globalThis.happened.filter(([name]) => name === 'connectionCreated').length === 2);
    assert.deepEqual(await happened(bob, 'connectionDestroyed'), ['Ann clientDisconnected']);
    for (const page of [ann, bob, twin]) assert.deepEqual(await happened(page, 'state'), ['live']); // no tab ended another's connection
  });

  await t.test('history, page by page, and a page that is read twice', async (t) => {
    const ann = await open(t);
    await joinIn(ann, { session: 'history', data: 'Ann' });
    await ann.evaluate(() => Promise.all(Array.from({ length: 25 }, (_, n) => globalThis.session.post(`${n}`))));
    const bob = await open(t);
    await joinIn(bob, { session: 'history', data: 'Bob', history: 10 });
    await waitForEntries(bob, 10);
    const pages = await bob.evaluate(async () => {
      const { session } = globalThis;
      const [more, same] = await Promise.all([session.loadHistory(10), session.loadHistory(10)]);
      return [more, same, session.store.get().entries.length, await session.loadHistory(10), session.store.get().history];
    });
    assert.deepEqual(pages, [true, true, 20, false, { hasMore: false, loading: false }]);
    assert.deepEqual(await bodies(bob), Array.from({ length: 25 }, (_, n) => `${n}`));
    assert.deepEqual(await happened(bob, 'entry'), []); // earlier entries are no events
  });

  await t.test('signals wait in their order, or are refused', async (t) => {
    const network = await startNetwork(t, server);
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    await joinIn(ann, { session: 'signals', data: 'Ann', url: network.url });
    await joinIn(bob, { session: 'signals', data: 'Bob' });
    network.off();
    await waitForState(ann, 'reconnecting');
    const code = await ann.evaluate(async () => {
      const { session } = globalThis;
      globalThis.sent = Promise.all(['a', 'b', 'c'].map((data) => session.signal('note', data)));
      return session.signal('note', 'never', { retryAfterReconnect: false }).catch((error) => error.code);
    });
    assert.equal(code, 'NETWORK');
    network.on();
    await ann.evaluate(async () => {
      await globalThis.session.ready;
      await globalThis.sent;
      await globalThis.session.signal('note', 'd');
    });
    await waitFor(bob, 'signal', 'd');
    assert.deepEqual(await happened(bob, 'signal'), ['a', 'b', 'c', 'd']);
    const gone = await ann.evaluate(() => globalThis.session.signal('note', 'x', { to: 'nobody' }).catch(({ code }) => code));
    assert.equal(gone, 'NOT_FOUND');
  });

  await t.test('what the server refuses', async (t) => {
    const ann = await open(t);
    await joinIn(ann, { session: 'refused', data: 'Ann' });
    const outcome = await ann.evaluate(async () => {
      const { session } = globalThis;
      const long = session.post('x'.repeat(16_385)).catch(({ code }) => code);
      const after = session.post('after it').then(({ seq }) => seq);
      const codes = [await long, await after];
      const [item] = session.store.get().pending;
      session.retry(item.key);
      const again = session.store.get().pending.map(({ state }) => state);
      await session.post('and on');
      const failed = session.store.get().pending.map(({ state, error }) => [state, error.code]);
      session.drop(item.key);
      return { codes, again, failed, left: session.store.get().pending };
    });
    assert.deepEqual(outcome, {
      codes: ['BAD_USER_INPUT', 1],
      again: ['pending'],
      failed: [['failed', 'BAD_USER_INPUT']],
      left: [],
    });
    const wrong = await open(t);
    await joinIn(wrong, { token: 'no token' }, { wait: false });
    await waitForState(wrong, 'refused');
    const refusal = await wrong.evaluate(() => globalThis.session.ready.catch(({ code }) => code));
    assert.equal(refusal, 'UNAUTHENTICATED');
    assert.deepEqual(await happened(wrong, 'state'), ['refused']);
  });
});

/** Returns the states of a page's further attempts to reach the server. */
async function retries(page) {
  const states = await happened(page, 'state');
  return states.slice(2, -1).filter((name) => name === 'reconnecting');
}
