import { ArrowDown } from 'lucide';
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef } from 'preact/hooks';
import { attempt, nameOf, type Meeting } from '../model/meeting';
import { notify } from '../model/notices';
import { Icon } from '../ui/Icon';
import { Heights } from './heights';
import { LogRow } from './LogRow';
import { Rows, type Row } from './rows';
import { Scroller } from './scroller';

/** Distance in pixels from the first loaded entry at which older entries are loaded. */
const historyMargin = 900;

/** With more rows than this, old entries are dropped when the reader has stayed at the end for `trimAfter` milliseconds. */
const trimAbove = 1_500;
const trimAfter = 10_000;

/** Pixels above a row that the log goes to. */
const goalMargin = 56;

/** Entries loaded per request. */
const historyPage = 200;

/** The scroll position of each meeting. It survives while the panel shows the people instead of the chat. */
const scrollers = new WeakMap<Meeting, Scroller>();

function scrollerOf(meeting: Meeting): Scroller {
  let scroller = scrollers.get(meeting);
  if (scroller === undefined) scrollers.set(meeting, (scroller = new Scroller(new Heights())));
  return scroller;
}

/**
 * The list of messages. Only the visible rows and some around them are in the document, so the cost does not depend on the
 * log's length. The reader's position is kept when rows are added above or below; at the end, the log follows new messages.
 */
export function Log({ meeting }: { meeting: Meeting }) {
  const rows = useRows(meeting);
  const element = useRef<HTMLDivElement>(null);
  const scroller = scrollerOf(meeting);
  const atEnd = useSignal(scroller.atEnd);
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const history = meeting.pick('history').value;

  useEffect(() => {
    const log = element.current;
    if (log === null) return undefined;
    const observer = new ResizeObserver(() => {
      if (scroller.resize(log.clientWidth, log.clientHeight)) draw(undefined);
    });
    observer.observe(log);
    return () => {
      observer.disconnect();
      meeting.unread.atEnd.value = false;
    };
  }, [meeting]);

  // Those who come back begin with what they have not read.
  const begins = meeting.unread.begins.value;
  const sought = useSignal<string | undefined>(undefined); // the key of a row to go to
  const toOriginal = (id: string): void => {
    const go = async (): Promise<void> => {
      if (!(await meeting.session.loadTo(id))) return notify('That message is no longer there.');
      const entry = meeting.session.store.get().entries.find((each) => each.id === id);
      if (entry !== undefined) sought.value = `e${entry.seq}`;
    };
    void attempt('The message can’t be shown', go);
  };

  const newest = meeting.pick('pending').value.at(-1)?.key;
  const written = useRef(newest);
  if (written.current !== newest) {
    written.current = newest;
    if (newest !== undefined) scroller.toEnd(); // show the user's own new message
  }
  let range = scroller.range(rows);
  const goal = sought.value ?? (begins ? rows.find((row) => row.fresh)?.key : undefined);
  if (goal !== undefined && scroller.show(goal, goalMargin)) range = scroller.range(rows);
  const { first, last, above, below } = range;
  const shown = rows.slice(first, last);

  useLayoutEffect(() => {
    const log = element.current;
    if (log === null) return;
    const moved = scroller.settle(log);
    atEnd.value = scroller.atEnd;
    meeting.unread.atEnd.value = scroller.atEnd && scroller.ready;
    if (begins) meeting.unread.begins.value = false;
    const row = sought.value === undefined ? null : log.querySelector(`[data-row="${sought.value}"] .entry`);
    if (row instanceof HTMLElement) {
      sought.value = undefined;
      row.focus({ preventScroll: true });
      row.classList.add('sought');
      row.addEventListener('animationend', () => row.classList.remove('sought'), { once: true });
    }
    if (moved) draw(undefined);
  });

  useEffect(() => {
    if (history.hasMore && !history.loading && scroller.ready && scroller.top < historyMargin) {
      void meeting.session.loadHistory(historyPage).catch(() => {}); // the next scroll retries
    }
  });

  const count = rows.length;
  const resting = atEnd.value && count > trimAbove;
  useEffect(() => {
    if (!resting) return undefined;
    // A reader who stays at the end no longer needs the old entries. They are loaded again when needed.
    const timer = setTimeout(() => meeting.session.trimHistory(), trimAfter);
    return () => clearTimeout(timer);
  }, [resting]);

  const scroll = (): void => {
    const log = element.current;
    if (log !== null && scroller.scrolled(log)) draw(undefined);
  };
  return (
    <div class="log-frame">
      <div
        ref={element}
        class="log"
        role="log"
        aria-label="Messages"
        aria-live="polite"
        aria-relevant="additions"
        // Rows that appear by scrolling or loading are not new, so screen readers must not announce them.
        aria-busy={!atEnd.value || history.loading}
        tabIndex={0}
        onScroll={scroll}
        onKeyDown={step}
      >
        <Top meeting={meeting} empty={rows.length === 0} />
        <div style={{ height: `${above}px` }} />
        {shown.map((row) => (
          <LogRow key={row.key} row={row} meeting={meeting} onOriginal={toOriginal} />
        ))}
        <div style={{ height: `${below}px` }} />
      </div>
      {!atEnd.value && (
        <JumpToLatest
          count={meeting.unread.count.value}
          onClick={() => {
            scroller.toEnd();
            draw(undefined);
            element.current?.focus();
          }}
        />
      )}
    </div>
  );
}

