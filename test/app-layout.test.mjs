// The room's layout at each size of window, with two, four and nine people and with a shared screen: no control covers another
// or leaves the window, names can be read, and touch targets are large enough. CHATTOK_SCREENSHOTS names a folder for
// screenshots.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join as joinPath } from 'node:path';
import test from 'node:test';
import { joinSession, openPage, startBrowser } from './app.mjs';
import { desktop, names, phone, publish, settle } from './crowd.mjs';
import { paintCamera } from './painted.mjs';
import { startServer } from './server.mjs';

test('the layout', async (t) => {
  const folder = process.env.CHATTOK_SCREENSHOTS;
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  const picture = (page, name) => folder && page.screenshot({ path: joinPath(folder, `layout-${name}.png`) });
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  const server = await startServer(t);
  const browser = await startBrowser(t);
  const url = `${server.origin}/s/layout`;
  const prepare = (hue) => (page) => page.addInitScript(paintCamera, { hue, small: process.env.CHATTOK_SCREENSHOTS === undefined });
  const crowd = await openPage(t, browser, `${server.origin}/`, { prepare: prepare(200) });
  const touch = { hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
  const desk = await joinSession(t, browser, url, 'Ann', { viewport: { width: 1280, height: 720 }, prepare: prepare(165) });
  const hand = await joinSession(t, browser, url, 'Zoë', { viewport: { width: 390, height: 844 }, prepare: prepare(43), video: false, ...touch });
  const faults = [];
  const found = [];

  const look = async (scene) => {
    for (const [page, sizes, finger] of [[desk, desktop, false], [hand, phone, true]]) {
      for (const [label, [width, height]] of Object.entries(sizes)) {
        await page.setViewportSize({ width, height });
        await page.evaluate(settle);
        await picture(page, `${scene}-${label}`);
        for (const fault of await page.evaluate(inspect, finger)) faults.push(`${scene} at ${width}×${height}: ${fault}`);
      }
    }
    if (scene === 'two' || scene === 'nine') return; // the other scenes have the same elements for axe
    for (const page of [desk, hand]) {
      // Notices fade out, with less contrast while they do.
      await page.getByText(' joined').first().waitFor({ state: 'detached', timeout: 20_000 }).catch(() => {});
      for (const media of [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { colorScheme: 'light', forcedColors: 'active' }]) {
        await page.emulateMedia(media);
        await page.evaluate(settle);
        const name = media.forcedColors ? 'forced' : media.colorScheme;
        await picture(page, `${scene}-${page === desk ? 'desk' : 'hand'}-${name}`);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run(document));
        found.push(...violations.map(({ impact, id, nodes }) => `${scene} ${name}: ${impact} ${id} ${nodes.map(({ html }) => html)}`));
      }
      await page.emulateMedia({ colorScheme: null, forcedColors: null });
    }
  };

  let there = 0;
  const bring = async (count) => {
    await crowd.evaluate(publish, { session: 'layout', names: names.slice(there, count) });
    there = count;
    for (const page of [desk, hand]) {
      for (const name of names.slice(0, there)) await page.getByRole('figure', { name, exact: true }).waitFor();
    }
  };

  await t.test('one’s own picture is moved and hidden', async () => {
    await desk.setViewportSize({ width: 1280, height: 720 });
    await desk.evaluate(settle);
    const own = desk.getByRole('figure', { name: 'Ann (you)' });
    const area = await desk.locator('.stage-area').boundingBox();
    const before = await own.boundingBox();
    await desk.mouse.move(before.x + before.width / 2, before.y + before.height / 2);
    await desk.mouse.down();
    await desk.mouse.move(area.x + 60, area.y + 60, { steps: 4 });
    await desk.mouse.up();
    await desk.waitForFunction((limit) => document.querySelector('.self-view').getBoundingClientRect().left < limit, area.x + 40);
    await own.hover();
    await own.getByRole('button', { name: 'Your picture' }).click();
    await desk.getByRole('menuitem', { name: 'Hide your picture' }).click();
    await own.waitFor({ state: 'detached' });
    await desk.getByRole('button', { name: 'More' }).click();
    await desk.getByRole('menuitemcheckbox', { name: 'Show your picture' }).click();
    await own.waitFor();
  });
  for (const scene of ['two', 'four', 'nine']) {
    await t.test(`${scene} people`, async () => {
      await bring({ two: 0, four: 2, nine: 7 }[scene]); // two are there already
      await look(scene);
    });
  }
  await t.test('a shared screen', async () => {
    await crowd.evaluate(publish, { session: 'layout', names: ['Ben'], screen: true });
    for (const page of [desk, hand]) await page.getByRole('figure', { name: 'Ben’s screen' }).waitFor();
    await look('share');
    // On a phone in landscape the shared screen has most of the room, and the own picture is small.
    await hand.setViewportSize({ width: 844, height: 390 });
    await hand.evaluate(settle);
    const share = await hand.getByRole('figure', { name: 'Ben’s screen' }).boundingBox();
    assert.ok(share.width * share.height > 0.5 * 844 * 390, `${share.width}×${share.height} of 844×390`);
    await desk.setViewportSize({ width: 1280, height: 720 });
    await desk.evaluate(settle);
    const own = await desk.getByRole('figure', { name: 'Ann (you)' }).boundingBox();
    const other = await desk.getByRole('figure', { name: 'Ben’s screen' }).boundingBox();
    assert.ok(own.width * own.height < 0.2 * other.width * other.height);
  });
  await t.test('the layouts, and one screen enlarged, pinned and whole', async () => {
    const tile = desk.getByRole('figure', { name: 'Ben’s screen' });
    const choose = async (item) => {
      await tile.hover();
      await tile.getByRole('button', { name: 'Options for Ben’s screen' }).click();
      await desk.getByRole('menuitem', { name: item }).click();
    };
    const width = () => tile.locator('video').evaluate((video) => video.offsetWidth);
    const whole = await width();
    await choose('Enlarge to 150 %');
    await desk.waitForFunction((least) => document.querySelector('.zoomed video')?.offsetWidth >= least, whole * 1.4);
    await choose('Full screen');
    await desk.waitForFunction(() => document.fullscreenElement !== null);
    await desk.evaluate(() => document.exitFullscreen());
    await crowd.evaluate(() => globalThis.screens.forEach((publication) => void publication.unpublish()));
    await tile.waitFor({ state: 'detached' });
    const larges = () => desk.locator('.tile.large').count();
    for (const [name, count] of [['Speaker large', 1], ['All alike', 0]]) {
      await desk.getByRole('button', { name: 'More' }).click();
      await desk.getByRole('menuitemcheckbox', { name }).click();
      await desk.waitForFunction((n) => document.querySelectorAll('.tile.large').length === n, count);
      assert.equal(await larges(), count);
    }
  });
  await t.test('nothing lies where it should not, and axe finds nothing', () => {
    for (const fault of [...faults, ...found]) t.diagnostic(fault);
    assert.deepEqual(faults, []);
    assert.deepEqual(found.filter((violation) => /: (serious|critical|moderate) /.test(violation)), []);
  });
  await Promise.all([crowd, desk, hand].map((page) => page.context().close())); // before the server ends
});

