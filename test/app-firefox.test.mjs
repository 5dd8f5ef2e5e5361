// The way of two people through the page in Firefox as Debian ships it: the door, a name, the room, each other's video, a post,
// the other's post, an edit, leaving.
import assert from 'node:assert/strict';
import test from 'node:test';
import { keys, startFirefox } from './bidi.mjs';
import { startServer } from './server.mjs';

test('two meet in Firefox', async (t) => {
  const server = await startServer(t);
  const browser = await startFirefox(t);
  const url = `${server.origin}/s/meeting`;
  const [ann, ben] = [await browser.open(url), await browser.open(url)];

  await ann.sees('Nobody is here yet.');
  await enter(ann, 'Ann');
  await ben.sees('Ann is here.');
  await Promise.all([enter(ben, 'Ben'), ann.sees('Ben joined')]); // it says so for some seconds
  await Promise.all([plays(ann, 'Ben'), plays(ben, 'Ann')]);

  await say(ann, 'hello Ben');
  await reads(ben, ['hello Ben']);
  await say(ben, 'hallo Ann');
  for (const page of [ann, ben]) await reads(page, ['hello Ben', 'hallo Ann']);
  await ben.type(keys.up); // edits the last message
  await ben.sees('Edit your message');
  await ben.type(`${keys.end}, and hello again${keys.enter}`);
  for (const page of [ann, ben]) await reads(page, ['hello Ben', 'hallo Ann, and hello again']);

  await ben.click('Leave');
  await ben.sees('You left');
  await ann.sees('Ben left');
  await ann.wait(() => document.querySelectorAll('figure').length === 1);
  assert.deepEqual(browser.faults, []);
});

async function enter(page, name) {
  await page.wait(() => document.activeElement?.id === 'name');
  await page.type(name);
  for (const device of ['microphone', 'camera']) await page.wait((label) => document.querySelector(`[aria-label="${label}"]`) !== null, `Turn ${device} off`);
  await page.click('Join');
  await page.wait(() => document.querySelector('[aria-label="Leave"]') !== null);
}

async function say(page, text) {
  await page.call(() => document.getElementById('message').focus());
  await page.type(text + keys.enter);
}

/** Waits until the page shows these messages, all of them stored. */
async function reads(page, texts) {
  await page.wait(
    (wanted) => JSON.stringify([...document.querySelectorAll('.log .entry:not(.pending) .entry-body')].map((body) => body.textContent)) === wanted,
    JSON.stringify(texts),
  );
}

/**
 * Waits until the tile of this name has a picture, and further pictures are decoded. Firefox paints none in windows that nobody sees, so
 * that the frames that were shown can't be counted.
 */
async function plays(page, name) {
  await page.wait((wanted) => [...document.querySelectorAll('figure')].find((figure) => figure.ariaLabel === wanted)?.querySelector('video')?.videoWidth > 0, name);
  const decoded = async (least) => {
    const reports = await Promise.all(globalThis.peers.map((peer) => peer.getStats()));
    const flows = reports.flatMap((report) => [...report.values()]).filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
    const count = flows.reduce((sum, { framesDecoded = 0 }) => sum + framesDecoded, 0);
    return count >= least ? count : undefined;
  };
  await page.wait(decoded, (await page.wait(decoded, 1)) + 3);
}
