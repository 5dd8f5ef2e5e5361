import { asError } from './api.ts';
import { ChattokError } from './errors.ts';
import type { OutboxStorage, SavedItem } from './outbox-storage.ts';
import { pauseBefore } from './pause.ts';
import { randomId } from './random.ts';
import type { ChatEntry, OutboxItem } from './types.ts';

/** Age in milliseconds above which a stored post is not sent automatically, but shown as failed. */
const stale = 24 * 60 * 60_000;

export interface PostAction {
  readonly kind: 'post';
  readonly body: string;
  readonly data?: string | undefined;
  readonly replyTo?: string | undefined;
}

/** A change of an entry. `id` is the entry's, or the key of a post that waits before the change. */
export type EntryAction =
  | { readonly kind: 'edit'; readonly id: string; readonly body: string; readonly data?: string | null | undefined }
  | { readonly kind: 'remove'; readonly id: string }
  | {
      readonly kind: 'react';
      readonly id: string;
      readonly name: string;
      readonly on: boolean;
      /** The entry's version when the reaction was sent first. A later one may count it already. */
      since?: number | undefined;
    };

export type Action =
  | PostAction
  | EntryAction
  | { readonly kind: 'markRead'; readonly cursor: string }
  | { readonly kind: 'setData'; readonly data: string | null };

export interface OutboxHooks {
  /** The id of the connection to send under; undefined while the session is not live. */
  sender(): string | undefined;
  /**
   * Sends an action to the server, and applies the answer before it resolves. Resolves with the entry, if the action is about
   * one. Rejects with NETWORK if no answer arrives.
   */
  send(sender: string, action: Action, key: string): Promise<ChatEntry | undefined>;
  /** The server has refused a change; it is no longer in the outbox. */
  refused(action: Action, error: ChattokError): void;
  changed(): void;
}

interface Item {
  readonly key: string;
  action: Action;
  readonly createdAt: number;
  error?: ChattokError;
  state: 'pending' | 'failed';
  /** Ids of the connections that tried to send it. */
  senders: string[];
  /** Whether the server has refused the post since it was last changed, so that it is certainly not stored. */
  refused: boolean;
  /** Whether the entry arrived through the subscription before the mutation's response. */
  seen: boolean;
  readonly waiting: { resolve(entry: ChatEntry | undefined): void; reject(error: ChattokError): void }[];
}

type PostItem = Item & { action: PostAction };

/**
 * Sends posts and changes in order, one at a time, and retries each until the server answers. Posts that slow mode holds back
 * are passed by changes, and changes that the server can't take yet by posts; neither passes its own kind, nor what it is about.
 */
export class Outbox {
  readonly #hooks: OutboxHooks;
  readonly #held = { post: 0, change: 0 }; // times before which posts and changes are not sent
  #items: Item[] = [];
  #storage: OutboxStorage | undefined;
  #running = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 1;
  #closed: ChattokError | undefined;
  #last = 0;
  /** Time until which slow mode holds posts back. */
  slowUntil = 0;

  constructor(hooks: OutboxHooks) {
    this.#hooks = hooks;
  }

  /** Slow mode holds posts back until a time, whatever held them before. */
  slow(until: number): void {
    this.slowUntil = this.#held.post = until;
    this.#hooks.changed();
    this.#start();
  }