/** Runs in a page: returns a list of faults in the layout. */
function inspect(finger) {
  const list = [];
  const nameOf = (element) => element.ariaLabel || element.textContent.trim().slice(0, 30) || element.id || element.tagName;
  const sheet = document.querySelector('.panel') && getComputedStyle(document.querySelector('.panel')).position === 'fixed' ? document.querySelector('.panel') : null;
  const all = [...document.querySelectorAll('button, a[href], input, select, textarea')].filter((element) => element.checkVisibility());
  // Elements under an open sheet can't be reached, and those scrolled out of the log are not visible.
  const controls = all.filter((element) => !(sheet && !sheet.contains(element)) && !element.closest('.log'));
  const boxes = controls.map((element) => ({ element, name: nameOf(element), box: element.getBoundingClientRect() }));
  for (const { element, name, box } of boxes) {
    if (box.width === 0) continue;
    if (box.left < -0.5 || box.top < -0.5 || box.right > innerWidth + 0.5 || box.bottom > innerHeight + 0.5) {
      list.push(`${name} leaves the window: ${[box.left, box.top, box.right, box.bottom].map(Math.round)}`);
    }
    if (finger && (box.width < 43.5 || box.height < 43.5) && !element.matches('textarea')) {
      list.push(`${name} is ${Math.round(box.width)}×${Math.round(box.height)} under a finger`);
    }
  }
  for (const [index, a] of boxes.entries()) {
    for (const b of boxes.slice(index + 1)) {
      if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
      const x = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const y = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      if (x > 1 && y > 1) list.push(`${a.name} and ${b.name} overlap by ${Math.round(x)}×${Math.round(y)}`);
    }
  }
  for (const tile of document.querySelectorAll('figure')) {
    const label = tile.querySelector('.caption-name');
    const range = document.createRange();
    range.setStart(label.firstChild, 0);
    range.setEnd(label.firstChild, 3);
    const letters = range.getBoundingClientRect();
    const box = label.getBoundingClientRect();
    // An ellipsis takes room from the letters.
    const room = label.scrollWidth > label.clientWidth ? box.width - parseFloat(getComputedStyle(label).fontSize) : box.width;
    if (letters.width > room + 0.5) list.push(`${tile.ariaLabel} shows less than three letters`);
    const face = tile.getBoundingClientRect();
    const caption = tile.querySelector('.caption').getBoundingClientRect();
    if (caption.height > face.height * 0.34) list.push(`the name of ${tile.ariaLabel} covers ${Math.round((100 * caption.height) / face.height)} % of the tile's height`);
  }
  if (document.documentElement.scrollWidth > innerWidth) list.push('the page is wider than the window');
  return list;
}
