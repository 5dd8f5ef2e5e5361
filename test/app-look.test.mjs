// Accessibility and looks: every view in light and dark, wide and narrow, checked by axe, with a screenshot of each.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import test from 'node:test';
import { entries, join, openPage, pending, plays, say, startBrowser } from './app.mjs';
import { paintCamera } from './painted.mjs';
import { startServer } from './server.mjs';

const wide = { viewport: { width: 1440, height: 900 } };
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const tablet = { viewport: { width: 820, height: 1180 } };
const dark = { colorScheme: 'dark' };

test('how the page looks', async (t) => {
  const folder = process.env.CHATTOK_SCREENSHOTS ?? (await mkdtemp(joinPath(tmpdir(), 'chattok-screenshots-')));
  await mkdir(folder, { recursive: true });
  t.diagnostic(`screenshots in ${folder}`);
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  const found = [];
  const look = async (page, name) => {
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map(settled)));
    await page.screenshot({ path: joinPath(folder, `app-${name}.png`) });
    await page.evaluate(axe);
    const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
    assert.ok(passes.length > 10, `axe looked at ${passes.length} rules on ${name}`);
    found.push(...violations.map(({ impact, id, nodes }) => `${name}: ${impact} ${id} ${nodes.map(({ html }) => html)}`));
    const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(excess, 0, `${name} is wider than the window`);
  };

  const server = await startServer(t);
  const browser = await startBrowser(t);
  const url = `${server.origin}/s/studio`;
  const open = (hue, options) => {
    const prepare = async (page) => {
      await page.addInitScript(paintCamera, { hue });
      await page.addInitScript(() => {
        // Endless animations are not waited for.
        globalThis.settled = (each) => (each.effect.getTiming().iterations === Infinity ? undefined : each.finished);
      });
    };
    return openPage(t, browser, `${server.origin}/`, { outage: true, prepare, ...options });
  };

  const ann = await open(165, wide);
  const ben = await open(255, { ...wide, ...dark });
  const cleo = await open(43, phone);
  const dan = await open(87, tablet);

  await t.test('the start page and the pre-join view', async () => {
    await look(ann, 'start');
    await look(ben, 'start-dark');
    await look(cleo, 'start-phone');
    for (const page of [ann, ben, cleo, dan]) {
      await page.goto(url);
      await page.getByRole('button', { name: 'Turn camera off' }).waitFor();
    }
    await ann.getByRole('textbox', { name: 'Name' }).fill('Ann');
    await look(ann, 'prejoin');
    await look(ben, 'prejoin-dark');
    await look(cleo, 'prejoin-phone');
    await look(dan, 'prejoin-tablet');
  });

  await t.test('one alone, and two', async () => {
    await join(ann, 'Ann');
    await look(ann, 'alone');
    await join(ben, 'Ben');
    await Promise.all([plays(ann, 'Ben'), plays(ben, 'Ann')]);
    await talk(ann, ben);
    await ann.getByText('Ben joined').waitFor({ state: 'detached' });
    await look(ann, 'two');
    await look(ben, 'two-dark');
    await ann.getByRole('button', { name: 'People' }).click();
    await look(ann, 'people');
    await ann.getByRole('button', { name: 'Devices and help' }).click();
    await look(ann, 'devices');
    await ann.getByRole('button', { name: 'Done' }).click();
    await ann.getByRole('button', { name: 'Chat' }).click();
  });

  await t.test('four, and a shared screen', async () => {
    await join(cleo, 'Cleo');
    await join(dan, 'Dan');
    await Promise.all([cleo, dan].flatMap((page) => [plays(page, 'Ann'), plays(page, 'Ben')]));
    await Promise.all([plays(ann, 'Cleo'), plays(ann, 'Dan')]);
    await ben.getByRole('button', { name: 'Share screen' }).click();
    await Promise.all([ann, cleo, dan].map((page) => plays(page, 'Ben’s screen')));
    await dan.getByRole('button', { name: 'Mute' }).click();
    await ann.getByRole('figure', { name: 'Dan' }).getByLabel('muted').waitFor();
    await ann.getByText('joined').first().waitFor({ state: 'detached' });
    await look(ann, 'four');
    await look(cleo, 'phone');
    await look(dan, 'tablet');
    await cleo.getByRole('button', { name: /^Chat/ }).click();
    await entries(cleo, 'agenda').waitFor();
    await look(cleo, 'phone-chat');
  });

  await t.test('having left, reconnecting, and a post that waits', async () => {
    for (const page of [dan, ben]) await page.getByRole('button', { name: 'Leave' }).click();
    await ben.getByRole('heading', { name: 'You left' }).waitFor();
    await look(ben, 'left-dark');
    await server.kill();
    await Promise.all([ann, cleo].map((page) => page.getByText('Reconnecting').waitFor()));
    await say(ann, 'It will go out by itself.');
    await pending(ann, 'by itself').waitFor();
    await look(ann, 'reconnecting');
    await look(cleo, 'phone-reconnecting');
    await server.start();
    await entries(ann, 'by itself').waitFor();
  });

  await t.test('axe finds nothing serious', () => {
    for (const violation of found) t.diagnostic(violation);
    assert.deepEqual(found.filter((violation) => /: (serious|critical) /.test(violation)), []);
  });
});

/** Entries that show all forms of text: an answer, an edit, reactions. */
async function talk(ann, ben) {
  const choose = async (page, text, role, name) => {
    await entries(page, text).hover();
    await entries(page, text).getByRole('button', { name: 'Message options' }).click();
    await page.getByRole(role, { name }).click();
  };
  const both = async (page, text) => {
    await say(page, text);
    for (const reader of [ann, ben]) await entries(reader, text).waitFor();
  };
  await both(ann, 'Good morning! I put the agenda here: https://example.org/agenda');
  await both(ben, 'It is easier to see if I share my screen. Shall I?');
  await choose(ben, 'agenda', 'menuitemcheckbox', 'Thumbs up');
  await entries(ann, 'agenda').getByRole('button', { name: '👍 1' }).click();
  await choose(ann, 'agenda', 'menuitemcheckbox', 'Party');
  await choose(ann, 'It is easier', 'menuitem', 'Reply');
  await both(ann, 'Yes, plaese do.');
  await choose(ann, 'plaese', 'menuitem', 'Edit');
  await both(ann, 'Yes, please do.');
}
