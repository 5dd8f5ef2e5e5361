// Keeps the outbox in localStorage over a reload. Each post or change is an item of its own, so tabs do not overwrite each
// other's, and names the page that will send it. A page holds a Web Lock for its lifetime; when the lock becomes free, the
// next page to get it takes over the items. Pages over plain HTTP have no Web Locks. There every page takes over all items,
// which is harmless: their idempotency keys prevent duplicates.
import type { Action } from './outbox.ts';
import { randomId } from './random.ts';

/** A post or change in storage. */
export interface SavedItem {
  readonly key: string;
  readonly action: Action;
  readonly createdAt: number;
  /** Whether the server refused it. */
  readonly failed: boolean;
  /** Ids of the connections that may have sent it. */
  readonly senders: readonly string[];
}

/** Limits for each page and session. Items beyond them are sent, but do not survive a reload. */
const maxItems = 100;
const maxCharacters = 512 * 1024;

type Stored = SavedItem & { readonly page: string };

/** An item as the SDK's first version stored it: always a post. */
type StoredPost = Omit<Stored, 'action'> & { readonly body: string };

export class OutboxStorage {
  readonly #prefix: string;
  readonly #earlier: string | undefined;
  readonly #page = randomId();
  readonly #end = new AbortController();
  readonly #saved = new Map<string, number>(); // size in characters, by key
  readonly #storage: Storage | undefined;
  readonly #locks = globalThis.navigator?.locks as LockManager | undefined;

  /**
   * Opens the items of one scope: a server, a session and an author. Items of `earlier`, the scope of the same author in the
   * SDK's first version, are taken over too.
   */
  constructor(scope: string, earlier?: string, storage: Storage | undefined = available()) {
    this.#prefix = prefixOf(scope);
    this.#earlier = earlier === undefined || earlier === scope ? undefined : prefixOf(earlier);
    this.#storage = storage;
    const held = new Promise<void>((resolve) => this.#end.signal.addEventListener('abort', () => resolve()));
    this.#lock(this.#page, () => held);
  }

  save(item: SavedItem): void {
    const text = JSON.stringify({ ...item, page: this.#page } satisfies Stored);
    let characters = text.length - (this.#saved.get(item.key) ?? 0);
    for (const length of this.#saved.values()) characters += length;
    if (characters > maxCharacters || (!this.#saved.has(item.key) && this.#saved.size >= maxItems)) return;
    try {
      this.#storage?.setItem(this.#prefix + item.key, text);
      this.#saved.set(item.key, text.length);
      if (this.#earlier) this.#storage?.removeItem(this.#earlier + item.key);
    } catch {
      // Storage is full or forbidden: the item lives only as long as the page.
    }
  }

  remove(key: string): void {
    this.#saved.delete(key);
    try {
      this.#storage?.removeItem(this.#prefix + key);
      if (this.#earlier) this.#storage?.removeItem(this.#earlier + key);
    } catch {
      // Storage is forbidden, so there is nothing to remove.
    }
  }

  /** Takes over items of pages that are gone. Calls `take` for each such page, now or when its lock becomes free. */
  adopt(take: (items: SavedItem[]) => void): void {
    const pages = new Set(this.#read().map(({ page }) => page));
    pages.delete(this.#page);
    for (const page of pages) {
      this.#lock(page, async () => {
        const items = this.#read().filter((item) => item.page === page);
        items.forEach((item) => this.save(item));
        if (items.length > 0) take(items);
      });
    }
  }

  /** Releases the items to other pages. */
  close(): void {
    this.#end.abort();
  }

  #lock(page: string, held: () => Promise<void>): void {
    const name = `chattok:outbox:${page}`;
    if (!this.#locks) {
      if (page !== this.#page) void held();
      return;
    }
    this.#locks.request(name, this.#end, held).catch(() => {}); // aborted by close()
  }

  #read(): Stored[] {
    const items: Stored[] = [];
    try {
      for (let i = 0; this.#storage && i < this.#storage.length; i++) {
        const name = this.#storage.key(i);
        if (!name?.startsWith(this.#prefix) && !(this.#earlier && name?.startsWith(this.#earlier))) continue;
        const item = parsed(this.#storage.getItem(name));
        if (item) items.push(item);
      }
    } catch {
      // Storage is forbidden.
    }
    return items.sort((a, b) => a.createdAt - b.createdAt);
  }
}

const prefixOf = (scope: string) => `chattok:outbox:${scope}:`;

/** Parses a stored item. Returns undefined if its format is unknown. */
function parsed(text: string | null): Stored | undefined {
  try {
    const { key, createdAt, failed, senders, page, ...rest } = JSON.parse(text ?? '') as Stored & StoredPost;
    const action: Action = rest.action ?? { kind: 'post', body: rest.body };
    const whole =
      typeof key === 'string' &&
      (action.kind === 'post' ? typeof action.body === 'string' : typeof action.kind === 'string') &&
      typeof page === 'string' &&
      Array.isArray(senders);
    return whole ? { key, action, createdAt, failed, senders, page } : undefined;
  } catch {
    return undefined;
  }
}

function available(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined; // storage is forbidden
  }
}
