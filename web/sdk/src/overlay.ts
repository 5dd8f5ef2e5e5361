import type { EntryAction } from './outbox.ts';
import type { ChatEntry, Reaction } from './types.ts';

/** Shows entries as they will be once their waiting changes are stored. */
export class Overlay {
  readonly #made = new WeakMap<ChatEntry, { changes: readonly EntryAction[]; row: ChatEntry }>();

  /** Returns an entry with its changes: the same object until the entry or a change is another. */
  row(entry: ChatEntry, changes: readonly EntryAction[] | undefined): ChatEntry {
    if (!changes) return entry;
    const made = this.#made.get(entry);
    if (made?.changes.length === changes.length && changes.every((change, at) => change === made.changes[at])) return made.row;
    const row = changes.reduce(applied, { ...entry, pending: true });
    this.#made.set(entry, { changes, row });
    return row;
  }
}

function applied(entry: ChatEntry, change: EntryAction): ChatEntry {
  if (entry.deletedAt !== null) return entry;
  const now = new Date().toISOString();
  if (change.kind === 'remove') return { ...entry, body: '', data: null, reactions: [], myReactions: [], deletedAt: now };
  if (change.kind === 'edit') {
    const { body, data = entry.data } = change;
    return body === entry.body && data === entry.data ? entry : { ...entry, body, data, editedAt: now };
  }
  const { name, on, since = Infinity } = change;
  if (entry.myReactions.includes(name) === on) return entry;
  const reactions = entry.version > since ? entry.reactions : counted(entry.reactions, name, on ? 1 : -1);
  const isMine = (each: string) => (each === name ? on : entry.myReactions.includes(each));
  return { ...entry, reactions, myReactions: reactions.map((reaction) => reaction.name).filter(isMine) };
}

/** Returns reactions with one more or less of a name. */
function counted(reactions: readonly Reaction[], name: string, by: number): readonly Reaction[] {
  const there = reactions.some((each) => each.name === name) ? reactions : [...reactions, { name, count: 0 }];
  return there.map((each) => (each.name === name ? { name, count: each.count + by } : each)).filter(({ count }) => count > 0);
}
