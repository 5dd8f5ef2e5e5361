// A log that changes, through the page: editing, deleting, reacting, replying, what is unread, slow mode and bans.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import test from 'node:test';
import { joinSession, openPage, patience, say, startBrowser } from './app.mjs';
import { startServer } from './server.mjs';

const quiet = { audio: false, video: false };
const phone = { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true };
const secret = 'a-secret-of-the-tests-that-is-long-enough';
const rates = { CHATTOK_RATE_POSTS: '100000/s,100000', CHATTOK_RATE_POST_BYTES: '1GiB/s,1GiB' };

/** Locates the message with this text; the text of a quote does not count. */
const message = (page, text) =>
  page.getByRole('log').locator('.entry').filter({ has: page.locator('.entry-body').filter({ hasText: text }) });

/** Opens a message's menu by the pointer. */
async function openMenu(page, text) {
  await message(page, text).hover();
  await message(page, text).getByRole('button', { name: 'Message options' }).click();
  await page.getByRole('menu', { name: 'Message options' }).waitFor();
}

async function choose(page, text, item) {
  await openMenu(page, text);
  await page.getByRole('menuitem', { name: item }).click();
}

async function react(page, text, name) {
  await openMenu(page, text);
  await page.getByRole('menuitemcheckbox', { name }).click();
}

async function remove(page, text) {
  await choose(page, text, 'Delete');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
}

async function edit(page, text, next) {
  await choose(page, text, 'Edit');
  const field = page.getByRole('textbox', { name: 'Message' });
  assert.equal(await field.inputValue(), text);
  await field.fill(next);
  await field.press('Enter');
}

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Asserts that axe finds nothing. */
async function check(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  assert.deepEqual(violations.map(({ id, nodes }) => `${what}: ${id} ${nodes.map(({ html }) => html)}`), []);
}

/** Runs in a page: what the log shows, without times and without what depends on the reader. */
const shown = () =>
  [...document.querySelectorAll('.log .entry')].map((entry) => ({
    body: entry.querySelector('.entry-body').textContent,
    edited: entry.querySelector('.entry-time')?.textContent.includes('edited'),
    waits: entry.classList.contains('pending') || entry.querySelector('.entry-time svg') !== null,
    quote: entry.querySelector('.quote')?.textContent ?? null,
    reactions: [...entry.querySelectorAll('.chip')].map((chip) => chip.getAttribute('aria-label')),
  }));

/** Waits until all pages show the same messages, given by their texts, and none waits. Returns what they show. */
async function agree(pages, bodies) {
  const agreed = (rows) => JSON.stringify(rows.map(({ body }) => body)) === JSON.stringify(bodies) && rows.every(({ waits }) => !waits);
  const end = Date.now() + patience;
  for (const page of pages) {
    for (let rows = await page.evaluate(shown); !agreed(rows); rows = await page.evaluate(shown)) {
      if (Date.now() > end) throw new Error(JSON.stringify(rows, null, 1));
      await page.waitForTimeout(100);
    }
  }
  const [first, ...others] = await Promise.all(pages.map((page) => page.evaluate(shown)));
  for (const other of others) assert.deepEqual(other, first);
  return first;
}

