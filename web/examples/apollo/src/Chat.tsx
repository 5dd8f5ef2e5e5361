import { useApolloClient, useMutation, useQuery } from '@apollo/client/react';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { ADD_ENTRY, ENTRIES, ENTRY_ADDED, type Entries, type Entry } from './operations';

const pageSize = 20;

/** Shows the history by pages, new entries as they come, and posts that are not answered yet. */
export function Chat({ connectionId }: { connectionId: string }) {
  const { data, error, fetchMore, subscribeToMore } = useQuery(ENTRIES, { variables: { last: pageSize } });
  const loaded = data !== undefined;

  // The subscription starts at the end of the loaded page, so that no entry is missed in between. The end of an empty page is
  // null, which relayStylePagination turns into ''; the log's beginning stands for it.
  useEffect(() => {
    if (!loaded) return;
    const after = data.chatEntries.pageInfo.endCursor || '0';
    return subscribeToMore({
      document: ENTRY_ADDED,
      variables: { after },
      updateQuery: (_, { complete, previousData, subscriptionData }) =>
        complete ? insert(previousData, subscriptionData.data.entryAdded) : undefined,
    });
    // Once, after the first page: the subscription moves its own cursor on from there.
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

/** Inserts an entry by its number, once: it may arrive as an event and as the answer to its post, in either order. */
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

/** A post that has not been answered. */
interface Pending {
  key: string;
  body: string;
  /** The number of the last entry when it was posted; its own number will be higher. */
  after: number;
  failure?: string;
}

/**
 * Shows posts at once. They are kept beside the cache and not in an optimistic layer of it, which would hide the entries of
 * others until the answer arrives.
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
    void send({ key: crypto.randomUUID(), body, after: entries.at(-1)?.seq ?? 0 }); // a random key, since keys are shared by the whole session
  };
  // An event may arrive before the answer. The entry is shown then, and its pending row must not be.
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
