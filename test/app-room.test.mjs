// A room's further features: hands, reactions, code, emoji, notifications, and frames in other pages.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test from 'node:test';
import { atEnd } from './at-end.mjs';
import { entries, join, joinSession, openPage, plays, say, startBrowser, texts } from './app.mjs';
import { startServer } from './server.mjs';

const quiet = { audio: false, video: false };

test('the room', async (t) => {
  const around = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    const [, path] = /^\/\?(.*)$/.exec(request.url) ?? [];
    response.end(path === undefined ? '' : `<!doctype html><title>around</title><iframe src="${path}" width="280" height="560" allow="camera; microphone; clipboard-write"></iframe>`);
  });
  await new Promise((ready) => around.listen(0, '127.0.0.1', ready));
  atEnd(t, () => around.close());
  const site = `http://127.0.0.1:${around.address().port}`;
  const server = await startServer(t, { CHATTOK_FRAME_ANCESTORS: site, CHATTOK_THEME: 'accent=#1d4ed8/#93c5fd,radius=4px' });
  const browser = await startBrowser(t);
  const at = (session) => `${server.origin}/s/${session}`;

  await t.test('a raised hand is seen by those who are there and those who come; a reaction by all', async (t) => {
    const ann = await joinSession(t, browser, at('hands'), 'Ann', quiet);
    const ben = await joinSession(t, browser, at('hands'), 'Ben', quiet);
    await ann.getByRole('button', { name: 'React' }).click();
    await ann.getByRole('menuitemcheckbox', { name: 'Raise your hand' }).click();
    const hand = (page) => page.getByRole('figure', { name: /^Ann/ }).getByLabel('hand raised');
    await hand(ben).waitFor();
    await hand(ann).waitFor();
    const cleo = await joinSession(t, browser, at('hands'), 'Cleo', quiet);
    await hand(cleo).waitFor(); // joins later, and sees it too
    await ben.getByRole('button', { name: 'React' }).click();
    await ben.getByRole('menuitem', { name: 'Applause' }).click();
    for (const page of [ann, cleo]) await page.getByRole('figure', { name: /^Ben/ }).getByText('👏').waitFor();
    await ann.getByRole('button', { name: 'React' }).click();
    await ann.getByRole('menuitemcheckbox', { name: 'Lower your hand' }).click();
    for (const page of [ann, ben, cleo]) await hand(page).waitFor({ state: 'detached' });
  });

  await t.test('code is set as code, emoji alone are large, and found by name; files are refused in words', async (t) => {
    const ann = await joinSession(t, browser, at('code'), 'Ann', quiet);
    await say(ann, 'run `npm test` and <b>not</b> `https://example.org`, a ` alone, https://example.org/x');
    const one = entries(ann, 'npm test');
    await one.waitFor();
    assert.deepEqual(await one.locator('code').allTextContents(), ['npm test', 'https://example.org']);
    assert.deepEqual(await one.getByRole('link').evaluateAll((list) => list.map(({ href }) => href)), ['https://example.org/x']);
    assert.equal(await one.locator('b').count(), 0);
    await say(ann, 'see\n```js\nconst a = `b`;\n  <i>\n```\nthere');
    const block = entries(ann, 'const a');
    await block.waitFor();
    assert.deepEqual(await block.locator('pre').allTextContents(), ['const a = `b`;\n  <i>']);
    const message = ann.getByRole('textbox', { name: 'Message' });
    await message.pressSequentially('well :part');
    await ann.getByRole('button', { name: ':party:' }).click();
    assert.equal(await message.inputValue(), 'well 🥳');
    await message.fill('');
    await message.pressSequentially(':tada:');
    await ann.waitForFunction(() => document.getElementById('message').value === '🎉');
    await message.press('Enter');
    await entries(ann, '🎉').waitFor();
    const size = (text) => entries(ann, text).locator('.entry-body').evaluate((body) => parseFloat(getComputedStyle(body).fontSize));
    assert.ok((await size('🎉')) > 1.5 * (await size('npm test')));
    await message.evaluate((area) => {
      const data = new DataTransfer();
      data.items.add(new File(['x'], 'picture.png', { type: 'image/png' }));
      area.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    });
    await ann.getByText('Files and pictures can’t be sent here.').waitFor();
    await ann.getByRole('alert', { name: 'Faults' }).getByRole('button', { name: 'Dismiss' }).click();
    await ann.getByText('Files and pictures can’t be sent here.').waitFor({ state: 'detached' });
  });

  await t.test('a run of one sender has his name again', async (t) => {
    const ann = await joinSession(t, browser, at('run'), 'Ann', quiet);
    const ben = await joinSession(t, browser, at('run'), 'Ben', quiet);
    for (let n = 1; n <= 18; n++) await say(ben, `line ${n}.`);
    await entries(ann, 'line 18.').waitFor();
    const heads = await ann.getByRole('log').locator('.entry.head').count();
    assert.equal(heads, 3); // the first, the 8th and the 16th
  });

  await t.test('who talks while muted is told; the level shows around the button', async (t) => {
    const prepare = (page) =>
      page.addInitScript(() => {
        // A microphone with continuous sound: the browser's fake device only beeps.
        navigator.mediaDevices.getUserMedia = async () => {
          const context = new AudioContext();
          const tone = context.createOscillator();
          const output = context.createMediaStreamDestination();
          tone.connect(output);
          tone.start();
          return output.stream;
        };
      });
    const ann = await openPage(t, browser, at('muted'), { prepare });
    await ann.getByRole('textbox', { name: 'Name' }).fill('Ann');
    await ann.getByRole('button', { name: 'Turn microphone off' }).waitFor();
    await ann.getByRole('button', { name: 'Join' }).click();
    await ann.waitForFunction(() => Number(document.querySelector('.own-level')?.style.getPropertyValue('--level')) > 0);
    await ann.getByRole('button', { name: 'Mute', exact: true }).click();
    await ann.getByRole('status', { name: 'Microphone' }).getByText('You are muted').waitFor();
  });

  await t.test('messages that nobody looked at mark the tab, and notifications are offered then', async (t) => {
    const prepare = (page) =>
      page.addInitScript(() => {
        globalThis.told = [];
        globalThis.Notification = class {
          static permission = 'default';
          static async requestPermission() {
            return (this.permission = 'granted');
          }
          constructor(title, { body }) {
            globalThis.told.push(`${title}: ${body}`);
          }
          close() {}
        };
        Document.prototype.hasFocus = () => !globalThis.away;
      });
    const ann = await joinSession(t, browser, at('attention'), 'Ann', { ...quiet, prepare });
    const ben = await joinSession(t, browser, at('attention'), 'Ben', quiet);
    const icon = () => ann.locator('link[rel=icon]').getAttribute('href');
    const look = (away) =>
      ann.evaluate((value) => {
        globalThis.away = value;
        dispatchEvent(new Event(value ? 'blur' : 'focus'));
      }, away);
    assert.doesNotMatch(await icon(), /unread/);
    await look(true);
    await say(ben, 'are you there?');
    await ann.waitForFunction(() => /^\(1\)/.test(document.title));
    assert.match(await icon(), /favicon-unread\.svg$/);
    assert.equal((await ann.request.get(new URL(await icon(), ann.url()).href)).status(), 200);
    assert.deepEqual(await ann.evaluate(() => globalThis.told), []); // no notification was requested yet
    await look(false);
    await ann.waitForFunction(() => !document.title.startsWith('('));
    assert.doesNotMatch(await icon(), /unread/);
    await ann.getByRole('button', { name: 'Notify me' }).click();
    await ann.getByRole('button', { name: 'Notify me' }).waitFor({ state: 'detached' });
    await look(true);
    await say(ben, 'and now?');
    await ann.waitForFunction(() => globalThis.told.length === 1);
    assert.deepEqual(await ann.evaluate(() => globalThis.told), ['Ben: and now?']);
    await ann.getByRole('button', { name: 'Devices and help' }).click();
    await ann.getByRole('checkbox', { name: 'A notification while you look elsewhere' }).uncheck();
    await ann.getByRole('checkbox', { name: 'A sound for messages' }).check();
    await ann.getByRole('button', { name: 'Test the loudspeaker' }).click();
    await ann.getByRole('button', { name: 'Done' }).click();
    await say(ben, 'not told');
    await entries(ann, 'not told').waitFor();
    assert.equal(await ann.evaluate(() => globalThis.told.length), 1);
  });

  await t.test('a tile’s menu: the volume of a person, by keyboard', async (t) => {
    const ann = await joinSession(t, browser, at('volume'), 'Ann', quiet);
    const ben = await joinSession(t, browser, at('volume'), 'Ben');
    await plays(ann, 'Ben');
    await ann.getByRole('button', { name: 'Options for Ben' }).focus();
    await ann.keyboard.press('Enter');
    await ann.waitForFunction(() => document.activeElement.role === 'menuitem');
    await ann.getByRole('slider', { name: 'Volume of Ben, for you' }).fill('30');
    const volume = () => ann.getByRole('figure', { name: 'Ben', exact: true }).locator('video').evaluate((video) => video.volume);
    await ann.waitForFunction(() => document.querySelector('figure[aria-label=Ben] video').volume < 0.5);
    assert.equal(await volume(), 0.3);
    await ann.keyboard.press('Escape');
    await ann.waitForFunction(() => document.activeElement.ariaLabel === 'Options for Ben'); // the focus is back
    await ben.close();
  });

  await t.test('a person’s picture goes into a window of its own, and plays there', async (t) => {
    const ann = await joinSession(t, browser, at('window'), 'Ann', quiet);
    const ben = await joinSession(t, browser, at('window'), 'Ben', { audio: false });
    await plays(ann, 'Ben');
    await ann.getByRole('button', { name: 'Options for Ben' }).click();
    await ann.getByRole('menuitem', { name: 'Picture in picture' }).click();
    await ann.waitForFunction(() => document.pictureInPictureElement?.closest('figure')?.ariaLabel === 'Ben');
    await plays(ann, 'Ben');
    await ben.getByRole('button', { name: 'Stop video' }).click();
    await ann.getByRole('button', { name: 'Options for Ben' }).click();
    await ann.getByRole('menuitem', { name: 'Pin Ben' }).waitFor();
    assert.equal(await ann.getByRole('menuitem', { name: 'Picture in picture' }).count(), 0); // there is no picture
    await ann.evaluate(() => {
      document.pictureInPictureElement.addEventListener('leavepictureinpicture', () => (globalThis.pictureClosed = true));
    });
    await ben.getByRole('button', { name: 'Leave' }).click();
    await ann.getByRole('figure', { name: 'Ben', exact: true }).waitFor({ state: 'detached' });
    await ann.waitForFunction(() => globalThis.pictureClosed === true && document.pictureInPictureElement === null);
  });

  await t.test('the background is blurred where the browser can, also of a camera that is opened later', async (t) => {
    const prepare = (page) =>
      page.addInitScript(() => {
        // The fake camera can't blur. Of a real one these are the two calls that matter.
        const { getCapabilities, applyConstraints } = MediaStreamTrack.prototype;
        globalThis.blurred = [];
        MediaStreamTrack.prototype.getCapabilities = function () {
          return { ...getCapabilities.call(this), ...(this.kind === 'video' && { backgroundBlur: [false, true] }) };
        };
        MediaStreamTrack.prototype.applyConstraints = function (constraints) {
          if (!('backgroundBlur' in constraints)) return applyConstraints.call(this, constraints);
          globalThis.blurred.push(constraints.backgroundBlur);
          return Promise.resolve();
        };
      });
    const ann = await joinSession(t, browser, at('blur'), 'Ann', { audio: false, prepare });
    assert.deepEqual(await ann.evaluate(() => globalThis.blurred.filter(Boolean)), []);
    await ann.getByRole('button', { name: 'Devices and help' }).click();
    const blur = ann.getByRole('checkbox', { name: 'Blur the background behind you' });
    await blur.check();
    await ann.waitForFunction(() => globalThis.blurred.at(-1) === true);
    await ann.getByRole('button', { name: 'Done' }).click();
    await ann.getByRole('button', { name: 'Stop video' }).click();
    await ann.evaluate(() => (globalThis.blurred = []));
    await ann.getByRole('button', { name: 'Start video' }).click();
    await ann.waitForFunction(() => globalThis.blurred.at(-1) === true);
    await ann.getByRole('button', { name: 'Devices and help' }).click();
    await blur.uncheck();
    await ann.waitForFunction(() => globalThis.blurred.at(-1) === false);
  });

  await t.test('a site that is named has the page in a frame, as a chat of 280 pixels; another has not', async (t) => {
    const writer = await joinSession(t, browser, at('framed'), 'Ben', quiet);
    const page = await browser.newPage();
    atEnd(t, () => page.close());
    await page.goto(`${site}/?${at('framed')}?view=chat`);
    const frame = page.frameLocator('iframe');
    await frame.getByRole('textbox', { name: 'Name' }).fill('Framed');
    await frame.getByRole('button', { name: 'Join' }).click();
    const message = frame.getByRole('textbox', { name: 'Message' });
    await message.fill('from a frame');
    await message.press('Enter');
    await entries(writer, 'from a frame').waitFor();
    assert.equal(await frame.getByRole('button', { name: /Mute|Start video|Share/ }).count(), 0);
    const width = await frame.locator('html').evaluate((root) => [root.scrollWidth, innerWidth]);
    assert.equal(width[0], width[1]);
    const accent = await frame.getByRole('button', { name: 'Send' }).evaluate((button) => getComputedStyle(button.closest('.room')).getPropertyValue('--accent'));
    assert.equal(accent, '#1d4ed8');

    const strange = await browser.newPage();
    atEnd(t, () => strange.close());
    const other = await startServer(t);
    const refused = strange.waitForEvent('console', (line) => /frame-ancestors/.test(line.text()));
    await strange.goto(`${site}/?${other.origin}/s/x`);
    await refused;
    assert.equal(await strange.frameLocator('iframe').getByRole('button', { name: 'Join' }).count(), 0);
  });
});
