// Converts the log's entries and the user's unsent messages to rows for display.
import type { ChatEntry, OutboxItem } from '@chattok/sdk';
import { nameOf } from '../model/meeting';
import { dayNumber } from '../text/time';

/** A row of the log. Its height depends only on the row itself and the width. */
export type Row = EntryRow | PendingRow;

interface Common {
  readonly key: string;
  /** The entry's id, or the key of an unsent post. */
  readonly id: string;
  readonly body: string;
  readonly time: Date;
  /** Whether a day heading stands above the row. */
  readonly day: boolean;
  /** Whether the divider of new messages stands above the row. */
  readonly fresh: boolean;
  /** Whether the row starts a group, with the sender's name. */
  readonly head: boolean;
  readonly own: boolean;
  readonly name: string;
  /** Whether the message answers another one, and that one, if it is known. */
  readonly answers: boolean;
  readonly original: ChatEntry | undefined;
}

export interface EntryRow extends Common {
  readonly kind: 'entry';
  readonly entry: ChatEntry;
  readonly seq: number;
}

export interface PendingRow extends Common {
  readonly kind: 'pending';
  readonly item: OutboxItem;
}

export interface RowSource {
  readonly entries: readonly ChatEntry[];
  readonly originals: ReadonlyMap<string, ChatEntry>;
  readonly pending: readonly OutboxItem[];
  /** Whether an entry is this user's. */
  readonly isMine: (entry: ChatEntry) => boolean;
  readonly ownName: string;
  /** `seq` of the last entry above the divider of new messages; undefined without a divider. */
  readonly readTo: number | undefined;
}

/** Milliseconds of silence after which the same sender's next entry starts a new group. */
const groupTime = 5 * 60_000;

/** The sender's name is repeated at entries whose `seq` is a multiple of this number. */
const runLength = 8;

/** Builds rows, and reuses those that have not changed, so that a new entry is cheap even in a log of ten thousand. */
export class Rows {
  #made = new WeakMap<ChatEntry, EntryRow>();

  /** Returns the rows, oldest first. */
  update(source: RowSource): readonly Row[] {
    const rows: Row[] = [];
    let before: Row | undefined;
    let divided = false;
    for (const entry of source.entries) {
      const row = this.#entryRow(entry, before, source, divided);
      divided ||= row.fresh;
      rows.push((before = row));
    }
    for (const item of source.pending) {
      before = pendingRow(item, before, source);
      rows.push(before);
    }
    return rows;
  }

  #entryRow(entry: ChatEntry, before: Row | undefined, source: RowSource, divided: boolean): EntryRow {
    const { readTo = Infinity, originals } = source;
    const { id, body, seq, replyTo } = entry;
    const made = this.#made.get(entry);
    const own = source.isMine(entry);
    const name = made?.name ?? nameOf(entry.connection);
    const time = made?.time ?? new Date(entry.createdAt);
    // In a log whose older entries are not loaded, the first loaded one may not be the first new one.
    const begins = seq > readTo && (before !== undefined || seq === readTo + 1);
    const fresh = begins && !divided && !own && entry.deletedAt === null;
    const day = before === undefined || dayNumber(before.time) !== dayNumber(time);
    // The name is repeated at fixed values of `seq`, so that loading history does not move it.
    const head = day || fresh || seq % runLength === 0 || !continues(before, name, own, time);
    const original = replyTo === null ? undefined : originals.get(replyTo);
    const row: EntryRow = {
      kind: 'entry', key: `e${seq}`, id, entry, seq, body, time, day, fresh, head, own, name, original,
      answers: replyTo !== null,
    };
    if (made !== undefined && isSame(made, row)) return made;
    this.#made.set(entry, row);
    return row;
  }
}

/** Whether two rows of one entry look the same. */
function isSame(one: EntryRow, other: EntryRow): boolean {
  return (
    one.own === other.own && one.fresh === other.fresh && one.day === other.day && one.head === other.head &&
    one.original === other.original
  );
}

function pendingRow(item: OutboxItem, before: Row | undefined, { ownName, originals }: RowSource): PendingRow {
  const { key, body, replyTo } = item;
  const time = new Date(item.createdAt);
  const day = before === undefined || dayNumber(before.time) < dayNumber(time);
  const head = day || !continues(before, ownName, true, time);
  const original = replyTo === null ? undefined : originals.get(replyTo);
  return {
    kind: 'pending', key: `p${key}`, id: key, item, body, time, day, fresh: false, head, own: true, name: ownName, original,
    answers: replyTo !== null,
  };
}

function continues(before: Row | undefined, name: string, own: boolean, time: Date): boolean {
  return before !== undefined && before.own === own && before.name === name && +time - +before.time < groupTime;
}
