// Adds the access token of the page's connection to the two requests of OpenTok's tutorial, which carry none themselves. It does
// so for fetch and XMLHttpRequest, for these two paths on the page's own origin only, and never after a redirect. All other
// requests of the page are passed on as they are.
import { warn } from './log.ts';
import type { TBSession } from './tb-session.ts';

const addPath = '/chat_entries/add';
const latestPath = /^\/chat_entries\/latest\/([^/]+)$/;

const isPost = (method: unknown): boolean => String(method).toUpperCase() === 'POST';

/** Whether a request is one of the tutorial's two. */
function isDue(method: unknown, address: unknown): boolean {
  try {
    const { origin, pathname } = new URL(String(address), document.baseURI);
    if (origin !== location.origin) return false;
    return isPost(method) ? pathname === addPath : String(method).toUpperCase() === 'GET' && latestPath.test(pathname);
  } catch {
    return false;
  }
}

/** Chooses the session that lends its token: the one that the request is about, or else the last of them. */
async function lenderOf(request: Request, sessions: TBSession[]): Promise<TBSession | undefined> {
  const last = sessions.at(-1);
  if (sessions.length < 2) return last;
  const latest = latestPath.exec(new URL(request.url).pathname)?.[1];
  if (latest !== undefined) return sessions.find(({ connections }) => connections.has(latest)) ?? last;
  const form = await request.clone().formData().catch(() => undefined); // the server says what is wrong with it
  const sender = form?.get('connectionId');
  return sessions.find(({ connection }) => connection?.connectionId === sender) ?? last;
}

let lending = false;

/** Starts to add tokens to these requests, while `connected` returns any sessions. Further calls do nothing. */
export function lend(connected: () => TBSession[]): void {
  if (lending) return;
  lending = true;
  const plain = globalThis.fetch.bind(globalThis);
  /** Sends a request with a token, unless it has one. A redirect makes it fail, so that the token reaches no other address. */
  const authorized = async (...from: Parameters<typeof fetch>): Promise<Response> => {
    const request = new Request(...from);
    if (request.headers.has('authorization')) return plain(request);
    const token = (await lenderOf(request, connected()))?.chattok?.accessToken;
    if (token === undefined) return plain(request);
    const lent = new Request(request, { redirect: 'error' });
    lent.headers.set('authorization', `Bearer ${token}`);
    return plain(lent);
  };
  globalThis.fetch = (...from) => {
    const [input, init] = from;
    const own = input instanceof Request ? input : undefined;
    const due = isDue(init?.method ?? own?.method ?? 'GET', own?.url ?? input) && connected().length > 0;
    return due ? authorized(...from) : plain(...from);
  };
  lendToXHR(() => connected().length > 0, authorized);
}

/** An XMLHttpRequest of the tutorial since it was opened. */
interface Opened {
  readonly method: string;
  readonly address: URL;
  readonly async: boolean;
  readonly headers: Headers;
  readonly abort: AbortController;
  sent: boolean;
}

const opened = new WeakMap<XMLHttpRequest, Opened>();
const textTypes = new Set(['', 'text', 'json']);

/**
 * Patches XMLHttpRequest. The browser follows its redirects with all headers, and a page can't prevent that, so one of the
 * tutorial's requests is sent by fetch instead and shows the answer of that. Synchronous requests, and those for anything but
 * text, are sent unchanged, with a warning.
 */
function lendToXHR(ready: () => boolean, run: typeof fetch): void {
  const { prototype } = XMLHttpRequest;
  const { open, setRequestHeader, send, abort } = prototype;
  prototype.open = function (this: XMLHttpRequest, ...from: [method: string, address: string | URL, async?: boolean, ...credentials: (string | null)[]]) {
    const [method, address] = from;
    opened.get(this)?.abort.abort();
    opened.delete(this);
    forget(this);
    if (isDue(method, address)) {
      const async = from.length < 3 || Boolean(from[2]); // an argument that is undefined is false, unlike one that is absent
      opened.set(this, { method, address: new URL(address, document.baseURI), async, headers: new Headers(), abort: new AbortController(), sent: false });
    }
    open.apply(this, from as Parameters<typeof open>);
  };
  prototype.setRequestHeader = function (name, value) {
    const request = opened.get(this);
    refuseIfSent(request);
    setRequestHeader.call(this, name, value);
    request?.headers.append(name, value);
  };
  prototype.send = function (body) {
    const request = opened.get(this);
    refuseIfSent(request);
    if (request) request.sent = true;
    if (!request || request.headers.has('authorization') || !ready()) return send.call(this, body);
    const { method, address, headers } = request;
    const form = isPost(method) ? (body ?? null) : null; // the body of a GET is ignored, where fetch would refuse it
    if (!request.async || !textTypes.has(this.responseType) || form instanceof Document) {
      warn(`${method} ${address.pathname} is sent without a token, since it is synchronous or not of text`);
      return send.call(this, body);
    }
    void show(this, request, run(address, { method, headers, body: form, signal: signalOf(this, request) }));
  };
  prototype.abort = function () {
    const request = opened.get(this);
    if (request?.sent) request.abort.abort();
    abort.call(this);
  };
}

/** Throws, as the browser does, where a request that was sent would be changed or sent again. The browser's own was never sent. */
function refuseIfSent(request: Opened | undefined): void {
  if (request?.sent) throw new DOMException('the request was sent already', 'InvalidStateError');
}

function signalOf({ timeout }: XMLHttpRequest, { abort }: Opened): AbortSignal {
  return timeout > 0 ? AbortSignal.any([abort.signal, AbortSignal.timeout(timeout)]) : abort.signal;
}

const shown = ['readyState', 'status', 'statusText', 'responseURL', 'responseText', 'response', 'getAllResponseHeaders', 'getResponseHeader'] as const;

/** Sets the request's members to the answer and dispatches its events, as the browser would. */
async function show(request: XMLHttpRequest, own: Opened, answer: Promise<Response>): Promise<void> {
  try {
    const { status, statusText, url, headers, text } = await read(answer);
    const response = request.responseType === 'json' ? parsed(text) : text;
    const all = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const members = [4, status, statusText, url, text, response, () => all, (name: string) => headers.get(name)];
    tell(request, own, members, ['readystatechange', 'load', 'loadend']);
  } catch (cause) {
    const { name } = cause as Error;
    const event = name === 'AbortError' ? 'abort' : name === 'TimeoutError' ? 'timeout' : 'error';
    tell(request, own, [4, 0, '', '', '', request.responseType === 'json' ? null : '', () => '', () => null], ['readystatechange', event, 'loadend']);
  }
}

async function read(answer: Promise<Response>): Promise<{ status: number; statusText: string; url: string; headers: Headers; text: string }> {
  const response = await answer;
  const { status, statusText, url, headers } = response;
  return { status, statusText, url, headers, text: await response.text() };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Does nothing where the request was opened again, and nothing more where a handler opens it again. */
function tell(request: XMLHttpRequest, own: Opened, members: unknown[], events: string[]): void {
  if (opened.get(request) !== own) return;
  shown.forEach((name, i) => Object.defineProperty(request, name, { configurable: true, value: members[i] }));
  for (const event of events) {
    if (opened.get(request) === own) request.dispatchEvent(event === 'readystatechange' ? new Event(event) : new ProgressEvent(event));
  }
}

/** Removes the members that `tell` set, for a request that is opened again. */
function forget(request: XMLHttpRequest): void {
  for (const name of shown) Reflect.deleteProperty(request, name);
}
