// Helpers for pages for OpenTok: they are of another origin, load /sdk/opentok.js, and use no API of ChatTok.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { atEnd } from './at-end.mjs';
import { patience } from './app.mjs';

/** Mints a session token with the API secret, as any backend can. It expires in an hour unless the claims say otherwise. */
export function mint(secret, claims) {
  const base64 = (value) => Buffer.from(value).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const body = `${base64('{"alg":"HS256","typ":"JWT"}')}.${base64(JSON.stringify({ aud: 'chattok:session', exp, ...claims }))}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

/**
 * Returns a typical page: the library's script, elements for videos, and the page's own classic script. `head` is added to the
 * head, for a policy.
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

/** Returns a page with `OT` and no script of its own, for calls from a test. */
export const emptyPage = (server) => pageOf(server, '');

/**
 * Opens a page in its own context. Errors that it throws, and without `foreign` its requests to other hosts, are collected in
 * `page.faults`, which must be empty at the end of the test. No other host is reached.
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
  atEnd(t, async () => {
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

/** Waits until `count` videos match the selector and each plays: it has a picture, and more frames than before. */
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

/** Returns the dominant colour in the middle of a video: red, green or blue. */
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

/** Joins a session in an empty page, as its global `session`, and collects its events as text in `told`. */
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

/** Waits for an event whose text begins like this. */
export const waitTold = (page, text) =>
  page.waitForFunction((text) => globalThis.told.some((each) => each.startsWith(text)), text).catch(async (error) => {
    throw new Error(`${text} was not told, but ${JSON.stringify(await told(page))}`, { cause: error });
  });
