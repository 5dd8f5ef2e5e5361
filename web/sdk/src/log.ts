import type { EntryFragment } from './generated/operations.ts';
import type { ChatEntry, Connection } from './types.ts';

/** How far the log may exceed its limit before it is trimmed, so that it is not trimmed on every entry. */
const slack = 50;

/** An entry as the server sends it. Only answers to its reader have `myReactions`. */
export type WireEntry = EntryFragment & { readonly myReactions?: readonly string[] };

/** This user's reactions to an entry, as they were in one of its versions. */
interface Mine {
  readonly version: number;
  readonly names: readonly string[];
}

/**
 * The part of the session's log that is in memory: the newest entries, the pages of history that were loaded, and the originals
 * of their replies. Of two versions of an entry the newer stays, in whatever order they arrive.
 */
export class Log {
  /** Position after which the subscription continues. */
  cursor = '0';
  /** Whether the server has entries older than the oldest loaded one. */
  hasMore = false;
  loading = false;
  readonly #keep: number;
  readonly #sender: (connection: Connection) => Connection;
  /** Incremented when the log is reset; a page requested under a different value must be discarded. */
  generation = 0;
  #entries: ChatEntry[] = [];
  readonly #known = new Map<string, ChatEntry>(); // the entries and the originals of replies, by id
  readonly #mine = new Map<string, Mine>();
  readonly #late = new Map<string, WireEntry>(); // changed entries that may be on their way in an older version
  #reads = 0; // requests for entries that are under way
  #seen = 0; // highest `seq` that arrived through the subscription
  #limit: number;

  /** `sender` returns a connection with its newest data: an entry may have been rendered before the data changed. */
  constructor(keep: number, sender: (connection: Connection) => Connection = (connection) => connection) {
    this.#keep = this.#limit = keep;
    this.#sender = sender;
  }

  /** Returns the entries, oldest first, in a new array. */
  list(): readonly ChatEntry[] {
    return this.#entries.slice();
  }

  get oldest(): ChatEntry | undefined {
    return this.#entries[0];
  }

  get newest(): ChatEntry | undefined {
    return this.#entries.at(-1);
  }

  /** Returns an entry, or the original of a reply. */
  find(id: string): ChatEntry | undefined {
    return this.#known.get(id);
  }

  /** Reports whether an entry is loaded, rather than known as an original alone. */
  has(entry: ChatEntry): boolean {
    return this.#entries[this.#at(entry.seq)]?.seq === entry.seq;
  }

