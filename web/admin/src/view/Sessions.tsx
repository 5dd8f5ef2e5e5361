import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { sessionsDocument, type SessionsQuery } from '../generated/operations.ts';
import { bytes, count, dateTime, perSecond } from '../model/format.ts';
import { usePoll } from '../model/poll.ts';
import { Rates } from '../model/rates.ts';
import { addressOf } from '../model/route.ts';
import { inWords } from '../model/words.ts';
import { Problem, Title } from '../ui/Title.tsx';

type Listed = SessionsQuery['sessions']['nodes'][number];
type Order = 'busiest' | 'LAST_ENTRY' | 'CREATED';

const every = 3_000;
const pageSize = 50;

/** How many of the sessions with the newest entries are compared: a busy one is among them. */
const candidates = 200;

/** All sessions, a page at a time. */
export function Sessions({ title }: { title: string }) {
  const order = useSignal<Order>('busiest');
  const prefix = useSignal('');
  const cursors = useSignal<readonly string[]>([]); // where the pages before this one ended
  const rates = useMemo(() => new Rates(), []);
  const busiest = order.value === 'busiest';

  const variables = () => ({
    first: busiest ? candidates : pageSize,
    orderBy: order.value === 'CREATED' ? ('CREATED' as const) : ('LAST_ENTRY' as const),
    after: busiest ? null : (cursors.value.at(-1) ?? null),
    prefix: prefix.value,
  });
  const { data, error, at } = usePoll(sessionsDocument, variables, every);
  const found = data?.sessions.nodes ?? [];
  if (data !== undefined) rates.note(at, found.map(({ id, entryCount }) => [id, entryCount]));

  const ranked = busiest ? [...found].sort((a, b) => (rates.of(b.id) ?? 0) - (rates.of(a.id) ?? 0)) : found;
  const page = cursors.value.length;
  const listed = busiest ? ranked.slice(page * pageSize, (page + 1) * pageSize) : ranked;
  const more = busiest ? ranked.length > (page + 1) * pageSize : (data?.sessions.pageInfo.hasNextPage ?? false);
  const end = data?.sessions.pageInfo.endCursor ?? '';

  const choose = (change: () => void): void => {
    cursors.value = [];
    change();
  };
  return (
    <>
      <Title>{title}</Title>
      <form class="tools" role="search" onSubmit={(event) => event.preventDefault()} autocomplete="off">
        <label class="field">
          <span class="label">Id begins with</span>
          <input
            class="input"
            type="search"
            value={prefix.value}
            pattern="[A-Za-z0-9_~.\-]*"
            maxLength={128}
            spellcheck={false}
            autocapitalize="off"
            onInput={({ currentTarget }) => {
              // An id has no other character, so nothing could be found.
              if (currentTarget.validity.valid) choose(() => (prefix.value = currentTarget.value));
            }}
          />
        </label>
        <label class="field">
          <span class="label">Order</span>
          <span class="select-box">
            <select class="select" value={order.value} onChange={({ currentTarget }) => choose(() => (order.value = currentTarget.value as Order))}>
              <option value="busiest">Busiest first</option>
              <option value="LAST_ENTRY">Newest entry first</option>
              <option value="CREATED">Newest session first</option>
            </select>
          </span>
        </label>
      </form>
      {busiest && <p class="hint">By new entries of the last ten seconds, of the {candidates} sessions with the newest entries.</p>}
      <Problem>{error && inWords(error)}</Problem>
      {data !== undefined && <Table sessions={listed} rates={rates} />}
      <nav class="pager" aria-label="Pages">
        <button type="button" class="button small" disabled={page === 0} onClick={() => (cursors.value = cursors.value.slice(0, -1))}>
          Previous
        </button>
        <span>Page {page + 1}</span>
        <button type="button" class="button small" disabled={!more} onClick={() => (cursors.value = [...cursors.value, end])}>
          Next
        </button>
      </nav>
    </>
  );
}

function Table({ sessions, rates }: { sessions: readonly Listed[]; rates: Rates }) {
  if (sessions.length === 0) return <p class="empty">No session on this page.</p>;
  return (
    <div class="card">
      <table class="fixed">
        <thead>
          <tr>
            <th scope="col">Session</th>
            <th scope="col" class="number">Entries/s</th>
            <th scope="col" class="number">People</th>
            <th scope="col" class="number wide">Streams</th>
            <th scope="col" class="number">Entries</th>
            <th scope="col" class="number wide">Size</th>
            <th scope="col" class="wide">Made</th>
          </tr>
        </thead>
        <tbody>
          {sessions.map((each) => {
            const rate = rates.of(each.id);
            return (
              <tr key={each.id}>
                <th scope="row">
                  <a href={addressOf(each.id)}>{each.id}</a>
                  {each.readOnly && <small>read-only</small>}
                </th>
                <td class="number">{rate === undefined ? '–' : perSecond(rate).replace('/s', '')}</td>
                <td class="number">{count(each.connectionCount)}</td>
                <td class="number wide">{count(each.streamCount)}</td>
                <td class="number">{count(each.entryCount)}</td>
                <td class="number wide">{bytes(each.bytes)}</td>
                <td class="wide">{dateTime(each.createdAt)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
