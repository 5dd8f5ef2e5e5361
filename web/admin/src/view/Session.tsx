import { useSignal } from '@preact/signals';
import {
  deleteSessionDocument,
  kickDocument,
  muteDocument,
  peopleDocument,
  sessionStateDocument,
  setReadOnlyDocument,
  unbanDocument,
  type PeopleQuery,
  type SessionStateQuery,
} from '../generated/operations.ts';
import { run } from '../model/api.ts';
import { bytes, count, dateTime, head, nameOf } from '../model/format.ts';
import { usePoll } from '../model/poll.ts';
import { noticeAddress } from '../model/route.ts';
import { inWords } from '../model/words.ts';
import { ask, say } from '../ui/ask.ts';
import { Problem, Title } from '../ui/Title.tsx';
import { askBan } from './ban.tsx';
import { TailView } from './TailView.tsx';

type State = SessionStateQuery['session'];

const every = 3_000;

/** One session: its settings, the people in it, and what happens there. */
export function Session({ id }: { id: string }) {
  const { data, error, again } = usePoll(sessionStateDocument, () => ({ sessionId: id }), every);
  if (error?.code === 'NOT_FOUND') {
    return (
      <>
        <Title>{id}</Title>
        <p class="empty">{error.reason === 'SESSION_DELETED' ? 'This session is deleted.' : 'There is no session with this id.'}</p>
        <a class="button" href="#sessions">
          All sessions
        </a>
      </>
    );
  }
  return (
    <>
      <Title>{id}</Title>
      <Problem>{error && inWords(error)}</Problem>
      {data !== undefined && <Settings state={data.session} again={again} />}
      <div class="columns">
        <div>
          <h2>Tail</h2>
          <TailView session={id} />
        </div>
        <div>
          <h2>People</h2>
          <People id={id} streams={data?.session.streams ?? []} again={again} />
          <h2>Bans</h2>
          {data !== undefined && <Bans session={id} bans={data.bans} again={again} />}
        </div>
      </div>
    </>
  );
}

