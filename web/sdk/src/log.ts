import type { ChatEntry } from './types.ts';

/** What this page has of the session's log. */
export class Log {
  /** Where live entries go on. */
  cursor = '0';
  /** Whether there are entries before those loaded. */
  hasMore = false;
  loading = false;
  #entries: ChatEntry[] = [];
  #seen = 0; // the newest number that came live

  /** The entries, oldest first; a new list each time. */
  list(): readonly ChatEntry[] {
    return this.#entries.slice();
  }

  get oldest(): ChatEntry | undefined {
    return this.#entries[0];
  }

  /** Begins at the end of the log, or anew where the server says that the cursor is not of its log. */
  begin(cursor: string): void {
    this.cursor = cursor;
    this.hasMore = cursor !== '0';
    this.#entries = [];
    this.#seen = 0;
  }

  /** Takes the next live entry. False for one that had come live before. */
  live(entry: ChatEntry): boolean {
    if (entry.seq <= this.#seen) return false;
    this.#seen = entry.seq;
    this.cursor = entry.cursor;
    this.merge(entry);
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

  /** Takes a page of history. */
  page(entries: readonly ChatEntry[], hasMore: boolean): void {
    for (let i = entries.length; i-- > 0; ) this.merge(entries[i]!);
    this.hasMore = hasMore;
  }
}
