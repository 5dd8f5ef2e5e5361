// Pages of another origin that were written for OpenTok: they load /sdk/opentok.js and know nothing of ChatTok.
import assert from 'node:assert/strict';
import { patience } from './app.mjs';

/**
 * A page as people wrote them: the script of the library, places for videos, and the page's own classic script. `head` is
 * for a policy.
 */
export const pageOf = (server, script, { body = '', head = '', library = `${server.origin}/sdk/opentok.js` } = {}) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>OpenTok</title>
<link rel="icon" href="data:,">
${head}
<script src="${library}"></script>
</head>
<body>
<div id="publisher"></div>
<div id="subscriber"></div>
${body}
<script>${script}</script>
</body>
</html>`;

/** A page that has `OT` and nothing of its own, for calls from a test. */
export const emptyPage = (server) => pageOf(server, '');

/**
 * Opens a page in a context of its own. What it throws is in `page.faults`, and what it asks for of other hosts unless it may
 * (`foreign`; no other host is reached); at the end of the test there must be none.
 */
export async function openOT(t, browser, url, { prepare, foreign = false, ...options } = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(error.stack ?? String(error)));
  context.on('request', (request) => {
    if (!foreign && !/^(https?:\/\/127\.0\.0\.1[:/]|data:|blob:)/.test(request.url())) page.faults.push(`request to ${request.url()}`);
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(page.faults, []);
  });
  await page.addInitScript(() => {
    addEventListener('unhandledrejection', ({ reason }) => setTimeout(() => { throw new Error(`unhandled: ${reason?.stack ?? reason}`); }));
  });
  await prepare?.(page);
  await page.goto(url);
  return page;
}

/** Waits until the videos of a selector play: so many, each with more frames than it had. */
export async function play(page, selector, count = 1) {
  const counts = (selector) => [...document.querySelectorAll(selector)].map((video) => video.getVideoPlaybackQuality().totalVideoFrames);
  try {
    await page.waitForFunction(
      ([selector, count]) => document.querySelectorAll(selector).length === count,
      [selector, count],
    );
    const before = await page.evaluate(counts, selector);
    await page.waitForFunction(
      ([selector, before]) => [...document.querySelectorAll(selector)].every((video, i) => video.videoWidth > 0 && video.getVideoPlaybackQuality().totalVideoFrames > before[i] + 2),
      [selector, before],
    );
  } catch (error) {
    throw new Error(`${selector}: ${await page.evaluate((selector) => JSON.stringify([...document.querySelectorAll(selector)].map((video) => [video.videoWidth, video.readyState, video.paused, video.srcObject?.getTracks().map(({ kind, readyState, muted }) => [kind, readyState, muted])])), selector)}`, { cause: error });
  }
}

/** The colour in the middle of a video: which of red, green and blue there is most of, by far. */
export const colour = (page, selector) =>
  page.evaluate((selector) => {
    const video = document.querySelector(selector);
    const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
    const context = canvas.getContext('2d');
    context.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1);
    const values = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    const most = Math.max(...values);
    return values.filter((value) => value > most - 60).length > 1 ? `unclear: ${values}` : ['red', 'green', 'blue'][values.indexOf(most)];
  }, selector);

/** Waits until a video shows this colour. */
export async function shows(page, selector, wanted) {
  const end = Date.now() + patience;
  for (let seen; (seen = await colour(page, selector)) !== wanted; ) {
    if (Date.now() > end) assert.equal(seen, wanted);
    await page.waitForTimeout(100);
  }
}

/** Joins a session in an empty page, as `session` there, with its events in `told` as text. */
export const join = (page, sessionId, token = '') =>
  page.evaluate(
    ([sessionId, token]) => {
      globalThis.told = [];
      globalThis.session = OT.initSession('123456', sessionId);
      const { session, told } = globalThis;
      const own = (connection) => (connection?.connectionId === session.connection?.connectionId ? 'me' : 'other');
      for (const name of ['sessionConnected', 'sessionReconnecting', 'sessionReconnected']) session.on(name, () => told.push(name));
      session.on('sessionDisconnected', ({ reason }) => told.push(`sessionDisconnected ${reason}`));
      session.on('connectionCreated', ({ connection }) => told.push(`connectionCreated ${own(connection)}`));
      session.on('connectionDestroyed', ({ reason }) => told.push(`connectionDestroyed ${reason}`));
      session.on('streamCreated', ({ stream }) => told.push(`streamCreated ${stream.name}`));
      session.on('streamDestroyed', ({ stream, reason }) => told.push(`streamDestroyed ${stream.name} ${reason}`));
      session.on('streamPropertyChanged', ({ stream, changedProperty, newValue }) => told.push(`${changedProperty} of ${stream.name}: ${JSON.stringify(newValue)}`));
      session.on('muteForced', ({ active }) => told.push(`muteForced ${active}`));
      return session.connect.promise(token).then(
        () => 'connected',
        ({ name, code, message }) => ({ name, code, message }),
      );
    },
    [sessionId, token],
  );

export const told = (page) => page.evaluate(() => globalThis.told);

/** Waits until an event with this text has come. */
export const waitTold = (page, text) =>
  page.waitForFunction((text) => globalThis.told.some((each) => each.startsWith(text)), text).catch(async (error) => {
    throw new Error(`${text} was not told, but ${JSON.stringify(await told(page))}`, { cause: error });
  });
