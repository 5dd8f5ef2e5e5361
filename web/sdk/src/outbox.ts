import { asError } from './api.ts';
import { ChattokError } from './errors.ts';
import type { OutboxStorage, SavedPost } from './outbox-storage.ts';
import { Pause, pauseBefore } from './pause.ts';
import { randomId } from './random.ts';
import type { ChatEntry, OutboxItem } from './types.ts';

/** A post that waited longer than this over a reload, in milliseconds, is the user's to send again. */
const stale = 24 * 60 * 60_000;

export interface OutboxHooks {
  /** Who posts now; undefined while the session is not live. */
  sender(): string | undefined;
  /** Posts. Rejects with NETWORK where there is no answer. */
  send(sender: string, body: string, key: string): Promise<ChatEntry>;
  /** What was posted is stored. */
  stored(entry: ChatEntry): void;
  changed(): void;
}

interface Post {
  readonly key: string;
  readonly body: string;
  readonly createdAt: number;
  error?: ChattokError;
  state: 'pending' | 'failed';
  /** The connections that tried. */
  senders: string[];
  /** Its entry came before its answer. */
  seen: boolean;
  readonly waiting: { resolve(entry: ChatEntry): void; reject(error: ChattokError): void }[];
}

/** Posts in their order, one at a time, each until it is answered. */
export class Outbox {
  readonly #hooks: OutboxHooks;
  readonly #pause = new Pause();
  #posts: Post[] = [];
  #storage: OutboxStorage | undefined;
  #pumping = false;
  #closed: ChattokError | undefined;
  #last = 0;

  constructor(hooks: OutboxHooks) {
    this.#hooks = hooks;
  }

  /** What a view shows: posts whose entry has not come. */
  list(): readonly OutboxItem[] {
    return this.#posts
      .filter(({ seen }) => !seen)
      .map(({ key, body, createdAt, state, error }) => ({ key, body, createdAt, state, ...(error && { error }) }));
  }

  /** Keeps the posts over a reload from now on, and takes up what was left behind. */
  persist(storage: OutboxStorage): void {
    this.#storage = storage;
    this.#posts.forEach((post) => this.#save(post));
    storage.adopt((posts) => this.#restore(posts));
  }

  post(body: string): Promise<ChatEntry> {
    if (this.#closed) return Promise.reject(this.#closed);
    this.#last = Math.max(Date.now(), this.#last + 1); // never two at once, since this is their order
    const post: Post = {
      key: randomId(),
      body,
      createdAt: this.#last,
      state: 'pending',
      senders: [],
      seen: false,
      waiting: [],
    };
    this.#posts.push(post);
    this.#save(post);
    this.#hooks.changed();
    const answer = new Promise<ChatEntry>((resolve, reject) => post.waiting.push({ resolve, reject }));
    answer.catch(() => {}); // the store shows a refusal: whoever does not wait is not to be troubled
    this.#pump();
    return answer;
  }

  retry(key: string): void {
    const post = this.#posts.find((each) => each.key === key && each.state === 'failed');
    if (!post) return;
    post.state = 'pending';
    delete post.error;
    this.#save(post);
    this.#hooks.changed();
    this.#pump();
  }

  drop(key: string): void {
    const post = this.#posts.find((each) => each.key === key);
    if (!post) return;
    this.#remove(post);
    post.waiting.forEach(({ reject }) => reject(new ChattokError('DROPPED', 'the post was dropped')));
  }

  /** Tells that an entry came live: where it is the post under way, its row gives way to the entry's. */
  arrived(entry: ChatEntry): void {
    const post = this.#posts.find(({ state }) => state === 'pending');
    if (!post || post.seen || post.body !== entry.body || !post.senders.includes(entry.connectionId)) return;
    post.seen = true;
    this.#hooks.changed();
  }

  /** The session is live: sends what waits, at once. */
  resume(): void {
    this.#pause.wake();
    this.#pump();
  }

  /** Nothing is sent any more; what waits stays in the storage. */
  close(error: ChattokError): void {
    this.#closed = error;
    this.#storage?.close();
    this.#pause.wake();
    this.#posts.forEach(({ waiting }) => waiting.forEach(({ reject }) => reject(error)));
  }

  #pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    void this.#run();
  }

  /** Sends until nothing waits, or the session is not live. */
  async #run(): Promise<void> {
    let attempt = 1;
    while (!this.#closed) {
      const post = this.#posts.find(({ state }) => state === 'pending');
      const sender = this.#hooks.sender();
      if (!post || sender === undefined) break;
      const error = await this.#try(post, sender);
      if (error && passing(error)) {
        if (this.#hooks.sender() !== undefined) await this.#pause.wait(error.retryAfterMs ?? pauseBefore(attempt++));
        continue;
      }
      attempt = 1;
      if (error) this.#fail(post, error);
    }
    this.#pumping = false;
  }

  /** Posts once. Returns what went wrong. */
  async #try(post: Post, sender: string): Promise<ChattokError | undefined> {
    if (!post.senders.includes(sender)) {
      post.senders = [...post.senders.slice(-4), sender];
      this.#save(post);
    }
    let entry: ChatEntry;
    try {
      entry = await this.#hooks.send(sender, post.body, post.key);
    } catch (error) {
      return asError(error);
    }
    this.#remove(post);
    this.#hooks.stored(entry);
    post.waiting.forEach(({ resolve }) => resolve(entry));
    return undefined;
  }

  #fail(post: Post, error: ChattokError): void {
    if (!this.#posts.includes(post)) return; // dropped meanwhile
    post.state = 'failed';
    post.seen = false;
    post.error = error;
    this.#save(post);
    this.#hooks.changed();
    post.waiting.splice(0).forEach(({ reject }) => reject(error));
  }

  #restore(saved: readonly SavedPost[]): void {
    if (this.#closed) return;
    for (const { key, body, createdAt, failed, senders } of saved) {
      if (this.#posts.some((post) => post.key === key)) continue;
      const old = Date.now() - createdAt > stale;
      this.#posts.push({
        key,
        body,
        createdAt,
        state: failed || old ? 'failed' : 'pending',
        ...((failed || old) && { error: new ChattokError('NETWORK', 'it was not sent when it was written') }),
        senders: [...senders],
        seen: false,
        waiting: [],
      });
    }
    this.#posts.sort((a, b) => a.createdAt - b.createdAt);
    this.#hooks.changed();
    this.#pump();
  }

  #save({ key, body, createdAt, state, senders }: Post): void {
    this.#storage?.save({ key, body, createdAt, failed: state === 'failed', senders });
  }

  #remove(post: Post): void {
    this.#posts = this.#posts.filter((each) => each !== post);
    this.#storage?.remove(post.key);
    this.#hooks.changed();
  }
}

/** Whether the same post may be taken later. UNAUTHENTICATED: the connection has ended, and there will be another. */
function passing({ code }: ChattokError): boolean {
  return code === 'NETWORK' || code === 'UNAVAILABLE' || code === 'RATE_LIMITED' || code === 'UNAUTHENTICATED';
}