test('a log that changes', async (t) => {
  const server = await startServer(t, rates);
  const browser = await startBrowser(t);
  const at = (session) => `${server.origin}/s/${session}`;

  await t.test('two post, edit, react, reply and delete; one is cut off, one reloads; both end with the same', async (t) => {
    const ann = await joinSession(t, browser, at('both'), 'Ann', { ...quiet, outage: true });
    const ben = await joinSession(t, browser, at('both'), 'Ben', { ...quiet, outage: true });
    await say(ann, 'one');
    await message(ben, 'one').waitFor();
    await say(ben, 'two');
    await message(ann, 'two').waitFor();
    await react(ben, 'one', 'Heart');
    await message(ann, 'one').getByRole('button', { name: '❤️ 1' }).click();
    await message(ben, 'one').getByRole('button', { name: '❤️ 2' }).waitFor();
    await edit(ann, 'one', 'one, mended');
    await choose(ben, 'one, mended', 'Reply');
    await ben.getByText('Answer to Ann').waitFor();
    await say(ben, 'three');
    await say(ann, 'a secret that is taken back');
    await message(ben, 'a secret').waitFor();
    await react(ben, 'a secret', 'Party');
    await remove(ann, 'a secret');
    await message(ben, 'Deleted by its author').waitFor();

    await ann.context().setOffline(true);
    await ann.getByText('Reconnecting').waitFor();
    await edit(ann, 'one, mended', 'one, mended offline');
    await react(ann, 'two', 'Laughing');
    await choose(ann, 'three', 'Reply');
    await say(ann, 'four');
    await edit(ben, 'two', 'two, mended meanwhile');
    await react(ben, 'one, mended', 'Party');
    await say(ben, 'five, which will go');
    await remove(ben, 'five, which');
    await ben.reload();
    await message(ben, 'two, mended meanwhile').waitFor();
    await ann.context().setOffline(false);
    await ann.getByText('Reconnecting').waitFor({ state: 'detached' });

    const gone = 'Deleted by its author';
    const log = await agree([ann, ben], ['one, mended offline', 'two, mended meanwhile', 'three', gone, gone, 'four']);
    assert.deepEqual(log.map(({ edited }) => edited), [true, true, false, false, false, false]);
    assert.deepEqual(log.map(({ reactions }) => reactions), [['❤️ 2', '🎉 1'], ['😂 1'], [], [], [], []]);
    assert.deepEqual(log.map(({ quote }) => quote?.replace('Answers ', '') ?? null), [null, null, 'Annone, mended offline', null, null, 'Benthree']);
    for (const page of [ann, ben]) {
      assert.doesNotMatch(await page.content(), /secret|which will go/);
      assert.doesNotMatch(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage })), /secret|which will go/);
    }
    // The own reaction is pressed, and the names are its description.
    const heart = message(ann, 'one, mended').getByRole('button', { name: '❤️ 2' });
    assert.equal(await heart.getAttribute('aria-pressed'), 'true');
    await heart.hover();
    await ann.waitForFunction((chip) => chip.title === 'Ben and Ann', await heart.elementHandle());
    // Others' messages have neither edit nor deletion.
    await openMenu(ben, 'four');
    assert.deepEqual(await ben.getByRole('menu').getByRole('menuitem').allTextContents(), ['', 'Reply', 'Copy text']);
    await ben.keyboard.press('Escape');
    await choose(ben, 'one, mended', 'Who reacted');
    const names = ben.getByRole('dialog', { name: 'Who reacted' }).locator('dd');
    await names.nth(1).waitFor();
    assert.deepEqual(await names.allTextContents(), ['Ben, Ann', 'Ben']);
    await ben.getByRole('button', { name: 'Done' }).click();
    await heart.click();
    await message(ben, 'one, mended').getByRole('button', { name: '❤️ 1' }).waitFor();
    await check(ann, 'changes');
  });

  await t.test('a post that waits can be edited, also when it goes out meanwhile; the text of a refused edit is not lost', async (t) => {
    const ann = await joinSession(t, browser, at('waits'), 'Ann', { ...quiet, outage: true });
    const ben = await joinSession(t, browser, at('waits'), 'Ben', quiet);
    const field = ann.getByRole('textbox', { name: 'Message' });
    await ann.context().setOffline(true);
    await ann.getByText('Reconnecting').waitFor();
    await say(ann, 'waits');
    await field.press('ArrowUp');
    await field.fill('waits, mended');
    await field.press('Enter');
    await say(ann, 'and another');
    await field.press('ArrowUp');
    await field.fill('and another, mended');
    await ann.context().setOffline(false);
    await message(ben, 'and another').waitFor(); // it went out while it was edited
    await ann.getByText('Reconnecting').waitFor({ state: 'detached' });
    await message(ann, 'and another').and(ann.locator(':not(.pending)')).waitFor();
    await field.press('Enter');
    await agree([ann, ben], ['waits, mended', 'and another, mended']);

    await field.press('ArrowUp');
    await field.fill('what was meant');
    await ann.evaluate(async () => {
      const { connect } = await import(new URL('/sdk/chattok.js', location.origin)); // another device of the same user
      const other = await connect({ url: location.origin, session: 'waits', data: 'Ann', history: 10, persist: false });
      await other.remove(other.store.get().entries.at(-1).id);
      await other.disconnect();
    });
    await message(ann, 'Deleted by its author').waitFor();
    await field.press('Enter');
    await ann.getByText('Your message stays as it was: it is deleted.').waitFor();
    assert.equal(await field.inputValue(), 'what was meant');
  });

  await t.test('by the keyboard alone: edit the last, leave an edit, menus, picker, and the focus comes back', async (t) => {
    const ann = await joinSession(t, browser, at('keys'), 'Ann', { ...quiet, prepare: (page) => page.emulateMedia({ reducedMotion: 'reduce', forcedColors: 'active' }) });
    const field = ann.getByRole('textbox', { name: 'Message' });
    await say(ann, 'first');
    await say(ann, 'second');
    await message(ann, 'second').and(ann.locator(':not(.pending)')).waitFor();
    await field.press('ArrowUp');
    assert.equal(await field.inputValue(), 'second');
    await ann.getByText('Edit your message').waitFor();
    await field.fill('something else');
    await field.press('Escape');
    assert.equal(await field.inputValue(), '');
    await field.press('ArrowUp');
    await field.pressSequentially(', mended');
    await field.press('Enter');
    await message(ann, 'second, mended').getByText('edited').waitFor();
    await field.fill('a draft');
    await field.press('Home');
    await field.press('ArrowUp'); // a text that is there stays
    assert.equal(await field.inputValue(), 'a draft');

    await ann.getByRole('log').focus();
    await ann.keyboard.press('ArrowUp');
    await ann.keyboard.press('ArrowUp');
    const active = () => ann.evaluate(() => document.activeElement.querySelector('.entry-body')?.textContent ?? document.activeElement.ariaLabel);
    assert.equal(await active(), 'first');
    await ann.keyboard.press('Enter');
    const menu = ann.getByRole('menu', { name: 'Message options' });
    await menu.waitFor();
    await ann.waitForFunction(() => document.activeElement.ariaLabel === 'Thumbs up');
    await check(ann, 'menu');
    await ann.keyboard.press('Escape');
    await menu.waitFor({ state: 'detached' });
    assert.equal(await active(), 'first');
    await ann.keyboard.press('ContextMenu');
    await menu.waitFor();
    await ann.getByRole('menuitem', { name: 'More emoji' }).press('Enter');
    await ann.getByRole('dialog', { name: 'Choose an emoji' }).waitFor();
    await ann.waitForFunction(() => document.activeElement.ariaLabel === 'Name of an emoji');
    assert.ok((await ann.locator('.picker-grid button').count()) >= 60);
    await check(ann, 'picker');
    await ann.keyboard.press('ArrowDown');
    await ann.keyboard.press('ArrowRight');
    assert.equal(await active(), 'thumbsdown');
    await ann.keyboard.press('ArrowUp');
    await ann.keyboard.type(':rocket:');
    await ann.keyboard.press('Enter');
    const rocket = message(ann, 'first').getByRole('button', { name: '🚀 1' });
    await rocket.waitFor();
    assert.equal(await active(), 'first');
    await ann.keyboard.press('Tab');
    await ann.keyboard.press('Tab');
    assert.equal(await active(), '🚀 1'); // the message's menu, then its reactions
    await ann.keyboard.press('Enter');
    await rocket.waitFor({ state: 'detached' });
    assert.equal(await field.inputValue(), 'a draft');
    await message(ann, 'first').focus();
    await ann.keyboard.press('Shift+F10');
    await ann.getByRole('menuitem', { name: 'Reply' }).press('Enter');
    await ann.waitForFunction(() => document.activeElement.id === 'message');
    await ann.reload(); // the draft stays, and what it answers
    await message(ann, 'second, mended').waitFor();
    assert.equal(await field.inputValue(), 'a draft');
    await ann.getByText('Answer to Ann').waitFor();
    await field.press('Enter');
    await message(ann, 'a draft').locator('button.quote').filter({ hasText: 'first' }).waitFor();
    assert.equal(await field.inputValue(), '');
    assert.equal(await ann.getByText('Answer to').count(), 0);
  });

  await t.test('a quote leads to its original, also where that is not loaded; at the end one stays when a message grows', async (t) => {
    const poster = await connect(server, 'long', 'Ben');
    const first = await poster.post('the original of it all');
    for (let n = 1; n <= 320; n++) await poster.post(`entry ${n}. ${'and so on '.repeat((n * 7) % 20)}`);
    await poster.post('an answer', first);
    const last = await poster.post('the last one');
    const ann = await joinSession(t, browser, at('long'), 'Ann', quiet);
    const log = ann.getByRole('log');
    await message(ann, 'the last one').waitFor();
    const below = () => log.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight);
    await poster.run('mutation ($id: ID!) { reactToChatEntry(id: $id, name: "👍") { id } }', { id: last });
    await message(ann, 'the last one').getByRole('button', { name: '👍 1' }).waitFor();
    assert.ok((await below()) < 2, `${await below()} px below after a reaction`);
    await poster.run('mutation ($id: ID!, $body: String!) { editChatEntry(id: $id, body: $body) { id } }', { id: last, body: `grown\n${'line\n'.repeat(12)}end` });
    await message(ann, 'grown').waitFor();
    assert.ok((await below()) < 2, `${await below()} px below after an edit`);

    const quote = message(ann, 'an answer').locator('button.quote');
    await quote.scrollIntoViewIfNeeded();
    await quote.click();
    const original = message(ann, 'the original of it all');
    await original.waitFor();
    await ann.waitForFunction((entry) => entry === document.activeElement, await original.elementHandle());
    const box = await original.boundingBox();
    const frame = await log.boundingBox();
    assert.ok(box.y >= frame.y - 1 && box.y + box.height <= frame.y + frame.height, 'the original is in sight');
  });

  await t.test('what is new stands under a line and is counted, also after a reload, until it is read', async (t) => {
    const prepare = (page) => page.addInitScript(() => (Document.prototype.hasFocus = () => sessionStorage.getItem('away') === null));
    const ann = await joinSession(t, browser, at('unread'), 'Ann', { ...quiet, prepare });
    const ben = await joinSession(t, browser, at('unread'), 'Ben', quiet);
    await say(ben, 'known');
    await message(ann, 'known').waitFor();
    assert.equal(await ann.getByText('New messages').count(), 0);
    await ann.evaluate(() => (sessionStorage.setItem('away', 'yes'), dispatchEvent(new Event('blur'))));
    for (let n = 1; n <= 3; n++) await say(ben, `new ${n}`);
    await ann.waitForFunction(() => document.title.startsWith('(3)'));
    await remove(ben, 'new 2');
    await ann.waitForFunction(() => document.title.startsWith('(2)'));
    const under = () => ann.locator('.row').filter({ has: ann.getByText('New messages') }).locator('.entry-body').textContent();
    assert.equal(await under(), 'new 1');
    await ann.reload();
    await message(ann, 'new 3').waitFor();
    await ann.waitForFunction(() => document.title.startsWith('(2)'));
    assert.equal(await under(), 'new 1');
    await ann.evaluate(() => (sessionStorage.removeItem('away'), dispatchEvent(new Event('focus'))));
    await ann.waitForFunction(() => !document.title.startsWith('('));
    assert.equal(await under(), 'new 1'); // the line stays for the reader
    await ann.waitForFunction(() => document.querySelector('link[rel=icon]').href.endsWith('favicon.svg'));
    // To a newcomer nothing of it is news, wherever he looks.
    const away = (page) => page.addInitScript(() => (Document.prototype.hasFocus = () => false));
    const cleo = await joinSession(t, browser, at('unread'), 'Cleo', { ...quiet, prepare: away });
    await message(cleo, 'new 3').waitFor();
    assert.doesNotMatch(await cleo.title(), /^\(/);
    assert.equal(await cleo.getByText('New messages').count(), 0);
    await say(ben, 'new 4');
    await cleo.waitForFunction(() => document.title.startsWith('(1)'));
    await message(ann, 'new 4').waitFor();
    await ann.reload();
    await message(ann, 'new 3').waitFor();
    await ann.getByRole('button', { name: 'Leave' }).waitFor();
    assert.doesNotMatch(await ann.title(), /^\(/);
    assert.equal(await ann.getByText('New messages').count(), 0);
  });

  await t.test('on a touch screen of 320 pixels a long press opens the menu, and everything is large enough', async (t) => {
    const ann = await joinSession(t, browser, at('touch'), 'Ann', { ...quiet, ...phone });
    if (!(await ann.getByRole('log').count())) await ann.getByRole('button', { name: /^Chat/ }).click();
    await say(ann, 'press me');
    await ann.getByRole('button', { name: 'Send' }).click();
    await message(ann, 'press me').and(ann.locator(':not(.pending)')).waitFor();
    const small = () =>
      ann.evaluate(() =>
        [...document.querySelectorAll('.panel button, .menu button, .menu input')]
          .filter((each) => each.checkVisibility())
          .map((each) => [each.ariaLabel ?? each.textContent, each.getBoundingClientRect()])
          .filter(([, { width, height, left, right }]) => width < 43.9 || height < 43.9 || left < 0 || right > innerWidth)
          .map(([name, { width, height, left, right }]) => `${name}: ${width}×${height} at ${left} to ${right}`),
      );
    const box = await message(ann, 'press me').locator('.bubble').boundingBox();
    const touch = await ann.context().newCDPSession(ann);
    await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: box.x + 20, y: box.y + 15 }] });
    await ann.getByRole('menu', { name: 'Message options' }).waitFor();
    await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    assert.deepEqual(await small(), []);
    await ann.getByRole('menuitem', { name: 'More emoji' }).tap();
    await ann.getByRole('dialog', { name: 'Choose an emoji' }).waitFor();
    assert.deepEqual(await small(), []);
    await ann.getByRole('button', { name: 'tada' }).tap();
    await message(ann, 'press me').getByRole('button', { name: '🎉 1' }).waitFor();
    assert.deepEqual(await small(), []);
    assert.equal(await ann.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
    await check(ann, 'touch');
  });
});