  /** Returns the posts whose entries have not arrived yet, for display: with their edits, and without those to be removed. */
  list(): readonly OutboxItem[] {
    const changes = this.changes();
    return this.#items.flatMap(({ key, action, createdAt, state, error, seen }) => {
      const after = changes?.get(key) ?? [];
      if (action.kind !== 'post' || seen || after.some(({ kind }) => kind === 'remove')) return [];
      let { body, data = null } = action as PostAction & { data?: string | null };
      for (const change of after) if (change.kind === 'edit') ({ body, data = data } = change);
      const replyTo = this.#post(action.replyTo) ? null : (action.replyTo ?? null);
      return { key, body, data, replyTo, createdAt, state, ...(error && { error }) };
    });
  }

  /** Returns the changes that wait, in order, by entry; undefined if there are none. */
  changes(): ReadonlyMap<string, readonly EntryAction[]> | undefined {
    let found: Map<string, EntryAction[]> | undefined;
    for (const { action } of this.#items) {
      if (action.kind === 'post' || !('id' in action)) continue;
      found ??= new Map();
      found.set(action.id, [...(found.get(action.id) ?? []), action]);
    }
    return found;
  }

  /** Keeps the items in storage from now on, and takes over those of earlier pages. */
  persist(storage: OutboxStorage): void {
    this.#storage = storage;
    this.#items.forEach((item) => this.#save(item));
    storage.adopt((items) => this.#restore(items));
  }

  /** Takes an action. One that was not sent yet is replaced by a later one of the same kind about the same thing. */
  do(action: Action): Promise<ChatEntry | undefined> {
    if (this.#closed) return Promise.reject(this.#closed);
    const post = 'id' in action ? this.#post(action.id) : undefined;
    if (post && (post.senders.length === 0 || post.refused)) {
      if (action.kind === 'remove') return Promise.resolve(this.#drop(post));
      if (action.kind === 'edit') return this.#amend(post, action);
    }
    if (post?.state === 'failed') this.retry(post.key);
    const before = this.#items.find((item) => item.senders.length === 0 && replaces(action, item.action));
    if (before) return this.#replace(before, action);
    this.#last = Math.max(Date.now(), this.#last + 1); // unique, since items are sorted by it
    const item = newItem(randomId(), action, this.#last);
    this.#items.push(item);
    return this.#replace(item, action);
  }

  retry(key: string): void {
    const item = this.#post(key);
    if (item?.state === 'failed') void this.#replace(item, item.action);
  }

  /** Drops a post, and the changes of it. */
  drop(key: string): void {
    const post = this.#post(key);
    if (post) this.#drop(post);
  }

  /** Matches an entry from the subscription with the post being sent, so that it is not shown twice. */
  arrived({ id, body, connectionId }: ChatEntry): void {
    const post = this.#items.find((item) => item.state === 'pending' && item.action.kind === 'post') as PostItem | undefined;
    if (!post || post.seen || post.action.body !== body || !post.senders.includes(connectionId)) return;
    post.seen = true;
    this.#stored(post.key, id);
    this.#hooks.changed();
  }

  /** The session is live: sends without waiting for the retry delay. */
  resume(): void {
    this.#held.change = 0;
    this.#held.post = this.slowUntil;
    this.#attempt = 1;
    this.#start();
  }

  /** Stops sending. Items stay in storage. */
  close(error: ChattokError): void {
    this.#closed = error;
    this.#storage?.close();
    clearTimeout(this.#timer);
    this.#items.forEach(({ waiting }) => waiting.forEach(({ reject }) => reject(error)));
  }

  #post(key: string | undefined): PostItem | undefined {
    return this.#items.find((item): item is PostItem => item.key === key && item.action.kind === 'post');
  }

  /** Edits a post that is certainly not stored. */
  #amend(post: PostItem, { body, data = post.action.data }: EntryAction & { kind: 'edit' }): Promise<ChatEntry | undefined> {
    return this.#replace(post, { ...post.action, body, data: data ?? undefined });
  }

  #replace(item: Item, action: Action): Promise<ChatEntry | undefined> {
    item.action = action;
    item.state = 'pending';
    item.refused = false;
    delete item.error;
    this.#save(item);
    this.#hooks.changed();
    const answer = new Promise<ChatEntry | undefined>((resolve, reject) => item.waiting.push({ resolve, reject }));
    answer.catch(() => {}); // avoids an unhandled rejection if the caller ignores the promise; the store shows the failure
    this.#start();
    return answer;
  }

  #drop(post: Item): undefined {
    const gone = this.#items.filter((item) => item === post || ('id' in item.action && item.action.id === post.key));
    for (const item of gone) {
      this.#remove(item);
      item.waiting.forEach(({ reject }) => reject(new ChattokError('DROPPED', 'the post was dropped')));
    }
    this.#stored(post.key, undefined);
  }

  #start(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    void this.#run();
  }

  /** Sends items until none may be sent now, or the session is no longer live. */
  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    while (!this.#closed) {
      const sender = this.#hooks.sender();
      const ready = this.#items.filter((item) => item.state === 'pending' && !this.#post(aboutOf(item.action)));
      const item = ready.find((each) => this.#held[laneOf(each)] <= Date.now());
      if (sender === undefined) break;
      if (!item) {
        const next = Math.min(...ready.map((each) => this.#held[laneOf(each)]));
        if (next < Infinity) this.#timer = setTimeout(() => this.#start(), next - Date.now());
        break;
      }
      const error = await this.#try(item, sender);
      if (!error) this.#attempt = 1;
      else if (!passing(error)) this.#refuse(item, error);
      else this.#hold(item, error);
    }
    this.#running = false;
  }

  /** Holds back what can't be sent now: after a limit or a lost connection everything, else only items of the same kind. */
  #hold(item: Item, { code, reason, retryAfterMs }: ChattokError): void {
    const until = Date.now() + (retryAfterMs ?? pauseBefore(this.#attempt++));
    this.#held[laneOf(item)] = until;
    item.refused = reason === 'SLOW_MODE';
    if (item.refused) this.slow(until);
    else if (code !== 'UNAVAILABLE') this.#held.post = this.#held.change = until;
  }

  /** Sends an item once. Returns the error, if any. */
  async #try(item: Item, sender: string): Promise<ChattokError | undefined> {
    if (!item.senders.includes(sender)) {
      item.senders = [...item.senders.slice(-4), sender];
      this.#save(item);
    }
    item.refused = false;
    let entry: ChatEntry | undefined;
    try {
      entry = await this.#hooks.send(sender, item.action, item.key);
    } catch (error) {
      return asError(error);
    }
    this.#remove(item);
    if (entry) this.#stored(item.key, entry.id);
    item.waiting.forEach(({ resolve }) => resolve(entry));
    return undefined;
  }

  /** Directs what is about a post to its entry, now that the post is stored; without an id, to none. */
  #stored(key: string, id: string | undefined): void {
    for (const item of this.#items) {
      const { action } = item;
      if (aboutOf(action) !== key) continue;
      item.action = (action.kind === 'post' ? { ...action, replyTo: id } : { ...action, id }) as Action;
      this.#save(item);
    }
  }

  #refuse(item: Item, error: ChattokError): void {
    if (!this.#items.includes(item)) return; // dropped during the request
    const { key, action, waiting } = item;
    if (action.kind !== 'post') {
      this.#remove(item);
      this.#hooks.refused(action, error);
    } else if (this.changes()?.get(key)?.some(({ kind }) => kind === 'remove')) {
      this.#drop(item);
    } else {
      Object.assign(item, { state: 'failed', refused: true, seen: false, error });
      this.#save(item);
      this.#hooks.changed();
    }
    waiting.splice(0).forEach(({ reject }) => reject(error));
  }

  #restore(saved: readonly SavedItem[]): void {
    if (this.#closed) return;
    const error = new ChattokError('NETWORK', 'not sent in time');
    for (const { key, action, createdAt, failed, senders } of saved) {
      if (this.#items.some((item) => item.key === key)) continue;
      const late = failed || Date.now() - createdAt > stale;
      const item = newItem(key, action, createdAt);
      this.#items.push(item);
      Object.assign(item, { senders: [...senders], refused: failed }, late && { state: 'failed', error });
    }
    this.#items.sort((a, b) => a.createdAt - b.createdAt);
    for (const item of this.#items.filter(({ state, action }) => state === 'failed' && action.kind !== 'post')) this.#refuse(item, error);
    this.#hooks.changed();
    this.#start();
  }

  #save({ key, action, createdAt, state, refused, senders }: Item): void {
    if (action.kind !== 'setData') this.#storage?.save({ key, action, createdAt, failed: state === 'failed' && refused, senders });
  }

  #remove(item: Item): void {
    this.#items = this.#items.filter((each) => each !== item);
    this.#storage?.remove(item.key);
    this.#hooks.changed();
  }
}

function newItem(key: string, action: Action, createdAt: number): Item {
  return { key, action, createdAt, state: 'pending', senders: [], refused: false, seen: false, waiting: [] };
}

const laneOf = ({ action }: Item) => (action.kind === 'post' ? 'post' : 'change');

/** Returns the id, or the key of a post, that an action is about. */
function aboutOf(action: Action): string | undefined {
  return action.kind === 'post' ? action.replyTo : 'id' in action ? action.id : undefined;
}

/** Whether an action makes an earlier one, which was not sent yet, needless. */
function replaces(action: Action, earlier: Action): boolean {
  if (action.kind !== earlier.kind || action.kind === 'post' || aboutOf(action) !== aboutOf(earlier)) return false;
  return action.kind !== 'react' || action.name === (earlier as typeof action).name;
}

/** Whether a retry may succeed. UNAUTHENTICATED counts: the connection has ended, and the next one may post. */
function passing({ code, reason, retryAfterMs }: ChattokError): boolean {
  if (code === 'RATE_LIMITED') return retryAfterMs !== undefined || reason === undefined;
  return code === 'NETWORK' || code === 'UNAVAILABLE' || code === 'UNAUTHENTICATED';
}
