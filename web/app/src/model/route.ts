// Where the page is: the start page at the server's root, or the session of `s/{session}` below it. The root may lie
// behind a path prefix that a proxy strips, so it is taken from the page's own address.
import { signal } from '@preact/signals';
import { rememberToken } from './storage';

/** A session's id: 1 to 128 of `A-Za-z0-9-_~.`, as the schema has it; `.` and `..` would be lost in an address. */
const sessionPattern = /^(?!\.{1,2}$)[A-Za-z0-9\-_~.]{1,128}$/;

/** What the address names. */
export interface Route {
  /** The session's id; undefined on the start page. */
  readonly session: string | undefined;
  /** What stood where the session's id should be; undefined where that is one, or nothing stood there. */
  readonly invalid?: string;
}

/** Whether the page is a chat and no more, as in a narrow frame of another page: `?view=chat`. */
export const chatOnly = new URLSearchParams(location.search).get('view') === 'chat';

/** The server's root, with a slash at the end. */
export let root = '/';

/** The current route. */
export const route = signal<Route>({ session: undefined });

/** Reads the address, and follows it from now on. Call it once. */
export function startRouting(): void {
  root = splitPath(location.pathname)[0];
  const follow = (): void => {
    const next = parse(splitPath(location.pathname)[1]);
    if (next.session !== undefined) adoptToken(next.session);
    route.value = next;
  };
  follow();
  addEventListener('popstate', follow);
  addEventListener('hashchange', () => {
    const { session } = route.value;
    if (session !== undefined && adoptToken(session)) location.reload(); // another invitation was pasted
  });
}

/** Takes the session token out of the address, where anybody could read it on a shared screen. Says whether there was one. */
function adoptToken(session: string): boolean {
  const token = tokenOf(location.hash);
  if (token === undefined) return false;
  rememberToken(session, token);
  history.replaceState(history.state, '', sessionPath(session) + location.search);
  return true;
}

/** Goes to a session, or to the start page where there is none, without loading the page again. */
export function go(session: string | undefined): void {
  history.pushState(null, '', session === undefined ? root : sessionPath(session));
  route.value = { session };
  scrollTo(0, 0);
}

/** The address that invites others to a session. It carries no token. */
export function inviteLink(session: string): string {
  return location.origin + sessionPath(session);
}

export function isSessionId(text: string): boolean {
  return sessionPattern.test(text);
}

/** What a pasted link, or a plain id, leads to. */
export interface Found {
  readonly session: string;
  readonly token: string | undefined;
  /** The link's own address, where it is another server's. */
  readonly elsewhere: URL | undefined;
}

/** The session that a pasted link, or a plain id, names; undefined where it names none. */
export function sessionOf(text: string): Found | undefined {
  const trimmed = text.trim();
  if (isSessionId(trimmed)) return { session: trimmed, token: undefined, elsewhere: undefined };
  if (!URL.canParse(trimmed)) return undefined;
  const url = new URL(trimmed);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  const [base, rest] = splitPath(url.pathname);
  const { session } = parse(rest);
  if (session === undefined) return undefined;
  // One server may be reached by http and by https; another host, port or prefix is another server.
  const here = url.host === location.host && base === root;
  return { session, token: tokenOf(url.hash), elsewhere: here ? undefined : url };
}

/** The session token that an address's fragment carries; a fragment never leaves the browser. */
function tokenOf(hash: string): string | undefined {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? undefined;
}

/** An id that nobody guesses: 12 of 32 characters are 60 bits, without those that look alike. */
export function newSessionId(): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  const text = Array.from(bytes, (byte) => alphabet[byte % alphabet.length]).join('');
  return `${text.slice(0, 4)}-${text.slice(4, 8)}-${text.slice(8)}`;
}

function sessionPath(session: string): string {
  return `${root}s/${session}`;
}

/** The root, and what follows it: nothing, or `s/` and the rest. */
function splitPath(path: string): [root: string, rest: string] {
  const match = /^(.*\/)(s\/[^/]+)$/.exec(path);
  return match ? [match[1] ?? '/', match[2] ?? ''] : [path.replace(/[^/]*$/, ''), ''];
}

function parse(rest: string): Route {
  if (rest === '') return { session: undefined };
  const id = decode(rest.slice(2));
  return isSessionId(id) ? { session: id } : { session: undefined, invalid: id };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
