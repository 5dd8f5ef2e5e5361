// Drives the Firefox that the system has, by WebDriver BiDi (W3C), which every Firefox speaks. Playwright needs commands that Debian's
// does not know yet.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';
import { atEnd } from './at-end.mjs';
import { patience } from './app.mjs';

const browserPath = process.env.CHATTOK_FIREFOX ?? '/usr/bin/firefox-esr';

const preferences = {
  'app.update.disabledForTesting': true,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'media.autoplay.default': 0, // allowed
  'media.navigator.permission.disabled': true,
  'media.navigator.streams.fake': true,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false, // .local names can't be resolved without multicast
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.enabled': false,
};

/** Starts Firefox without a window on the screen. It ends with the test t. */
export async function startFirefox(t) {
  const profile = await mkdtemp(join(tmpdir(), 'chattok-firefox-'));
  const lines = Object.entries(preferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
  await writeFile(join(profile, 'user.js'), lines.join('\n'));
  const args = ['--headless', '--no-remote', '--remote-debugging-port=0', '--profile', profile];
  const program = spawn(browserPath, args, { env: { ...process.env, MOZ_CRASHREPORTER_DISABLE: '1' }, stdio: ['ignore', 'ignore', 'pipe'] });
  atEnd(t, async () => {
    if (program.exitCode === null && program.signalCode === null) {
      const exit = once(program, 'exit');
      program.kill('SIGKILL');
      await exit;
    }
    await rm(profile, { recursive: true, force: true, maxRetries: 10 });
  });
  const address = await addressOf(program);
  const socket = new WebSocket(`${address}/session`, { perMessageDeflate: false, maxPayload: 1 << 26 });
  await once(socket, 'open');
  atEnd(t, () => socket.terminate());
  const browser = new Firefox(socket);
  const { capabilities } = await browser.send('session.new', { capabilities: {} });
  t.diagnostic(`Firefox ${capabilities.browserVersion}`);
  await browser.send('session.subscribe', { events: ['log.entryAdded'] });
  await browser.send('script.addPreloadScript', { functionDeclaration: String(keepPeers) });
  return browser;
}

/** Waits until the program says where it listens. */
async function addressOf(program) {
  let output = '';
  const late = AbortSignal.timeout(patience);
  program.stderr.setEncoding('utf8');
  for await (const [chunk] of on(program.stderr, late)) {
    output += chunk;
    const [, address] = /WebDriver BiDi listening on (ws:\/\/\S+)/.exec(output) ?? [];
    if (address) {
      program.stderr.resume();
      return address;
    }
  }
  throw new Error(`Firefox ended: ${output}`);
}

async function* on(stream, signal) {
  for (;;) yield await once(stream, 'data', { signal });
}

class Firefox {
  #socket;
  #calls = new Map();
  #count = 0;
  /** The errors of the pages' scripts. */
  faults = [];

  constructor(socket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#hear(JSON.parse(data)));
  }

  /** Runs a command and returns its result. */
  send(method, params) {
    const id = ++this.#count;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => this.#calls.set(id, { method, resolve, reject }));
  }

  /** Opens an address in a window with cookies and storage of its own. */
  async open(url) {
    const { userContext } = await this.send('browser.createUserContext', {});
    const { context } = await this.send('browsingContext.create', { type: 'window', userContext });
    await this.send('browsingContext.setViewport', { context, viewport: { width: 1280, height: 720 } });
    await this.send('browsingContext.navigate', { context, url, wait: 'complete' });
    return new Page(this, context);
  }

  #hear({ type, id, result, error, message, method, params }) {
    if (type === 'event') {
      if (method === 'log.entryAdded' && params.type === 'javascript' && params.level === 'error') this.faults.push(params.text);
      return;
    }
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) call?.reject(new Error(`${call.method}: ${error}: ${message}`));
    else call?.resolve(result);
  }
}

class Page {
  #browser;
  #context;

  constructor(browser, context) {
    this.#browser = browser;
    this.#context = context;
  }

  /** Calls a function in the page, with texts and numbers as arguments. Returns its result, which is one too, or a list of them. */
  async call(does, ...args) {
    const { result, exceptionDetails } = await this.#browser.send('script.callFunction', {
      functionDeclaration: String(does),
      arguments: args.map((value) => ({ type: typeof value, value })),
      awaitPromise: true,
      target: { context: this.#context },
    });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return plain(result);
  }

  /** Waits until a function in the page returns neither false nor nothing, and returns its result. */
  async wait(does, ...args) {
    for (const end = Date.now() + patience; ; await delay(100)) {
      const found = await this.call(does, ...args);
      if (found !== undefined && found !== null && found !== false) return found;
      if (Date.now() > end) throw new Error(`in vain: ${does} of ${JSON.stringify(args)}; the page says: ${await this.call(() => document.body.innerText)}`);
    }
  }

  /** Waits until a text is in sight. */
  async sees(text) {
    await this.wait((wanted) => document.body.innerText.includes(wanted), text);
  }

  /** Clicks the button with this name, by the mouse. */
  async click(name) {
    const [x, y] = await this.wait(placeOf, name);
    const pointer = [{ type: 'pointerMove', x, y }, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }];
    await this.#perform({ type: 'pointer', id: 'mouse', actions: pointer });
  }

  /** Types a text, or keys by their codes of WebDriver. */
  async type(text) {
    await this.#perform({ type: 'key', id: 'keys', actions: [...text].flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]) });
  }

  async #perform(source) {
    await this.#browser.send('input.performActions', { context: this.#context, actions: [source] });
  }
}

/** Keys by their codes of WebDriver. */
export const keys = { enter: '\uE007', up: '\uE013', end: '\uE010' };

/** Runs in a page before its scripts: keeps the page's peer connections, for tests to inspect. */
function keepPeers() {
  globalThis.peers = [];
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...parameters) {
      super(...parameters);
      globalThis.peers.push(this);
    }
  };
}

/** Runs in a page: returns the middle of the button with this name, if nothing lies over it. */
function placeOf(name) {
  const buttons = [...document.querySelectorAll('button')].filter((each) => (each.ariaLabel ?? each.textContent).trim() === name);
  for (const button of buttons) {
    const { left, top, width, height } = button.getBoundingClientRect();
    const [x, y] = [Math.round(left + width / 2), Math.round(top + height / 2)];
    if (width > 0 && button.contains(document.elementFromPoint(x, y))) return [x, y];
  }
  return undefined;
}

/** Returns the value of a RemoteValue of WebDriver BiDi. */
function plain({ type, value }) {
  assert.ok(['undefined', 'null', 'string', 'number', 'boolean', 'array'].includes(type), `a result of type ${type}`);
  return type === 'array' ? value.map(plain) : value;
}
