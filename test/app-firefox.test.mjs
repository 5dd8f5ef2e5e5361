// The journey through the page in Debian's Firefox.
import assert from 'node:assert/strict';
import test from 'node:test';
import { startFirefox } from './firefox.mjs';
import { startServer } from './server.mjs';

test('the journey in Firefox', async (t) => {
  const server = await startServer(t);
  const firefox = await startFirefox(t);
  t.diagnostic(`Firefox ${firefox.version}`);

  const ann = await firefox.openPage(`${server.origin}/`);
  await ann.press('New session');
  await join(ann, 'Ann');
  const ben = await firefox.openPage(await ann.run(() => location.href));
  await join(ben, 'Ben');
  await ann.until(plays, 'Ben');
  await ben.until(plays, 'Ann');

  await say(ann, 'hello from https://example.org/a。');
  await ben.until(reads, 'hello from');
  await say(ben, 'hello Ann');
  await ann.until(reads, 'hello Ann');
  const texts = () => [...document.querySelectorAll('.entry:not(.pending) .entry-body')].map(({ textContent }) => textContent);
  for (const page of [ann, ben]) assert.deepEqual(await page.run(texts), ['hello from https://example.org/a。', 'hello Ann']);
  assert.equal(await ben.run(() => document.querySelector('.entry-body a').href), 'https://example.org/a');
  for (const page of [ann, ben]) {
    assert.ok(await page.run(() => {
      const log = document.querySelector('[role=log]');
      return log.scrollHeight - log.scrollTop - log.clientHeight < 2;
    }));
  }

  await ann.press('React');
  await ann.press('Raise your hand');
  await ben.until(marked, 'Ann', 'hand raised');
  await ann.press('Mute');
  await ben.until(marked, 'Ann', 'muted');
  await ann.run(() => document.getElementById('message').focus());
  await ann.keys('\ue00a', 'm'); // Alt
  await ann.until(() => document.querySelector('[aria-label=Mute]') !== null);

  await ben.reload();
  await ben.until(() => document.querySelector('[aria-label=Leave]') !== null); // it goes back in
  await ben.until(reads, 'hello Ann');
  await ben.until(marked, 'Ann', 'hand raised'); // who comes later sees it too
  await ann.until(plays, 'Ben');
  await ben.press('Leave');
  await ben.until(() => document.querySelector('h1')?.textContent === 'You left');
  await ann.until(() => document.body.innerText.includes('Ben left'));
});

async function join(page, name) {
  await page.write('name', name);
  await page.until(() => document.querySelector('[aria-label="Turn camera off"]') !== null);
  await page.press('Join');
  await page.until(() => document.querySelector('[aria-label=Leave]') !== null);
}

async function say(page, text) {
  await page.write('message', text);
  await page.press('Send');
}

/** Runs in a page: whether the tile of this name has a picture, and its time goes on. Firefox counts no frames of a stream. */
function plays(name) {
  const video = document.querySelector(`figure[aria-label="${name}"] video`);
  return video !== null && !video.classList.contains('unseen') && video.videoWidth > 0 && video.currentTime > 0;
}

/** Runs in a page: whether the log has this text. */
function reads(text) {
  return [...document.querySelectorAll('.entry:not(.pending) .entry-body')].some(({ textContent }) => textContent.includes(text));
}

/** Runs in a page: whether somebody's tile has a mark. */
function marked(name, label) {
  return document.querySelector(`figure[aria-label="${name}"] [aria-label="${label}"]`) !== null;
}
