import { useApolloClient, useMutation, useQuery } from '@apollo/client/react';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { ADD_ENTRY, ENTRIES, ENTRY_ADDED, type Entries, type Entry } from './operations';

const pageSize = 20;

/** History by pages, what comes after it, and what is on its way. */
export function Chat({ connectionId }: { connectionId: string }) {
  const { data, error, fetchMore, subscribeToMore } = useQuery(ENTRIES, { variables: { last: pageSize } });
  const loaded = data !== undefined;

  // From the end of the page on, so that nothing is missed between the two. Of an empty log that is its beginning:
  // relayStylePagination makes '' of the null that an empty page has for its end.
  useEffect(() => {
    if (!loaded) return;
    const after = data.chatEntries.pageInfo.endCursor || '0';
    return subscribeToMore({
      document: ENTRY_ADDED,
      variables: { after },
      updateQuery: (_, { complete, previousData, subscriptionData }) =>
        complete ? insert(previousData, subscriptionData.data.entryAdded) : undefined,
    });
    // Once, for the page that was loaded first: the subscription goes on by itself from there.
  }, [loaded, subscribeToMore]);

  if (error) return <p role="alert">{error.message}</p>;
  if (!loaded) return <p>Loading …</p>;
  const { edges, pageInfo } = data.chatEntries;
  return (
    <section aria-label="Chat">
      <h2>WebSocket</h2>
      {pageInfo.hasPreviousPage && (
        <button onClick={() => fetchMore({ variables: { before: pageInfo.startCursor } })}>Earlier</button>
      )}
      <EntryList label="Entries" entries={edges.map(({ node }) => node)} />
      <Composer connectionId={connectionId} entries={edges.map(({ node }) => node)} />
    </section>
  );
}

/** Puts an entry in its place by number, once: it may come as an event and as the answer to its post, in either order. */
function insert(page: Entries, entry: Entry): Entries {
  const { edges, pageInfo } = page.chatEntries;
  if (edges.some(({ node }) => node.seq === entry.seq)) return page;
  const edge = { __typename: 'ChatEntryEdge', cursor: entry.cursor, node: entry } as (typeof edges)[number];
  const sorted = [...edges, edge].sort((a, b) => a.node.seq - b.node.seq);
  return { ...page, chatEntries: { ...page.chatEntries, edges: sorted, pageInfo: { ...pageInfo, endCursor: sorted.at(-1)!.cursor } } };
}

export function EntryList({ label, entries }: { label: string; entries: Entry[] }) {
  return (
    <ol aria-label={label}>
      {entries.map((entry) => (
        <li key={entry.id} value={entry.seq}>
          <b>{entry.connection.data ?? entry.connectionId}</b> {entry.body}
        </li>
      ))}
    </ol>
  );
}

/** A post without its answer. */
interface Pending {
  key: string;
  body: string;
  /** The last entry there was: its own is a later one. */
  after: number;
  failure?: string;
}

/**
 * Posts show at once. They stand beside the cache and not in an optimistic layer of it, which would hide what the others
 * post until the answer came.
 */
function Composer({ connectionId, entries }: { connectionId: string; entries: Entry[] }) {
  const client = useApolloClient();
  const [add] = useMutation(ADD_ENTRY);
  const [pending, setPending] = useState<Pending[]>([]);
  const input = useRef<HTMLInputElement>(null);
  const drop = (key: string) => setPending((posts) => posts.filter((post) => post.key !== key));

  const send = async (post: Pending) => {
    setPending((posts) => [...posts.filter(({ key }) => key !== post.key), post]);
    try {
      const { data } = await add({ variables: { connectionId, body: post.body, key: post.key } });
      const entry = data!.addChatEntry;
      client.cache.updateQuery({ query: ENTRIES, variables: { last: pageSize } }, (page) => page && insert(page, entry));
      drop(post.key);
    } catch (error) {
      const failed = { ...post, failure: (error as Error).message };
      setPending((posts) => posts.map((each) => (each.key === post.key ? failed : each)));
    }
  };
  const post = (event: FormEvent) => {
    event.preventDefault();
    const body = input.current!.value;
    input.current!.value = '';
    void send({ key: crypto.randomUUID(), body, after: entries.at(-1)?.seq ?? 0 }); // a random key: it is the session's
  };
  // An event may come before the answer: then the entry is there, and the pending row must not be.
  const shown = pending.filter(
    ({ body, after }) => !entries.some((each) => each.seq > after && each.connectionId === connectionId && each.body === body),
  );
  return (
    <form onSubmit={post}>
      <ul aria-label="On their way">
        {shown.map((each) => (
          <li key={each.key}>
            {each.body}{' '}
            {each.failure && (
              <>
                <span role="alert">{each.failure}</span> <button type="button" onClick={() => send({ key: each.key, body: each.body, after: each.after })}>Again</button>
              </>
            )}
          </li>
        ))}
      </ul>
      <input aria-label="Message" ref={input} required />
      <button>Post</button>
    </form>
  );
}