  /**
   * Starts at the end of the server's log: at first, and after the server rejected the cursor because its log was replaced.
   */
  begin(cursor: string): void {
    this.cursor = cursor;
    this.hasMore = cursor !== '0';
    this.#entries = [];
    for (const map of [this.#known, this.#mine, this.#late]) map.clear();
    this.#seen = 0;
    this.#limit = this.#keep;
    this.generation++;
  }

  /**
   * Runs a request for entries and applies its answer, unless the log was reset meanwhile. Changes that arrive before the answer
   * are remembered, since the answer may be older.
   */
  async read<Answer>(request: Promise<Answer>, apply: (answer: Answer) => void): Promise<void> {
    const generation = this.generation;
    this.#reads++;
    try {
      const answer = await request;
      if (this.generation === generation) apply(answer);
    } finally {
      if (--this.#reads === 0) this.#late.clear();
    }
  }

  /** Returns how many entries are missing between the last live entry and this one. */
  missedBefore({ seq }: WireEntry): number {
    return this.#seen > 0 ? Math.max(0, seq - this.#seen - 1) : 0;
  }

  /** Adds an entry from the subscription. Returns false for a duplicate. */
  live(entry: WireEntry, cursor = entry.cursor): boolean {
    if (entry.seq <= this.#seen) return false;
    this.#seen = entry.seq;
    this.cursor = cursor;
    this.merge(entry);
    if (this.#entries.length > this.#limit + slack) this.#cut(this.#limit);
    return true;
  }

  /** Takes a change from the subscription. Returns the entry as it is known now. */
  changed(entry: WireEntry, cursor: string): ChatEntry {
    this.cursor = cursor;
    if (this.#reads > 0) this.#late.set(entry.id, entry);
    return this.#known.has(entry.id) ? this.update(entry) : this.#made(entry);
  }

  /** Inserts an entry by `seq`, or a newer version of it. */
  merge(entry: WireEntry): ChatEntry {
    return this.#put(this.update(entry), true);
  }

  /** Takes the answer to a post. One that is older than what is loaded, such as the answer to a late retry, makes no row. */
  add(entry: WireEntry): ChatEntry {
    return (this.oldest?.seq ?? 0) > entry.seq && this.hasMore ? this.update(entry) : this.merge(entry);
  }

  /** Takes a version of an entry, for which it makes no row: an answer to a change, or the original of a reply. */
  update(wire: WireEntry): ChatEntry {
    if (wire.myReactions) this.#note(wire.id, wire.version, wire.myReactions);
    const late = this.#late.get(wire.id);
    const newest = late && late.version > wire.version ? late : wire;
    const known = this.#known.get(wire.id);
    return this.#put(known && known.version >= newest.version ? this.#withMine(known) : this.#made(newest), false);
  }

  /** Takes the names of this user's reactions to an entry in one of its versions. Returns whether a known entry changed. */
  react(id: string, version: number, names: readonly string[]): boolean {
    this.#note(id, version, names);
    const known = this.#known.get(id);
    return known !== undefined && this.#put(this.#withMine(known), false) !== known;
  }

  /** Forgets which reactions are this page's: those of a connection without a user are not those of the next. */
  forgetMine(): void {
    for (const id of this.#mine.keys()) this.react(id, Infinity, []);
    this.#mine.clear();
  }

  /** Replaces the sender of its entries, after its data changed. Returns whether there were such entries. */
  rename(sender: Connection): boolean {
    let found = false;
    for (const entry of this.#known.values()) {
      if (entry.connectionId !== sender.id || entry.connection.data === sender.data) continue;
      this.#put({ ...entry, connection: sender }, false);
      found = true;
    }
    return found;
  }

  /** Adds a page of history. It is kept until `keep` more entries have arrived, since somebody may be reading it. */
  page(entries: readonly WireEntry[], hasMore: boolean): void {
    for (let i = entries.length; i-- > 0; ) this.merge(entries[i]!);
    this.hasMore = hasMore;
    this.#limit = this.#entries.length + this.#keep;
  }

  /** Drops all but the newest entries. */
  trim(count = this.#keep): void {
    this.#limit = this.#keep;
    this.#cut(count);
  }

  #note(id: string, version: number, names: readonly string[]): void {
    if (version >= (this.#mine.get(id)?.version ?? 0)) this.#mine.set(id, { version, names });
  }

  #made(wire: WireEntry): ChatEntry {
    const connection = this.#sender(wire.connection);
    return { ...wire, connection, replyTo: wire.replyTo?.id ?? null, myReactions: this.#mineOf(wire), pending: false };
  }

  #mineOf({ id, reactions }: Pick<ChatEntry, 'id' | 'reactions'>): readonly string[] {
    const names = this.#mine.get(id)?.names ?? [];
    return reactions.filter(({ name }) => names.includes(name)).map(({ name }) => name);
  }

  #withMine(entry: ChatEntry): ChatEntry {
    const myReactions = this.#mineOf(entry);
    return JSON.stringify(myReactions) === JSON.stringify(entry.myReactions) ? entry : { ...entry, myReactions };
  }

  /** Keeps an entry by its id, and in its place if it is loaded or `row` says so. */
  #put(entry: ChatEntry, row: boolean): ChatEntry {
    const at = this.#at(entry.seq);
    this.#known.set(entry.id, entry);
    if (this.#entries[at]?.seq === entry.seq) this.#entries[at] = entry;
    else if (row) this.#entries.splice(at, 0, entry);
    return entry;
  }

  /** Returns the index of the first entry with this `seq` or a higher one. */
  #at(seq: number): number {
    let low = 0;
    let high = this.#entries.length;
    if (high > 0 && this.#entries[high - 1]!.seq < seq) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Drops the oldest entries, except while a page is loading: that page ends right before the oldest entry, and dropping it
   * would leave a gap.
   */
  #cut(count: number): void {
    if (this.loading || this.#entries.length <= count) return;
    this.#entries = count > 0 ? this.#entries.slice(-count) : [];
    this.hasMore = true;
    const kept = new Set(this.#entries.flatMap(({ id, replyTo }) => [id, replyTo]));
    for (const map of [this.#known, this.#mine]) for (const id of map.keys()) if (!kept.has(id)) map.delete(id);
  }
}
