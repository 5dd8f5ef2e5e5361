// Helpers for pages of another origin that use the SDK, and a network before the server that can fail.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { atEnd } from './at-end.mjs';
import { patience } from './app.mjs';

/** Serves these pages and scripts, by their paths, on a free port of loopback. Returns the origin. */
export async function servePages(t, pages) {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const html = pages[pathname];
    const type = pathname.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.writeHead(html ? 200 : 404, { 'content-type': `${type}; charset=utf-8` }).end(html ?? '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Returns a page that only loads the SDK, as its global `chattok`. */
export const blankPage = (server) => `<!doctype html>
<meta charset="utf-8">
<title>SDK</title>
<link rel="icon" href="data:,">
<script type="module">
  import * as chattok from '${server.origin}/sdk/chattok.js';
  globalThis.chattok = chattok;
</script>`;

/**
 * Opens a page in its own context, which ends with the test, and waits for the SDK. Errors that it throws are collected in
 * `page.faults`.
 */
export async function openBlank(t, browser, url) {
  const context = await browser.newContext();
  context.setDefaultTimeout(patience);
  atEnd(t, () => context.close());
  return openTab(context, url);
}

/** Opens another tab in a context. */
export async function openTab(context, url) {
  const page = await context.newPage();
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(error.stack ?? String(error)));
  await page.goto(url);
  await page.waitForFunction(() => globalThis.chattok);
  return page;
}

/**
 * Joins a session in a page, as its global `session`, and waits until it is live. Its events are collected in `happened` as
 * [name, detail], and all videos are added to the document.
 */
export async function joinIn(page, options, { wait = true } = {}) {
  await page.evaluate((options) => {
    const { open } = globalThis.chattok;
    globalThis.happened = [];
    globalThis.session = open(options);
    const { session, happened } = globalThis;
    session.on('state', ({ name }) => happened.push(['state', name]));
    session.on('entry', ({ seq, body }) => happened.push(['entry', `${seq} ${body}`]));
    session.on('error', ({ code, message }) => happened.push(['error', `${code} ${message}`]));
    session.on('signal', ({ data }) => happened.push(['signal', data]));
    session.on('muteForced', () => happened.push(['muteForced', '']));
    session.on('connectionCreated', ({ data }) => happened.push(['connectionCreated', data]));
    session.on('connectionDestroyed', ({ connection, reason }) => {
      happened.push(['connectionDestroyed', `${connection.data} ${reason}`]);
    });
    session.on('streamDestroyed', ({ stream, reason }) => {
      happened.push(['streamDestroyed', `${stream.name} ${reason}`]);
      document.getElementById(stream.id)?.remove();
    });
    session.on('stream', (stream) => {
      happened.push(['stream', stream.name]);
      const video = Object.assign(document.createElement('video'), { id: stream.id, title: stream.connection.data });
      document.body.append(video);
      session.subscribe(stream, video);
    });
  }, options);
  if (wait) await page.evaluate(() => globalThis.session.ready);
}

/** Returns the details of a page's events with this name. */
export const happened = (page, name) =>
  page.evaluate((name) => globalThis.happened.filter(([each]) => each === name).map(([, what]) => what), name);

/** Waits for an event with this name and text. */
export const waitFor = (page, name, text) =>
  page.waitForFunction(
    ([name, text]) => globalThis.happened.some(([each, what]) => each === name && String(what).includes(text)),
    [name, text],
  );

/** Waits until the page's session has this state. */
export const waitForState = (page, name) =>
  page.waitForFunction((name) => globalThis.session.store.get().state.name === name, name);

/** Returns the bodies of the entries in the page's store. */
export const bodies = (page) => page.evaluate(() => globalThis.session.store.get().entries.map(({ body }) => body));

/** Waits until the store has this many entries. */
export const waitForEntries = (page, count) =>
  page.waitForFunction((count) => globalThis.session.store.get().entries.length >= count, count);

/** Publishes the fake camera, as the page's global `publication`. */
export const publishCamera = (page, name = 'camera') =>
  page.evaluate(async (name) => {
    const media = await globalThis.chattok.openCamera();
    globalThis.publication = await globalThis.session.publish(media, { name });
  }, name);

/** Waits until this many videos play: each has a picture, and more frames than before. */
export async function videosPlay(page, count) {
  const shown = () => [...document.querySelectorAll('video')].map((video) => video.getVideoPlaybackQuality().totalVideoFrames);
  await page.waitForFunction((count) => document.querySelectorAll('video').length === count, count);
  const before = await page.evaluate(shown);
  await page.waitForFunction(
    (before) =>
      [...document.querySelectorAll('video')].every(
        (video, i) => video.videoWidth > 0 && video.getVideoPlaybackQuality().totalVideoFrames > before[i] + 5,
      ),
    before,
  );
}

/** Starts a TCP proxy to the server that can be cut, or go silent while its connections stay open. */
export async function startNetwork(t, server) {
  const pairs = new Set();
  let state = 'on';
  const target = new URL(server.origin);
  const listener = net.createServer((near) => {
    if (state === 'off') return near.destroy();
    const far = net.connect(Number(target.port), target.hostname);
    const pair = [near, far];
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near]]) {
      from.on('data', (chunk) => state !== 'silent' && to.write(chunk));
      from.on('error', () => {});
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const cut = () => pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()));
  atEnd(t, () => {
    cut();
    listener.close();
  });
  return {
    url: `http://127.0.0.1:${listener.address().port}/`,
    /** Cuts all connections and refuses new ones. */
    off() {
      state = 'off';
      cut();
    },
    /** Stops passing data on, with all connections left open. */
    silence() {
      state = 'silent';
    },
    on() {
      if (state === 'silent') cut(); // bytes are missing from these connections
      state = 'on';
    },
  };
}
