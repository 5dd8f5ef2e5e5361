// The page in real browsers with fake devices, against the real binary: meeting, writing, reading, and odd inputs.
import assert from 'node:assert/strict';
import test from 'node:test';
import { entries, join, joinSession, openPage, pending, plays, say, startBrowser, texts } from './app.mjs';
import { startProxy } from './proxy.mjs';
import { startServer } from './server.mjs';

test('the page', async (t) => {
  const server = await startServer(t);
  const browser = await startBrowser(t);
  const proxy = await startProxy(t, server.origin, '/some/prefix');
  const at = (session) => `${server.origin}/s/${session}`;

  await t.test('two meet by a link, see and hear and write to each other, and one leaves', async (t) => {
    const ann = await openPage(t, browser, `${server.origin}/`, { permissions: ['clipboard-read', 'clipboard-write'] });
    await ann.getByRole('button', { name: 'New session' }).click();
    await join(ann, 'Ann');
    await ann.getByRole('button', { name: 'Copy link' }).click();
    await ann.getByText('Link copied').waitFor();
    const link = await ann.evaluate(() => navigator.clipboard.readText());
    assert.equal(link, ann.url());

    const ben = await joinSession(t, browser, link, 'Ben');
    await ann.getByText('Ben joined').waitFor();
    await Promise.all([plays(ann, 'Ben'), plays(ben, 'Ann')]);

    await ann.getByRole('button', { name: 'Devices and help' }).click();
    await ann.getByRole('dialog').getByLabel('Camera').selectOption({ label: 'fake_device_1' });
    // The new camera is shown and sent in place of the old one. Its frames can't be awaited at the other end: the clock of a
    // second fake camera restarts, and Chromium drops frames with an older timestamp.
    await ann.waitForFunction(() => {
      const own = document.querySelector('figure[aria-label="Ann (you)"] video').srcObject?.getVideoTracks() ?? [];
      const sent = globalThis.peers.flatMap((peer) => peer.getSenders()).flatMap(({ track }) => track ?? []);
      return [own, sent].every((tracks) => tracks.some(({ label }) => label === 'fake_device_1'));
    });
    await ann.getByRole('button', { name: 'Done' }).click();

    await say(ann, 'hello Ben');
    await entries(ben, 'hello Ben').waitFor();
    await say(ben, 'hello Ann');
    await entries(ann, 'hello Ann').waitFor();
    for (const page of [ann, ben]) assert.deepEqual(await texts(page), ['hello Ben', 'hello Ann']);

    await ben.getByRole('button', { name: 'Leave' }).click();
    await ben.getByRole('heading', { name: 'You left' }).waitFor();
    await ann.getByText('Ben left').waitFor();
    await ann.getByRole('figure', { name: 'Ben', exact: true }).waitFor({ state: 'detached' });
    assert.equal(await ann.getByRole('figure').count(), 1);

    await ben.getByRole('button', { name: 'Back to the session' }).click();
    await join(ben, 'Ben');
    await entries(ben, 'hello Ann').waitFor(); // the log was kept
    await ben.goto(`${server.origin}/`); // leaves without pressing Leave
    await ann.getByRole('figure', { name: 'Ben', exact: true }).waitFor({ state: 'detached' });
    await ben.getByRole('link', { name: new RegExp(new URL(link).pathname.split('/').at(-1)) }).waitFor(); // a recent session
  });

  await t.test('the start page opens what is pasted, and says what it can not open', async (t) => {
    const ann = await openPage(t, browser, at('not a session'));
    await ann.getByText('That address names no session.').waitFor();
    const link = ann.getByRole('textbox', { name: 'Link or code of a session' });
    await link.fill('no such thing!');
    await link.press('Enter');
    await ann.getByText('Paste a link such as').waitFor();
    await link.fill(`${at('pasted')}#token=not.a.token`);
    await link.press('Enter');
    assert.equal(ann.url(), at('pasted'));
    await ann.getByRole('textbox', { name: 'Name' }).fill('  ');
    await ann.getByRole('button', { name: 'Join' }).click();
    await ann.getByText('Tell the others what to call you.').waitFor();
    await ann.getByRole('textbox', { name: 'Name' }).fill(`Ann${'n'.repeat(100)}`);
    assert.equal((await ann.getByRole('textbox', { name: 'Name' }).inputValue()).length, 60);
    await ann.getByRole('button', { name: 'Join' }).click();
    await ann.getByText('Your invitation is not accepted').waitFor();
  });

  await t.test('what people write is text', async (t) => {
    const markup = '<img src=x onerror=document.title="gotcha">';
    const ann = await joinSession(t, browser, at('text'), markup, { video: false });
    const ben = await joinSession(t, browser, at('text'), 'Ben', { video: false });
    await say(ann, `${markup} javascript:alert(1) [a](https://b) https://example.org/a_(b)?c=<d>, www.example.org.`);
    const entry = entries(ben, 'javascript:');
    await entry.waitFor();
    assert.equal(
      await entry.locator('.entry-body').textContent(),
      `${markup} javascript:alert(1) [a](https://b) https://example.org/a_(b)?c=<d>, www.example.org.`,
    );
    const links = await entry.getByRole('link').evaluateAll((list) => list.map(({ href, rel }) => [href, rel]));
    const rel = 'noopener noreferrer nofollow';
    assert.deepEqual(links, [
      ['https://example.org/a_(b)?c=', rel],
      ['https://www.example.org/', rel],
    ]);
    await ben.getByRole('figure', { name: markup, exact: true }).waitFor();
    for (const page of [ann, ben]) {
      assert.equal(await page.locator('img').count(), 0);
      assert.match(await page.title(), /text · ChatTok$/);
    }
  });

  await t.test('Enter sends, but not while an input method composes; Shift+Enter is a new line', async (t) => {
    const ann = await joinSession(t, browser, at('keys'), 'Ann', { audio: false, video: false });
    const message = ann.getByRole('textbox', { name: 'Message' });
    await message.fill('にほん');
    for (const composing of [{ isComposing: true }, { keyCode: 229 }]) {
      await message.dispatchEvent('keydown', { key: 'Enter', ...composing });
      assert.equal(await message.inputValue(), 'にほん');
    }
    await message.press('Shift+Enter');
    await message.pressSequentially('second');
    await message.press('Enter');
    await entries(ann, 'にほん').waitFor();
    assert.deepEqual(await texts(ann), ['にほん\nsecond']);
    assert.equal(await message.inputValue(), '');
    await message.fill('  \n ');
    await message.press('Enter');
    assert.ok(await ann.getByRole('button', { name: 'Send' }).isDisabled());
    assert.equal((await texts(ann)).length, 1);
  });

  await t.test('a text of 16 KiB goes, a byte more does not, and the composer says so', async (t) => {
    const ann = await joinSession(t, browser, at('size'), 'Ann', { audio: false, video: false });
    const message = ann.getByRole('textbox', { name: 'Message' });
    await message.fill(`${'€'.repeat(5461)}ab`); // 16,385 bytes, but 5,463 characters
    await ann.getByText('Too long by 1 bytes; the limit is 16,384 bytes.').waitFor();
    await message.press('Enter');
    assert.ok(await ann.getByRole('button', { name: 'Send' }).isDisabled());
    assert.deepEqual(await texts(ann), []);
    await message.press('Backspace');
    await ann.getByText('0 of 16,384 bytes left').waitFor();
    await message.press('Enter');
    await entries(ann, 'a').waitFor();
    assert.deepEqual(await texts(ann), [`${'€'.repeat(5461)}a`]);
  });

  await t.test('a post that the server refuses can be tried again or dropped', async (t) => {
    const ann = await joinSession(t, browser, at('refused'), 'Ann', { audio: false, video: false });
    await say(ann, 'no server takes a \0'); // the schema forbids U+0000
    const failed = pending(ann, 'no server takes');
    await failed.getByText('Not sent').waitFor();
    await failed.getByRole('button', { name: 'Try again' }).click();
    await failed.getByText('Not sent').waitFor();
    await say(ann, 'but this');
    await entries(ann, 'but this').waitFor(); // a refused post does not block the next
    await failed.getByRole('button', { name: 'Drop' }).click();
    await failed.waitFor({ state: 'detached' });
    assert.deepEqual(await texts(ann), ['but this']);
  });

  await t.test('the keyboard reaches everything', async (t) => {
    const ann = await joinSession(t, browser, at('shortcuts'), 'Ann');
    await ann.keyboard.press('Alt+KeyM');
    await ann.getByRole('button', { name: 'Unmute' }).waitFor();
    await ann.keyboard.press('Alt+KeyV');
    await ann.getByRole('button', { name: 'Start video' }).waitFor();
    await ann.keyboard.press('Alt+KeyC'); // the focus was in the chat, so it closes
    await ann.getByRole('log').waitFor({ state: 'detached' });
    assert.equal(await ann.evaluate(() => document.activeElement.id), 'open-chat'); // the focus moves to the button that opens it
    const ben = await joinSession(t, browser, at('shortcuts'), 'Ben', { audio: false, video: false });
    await say(ben, 'said while she looks elsewhere');
    await ann.getByRole('status', { name: 'News' }).getByText('Ben: said while she looks elsewhere').waitFor();
    await ann.getByRole('button', { name: 'Chat, 1 unread' }).waitFor();
    assert.match(await ann.title(), /^\(1\) /);
    await ann.keyboard.press('Alt+KeyC');
    await ann.waitForFunction(() => document.activeElement.ariaLabel === 'Message');
    await ann.keyboard.type('typed at once');
    await ann.keyboard.press('Enter');
    await entries(ann, 'typed at once').waitFor();
    await ann.getByRole('button', { name: 'Devices and help' }).focus();
    await ann.keyboard.press('Enter');
    await ann.getByRole('dialog').waitFor();
    await ann.keyboard.press('Escape');
    await ann.getByRole('dialog').waitFor({ state: 'hidden' });
    const focused = await ann.evaluate(() => document.activeElement.ariaLabel);
    assert.equal(focused, 'Devices and help'); // the focus is back
  });

  await t.test('who is typing shows, until it is sent', async (t) => {
    const ann = await joinSession(t, browser, at('writing'), 'Ann', { audio: false, video: false });
    const ben = await joinSession(t, browser, at('writing'), 'Ben', { audio: false, video: false });
    await ann.getByText('Ben joined').waitFor();
    await ann.getByRole('textbox', { name: 'Message' }).pressSequentially('a few words');
    await ben.getByText('Ann is typing').waitFor();
    assert.equal(await ann.getByText('is typing').count(), 0);
    await ann.keyboard.press('Enter');
    await ben.getByText('Ann is typing').waitFor({ state: 'detached' });
    await ann.getByRole('textbox', { name: 'Message' }).fill('and then nothing');
    await ben.getByText('Ann is typing').waitFor();
    await ben.getByText('Ann is typing').waitFor({ state: 'detached' }); // the notice expires
  });

  await t.test('the same over https and behind a path prefix', async (t) => {
    const ann = await openPage(t, browser, `${proxy.origin}/some/prefix/`);
    await ann.getByRole('button', { name: 'New session' }).click();
    assert.match(ann.url(), /\/some\/prefix\/s\/[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}$/);
    await join(ann, 'Ann', { video: false });
    const ben = await joinSession(t, browser, ann.url(), 'Ben', { video: false });
    await say(ann, 'behind a proxy');
    await entries(ben, 'behind a proxy').waitFor();
  });
});
