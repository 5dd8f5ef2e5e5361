// Data that the browser stores for this page. Storage may be full, disabled or written by another version, so reading falls
// back to defaults and writing never throws.
import { signal } from '@preact/signals';

const prefix = 'chattok.app.';

/** A visited session. */
export interface Recent {
  readonly session: string;
  /** Time of the last visit, in milliseconds since the epoch. */
  readonly visited: number;
}

/** The user's last choices. */
export interface Choices {
  readonly name: string;
  readonly audio: boolean;
  readonly video: boolean;
  readonly microphone: string;
  readonly camera: string;
  readonly speaker: string;
  /** Layout of the tiles. */
  readonly layout: 'auto' | 'grid' | 'speaker';
  /** Position of the user's own picture on the stage, and whether it is hidden. */
  readonly selfCorner: Corner;
  readonly selfHidden: boolean;
  /** Whether messages play a sound and show a notification. `ask`: the user has not decided yet. */
  readonly sound: boolean;
  readonly notify: 'ask' | 'yes' | 'no';
  /** Whether to blur the background of the user's picture, if the browser can. */
  readonly blur: boolean;
}

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

/** Visited sessions, most recent first. */
export const recents = signal<readonly Recent[]>(read(localStore(), 'recent', isRecents) ?? []);

/** The user's last choices; use `choose` to change them. */
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

/** Returns the connection ids that this browser has had in a session. Their entries are shown as the user's own. */
export function ownConnections(session: string): ReadonlySet<string> {
  return new Set(read(localStore(), `own.${session}`, isStrings) ?? []);
}

export function rememberConnection(session: string, id: string): ReadonlySet<string> {
  const list = [...ownConnections(session)].filter((other) => other !== id).slice(-ownLimit + 1);
  list.push(id);
  write(localStore(), `own.${session}`, list);
  return new Set(list);
}

/** Calls `changed` when another tab of this browser joins the session. Returns a function that stops it. */
export function watchConnections(session: string, changed: () => void): () => void {
  const heard = ({ key }: StorageEvent): void => {
    if (key === `${prefix}own.${session}`) changed();
  };
  addEventListener('storage', heard);
  return () => removeEventListener('storage', heard);
}

/** Returns this tab's session token, which the address no longer contains. */
export function tabToken(session: string): string | undefined {
  return read(tabStore(), `token.${session}`, isString);
}

export function rememberToken(session: string, token: string): void {
  write(tabStore(), `token.${session}`, token);
}

/** Records that this tab is in a session, so that a reload returns to it. */
export interface Joined {
  readonly session: string;
  readonly name: string;
  /** Whether the session was not live when the page was unloaded. */
  readonly lost?: boolean;
}

/** Returns this tab's record for a session, if there is one. */
export function joinedIn(session: string): Joined | undefined {
  const joined = read(tabStore(), 'joined', isJoined);
  return joined?.session === session ? joined : undefined;
}

export function setJoined(joined: Joined | undefined): void {
  write(tabStore(), 'joined', joined ?? null);
}

/** Returns the draft of a message in this tab. */
export function draftOf(session: string): string {
  return read(tabStore(), `draft.${session}`, isString) ?? '';
}

export function keepDraft(session: string, text: string): void {
  write(tabStore(), `draft.${session}`, text);
}

/** Returns the id of the entry that the draft answers. */
export function answeredBy(session: string): string | undefined {
  return read(tabStore(), `reply.${session}`, isString);
}

export function keepAnswered(session: string, id: string | undefined): void {
  write(tabStore(), `reply.${session}`, id ?? null);
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
    // Storage is full; losing these conveniences is not worth a warning.
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
