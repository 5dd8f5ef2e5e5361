// Helpers for browser tests: pages in contexts of their own, with fake devices, that can reach the server and no other host.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { atEnd } from './at-end.mjs';

const browserPath = process.env.CHATTOK_CHROMIUM ?? '/usr/bin/chromium';

/** How long to wait for a page, in milliseconds. No test measures speed. */
export const patience = Number(process.env.CHATTOK_PATIENCE ?? 120_000);

const autoAllow = '--use-fake-ui-for-media-stream';
const bare = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns', // .local names can't be resolved without multicast
  '--autoplay-policy=no-user-gesture-required',
  autoAllow,
  '--auto-select-desktop-capture-source=Entire screen',
];
const devices = '--use-fake-device-for-media-stream=device-count=2,fps=10';

/**
 * Starts a browser that ends with the test t. `camera` is the result of a request for one: `fake`, `denied` or `missing`.
 * `name` is a further host name that resolves to this machine.
 */
export async function startBrowser(t, { camera = 'fake', name } = {}) {
  const args = bare.filter((flag) => camera !== 'denied' || flag !== autoAllow);
  if (camera === 'denied') args.push('--deny-permission-prompts');
  if (camera !== 'missing') args.push(devices);
  const hosts = name === undefined ? '' : `MAP ${name} 127.0.0.1, `;
  args.push(`--host-resolver-rules=${hosts}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`);
  const browser = await chromium.launch({ executablePath: browserPath, args });
  atEnd(t, () => browser.close());
  return browser;
}

/**
 * Opens a page in its own context. The test fails at its end if the page requested another origin, violated its policy, or
 * logged an error; with `outage`, failed requests are allowed. `prepare` is called with the page before it loads.
 */
export async function openPage(t, browser, url, { outage = false, prepare, ...options } = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  const faults = [];
  const { host } = new URL(url);
  const own = (address) => new URL(address).host === host || address.startsWith('blob:');
  context.on('request', (request) => own(request.url()) || faults.push(`request to ${request.url()}`));
  page.on('websocket', (socket) => own(socket.url()) || faults.push(`socket to ${socket.url()}`));
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const text = message.text();
    if (outage && /net::ERR_|WebSocket connection/.test(text)) return;
    if (/Cross-Origin-Opener-Policy header has been ignored/.test(text)) return; // Chromium logs this for any page over http
    faults.push(`console: ${text}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.stack}`));
  await page.exposeFunction('reportViolation', (violation) => faults.push(`content security policy: ${violation}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      globalThis.reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
    // Keeps the page's peer connections, for tests to inspect.
    globalThis.peers = [];
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...parameters) {
        super(...parameters);
        globalThis.peers.push(this);
      }
    };
  });
  await prepare?.(page);
  atEnd(t, async () => {
    await context.close();
    assert.deepEqual(faults, []);
  });
  await page.goto(url);
  return page;
}

/** Opens a session's page and joins it. */
export async function joinSession(t, browser, url, name, { audio, video, ...options } = {}) {
  const page = await openPage(t, browser, url, options);
  await join(page, name, { audio, video });
  return page;
}

/** Joins from the pre-join view. */
export async function join(page, name, { audio = true, video = true } = {}) {
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  for (const [device, on] of [['microphone', audio], ['camera', video]]) {
    const control = page.getByRole('button', { name: new RegExp(`Turn ${device}`) });
    if (!(await control.count())) continue;
    await page.getByRole('button', { name: `Turn ${device} off` }).waitFor();
    if (!on) await control.click();
  }
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('button', { name: 'Leave' }).waitFor();
}

/** Writes and sends an entry. */
export async function say(page, text) {
  const message = page.getByRole('textbox', { name: 'Message' });
  await message.fill(text);
  await message.press('Enter');
}

/** Locates the stored entries with this text. */
export const entries = (page, text) => page.getByRole('log').locator('.entry:not(.pending)').filter({ hasText: text });

/** Locates own posts with this text that wait or have failed. */
export const pending = (page, text) => page.getByRole('log').locator('.entry.pending').filter({ hasText: text });

/** Returns the texts of the stored entries in the document, in order. */
export const texts = (page) => page.getByRole('log').locator('.entry:not(.pending) .entry-body').allTextContents();

/** Waits until the tile of this name plays: it has a picture, and more frames than before. */
export async function plays(page, name, more = 2) {
  try {
    const before = await page.waitForFunction(countFrames, [name, 1]);
    await page.waitForFunction(countFrames, [name, (await before.jsonValue()) + more]);
  } catch (error) {
    throw new Error(`${name} does not play: ${JSON.stringify(await page.evaluate(describeMedia))}`, { cause: error });
  }
}

/** Runs in the page: returns the number of frames that a tile has shown, or 0 where that is less than `enough`. */
function countFrames([name, enough]) {
  const tile = [...document.querySelectorAll('figure')].find((figure) => figure.ariaLabel === name);
  const video = tile?.querySelector('video');
  const count = video?.videoWidth > 0 ? video.getVideoPlaybackQuality().totalVideoFrames : 0;
  return count >= enough ? count : 0;
}

/** Runs in the page: describes its tiles and peer connections, for error messages. */
function describeMedia() {
  const tiles = [...document.querySelectorAll('figure')].map((figure) => [
    figure.ariaLabel,
    figure.querySelector('video')?.videoWidth,
    figure.querySelector('.tile-state')?.textContent,
  ]);
  const peers = globalThis.peers.map((peer) => [
    peer.connectionState,
    peer.signalingState,
    ...peer.getTransceivers().map(({ mid, currentDirection }) => `${mid} ${currentDirection}`),
  ]);
  return { tiles, peers };
}
