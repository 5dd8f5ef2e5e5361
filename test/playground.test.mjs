// The playground in a real browser that can reach the server and nothing else.
import assert from 'node:assert/strict';
import { mkdtemp, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { chromium } from 'playwright-core';
import { atEnd } from './at-end.mjs';
import { startProxy } from './proxy.mjs';
import { startServer } from './server.mjs';

const browserPath = process.env.CHATTOK_CHROMIUM ?? '/usr/bin/chromium';
const prefix = '/some/prefix';
const patience = 120_000; // milliseconds to wait for a page; no test measures speed
const addChatEntry = `mutation ($connectionId: ID!, $body: String!) {
  addChatEntry(connectionId: $connectionId, body: $body) { seq }
}`;

test('playground', async (t) => {
  const server = await startServer(t);
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
  atEnd(t, () => browser.close());
  const proxy = await startProxy(t, server.origin, prefix);

  await t.test('the three tabs run as they stand, as a guest', async (t) => {
    const { page } = await open(t, browser, server.origin);
    await runTutorial(page);
  });

  await t.test('the same over https and behind a path prefix', async (t) => {
    const { page, sockets } = await open(t, browser, `${proxy.origin}${prefix}`);
    await runTutorial(page);
    assert.deepEqual(
      sockets.map((socket) => socket.url()),
      [`${proxy.origin.replace('https', 'wss')}${prefix}/graphql`],
    );
  });

  await t.test('a subscription shows its last 20 events, newest last, and stops', async (t) => {
    const { page, sockets } = await open(t, browser, server.origin);
    await execute(page);
    await page.getByText('Listen: listening, received 0').waitFor();
    for (let n = 1; n <= 25; n++) await server.run(addChatEntry, { connectionId: 'bob', body: `entry ${n}` });
    await page.getByText('Listen: listening, received 25').waitFor();
    const { received, events } = await response(page);
    assert.equal(received, 25);
    assert.deepEqual(
      events.map(({ data }) => data.entryAdded.body),
      Array.from({ length: 20 }, (_, index) => `entry ${index + 6}`),
    );
    await page.locator('.result-window').getByText('entry 25').waitFor(); // visible, though it is the last line

    const closed = sockets[0].waitForEvent('close');
    await page.getByRole('button', { name: 'Stop query' }).click();
    await closed;
    await page.getByRole('button', { name: 'Execute query' }).waitFor();
    assert.equal((await response(page)).received, 25);
  });

  await t.test('the token of the headers pane is used, and a changed one makes a new connection', async (t) => {
    const { page, sockets } = await open(t, browser, server.origin);
    const { connect } = await server.run(`mutation { connect(sessionId: "room") { accessToken connection { id } } }`);
    const authorization = `Bearer ${connect.accessToken}`;

    await setHeaders(page, { authorization });
    await execute(page);
    await page.getByText('Listen: listening, received 0').waitFor();
    const variables = { connectionId: connect.connection.id, body: 'in the room' };
    await server.run(addChatEntry, variables, { authorization });
    await page.getByText('Listen: listening, received 1').waitFor();
    assert.equal((await response(page)).events[0].data.entryAdded.body, 'in the room');
    await page.getByRole('button', { name: 'Stop query' }).click();

    await setHeaders(page, { Authorization: 'Bearer nonsense' });
    await execute(page);
    await page.getByText('Listen: failed').waitFor();
    const [{ message }] = (await response(page)).errors;
    assert.match(message, /close code 4403/);

    const payloads = sockets.map((socket) => JSON.parse(socket.sent[0]).payload);
    assert.deepEqual(payloads, [{ Authorization: authorization }, { Authorization: 'Bearer nonsense' }]);
  });

  await t.test('a reload brings back the tabs, and no token', async (t) => {
    const { page } = await open(t, browser, server.origin);
    await setHeaders(page, { Authorization: 'Bearer secret' });
    await tab(page, 'Latest').click();
    // GraphiQL saves half a second after the last change.
    await page.waitForFunction(() => Object.values(localStorage).some((value) => value.includes('"activeTabIndex":2')));
    await page.reload();
    await tab(page, 'Latest').waitFor();
    assert.equal(await tabs(page).count(), 3);
    const kept = await page.evaluate(() => JSON.stringify(localStorage));
    assert.doesNotMatch(kept, /secret/);
  });

  await t.test('it follows the system’s colours, also when they change', async (t) => {
    const { page } = await open(t, browser, server.origin, { colorScheme: 'light' });
    /** Waits until the editor and what is around it are both light, or both dark. */
    const looks = async (scheme) => {
      for (const end = Date.now() + patience; ; await page.waitForTimeout(50)) {
        const levels = await page.evaluate(lightness, ['.monaco-editor', '.graphiql-query-editor']);
        if (levels.every((level) => (scheme === 'light' ? level > 0.6 : level < 0.4))) return;
        assert.ok(Date.now() < end, `${scheme}: ${levels}`);
      }
    };
    await page.locator('.monaco-editor').first().waitFor();
    await looks('light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await looks('dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await looks('light');
  });

  await t.test('screenshots', (t) => takeScreenshots(t, browser, server.origin));
});

/**
 * Opens the playground in its own context. The test fails at its end if the page requested another origin, violated its policy,
 * or logged an error.
 */
async function open(t, browser, base, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  const faults = [];
  const sockets = [];
  const own = (url) => new URL(url).host === new URL(base).host || url.startsWith('data:');
  context.on('request', (request) => own(request.url()) || faults.push(`request to ${request.url()}`));
  context.on('requestfailed', (request) => {
    const { errorText } = request.failure();
    if (errorText === 'net::ERR_ABORTED') return; // the page was left while it was loading
    faults.push(`failed: ${request.url()} ${errorText}`);
  });
  context.on('response', (answer) => answer.status() >= 400 && faults.push(`${answer.status()} for ${answer.url()}`));
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => faults.push(`page: ${error.stack}`));
  page.on('websocket', (socket) => {
    own(socket.url()) || faults.push(`socket to ${socket.url()}`);
    socket.sent = [];
    socket.on('framesent', ({ payload }) => socket.sent.push(payload));
    sockets.push(socket);
  });
  await page.exposeFunction('reportViolation', (violation) => faults.push(`content security policy: ${violation}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      globalThis.reportViolation(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  atEnd(t, async () => {
    await context.close();
    assert.deepEqual(faults, []);
  });
  await page.goto(`${base}/playground`);
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  return { page, sockets };
}

const tabs = (page) => page.locator('[id^=graphiql-session-tab-]');
const tab = (page, name) => tabs(page).filter({ hasText: name });

async function execute(page) {
  await page.getByRole('button', { name: 'Execute query' }).click();
}

/** Returns the whole content of the response pane. */
async function response(page) {
  const text = await page.evaluate(() =>
    globalThis.__MONACO.editor
      .getModels()
      .find((model) => model.uri.path.endsWith('response.json'))
      .getValue(),
  );
  return JSON.parse(text);
}

/** Waits until the response pane has a complete answer that meets a condition, and returns it. */
async function answer(page, field) {
  await page.locator('.result-window').getByText(`"${field}"`).waitFor();
  return (await response(page)).data[field];
}

async function setHeaders(page, headers) {
  await page.getByRole('region', { name: 'Headers' }).locator('.monaco-editor:visible').click();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete'); // typing a brace over a selection would wrap it
  await page.keyboard.insertText(JSON.stringify(headers));
}

/** Runs the three tabs, Listen, Post and Latest, one after the other without a change. */
async function runTutorial(page) {
  await execute(page);
  await page.getByText('Listen: listening, received 0').waitFor();

  await tab(page, 'Post').click();
  await execute(page);
  const posted = await answer(page, 'addChatEntry');
  assert.equal(posted.connectionId, 'alice');
  assert.equal(posted.body, 'hi');
  await page.getByText('Listen: listening, received 1').waitFor(); // the subscription kept running in its tab

  await tab(page, 'Latest').click();
  await execute(page);
  assert.deepEqual(await answer(page, 'latestChatEntry'), posted);

  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.locator('.result-window').getByText('"entryAdded"').waitFor();
  const { received, events } = await response(page);
  assert.equal(received, 1);
  assert.deepEqual(events, [{ data: { entryAdded: posted } }]);

  await page.getByRole('button', { name: 'Stop query' }).click();
  await page.getByText('Listen: listening').waitFor({ state: 'detached' });
}

/** Runs in a page: returns how light these elements' backgrounds are, 0 to 1; that of a transparent one is its parent's. */
function lightness(selectors) {
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  return selectors.map((selector) => {
    for (let element = document.querySelector(selector); element; element = element.parentElement) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = getComputedStyle(element).backgroundColor;
      context.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
      if (alpha > 127) return (red + green + blue) / 3 / 255;
    }
    return 1;
  });
}

async function takeScreenshots(t, browser, base) {
  const folder = process.env.CHATTOK_SCREENSHOTS ?? (await mkdtemp(join(tmpdir(), 'chattok-screenshots-')));
  await mkdir(folder, { recursive: true });
  const looks = {
    light: { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
    dark: { colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
    phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
    'phone-dark': { colorScheme: 'dark', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
  };
  for (const [look, options] of Object.entries(looks)) {
    const { page } = await open(t, browser, base, options);
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await execute(page);
    await page.getByText('Listen: listening, received 0').waitFor();
    await tab(page, 'Post').click();
    await execute(page);
    await page.getByText('Listen: listening, received 1').waitFor();
    await page.screenshot({ path: join(folder, `playground-post-${look}.png`) });
    await tab(page, 'Listen').click();
    await page.locator('.result-window').getByText('"entryAdded"').waitFor();
    await page.screenshot({ path: join(folder, `playground-${look}.png`) });
    assert.equal(await overflow(), 0, `the playground is wider than the window: ${look}`);

    await page.goto(`${base}/`);
    await page.getByRole('link', { name: 'API reference' }).click();
    await page.getByText('Root Types').waitFor();
    await page.screenshot({ path: join(folder, `reference-${look}.png`) });
  }
  t.diagnostic(`screenshots in ${folder}`);
}
