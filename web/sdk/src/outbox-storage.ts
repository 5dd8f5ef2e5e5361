// Posts that wait, over a reload. Every post is an item of localStorage of its own, so that tabs do not overwrite each
// other's, and belongs to the page that will send it. A page holds a Web Lock as long as it lives; what a page left behind
// goes to whoever gets that lock. Browsers have no locks on pages over plain HTTP: there, everybody takes all, which the
// posts' idempotency keys make harmless.
import { randomId } from './random.ts';

/** What is kept of a post. */
export interface SavedPost {
  readonly key: string;
  readonly body: string;
  readonly createdAt: number;
  readonly failed: boolean;
  /** The connections that may have posted it already. */
  readonly senders: readonly string[];
}

/** Of one page in one session; what is beyond is tried all the same, but not kept. */
const maxPosts = 100;
const maxCharacters = 512 * 1024;

type Stored = SavedPost & { readonly page: string };

export class OutboxStorage {
  readonly #prefix: string;
  readonly #page = randomId();
  readonly #end = new AbortController();
  readonly #saved = new Map<string, number>(); // characters by key
  readonly #storage: Storage | undefined;
  readonly #locks = globalThis.navigator?.locks as LockManager | undefined;

  /** The scope names the server, the session and whose words they are. */
  constructor(scope: string, storage: Storage | undefined = available()) {
    this.#prefix = `chattok:outbox:${scope}:`;
    this.#storage = storage;
    const held = new Promise<void>((resolve) => this.#end.signal.addEventListener('abort', () => resolve()));
    this.#lock(this.#page, () => held);
  }

  save(post: SavedPost): void {
    const text = JSON.stringify({ ...post, page: this.#page } satisfies Stored);
    let characters = text.length - (this.#saved.get(post.key) ?? 0);
    for (const length of this.#saved.values()) characters += length;
    if (characters > maxCharacters || (!this.#saved.has(post.key) && this.#saved.size >= maxPosts)) return;
    try {
      this.#storage?.setItem(this.#prefix + post.key, text);
      this.#saved.set(post.key, text.length);
    } catch {
      // Full, or not allowed: the post lives as long as the page.
    }
  }

  remove(key: string): void {
    this.#saved.delete(key);
    try {
      this.#storage?.removeItem(this.#prefix + key);
    } catch {
      // Not allowed, so it is not there either.
    }
  }

  /** Calls, now or later, with posts that pages left behind; they are this page's from then on. */
  adopt(take: (posts: SavedPost[]) => void): void {
    const pages = new Set(this.#read().map(({ page }) => page));
    pages.delete(this.#page);
    for (const page of pages) {
      this.#lock(page, async () => {
        const posts = this.#read().filter((post) => post.page === page);
        posts.forEach((post) => this.save(post));
        if (posts.length > 0) take(posts);
      });
    }
  }

  /** Lets others have what is left. */
  close(): void {
    this.#end.abort();
  }

  #lock(page: string, held: () => Promise<void>): void {
    const name = `chattok:outbox:${page}`;
    if (!this.#locks) {
      if (page !== this.#page) void held();
      return;
    }
    this.#locks.request(name, { signal: this.#end.signal }, held).catch(() => {}); // aborted by close
  }

  #read(): Stored[] {
    const posts: Stored[] = [];
    try {
      for (let i = 0; this.#storage && i < this.#storage.length; i++) {
        const name = this.#storage.key(i);
        if (!name?.startsWith(this.#prefix)) continue;
        const post = parsed(this.#storage.getItem(name));
        if (post) posts.push(post);
      }
    } catch {
      // Not allowed.
    }
    return posts.sort((a, b) => a.createdAt - b.createdAt);
  }
}

/** A stored post; undefined for what another version, or another hand, has written. */
function parsed(text: string | null): Stored | undefined {
  try {
    const post = JSON.parse(text ?? '') as Stored;
    const whole =
      typeof post.key === 'string' &&
      typeof post.body === 'string' &&
      typeof post.page === 'string' &&
      typeof post.createdAt === 'number' &&
      Array.isArray(post.senders);
    return whole ? post : undefined;
  } catch {
    return undefined;
  }
}

function available(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined; // storage is forbidden here
  }
}