function useRows(meeting: Meeting): readonly Row[] {
  const maker = useMemo(() => new Rows(), []);
  const entries = meeting.entries.value;
  const pending = meeting.pick('pending').value;
  const originals = meeting.pick('originals').value;
  const own = meeting.own.value;
  const readTo = meeting.unread.readTo.value;
  const self = meeting.pick('connection').value;
  const ownName = self === undefined ? '' : nameOf(self);
  return useMemo(
    () => maker.update({ entries, originals, pending, isMine: (entry) => meeting.isMine(entry), ownName, readTo }),
    [entries, originals, pending, own, self?.userId, ownName, readTo],
  );
}

/** Moves the focus from message to message. The first key enters the log at its newest visible message. */
function step(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (by === undefined || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const { currentTarget: log, target } = event;
  const entries = [...log.querySelectorAll<HTMLElement>('.entry')];
  const edge = log.getBoundingClientRect().bottom;
  const at = entries.findIndex((entry) => entry.contains(target as Node));
  const next = at < 0 ? entries.findLast((entry) => entry.getBoundingClientRect().top < edge - 20) : entries[at + by];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}

/** The text above the first entry: loading, the beginning of the log, or an empty log. */
function Top({ meeting, empty }: { meeting: Meeting; empty: boolean }) {
  const { hasMore, loading } = meeting.pick('history').value;
  if (empty && !hasMore && !loading) {
    return (
      <div class="log-empty">
        <p>
          <b>Nothing written yet.</b>
        </p>
        <p>What you write here stays with the session, also for those who come later.</p>
      </div>
    );
  }
  if (loading || hasMore) return <p class="log-top">Loading what was written before …</p>;
  // A log is numbered from 1; what was before its first entry has been removed since it was older than it is kept.
  const first = meeting.pick('entries').value[0]?.seq ?? 1;
  return <p class="log-top">{first > 1 ? 'What was written before is no longer kept.' : 'This is where the session begins.'}</p>;
}

function JumpToLatest({ count, onClick }: { count: number; onClick: () => void }) {
  return (
    <button type="button" class={`jump ${count > 0 ? 'fresh' : ''}`} onClick={onClick}>
      <Icon node={ArrowDown} size={16} />
      {count === 0 ? 'Jump to latest' : `${count} new, jump to latest`}
    </button>
  );
}
