// The log as rows: entries and what stands between them, and one's own posts that wait.
import type { ChatEntry, OutboxItem } from '@chattok/sdk';
import { nameOf } from '../model/meeting';
import { dayNumber } from '../text/time';

/** One row of the log. A row's height depends on nothing but itself and the width. */
export type Row = EntryRow | PendingRow;

interface Common {
  readonly key: string;
  readonly body: string;
  readonly time: Date;
  /** Whether the day's name stands above. */
  readonly day: boolean;
  /** Whether the divider of what is new stands above. */
  readonly fresh: boolean;
  /** Whether it begins a group, with the sender's name. */
  readonly head: boolean;
  readonly own: boolean;
  readonly name: string;
}

export interface EntryRow extends Common {
  readonly kind: 'entry';
  readonly seq: number;
}

export interface PendingRow extends Common {
  readonly kind: 'pending';
  readonly item: OutboxItem;
}

/** What the rows are made of. */
export interface RowSource {
  readonly entries: readonly ChatEntry[];
  readonly pending: readonly OutboxItem[];
  /** The connections whose entries are one's own. */
  readonly own: ReadonlySet<string>;
  readonly ownName: string;
  /** The number of the first new entry. */
  readonly firstUnread: number | undefined;
}

/** Milliseconds after which a sender's next entry has a head of its own. */
const groupTime = 5 * 60_000;

/** After so many entries a sender's name is shown again. */
const runLength = 8;

/** Makes rows, and keeps those that have not changed, so that ten thousand cost little when one more comes. */
export class Rows {
  #rows: Row[] = [];
  #made = new WeakMap<ChatEntry, EntryRow>();

  /** The rows of a log, oldest first. */
  update(source: RowSource): readonly Row[] {
    const rows: Row[] = [];
    let before: Row | undefined;
    for (const entry of source.entries) {
      before = this.#entryRow(entry, before, source);
      rows.push(before);
    }
    for (const item of source.pending) {
      before = pendingRow(item, before, source.ownName);
      rows.push(before);
    }
    this.#rows = rows;
    return this.#rows;
  }

  #entryRow(entry: ChatEntry, before: Row | undefined, { own, firstUnread }: RowSource): EntryRow {
    const made = this.#made.get(entry);
    const isOwn = own.has(entry.connectionId);
    const name = made?.name ?? nameOf(entry.connection);
    const time = made?.time ?? new Date(entry.createdAt);
    const fresh = entry.seq === firstUnread;
    const day = before === undefined || dayNumber(before.time) !== dayNumber(time);
    // A long run of one sender has his name again, at places that stay the same as history is loaded.
    const head = day || fresh || entry.seq % runLength === 0 || !continues(before, name, isOwn, time);
    if (made !== undefined && made.own === isOwn && made.fresh === fresh && made.day === day && made.head === head) return made;
    const { body, seq } = entry;
    const row: EntryRow = { kind: 'entry', key: `e${seq}`, seq, body, time, day, fresh, head, own: isOwn, name };
    this.#made.set(entry, row);
    return row;
  }
}

function pendingRow(item: OutboxItem, before: Row | undefined, name: string): PendingRow {
  const time = new Date(item.createdAt);
  const day = before === undefined || dayNumber(before.time) < dayNumber(time);
  const head = day || !continues(before, name, true, time);
  return { kind: 'pending', key: `p${item.key}`, item, body: item.body, time, day, fresh: false, head, own: true, name };
}

function continues(before: Row | undefined, name: string, own: boolean, time: Date): boolean {
  return before !== undefined && before.own === own && before.name === name && +time - +before.time < groupTime;
}
