// Debian's Firefox over WebDriver BiDi (W3C), as far as the journey through the page needs it.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { withResolvers } from './server.mjs';

const program = process.env.CHATTOK_FIREFOX ?? '/usr/bin/firefox-esr';

/** Milliseconds to wait for what a page should show; nothing here measures speed. */
const patience = 90_000;

const preferences = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'media.block-autoplay-until-in-foreground': false, // one of two windows alone is
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'app.update.enabled': false,
  'browser.safebrowsing.downloads.remote.enabled': false,
};

/** Starts a Firefox that ends with the test that t belongs to. */
export async function startFirefox(t) {
  const profile = await mkdtemp(join(tmpdir(), 'chattok-firefox-'));
  const lines = Object.entries(preferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
  await writeFile(join(profile, 'user.js'), lines.join('\n'));
  const child = spawn(program, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: profile, MOZ_HEADLESS: '1' },
  });
  const ended = new Promise((done) => child.once('exit', done));
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  const { promise: address, resolve: listens, reject } = withResolvers();
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    output += chunk;
    const found = /WebDriver BiDi listening on (ws:\S+)/.exec(output);
    if (found) listens(found[1]);
  });
  child.once('error', reject);
  void ended.then(() => reject(new Error(`Firefox ended before it listened:\n${output}`)));
  const driver = new Driver(new WebSocket(`${await address}/session`));
  await driver.open();
  const { capabilities } = await driver.send('session.new', { capabilities: {} });
  return { version: capabilities.browserVersion, openPage: (url) => openPage(driver, url) };
}

/** Opens a page in a context of its own, as of another person. */
async function openPage(driver, url) {
  const { userContext } = await driver.send('browser.createUserContext', {});
  const { context } = await driver.send('browsingContext.create', { type: 'window', userContext });
  const page = new Page(driver, context);
  await page.goto(url);
  return page;
}

class Page {
  #driver;
  #context;

  constructor(driver, context) {
    this.#driver = driver;
    this.#context = context;
  }

  async goto(url) {
    await this.#driver.send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  async reload() {
    await this.#driver.send('browsingContext.reload', { context: this.#context, wait: 'complete' });
  }

  /** Calls a function in the page, as if the person had touched it. Its arguments and its answer are JSON. */
  async run(f, ...parameters) {
    const { result, exceptionDetails } = await this.#driver.send('script.evaluate', {
      expression: `Promise.resolve((${f})(...${JSON.stringify(parameters)})).then((value) => JSON.stringify(value ?? null))`,
      target: { context: this.#context },
      awaitPromise: true,
      userActivation: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return JSON.parse(result.value);
  }

  /** Calls a function in the page until its answer is true. */
  async until(f, ...parameters) {
    const late = Date.now() + patience;
    for (;;) {
      const found = await this.run(f, ...parameters).catch(() => false); // the page may be on its way to another
      if (found) return;
      if (Date.now() > late) throw new Error(`${f} ${JSON.stringify(parameters)} did not come true: ${await this.run(describe)}`);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  /** Presses the button, or the item of a menu, of this name as soon as there is one. */
  async press(name) {
    const find = (name) =>
      [...document.querySelectorAll('button')].some((button) => {
        const found = (button.ariaLabel ?? button.innerText.trim()) === name && button.checkVisibility();
        if (found) button.click();
        return found;
      });
    await this.until(find, name);
  }

  /** Writes into a field as soon as it is there. */
  async write(id, text) {
    const fill = (id, text) => {
      const field = document.getElementById(id);
      if (field === null) return false;
      const { set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value');
      field.focus();
      set.call(field, text);
      return field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    };
    await this.until(fill, id, text);
  }

  /** Presses keys, by WebDriver's own way. */
  async keys(...values) {
    const actions = [...values.map((value) => ({ type: 'keyDown', value })), ...values.toReversed().map((value) => ({ type: 'keyUp', value }))];
    await this.#driver.send('input.performActions', { context: this.#context, actions: [{ type: 'key', id: 'keyboard', actions }] });
  }
}

/** Runs in a page: what it shows, for whoever has to find out. */
function describe() {
  const videos = [...document.querySelectorAll('figure')].map((figure) => {
    const video = figure.querySelector('video');
    return [figure.ariaLabel, video?.className, video?.videoWidth, video?.readyState, video?.paused, video?.currentTime];
  });
  return `${JSON.stringify(videos)} ${document.body.innerText}`;
}

/** Commands and their answers over one socket. */
class Driver {
  #socket;
  #last = 0;
  #waiting = new Map();

  constructor(socket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const { id, type, result, error, message } = JSON.parse(data);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (type === 'error') waiting?.reject(new Error(`${error}: ${message}`));
      else waiting?.resolve(result);
    });
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Firefox has gone'));
    });
  }

  async open() {
    await new Promise((resolve, reject) => this.#socket.once('open', resolve).once('error', reject));
  }

  send(method, params) {
    const id = ++this.#last;
    const { promise, resolve, reject } = withResolvers();
    this.#waiting.set(id, { resolve, reject });
    this.#socket.send(JSON.stringify({ id, method, params }));
    return promise;
  }
}
