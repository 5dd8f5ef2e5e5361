// Details of the page's look that people met as faults: notices, forced colours, the door on small screens, times, motion.
import assert from 'node:assert/strict';
import test from 'node:test';
import { entries, joinSession, openPage, pending, say, startBrowser } from './app.mjs';
import { startServer } from './server.mjs';

const secret = 'a secret of thirty-two bytes, or more';
const quiet = { audio: false, video: false };
const wide = { viewport: { width: 1280, height: 720 } };

test('details', async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret });
  const browser = await startBrowser(t);
  const at = (session) => `${server.origin}/s/${session}`;
  const invite = async (session, role, data) => {
    const operator = { authorization: `Bearer ${secret}` };
    await server.run('mutation ($id: ID) { createSession(id: $id) { id } }', { id: session }, operator);
    const mutation = 'mutation ($session: ID!, $role: Role, $data: String) { createToken(sessionId: $session, role: $role, data: $data) { token } }';
    return `${at(session)}#token=${(await server.run(mutation, { session, role, data }, operator)).createToken.token}`;
  };

  await t.test('a notice covers nothing, opens the chat, does not come while that is open, and stays in the room', async (t) => {
    const ann = await joinSession(t, browser, at('notices'), 'Ann', { ...quiet, ...wide });
    const news = ann.getByRole('status', { name: 'News' });
    // A notice is there for some seconds only, which on a busy machine pass before the other page is ready.
    const [ben] = await Promise.all([joinSession(t, browser, at('notices'), 'Ben', { ...quiet, ...wide }), news.getByText('Ben joined').waitFor()]);
    await say(ben, 'the chat is open');
    await entries(ann, 'the chat is open').waitFor();
    assert.equal(await news.getByText('the chat is open').count(), 0);
    await ann.getByRole('button', { name: 'Close chat' }).click();
    await ann.getByRole('button', { name: 'People' }).click();
    await say(ben, 'the chat is closed');
    const notice = news.getByRole('button', { name: 'Ben: the chat is closed' });
    await notice.waitFor();
    const covered = await ann.evaluate(() => {
      const boxOf = (element) => element.getBoundingClientRect();
      const toasts = [...document.querySelectorAll('.toast')].map(boxOf);
      const others = [...document.querySelectorAll('figure, .room-header *, .panel, .panel button, .controls button')];
      const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
      return others.filter((other) => toasts.some((toast) => overlap(toast, boxOf(other)))).map(({ outerHTML }) => outerHTML.slice(0, 80));
    });
    assert.deepEqual(covered, []);
    await notice.click();
    await entries(ann, 'the chat is closed').waitFor();
    await notice.waitFor({ state: 'detached' });
    await ben.getByRole('button', { name: 'React' }).click();
    await ben.getByRole('menuitemcheckbox', { name: 'Raise your hand' }).click();
    await Promise.all([joinSession(t, browser, at('notices'), 'Cleo', quiet), ann.getByText('Cleo joined').waitFor()]);
    await ann.getByRole('button', { name: 'Leave' }).click();
    await ann.getByRole('heading', { name: 'You left' }).waitFor();
    assert.equal(await ann.locator('.toast').count(), 0);
  });

  await t.test('a long name in a small tile keeps clear of the corner and of the speaker’s ring', async (t) => {
    const connect = 'mutation ($data: String) { connect(sessionId: "names", data: $data) { expiresAt } }';
    for (let n = 0; n < 5; n++) await server.run(connect, { data: `Bartholomew Featherstonehaugh the ${n}th` });
    const ann = await joinSession(t, browser, at('names'), 'Ann', { ...quiet, viewport: { width: 390, height: 844 } });
    await ann.getByRole('figure', { name: 'the 4th' }).waitFor();
    const gaps = await ann.locator('.tile-face').evaluateAll((faces) =>
      faces.flatMap((face) => {
        const name = face.querySelector('.caption-name');
        if (name === null || name.scrollWidth <= name.clientWidth) return [];
        const [outer, inner] = [face, name].map((element) => element.getBoundingClientRect());
        return [Math.min(inner.left - outer.left, outer.right - inner.right)];
      }),
    );
    assert.ok(gaps.length > 0 && gaps.every((gap) => gap >= 7.9), `the names are ${gaps} px from the edges`);
  });

  await t.test('in forced colours the speaker, the own messages, the focus and what is off can be told apart', async (t) => {
    const prepare = (page) => page.emulateMedia({ forcedColors: 'active' });
    const ann = await joinSession(t, browser, at('forced'), 'Ann', { ...quiet, ...wide, prepare });
    const ben = await joinSession(t, browser, at('forced'), 'Ben', { video: false }); // the fake microphone beeps
    await say(ann, 'mine');
    await say(ben, 'another’s');
    await entries(ann, 'another’s').waitFor();
    const border = (locator, pseudo) =>
      locator.evaluate((element, pseudo) => {
        const { borderTopColor, borderTopStyle, borderTopWidth } = getComputedStyle(element, pseudo);
        return `${borderTopWidth} ${borderTopStyle} ${borderTopColor}`;
      }, pseudo);
    assert.notEqual(await border(entries(ann, 'mine').locator('.bubble')), await border(entries(ann, 'another’s').locator('.bubble')));
    const face = ann.getByRole('figure', { name: 'Ben', exact: true }).locator('.tile-face');
    await ann.locator('.tile.speaking').waitFor();
    const speaking = await ann.locator('.tile.speaking .tile-face').evaluate((element) => getComputedStyle(element, '::after').borderTopWidth);
    assert.equal(speaking, '4px');
    await ben.getByRole('button', { name: 'Mute', exact: true }).click();
    await ann.locator('.tile.speaking').waitFor({ state: 'detached' });
    assert.notEqual((await border(face, '::after')).split(' ')[0], '4px');
    const unmute = ann.getByRole('button', { name: 'Unmute' }).locator('.room-control-face');
    const chat = ann.getByRole('button', { name: /^Chat/ }).locator('.room-control-face');
    const people = ann.getByRole('button', { name: 'People' }).locator('.room-control-face');
    const states = await Promise.all([unmute, chat, people].map((locator) => border(locator)));
    assert.equal(new Set(states).size, 3, `off, open and closed look alike: ${states}`);
    await ann.getByRole('button', { name: 'People' }).focus();
    await ann.keyboard.press('Tab');
    const outline = await ann.evaluate(() => getComputedStyle(document.activeElement).outline);
    assert.match(outline, /solid/);
    assert.match(outline, /3px/);
  });

  await t.test('"Join" is on every screen without scrolling, under a header of one line, and a name that is given does not look like a field', async (t) => {
    const ann = await openPage(t, browser, at('fold'));
    for (const [width, height] of [[320, 640], [390, 844], [844, 390], [640, 360], [1280, 720], [1920, 1080]]) {
      await ann.setViewportSize({ width, height });
      const { top, bottom } = await ann.getByRole('button', { name: 'Join' }).evaluate((button) => button.getBoundingClientRect().toJSON());
      const header = await ann.locator('.start-header').evaluate((element) => [...element.children].map((child) => child.getBoundingClientRect().toJSON()));
      assert.ok(header.every((box) => box.left >= 16 && box.right <= width - 16 && box.bottom <= 92), `the header of ${width}: ${JSON.stringify(header)}`);
      assert.ok(top >= 0 && bottom <= height, `Join is at ${top} to ${bottom} of ${height}, ${width} wide`);
    }
    const look = (page) =>
      page.getByRole('textbox', { name: 'Name' }).evaluate((input) => {
        const { borderTopColor, backgroundColor, cursor } = getComputedStyle(input);
        return { readOnly: input.readOnly, colors: `${borderTopColor} ${backgroundColor}`, cursor };
      });
    const guest = await openPage(t, browser, await invite('given', 'PUBLISHER', 'Guest'));
    await guest.getByText('Your invitation says what you are called.').waitFor();
    const [free, given] = [await look(ann), await look(guest)];
    assert.deepEqual([free.readOnly, given.readOnly], [false, true]);
    assert.notEqual(given.colors, free.colors);
  });

  await t.test('the bubbles of others stand out in the dark as in the light; an hour of one digit has one', async (t) => {
    const prepare = async (page) => {
      await page.clock.install({ time: new Date('2026-03-04T09:05:00') });
    };
    const ann = await joinSession(t, browser, at('bubbles'), 'Ann', { ...quiet, ...wide, locale: 'en-US', timezoneId: 'UTC', prepare });
    const ben = await joinSession(t, browser, at('bubbles'), 'Ben', quiet);
    await say(ben, 'can you see this?');
    await entries(ann, 'can you see this?').waitFor();
    for (const colorScheme of ['light', 'dark']) {
      await ann.emulateMedia({ colorScheme });
      const ratio = await entries(ann, 'can you see this?').locator('.bubble').evaluate(contrast);
      assert.ok(ratio >= 1.15, `${ratio} in the ${colorScheme}`);
    }
    const times = await ann.getByRole('log').locator('time').evaluateAll((list) => list.map((time) => time.textContent.trim()));
    assert.ok(times.length > 0 && times.every((text) => /^(1[0-2]|[1-9]):\d\d\s[AP]M$/.test(text)), times.join());
  });

  await t.test('a moderator’s tile has one button, whose menu says what each action does', async (t) => {
    const chair = await openPage(t, browser, await invite('tiles', 'MODERATOR', 'Chair'), wide);
    const guest = await openPage(t, browser, await invite('tiles', 'PUBLISHER', 'Guest'));
    for (const page of [chair, guest]) {
      await page.getByRole('button', { name: 'Turn camera off' }).waitFor();
      await page.getByRole('button', { name: 'Join' }).click();
    }
    const tile = chair.getByRole('figure', { name: 'Guest', exact: true });
    await tile.locator('video').waitFor();
    assert.equal(await tile.getByRole('button').count(), 1);
    await tile.hover();
    await tile.getByRole('button', { name: 'Options for Guest' }).click();
    for (const name of ['Mute Guest', 'End the video of Guest', 'Remove Guest', 'Ban Guest']) await chair.getByRole('menuitem', { name }).waitFor();
    await chair.getByRole('menuitem', { name: 'End the video of Guest' }).click();
    await chair.getByRole('dialog').getByRole('button', { name: 'End video' }).waitFor(); // it asks
    await chair.keyboard.press('Escape');
    await chair.getByRole('dialog').waitFor({ state: 'hidden' });
    await guest.getByRole('button', { name: 'Stop video' }).waitFor();
  });

  await t.test('a tab asks before it takes an unsent post with it; a dropped file is refused in words', async (t) => {
    const prepare = (page) =>
      page.routeWebSocket(/graphql$/, (socket) => {
        const onward = socket.connectToServer();
        socket.onMessage((message) => message.includes('addChatEntry') || onward.send(message));
      });
    const ann = await joinSession(t, browser, at('unsent'), 'Ann', { ...quiet, prepare });
    await say(ann, 'not sent');
    await pending(ann, 'not sent').waitFor();
    const dialog = ann.waitForEvent('dialog');
    ann.evaluate(() => location.reload()).catch(() => {});
    const asked = await dialog;
    assert.equal(asked.type(), 'beforeunload');
    await asked.dismiss();
    await ann.getByRole('textbox', { name: 'Message' }).evaluate((area) => {
      const data = new DataTransfer();
      data.items.add(new File(['x'], 'picture.png', { type: 'image/png' }));
      area.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    await ann.getByText('Files and pictures can’t be sent here.').waitFor();
  });

  await t.test('those who come are told of by a notification, and the loudspeaker can be heard', async (t) => {
    const prepare = (page) =>
      page.addInitScript(() => {
        localStorage.setItem('chattok.app.choices', JSON.stringify({ notify: 'yes' }));
        globalThis.told = [];
        globalThis.Notification = class {
          static permission = 'granted';
          constructor(title, { body }) {
            globalThis.told.push(`${title}: ${body}`);
          }
          close() {}
        };
        Document.prototype.hasFocus = () => globalThis.away !== true;
      });
    const ann = await joinSession(t, browser, at('told'), 'Ann', { ...quiet, prepare });
    await ann.evaluate(() => (globalThis.away = true));
    await Promise.all([joinSession(t, browser, at('told'), 'Ben', quiet), ann.getByText('Ben joined').waitFor()]);
    assert.deepEqual(await ann.evaluate(() => globalThis.told), ['told: Ben joined']);
    await ann.getByRole('button', { name: 'Devices and help' }).click();
    await ann.getByRole('button', { name: 'Test the loudspeaker' }).click();
    const loud = await ann.evaluate(async () => {
      const media = document.querySelector('dialog audio').srcObject;
      const context = new AudioContext();
      const analyser = context.createAnalyser();
      context.createMediaStreamSource(media).connect(analyser);
      const samples = new Float32Array(analyser.fftSize);
      for (let n = 0; n < 1_000; n++) {
        analyser.getFloatTimeDomainData(samples);
        if (samples.some((sample) => Math.abs(sample) > 0.01)) return true;
        await new Promise((done) => setTimeout(done, 20));
      }
      return false;
    });
    assert.ok(loud);
  });

  await t.test('with reduced motion nothing moves', async (t) => {
    const prepare = (page) => page.emulateMedia({ reducedMotion: 'reduce' });
    const ann = await joinSession(t, browser, at('motion'), 'Ann', { ...quiet, prepare });
    const ben = await joinSession(t, browser, at('motion'), 'Ben', quiet);
    await say(ben, 'hello');
    await entries(ann, 'hello').waitFor();
    const moving = await ann.evaluate(() =>
      [...document.querySelectorAll('*')].flatMap((element) => {
        const { animationName, animationDuration, animationIterationCount, transitionDuration } = getComputedStyle(element);
        const animated = animationName !== 'none' && (parseFloat(animationDuration) > 0.01 || animationIterationCount === 'infinite');
        const slow = transitionDuration.split(',').some((each) => parseFloat(each) > 0.01);
        return animated || slow ? [`${element.className}: ${animationName} ${animationDuration}, ${transitionDuration}`] : [];
      }),
    );
    assert.deepEqual(moving, []);
  });
});

/** Runs in a page: returns the contrast between an element's background and the one behind it, as WCAG 2 defines it. */
function contrast(element) {
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const luminanceOf = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const isClear = (color) => /^rgba\(.*, 0\)$|^transparent$/.test(color);
  let behind = element.parentElement;
  while (behind.parentElement && isClear(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const both = [element, behind].map((each) => luminanceOf(getComputedStyle(each).backgroundColor)).sort((a, b) => b - a);
  return (both[0] + 0.05) / (both[1] + 0.05);
}
