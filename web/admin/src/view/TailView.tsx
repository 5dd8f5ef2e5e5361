import { useSignal, type Signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { deleteEntryDocument } from '../generated/operations.ts';
import { run } from '../model/api.ts';
import { clockTime, count, head, nameOf } from '../model/format.ts';
import { addressOf } from '../model/route.ts';
import { mostRows, Tail, type Row } from '../model/tail.ts';
import { ask } from '../ui/ask.ts';
import { askBan } from './ban.tsx';

const states = { loading: 'Connecting …', live: 'Live', away: 'The server is away', over: '' };

/** Characters of an entry that a row shows: all of a text that people write, and the head of a long one. */
const shownText = 600;

/**
 * The events of one session, or of all, as they happen. The list stands still while the pointer is over it or the focus is in it, so
 * that a press on a row's button meets that row.
 */
export function TailView({ session, prefix = '' }: { session?: string; prefix?: string }) {
  const tail = useMemo(() => new Tail(session, prefix), [session, prefix]);
  useEffect(() => () => tail.close(), [tail]);
  const paused = useSignal(false);
  const over = useSignal(false);
  const inside = useSignal(false);
  const current = useSignal(''); // the key of the row that has the focus, or had it last
  const held = paused.value || over.value || inside.value;
  useEffect(() => tail.hold(held), [tail, held]);

  const list = useRef<HTMLOListElement>(null);
  const rows = tail.rows.value;
  useLayoutEffect(() => {
    if (!tail.held.peek()) list.current?.scrollTo(0, list.current.scrollHeight);
  }, [rows]);

  return (
    <section class="tail" aria-label={session === undefined ? `Tail of ${prefix === '' ? 'all sessions' : `${prefix}…`}` : `Tail of ${session}`}>
      <div class="tail-bar">
        <span class="tail-state" data-state={tail.state.value}>
          {tail.state.value === 'over' ? tail.problem.value : states[tail.state.value]}
          {held && tail.waiting.value > 0 && `, held: ${count(tail.waiting.value)} new`}
        </span>
        <button type="button" class="button small" aria-pressed={paused.value} onClick={() => (paused.value = !paused.value)}>
          Hold
        </button>
      </div>
      <ol
        ref={list}
        class="rows"
        tabIndex={0}
        aria-label={`The newest ${mostRows} at most, oldest first`}
        // A move, and not an entry: a pointer that merely lies where the list appears should not hold it.
        onPointerMove={({ pointerType }) => (over.value = pointerType === 'mouse')}
        onPointerLeave={() => (over.value = false)}
        onFocusIn={() => (inside.value = true)}
        onKeyDown={move}
        onFocusOut={({ currentTarget, relatedTarget }) => (inside.value = currentTarget.contains(relatedTarget as Node | null))}
      >
        {rows.map((row) => (
          <Line key={row.key} row={row} inAll={session === undefined} current={current} />
        ))}
      </ol>
      {rows.length === 0 && tail.state.value === 'live' && <p class="empty">Nothing yet.</p>}
    </section>
  );
}

/** The list is one stop of the Tab key: arrow keys go from row to row, and only the row in focus lets Tab into its buttons. */
function move(event: KeyboardEvent): void {
  const list = event.currentTarget as HTMLElement;
  const rows = [...list.children] as HTMLElement[];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const to = { ArrowUp: at < 0 ? rows.length - 1 : at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  rows[to]?.focus();
}

function Line({ row, inAll, current }: { row: Row; inAll: boolean; current: Signal<string> }) {
  const { entry, session } = row;
  const tabIndex = current.value === row.key ? 0 : -1;
  return (
    <li class="row" tabIndex={-1} onFocusIn={() => (current.value = row.key)}>
      <span class="row-head">
        <time dateTime={row.at}>{clockTime(row.at)}</time>
        {inAll && session !== '' && <a href={addressOf(session)} tabIndex={tabIndex}>{session}</a>}
        {entry !== undefined && <b>{nameOf(entry.connection)}</b>}
        {entry !== undefined && <small>#{entry.seq}{entry.editedAt !== null && entry.deletedAt === null && ', edited'}</small>}
      </span>
      {entry === undefined ? (
        <span class="row-text quiet">{row.text}</span>
      ) : entry.deletedAt !== null ? (
        <span class="row-text quiet">Deleted</span>
      ) : (
        <>
          <span class="row-text">{head(entry.body, shownText)}</span>
          <span class="row-acts">
            <button type="button" class="text-button" tabIndex={tabIndex} aria-label={`Delete entry ${entry.seq}`} onClick={() => askDelete(row)}>
              Delete
            </button>
            <button type="button" class="text-button" tabIndex={tabIndex} aria-label={`Ban the sender of entry ${entry.seq}`} onClick={() => askBan(session, entry.connection)}>
              Ban
            </button>
          </span>
        </>
      )}
    </li>
  );
}

function askDelete({ session, entry }: Row): void {
  if (entry === undefined) return;
  ask({
    title: `Delete entry ${entry.seq} of ${nameOf(entry.connection)}?`,
    children: (
      <>
        <blockquote>{head(entry.body, shownText)}</blockquote>
        <p>Its text is gone for good, for everybody in the session.</p>
      </>
    ),
    yes: 'Delete',
    danger: true,
    async act() {
      await run(deleteEntryDocument, { sessionId: session, id: entry.id });
      return `Entry ${entry.seq} is deleted.`;
    },
  });
}
