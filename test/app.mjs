// People in browsers: pages of their own with fake devices, that can reach the server and nothing else.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const browserPath = process.env.CHATTOK_CHROMIUM ?? '/usr/bin/chromium';

/** Milliseconds to wait for what a page should show; nothing here measures speed. */
export const patience = 60_000;

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
  '--disable-features=WebRtcHideLocalIpsWithMdns', // there is no multicast to resolve such names by
  '--autoplay-policy=no-user-gesture-required',
  autoAllow,
  '--auto-select-desktop-capture-source=Entire screen',
];
const devices = '--use-fake-device-for-media-stream=device-count=2,fps=10';

/**
 * Starts a browser that ends with the test that t belongs to. `camera` is what asking for one gives: `fake`, `denied` or
 * `missing`; `name` is a further host name that leads to this machine.
 */
export async function startBrowser(t, { camera = 'fake', name } = {}) {
  const args = bare.filter((flag) => camera !== 'denied' || flag !== autoAllow);
  if (camera === 'denied') args.push('--deny-permission-prompts');
  if (camera !== 'missing') args.push(devices);
  const hosts = name === undefined ? '' : `MAP ${name} 127.0.0.1, `;
  args.push(`--host-resolver-rules=${hosts}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`);
  const browser = await chromium.launch({ executablePath: browserPath, args });
  t.after(() => browser.close());
  return browser;
}

/**
 * Opens a page in a context of its own. At the end of the test all that it asked for must have been of its own origin, and
 * nothing may have been refused or logged as an error; where the server is to go away, failed requests don't count.
 * `prepare` is called with the page before it goes there.
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
    if (/Cross-Origin-Opener-Policy header has been ignored/.test(text)) return; // what Chromium says to any page over http
    faults.push(`console: ${text}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.stack}`));
  await page.exposeFunction('reportViolation', (violation) => faults.push(`content security policy: ${violation}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      globalThis.reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
    // What the page's peer connections do is asked of themselves.
    globalThis.peers = [];
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...parameters) {
        super(...parameters);
        globalThis.peers.push(this);
      }
    };
  });
  await prepare?.(page);
  t.after(async () => {
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

/** Joins from the pre-join view that a page shows. */
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

/** The log's stored entries with this text. */
export const entries = (page, text) => page.getByRole('log').locator('.entry:not(.pending)').filter({ hasText: text });

/** One's own posts with this text that wait or have failed. */
export const pending = (page, text) => page.getByRole('log').locator('.entry.pending').filter({ hasText: text });

/** The stored entries' texts that are in the document, in their order. */
export const texts = (page) => page.getByRole('log').locator('.entry:not(.pending) .entry-body').allTextContents();

/** Waits until the tile of this name plays: it has a picture, and its frames advance. */
export async function plays(page, name, more = 2) {
  try {
    const before = await page.waitForFunction(countFrames, [name, 1]);
    await page.waitForFunction(countFrames, [name, (await before.jsonValue()) + more]);
  } catch (error) {
    throw new Error(`${name} does not play: ${JSON.stringify(await page.evaluate(describeMedia))}`, { cause: error });
  }
}

/** Runs in the page: how many frames a tile has shown, where these are enough; else 0. The tile may still be replaced. */
function countFrames([name, enough]) {
  const tile = [...document.querySelectorAll('figure')].find((figure) => figure.ariaLabel === name);
  const video = tile?.querySelector('video');
  const count = video?.videoWidth > 0 ? video.getVideoPlaybackQuality().totalVideoFrames : 0;
  return count >= enough ? count : 0;
}

/** Runs in the page: what its tiles and its peer connections are like, for whoever has to find out. */
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
