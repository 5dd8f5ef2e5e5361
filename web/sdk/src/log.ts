import type { ChatEntry } from './types.ts';

/** So many more than it may have, a log is cut: not with each entry. */
const slack = 50;

/** What this page has of the session's log: the newest entries, and what it loaded of those before. */
export class Log {
  /** Where live entries go on. */
  cursor = '0';
  /** Whether there are entries before those loaded. */
  hasMore = false;
  loading = false;
  readonly #keep: number;
  #entries: ChatEntry[] = [];
  #seen = 0; // the newest number that came live
  #limit: number;
  #life = 0;

  constructor(keep: number) {
    this.#keep = this.#limit = keep;
  }

  /** The entries, oldest first; a new list each time. */
  list(): readonly ChatEntry[] {
    return this.#entries.slice();
  }

  get oldest(): ChatEntry | undefined {
    return this.#entries[0];
  }

  /** Changes when the log begins anew: a page that was asked for before is of another one. */
  get life(): number {
    return this.#life;
  }

  /** Begins at the end of the log, or anew where the server says that the cursor is not of its log. */
  begin(cursor: string): void {
    this.cursor = cursor;
    this.hasMore = cursor !== '0';
    this.#entries = [];
    this.#seen = 0;
    this.#limit = this.#keep;
    this.#life++;
  }

  /** How many entries should have come live before this one, and did not. */
  missedBefore(entry: ChatEntry): number {
    return this.#seen > 0 ? Math.max(0, entry.seq - this.#seen - 1) : 0;
  }

  /** Takes the next live entry. False for one that had come live before. */
  live(entry: ChatEntry): boolean {
    if (entry.seq <= this.#seen) return false;
    this.#seen = entry.seq;
    this.cursor = entry.cursor;
    this.merge(entry);
    if (this.#entries.length > this.#limit + slack) this.#cut(this.#limit);
    return true;
  }

  /** Puts an entry in its place, once. */
  merge(entry: ChatEntry): void {
    const entries = this.#entries;
    let at = entries.length;
    if (at > 0 && entries[at - 1]!.seq >= entry.seq) {
      let low = 0;
      while (low < at) {
        const middle = (low + at) >> 1;
        if (entries[middle]!.seq < entry.seq) low = middle + 1;
        else at = middle;
      }
      if (entries[at]!.seq === entry.seq) return;
    }
    entries.splice(at, 0, entry);
  }

  /** Takes a page of history: it stays while `keep` more entries come, since somebody may be reading there. */
  page(entries: readonly ChatEntry[], hasMore: boolean): void {
    for (let i = entries.length; i-- > 0; ) this.merge(entries[i]!);
    this.hasMore = hasMore;
    this.#limit = this.#entries.length + this.#keep;
  }

  /** Lets go of all but the newest. */
  trim(count = this.#keep): void {
    this.#limit = this.#keep;
    this.#cut(count);
  }

  /** What a page is being loaded before must stay, or there would be a hole. */
  #cut(count: number): void {
    if (this.loading || this.#entries.length <= count) return;
    this.#entries = count > 0 ? this.#entries.slice(-count) : [];
    this.hasMore = true;
  }
}