test('moderators', async (t) => {
  const server = await startServer(t, { ...rates, CHATTOK_API_SECRET: secret });
  const browser = await startBrowser(t);
  const authorization = `Bearer ${secret}`;
  await server.run('mutation { createSession(id: "board") { id } }', {}, { authorization });
  const enter = async (role, name, { user = name, ...options } = {}) => {
    const { createToken } = await server.run(
      'mutation ($role: Role, $name: String, $user: ID) { createToken(sessionId: "board", role: $role, data: $name, userId: $user) { token } }',
      { role, name, user },
      { authorization },
    );
    const page = await openPage(t, browser, `${server.origin}/s/board#token=${createToken.token}`, { outage: true, ...options });
    await page.getByRole('button', { name: 'Turn camera off' }).click();
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByRole('button', { name: 'Leave' }).waitFor();
    return page;
  };
  const chair = await enter('MODERATOR', 'Chair');
  const guest = await enter('PUBLISHER', 'Guest');


  await t.test('slow mode counts down in the composer, which keeps its text', async () => {
    const slow = async (seconds) => {
      await chair.getByRole('combobox', { name: 'Slow mode' }).selectOption(seconds);
      await chair.waitForFunction((seconds) => document.querySelector('.moderation select').value === seconds, seconds);
    };
    const notice = guest.getByText('Slow mode: one message');
    await chair.getByRole('button', { name: 'People' }).click();
    await slow('300'); // no machine is so slow that it ends before the assertions
    await say(guest, 'quick');
    await message(guest, 'quick').waitFor();
    await guest.getByText('Slow mode: one message every 5 minutes.').waitFor();
    await check(guest, 'slow mode');
    await say(guest, 'too quick');
    assert.equal(await guest.getByRole('textbox', { name: 'Message' }).inputValue(), 'too quick');
    await slow('5');
    await notice.waitFor({ state: 'detached' });
    await guest.getByRole('textbox', { name: 'Message' }).press('Enter');
    await message(guest, 'too quick').and(guest.locator(':not(.pending)')).waitFor();
    await slow('0');
    await guest.getByText('Slow mode: one message').waitFor({ state: 'detached' });
  });

  await t.test('a read-only session shows so in place of the field, live, and takes it up again', async () => {
    const setting = (readOnly) =>
      server.run('mutation ($readOnly: Boolean) { updateSession(sessionId: "board", readOnly: $readOnly) { readOnly } }', { readOnly }, { authorization });
    const field = guest.getByRole('textbox', { name: 'Message' });
    const notice = guest.getByText('This session is read-only: only moderators write.');
    await field.fill('half a thought');
    await setting(true);
    await notice.waitFor();
    assert.equal(await field.count(), 0);
    await check(guest, 'read-only');
    await openMenu(guest, 'too quick');
    assert.deepEqual(await guest.getByRole('menuitem').allTextContents(), ['Copy text', 'Delete …']);
    assert.equal(await guest.getByRole('menuitemcheckbox').count(), 0);
    await guest.keyboard.press('Escape');
    await chair.getByRole('button', { name: /^Chat/ }).click();
    await say(chair, 'An announcement');
    await message(guest, 'An announcement').waitFor();
    const late = await enter('PUBLISHER', 'Late');
    await late.getByText('This session is read-only: only moderators write.').waitFor();
    await late.close();
    await setting(false);
    await field.waitFor();
    assert.equal(await field.inputValue(), 'half a thought');
    assert.equal(await notice.count(), 0);
    await field.press('Enter');
    await message(chair, 'half a thought').waitFor();
    await chair.getByRole('button', { name: 'People' }).click();
  });

  await t.test('a moderator deletes, and bans with what was written; the list of bans ends a ban', async () => {
    await chair.getByRole('button', { name: /^Chat/ }).click();
    await remove(chair, 'too quick');
    await message(guest, 'Deleted by a moderator').waitFor();
    await openMenu(chair, 'quick');
    await chair.getByRole('menuitem', { name: 'Ban Guest' }).click();
    const dialog = chair.getByRole('dialog', { name: 'Ban Guest?' });
    await dialog.waitFor();
    assert.equal(await dialog.getByRole('radio').count(), 4);
    await check(chair, 'ban');
    await dialog.getByRole('radio', { name: 'A day' }).check();
    await dialog.getByRole('checkbox', { name: 'Delete everything they wrote here' }).check();
    await dialog.getByRole('button', { name: 'Ban' }).click();
    await guest.getByRole('heading', { name: 'You were removed' }).waitFor();
    await message(chair, 'quick').waitFor({ state: 'detached' });
    await guest.getByRole('button', { name: 'Back to the session' }).click();
    await guest.getByRole('button', { name: 'Join' }).click();
    await guest.getByText(/A moderator banned you from this session until/).waitFor();

    await chair.getByRole('button', { name: 'People' }).click();
    await chair.getByText('Banned people').click();
    await chair.getByRole('button', { name: 'Unban Guest' }).waitFor();
    await check(chair, 'bans');
    await chair.getByRole('button', { name: 'Unban Guest' }).click();
    await chair.getByText('Nobody is banned.').waitFor();
    await guest.getByRole('button', { name: 'Join' }).click();
    await guest.getByRole('button', { name: 'Leave' }).waitFor();
    assert.equal(await guest.getByRole('combobox', { name: 'Slow mode' }).count(), 0);
  });

  await t.test('an invitation that names no user counts what is unread for as long as the page is open', async () => {
    const prepare = (page) => page.addInitScript(() => (Document.prototype.hasFocus = () => !globalThis.away));
    const plain = await enter('PUBLISHER', 'Plain', { user: null, prepare });
    await chair.getByRole('button', { name: /^Chat/ }).click();
    await plain.evaluate(() => ((globalThis.away = true), dispatchEvent(new Event('blur'))));
    await say(chair, 'for nobody in particular');
    await plain.waitForFunction(() => document.title.startsWith('(1)'));
    await plain.getByText('New messages').waitFor();
    await plain.evaluate(() => ((globalThis.away = false), dispatchEvent(new Event('focus'))));
    await plain.waitForFunction(() => !document.title.startsWith('('));
    await say(plain, 'mine');
    await plain.locator('.entry.pending').waitFor({ state: 'detached' });
    await edit(plain, 'mine', 'mine, mended'); // the connection is the author
    await message(chair, 'mine, mended').waitFor();
  });
});

/** Connects to a session without a page. `post` returns the entry's id. */
async function connect(server, session, name) {
  const { connect: mine } = await server.run(
    'mutation ($session: ID!, $name: String, $key: String) { connect(sessionId: $session, data: $name, userKey: $key) { accessToken connection { id } } }',
    { session, name, key: `a key of ${name} that is long enough` },
  );
  const run = (query, variables) => server.run(query, variables, { authorization: `Bearer ${mine.accessToken}` });
  const post = async (body, replyTo) => {
    const { addChatEntry } = await run(
      'mutation ($id: ID!, $body: String!, $replyTo: ID) { addChatEntry(connectionId: $id, body: $body, replyTo: $replyTo) { id } }',
      { id: mine.connection.id, body, replyTo },
    );
    return addChatEntry.id;
  };
  return { run, post };
}
