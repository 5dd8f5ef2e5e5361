import { ArrowDown } from 'lucide';
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef } from 'preact/hooks';
import { nameOf, type Meeting } from '../model/meeting';
import { Icon } from '../ui/Icon';
import { Heights } from './heights';
import { LogRow } from './LogRow';
import { Rows, type Row } from './rows';
import { Scroller } from './scroller';

/** How near to the first loaded entry one scrolls until older ones are loaded, in pixels. */
const historyMargin = 900;

/** More rows than these are let go of once the reader has been at the end for so many milliseconds. */
const trimAbove = 1_500;
const trimAfter = 10_000;

/** How many entries are loaded at once. */
const historyPage = 200;

/** Where each meeting's reader is, also while the people are shown in the chat's place. */
const scrollers = new WeakMap<Meeting, Scroller>();

function scrollerOf(meeting: Meeting): Scroller {
  let scroller = scrollers.get(meeting);
  if (scroller === undefined) scrollers.set(meeting, (scroller = new Scroller(new Heights())));
  return scroller;
}

/**
 * The entries. Only those in sight, and some around, are in the document, so that ten thousand are as light as ten. What
 * one reads stays where it is, whatever comes above or below; at the end one stays at the end.
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

  const newest = meeting.pick('pending').value.at(-1)?.key;
  const written = useRef(newest);
  if (written.current !== newest) {
    written.current = newest;
    if (newest !== undefined) scroller.toEnd(); // what one wrote oneself one wants to see
  }
  const { first, last, above, below } = scroller.range(rows);
  const shown = rows.slice(first, last);

  useLayoutEffect(() => {
    const log = element.current;
    if (log === null) return;
    const moved = scroller.settle(log);
    atEnd.value = scroller.atEnd;
    meeting.unread.atEnd.value = scroller.atEnd && scroller.ready;
    if (moved) draw(undefined);
  });

  useEffect(() => {
    if (history.hasMore && !history.loading && scroller.ready && scroller.top < historyMargin) {
      void meeting.session.loadHistory(historyPage).catch(() => {}); // shown below; scrolling tries again
    }
  });

  const count = rows.length;
  const resting = atEnd.value && count > trimAbove;
  useEffect(() => {
    if (!resting) return undefined;
    // Who is back at the end has read what was before: it is loaded again where it is wanted again.
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
        // What appears as one scrolls, or loads, is old: it is not to be read out.
        aria-busy={!atEnd.value || history.loading}
        tabIndex={0}
        onScroll={scroll}
      >
        <Top meeting={meeting} empty={rows.length === 0} />
        <div style={{ height: `${above}px` }} />
        {shown.map((row) => (
          <LogRow key={row.key} row={row} meeting={meeting} />
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
  const own = meeting.own.value;
  const firstUnread = meeting.unread.first.value;
  const self = meeting.pick('connection').value;
  const ownName = self === undefined ? '' : nameOf(self);
  return useMemo(
    () => maker.update({ entries, pending, own, ownName, firstUnread }),
    [entries, pending, own, ownName, firstUnread],
  );
}

/** What stands where the log begins. */
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
  return <p class="log-top">{loading || hasMore ? 'Loading what was written before …' : 'This is where the session begins.'}</p>;
}

function JumpToLatest({ count, onClick }: { count: number; onClick: () => void }) {
  return (
    <button type="button" class={`jump ${count > 0 ? 'fresh' : ''}`} onClick={onClick}>
      <Icon node={ArrowDown} size={16} />
      {count === 0 ? 'Jump to latest' : `${count} new, jump to latest`}
    </button>
  );
}
