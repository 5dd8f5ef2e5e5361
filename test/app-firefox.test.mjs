// The journey through the page in Debian's Firefox, driven by WebDriver BiDi.
import assert from 'node:assert/strict';
import test from 'node:test';
import { firefox } from 'playwright-core';
import { entries, join, patience, plays, say, texts } from './app.mjs';
import { startServer } from './server.mjs';

const preferences = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
};

test('the journey in Firefox', async (t) => {
  const server = await startServer(t);
  const browser = await firefox.launch({
    channel: 'moz-firefox',
    executablePath: process.env.CHATTOK_FIREFOX ?? '/usr/bin/firefox-esr',
    firefoxUserPrefs: preferences,
  });
  t.after(() => browser.close());
  t.diagnostic(`Firefox ${browser.version()}`);
  const open = async (url) => {
    // This Firefox can't be told another colour scheme than its own.
    const context = await browser.newContext({ colorScheme: null, reducedMotion: null, forcedColors: null, contrast: null });
    context.setDefaultTimeout(patience);
    const page = await context.newPage();
    const faults = [];
    page.on('pageerror', (error) => faults.push(error.message));
    t.after(() => assert.deepEqual(faults, []));
    await page.addInitScript(() => {
      globalThis.peers = [];
    });
    await page.goto(url);
    return page;
  };

  const ann = await open(`${server.origin}/`);
  await ann.getByRole('button', { name: 'New session' }).click();
  await join(ann, 'Ann');
  const ben = await open(ann.url());
  await join(ben, 'Ben');
  await Promise.all([plays(ann, 'Ben'), plays(ben, 'Ann')]);
  await say(ann, 'hello from https://example.org/a。');
  await entries(ben, 'hello from').waitFor();
  await say(ben, 'hello Ann');
  await entries(ann, 'hello Ann').waitFor();
  for (const page of [ann, ben]) assert.deepEqual(await texts(page), ['hello from https://example.org/a。', 'hello Ann']);
  assert.equal(await entries(ben, 'hello from').getByRole('link').getAttribute('href'), 'https://example.org/a');

  await ann.getByRole('button', { name: 'More' }).click();
  await ann.getByRole('menuitemcheckbox', { name: 'All alike' }).click();
  await ann.getByRole('button', { name: 'React' }).click();
  await ann.getByRole('menuitemcheckbox', { name: 'Raise your hand' }).click();
  await ben.getByRole('figure', { name: 'Ann', exact: true }).getByLabel('hand raised').waitFor();

  await ann.getByRole('button', { name: 'Mute', exact: true }).click();
  await ben.getByRole('figure', { name: 'Ann', exact: true }).getByLabel('muted').waitFor();
  await ann.getByRole('textbox', { name: 'Message' }).focus();
  await ann.keyboard.press('Alt+KeyM');
  await ann.getByRole('button', { name: 'Mute', exact: true }).waitFor();

  await ben.reload();
  await ben.getByRole('button', { name: 'Leave' }).waitFor(); // it goes back in
  await entries(ben, 'hello Ann').waitFor();
  await plays(ann, 'Ben');
  await ben.getByRole('button', { name: 'Leave' }).click();
  await ben.getByRole('heading', { name: 'You left' }).waitFor();
  await ann.getByText('Ben left').waitFor();
});
