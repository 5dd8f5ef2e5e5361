// How far this user has read. The server keeps a cursor for each user; the SDK finds the `seq` that it stands for, and counts
// what comes after it where that is loaded.
import type { ChatEntry } from './types.ts';

/** The server's count of unread entries, which holds for those up to a `seq`. */
interface Counted {
  readonly unread: number;
  readonly upTo: number;
}

export class Reading {
  /** Null without a user, and until it is known. */
  cursor: string | null = null;
  /** `seq` of the last entry up to which the user has read. */
  seq: number | null = null;
  #counted: Counted | undefined;

  /** The user has read up to an entry. Returns false if it had before. */
  mark({ cursor, seq }: Pick<ChatEntry, 'cursor' | 'seq'>): boolean {
    if (this.seq !== null && seq <= this.seq) return false;
    this.replace(cursor, seq);
    return true;
  }

  /** Takes what the server says, in place of everything before. */
  replace(cursor: string | null, seq: number | null, counted?: Counted): void {
    this.cursor = cursor;
    this.seq = seq;
    this.#counted = counted;
  }

  /** The log was reset, or the user is not known. */
  forget(): void {
    this.replace(null, null);
  }

  /** Returns the server's count that unread entries are counted on from: none if all are loaded; undefined if it is not known. */
  counted(oldest: ChatEntry | undefined, hasMore: boolean): Counted | undefined {
    const { seq } = this;
    if (seq === null || (hasMore && !(oldest && oldest.seq <= seq + 1))) return this.#counted;
    return { unread: 0, upTo: seq };
  }

  /** Returns the number of unread entries; null if it is not known. */
  unread(entries: readonly ChatEntry[], hasMore: boolean, owns: (entry: ChatEntry) => boolean): number | null {
    const counted = this.counted(entries[0], hasMore);
    if (!counted) return null;
    const { unread, upTo } = counted;
    let more = 0;
    for (let i = entries.length; i-- > 0 && entries[i]!.seq > upTo; ) {
      if (entries[i]!.deletedAt === null && !owns(entries[i]!)) more++;
    }
    return unread + more;
  }
}