function Settings({ state, again }: { state: State; again: () => void }) {
  const problem = useSignal('');
  const { id, readOnly } = state;
  const toggle = async (): Promise<void> => {
    problem.value = '';
    try {
      await run(setReadOnlyDocument, { sessionId: id, readOnly: !readOnly });
      say(readOnly ? 'Everybody may write again.' : 'The session is read-only.');
      again();
    } catch (cause) {
      problem.value = inWords(cause);
    }
  };
  return (
    <section class="card facts" aria-label="The session">
      <dl>
        <Fact name="People" value={count(state.connectionCount)} />
        <Fact name="Streams" value={count(state.streamCount)} />
        <Fact name="Entries" value={count(state.entryCount)} />
        <Fact name="Size" value={bytes(state.bytes)} />
        <Fact name="Made" value={dateTime(state.createdAt)} />
        {state.slowMode > 0 && <Fact name="Slow mode" value={`${count(state.slowMode)} s`} />}
        {state.data !== null && <Fact name="Data" value={head(state.data, 200)} />}
      </dl>
      <Problem>{problem.value}</Problem>
      <div class="acts">
        <button type="button" class="button small switch" role="switch" aria-checked={readOnly} onClick={toggle}>
          Read-only
        </button>
        <button type="button" class="button small" disabled={!state.streams.some(({ hasAudio }) => hasAudio)} onClick={() => askMute(id, undefined, 'everybody')}>
          Mute all
        </button>
        <a class="button small" href={noticeAddress(id)}>
          Notice
        </a>
        <button type="button" class="button small danger-line" onClick={() => askDelete(state)}>
          Delete session
        </button>
      </div>
    </section>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function askDelete({ id, entryCount, connectionCount }: State): void {
  ask({
    title: `Delete ${id}?`,
    children: (
      <p>
        Everything in it is gone for good: entries ({count(entryCount)}), bans and read marks. Everybody who is there ({count(connectionCount)} now)
        is sent away, and nobody but a backend can make a session of this id again.
      </p>
    ),
    yes: 'Delete for good',
    danger: true,
    type: id,
    goes: '#sessions',
    async act() {
      await run(deleteSessionDocument, { id });
      return `${id} is deleted.`;
    },
  });
}

function askMute(session: string, streams: readonly string[] | undefined, name: string): void {
  ask({
    title: `Mute ${name}?`,
    children: <p>The audio that is on now is switched off. It can be switched on again by its publisher.</p>,
    yes: 'Mute',
    async act() {
      if (streams === undefined) await run(muteDocument, { sessionId: session });
      else for (const streamId of streams) await run(muteDocument, { sessionId: session, streamId });
      return `Muted: ${name}.`;
    },
  });
}

/** The people who are there: connections, a page at a time. */
function People({ id, streams, again }: { id: string; streams: State['streams']; again: () => void }) {
  const search = useSignal('');
  const cursors = useSignal<readonly string[]>([]);
  const variables = () => ({ sessionId: id, search: search.value || null, after: cursors.value.at(-1) ?? null });
  const people = usePoll(peopleDocument, variables, every);
  const page = people.data?.connections;
  const number = cursors.value.length;
  const done = (): void => {
    people.again();
    again();
  };
  return (
    <>
      <label class="field">
        <span class="label">Name or id has</span>
        <input
          class="input"
          type="search"
          value={search.value}
          maxLength={64}
          spellcheck={false}
          autocomplete="off"
          onInput={({ currentTarget }) => {
            cursors.value = [];
            search.value = currentTarget.value;
          }}
        />
      </label>
      <Problem>{people.error && people.error.code !== 'NOT_FOUND' && inWords(people.error)}</Problem>
      {page !== undefined && page.edges.length === 0 && <p class="empty">Nobody. Guests of the lobby are in no list.</p>}
      {page !== undefined && page.edges.length > 0 && (
        <ul class="card people">
          {page.edges.map((edge) => (
            <Person key={edge.node.id} session={id} edge={edge} done={done} audible={streams.filter((stream) => stream.hasAudio && stream.connection.id === edge.node.id).map((stream) => stream.id)} />
          ))}
        </ul>
      )}
      {(number > 0 || page?.pageInfo.hasNextPage) && (
        <nav class="pager" aria-label="Pages of people">
          <button type="button" class="button small" disabled={number === 0} onClick={() => (cursors.value = cursors.value.slice(0, -1))}>
            Previous
          </button>
          <span>Page {number + 1}</span>
          <button
            type="button"
            class="button small"
            disabled={!page?.pageInfo.hasNextPage}
            onClick={() => (cursors.value = [...cursors.value, page?.pageInfo.endCursor ?? ''])}
          >
            Next
          </button>
        </nav>
      )}
    </>
  );
}

interface PersonProps {
  readonly session: string;
  readonly edge: PeopleQuery['connections']['edges'][number];
  /** Ids of the streams of theirs whose audio is on. */
  readonly audible: readonly string[];
  readonly done: () => void;
}

function Person({ session, edge: { node, hasSocket }, audible, done }: PersonProps) {
  const name = nameOf(node);
  const kick = (): void =>
    ask({
      title: `Disconnect ${name}?`,
      children: <p>The connection ends at once. It keeps nobody out: the same person may connect again.</p>,
      yes: 'Disconnect',
      danger: true,
      async act() {
        await run(kickDocument, { sessionId: session, connectionId: node.id });
        done();
        return `${name} is disconnected.`;
      },
    });
  return (
    <li class="person">
      <span class="person-name">
        {name}
        <small>
          {node.role.toLowerCase().replace('_', ' ')}
          {!hasSocket && ', no socket open'}
          {node.userId !== null && `, user ${head(node.userId, 24)}`}
        </small>
      </span>
      <span class="row-acts">
        {audible.length > 0 && (
          <button type="button" class="text-button" aria-label={`Mute ${name}`} onClick={() => askMute(session, audible, name)}>
            Mute
          </button>
        )}
        <button type="button" class="text-button" aria-label={`Kick ${name}`} onClick={kick}>
          Kick
        </button>
        <button type="button" class="text-button" aria-label={`Ban ${name}`} onClick={() => askBan(session, node)}>
          Ban
        </button>
      </span>
    </li>
  );
}

function Bans({ session, bans, again }: { session: string; bans: SessionStateQuery['bans']; again: () => void }) {
  if (bans.length === 0) return <p class="empty">Nobody is banned.</p>;
  return (
    <ul class="card people">
      {bans.map((ban) => {
        const name = nameOf(ban.connection);
        const lift = (): void =>
          ask({
            title: `End the ban of ${name}?`,
            children: <p>The person may connect again at once.</p>,
            yes: 'End the ban',
            async act() {
              await run(unbanDocument, { sessionId: session, id: ban.id });
              again();
              return `The ban of ${name} has ended.`;
            },
          });
        return (
          <li key={ban.id} class="person">
            <span class="person-name">
              {name}
              <small>until {dateTime(ban.until)}</small>
            </span>
            <button type="button" class="text-button" aria-label={`End the ban of ${name}`} onClick={lift}>
              End
            </button>
          </li>
        );
      })}
    </ul>
  );
}
