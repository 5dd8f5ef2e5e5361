// The page's route: the start page at the server's root, or a session at `s/{session}` below it. A proxy may strip a path
// prefix, so the root is derived from the page's own address.
import { signal } from '@preact/signals';
import { rememberToken } from './storage';

/**
 * Session ids: 1 to 128 characters of `A-Za-z0-9-_~.`, as in the schema. `.` and `..` are excluded, since browsers resolve
 * them in addresses.
 */
const sessionPattern = /^(?!\.{1,2}$)[A-Za-z0-9\-_~.]{1,128}$/;

export interface Route {
  /** The session's id; undefined on the start page. */
  readonly session: string | undefined;
  /** An invalid session id in the address, if there is one. */
  readonly invalid?: string;
}

/** Whether the page shows only the chat, for a narrow frame in another page: `?view=chat`. */
export const chatOnly = new URLSearchParams(location.search).get('view') === 'chat';

/** The server's root path, with a trailing slash. */
export let root = '/';

export const route = signal<Route>({ session: undefined });

/** Parses the address and follows its changes. To be called once. */
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
    if (session !== undefined && adoptToken(session)) location.reload(); // the user pasted another invitation
  });
}

/**
 * Moves the session token from the address to the tab's storage, so that it is not visible on a shared screen. Returns
 * whether there was one.
 */
function adoptToken(session: string): boolean {
  const token = tokenOf(location.hash);
  if (token === undefined) return false;
  rememberToken(session, token);
  history.replaceState(history.state, '', sessionPath(session) + location.search);
  return true;
}

/** Navigates to a session, or to the start page, without reloading. */
export function go(session: string | undefined): void {
  history.pushState(null, '', session === undefined ? root : sessionPath(session));
  route.value = { session };
  scrollTo(0, 0);
}

/** Returns the link to a session, without a token. */
export function inviteLink(session: string): string {
  return location.origin + sessionPath(session);
}

export function isSessionId(text: string): boolean {
  return sessionPattern.test(text);
}

/** The target of a pasted link or session id. */
export interface Found {
  readonly session: string;
  readonly token: string | undefined;
  /** The link's address if it belongs to another server. */
  readonly elsewhere: URL | undefined;
}

/** Parses a pasted link or session id. Returns undefined if it is neither. */
export function sessionOf(text: string): Found | undefined {
  const trimmed = text.trim();
  if (isSessionId(trimmed)) return { session: trimmed, token: undefined, elsewhere: undefined };
  if (!URL.canParse(trimmed)) return undefined;
  const url = new URL(trimmed);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  const [base, rest] = splitPath(url.pathname);
  const { session } = parse(rest);
  if (session === undefined) return undefined;
  // http and https are the same server; another host, port or prefix is not.
  const here = url.host === location.host && base === root;
  return { session, token: tokenOf(url.hash), elsewhere: here ? undefined : url };
}

/** Returns the session token in an address's fragment. Browsers do not send fragments to servers. */
function tokenOf(hash: string): string | undefined {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? undefined;
}

/** Returns a random session id of 60 bits: 12 characters out of 32, without similar-looking ones. */
export function newSessionId(): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  const text = Array.from(bytes, (byte) => alphabet[byte % alphabet.length]).join('');
  return `${text.slice(0, 4)}-${text.slice(4, 8)}-${text.slice(8)}`;
}

function sessionPath(session: string): string {
  return `${root}s/${session}`;
}

/** Splits a path into the root and the rest, which is empty or begins with `s/`. */
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
