// What the browser remembers for this page. Storage can be full, switched off, or hold what an older version wrote, so
// reading falls back and writing never fails.
import { signal } from '@preact/signals';

const prefix = 'chattok.app.';

/** A session that was visited. */
export interface Recent {
  readonly session: string;
  /** When it was last entered, in milliseconds since 1970. */
  readonly visited: number;
}

/** What was chosen last time. */
export interface Choices {
  readonly name: string;
  readonly audio: boolean;
  readonly video: boolean;
  readonly microphone: string;
  readonly camera: string;
  readonly speaker: string;
  /** How the tiles lie. */
  readonly layout: 'auto' | 'grid' | 'speaker';
  /** Where one's own picture lies over the stage, and whether it is hidden. */
  readonly selfCorner: Corner;
  readonly selfHidden: boolean;
  /** Whether messages make a sound and show outside of the page; `ask` until the person has said. */
  readonly sound: boolean;
  readonly notify: 'ask' | 'yes' | 'no';
  /** Whether the background behind one's picture is blurred, where the browser can. */
  readonly blur: boolean;
}

/** A corner of the stage. */
export type Corner = 'top-left' | 'top-right' | 'bottom-left' | 'bottom-right';

const recentLimit = 8;
const ownLimit = 24;

const noChoices: Choices = {
  name: '',
  audio: true,
  video: true,
  microphone: '',
  camera: '',
  speaker: '',
  layout: 'auto',
  selfCorner: 'bottom-right',
  selfHidden: false,
  sound: false,
  notify: 'ask',
  blur: false,
};

/** The sessions visited, newest first. */
export const recents = signal<readonly Recent[]>(read(localStore(), 'recent', isRecents) ?? []);

/** What was chosen last time; change it with `choose`. */
export const choices = signal<Choices>({ ...noChoices, ...read(localStore(), 'choices', isObject) });

export function choose(change: Partial<Choices>): void {
  choices.value = { ...choices.value, ...change };
  write(localStore(), 'choices', choices.value);
}

export function rememberSession(session: string): void {
  const others = recents.value.filter((recent) => recent.session !== session);
  setRecents([{ session, visited: Date.now() }, ...others].slice(0, recentLimit));
}

export function forgetSession(session: string): void {
  setRecents(recents.value.filter((recent) => recent.session !== session));
}

function setRecents(list: readonly Recent[]): void {
  recents.value = list;
  write(localStore(), 'recent', list);
}

/** The connections that this browser has been in a session, so that what they posted is shown as one's own. */
export function ownConnections(session: string): ReadonlySet<string> {
  return new Set(read(localStore(), `own.${session}`, isStrings) ?? []);
}

export function rememberConnection(session: string, id: string): ReadonlySet<string> {
  const list = [...ownConnections(session)].filter((other) => other !== id).slice(-ownLimit + 1);
  list.push(id);
  write(localStore(), `own.${session}`, list);
  return new Set(list);
}

/** Calls when another tab of this browser has become a connection of a session. Returns what ends it. */
export function watchConnections(session: string, changed: () => void): () => void {
  const heard = ({ key }: StorageEvent): void => {
    if (key === `${prefix}own.${session}`) changed();
  };
  addEventListener('storage', heard);
  return () => removeEventListener('storage', heard);
}

/** This tab's session token for a session, which its address no longer shows. */
export function tabToken(session: string): string | undefined {
  return read(tabStore(), `token.${session}`, isString);
}

export function rememberToken(session: string, token: string): void {
  write(tabStore(), `token.${session}`, token);
}

/** That this tab is in a session, so that a reload goes back into it. */
export interface Joined {
  readonly session: string;
  readonly name: string;
  /** Whether the page went while the server was away. */
  readonly lost?: boolean;
}

/** How this tab is in a session; undefined where it is not. */
export function joinedIn(session: string): Joined | undefined {
  const joined = read(tabStore(), 'joined', isJoined);
  return joined?.session === session ? joined : undefined;
}

export function setJoined(joined: Joined | undefined): void {
  write(tabStore(), 'joined', joined ?? null);
}

/** What was being written in a session in this tab. */
export function draftOf(session: string): string {
  return read(tabStore(), `draft.${session}`, isString) ?? '';
}

export function keepDraft(session: string, text: string): void {
  write(tabStore(), `draft.${session}`, text);
}

function localStore(): Storage | undefined {
  return storage(() => localStorage);
}

function tabStore(): Storage | undefined {
  return storage(() => sessionStorage);
}

function storage(get: () => Storage): Storage | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

function read<T>(store: Storage | undefined, key: string, is: (value: unknown) => value is T): T | undefined {
  try {
    const value: unknown = JSON.parse(store?.getItem(prefix + key) ?? 'null');
    return is(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function write(store: Storage | undefined, key: string, value: unknown): void {
  try {
    store?.setItem(prefix + key, JSON.stringify(value));
  } catch {
    // A full store is not worth a word: what is lost is a convenience.
  }
}

function isString(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isString);
}

function isJoined(value: unknown): value is Joined {
  return typeof value === 'object' && value !== null && 'session' in value && isString(value.session) && 'name' in value &&
    typeof value.name === 'string';
}

function isObject(value: unknown): value is Partial<Choices> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRecents(value: unknown): value is Recent[] {
  return Array.isArray(value) && value.every((item) => isString(item?.session) && typeof item?.visited === 'number');
}
