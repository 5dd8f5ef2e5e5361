import { useMutation, useQuery } from '@apollo/client/react';
import { useEffect, useState, type FormEvent } from 'react';
import { ADD_ENTRY, ENTRIES, ENTRY_ADDED, type Entries, type Entry } from './operations';

const pageSize = 20;

/** History by pages, and what comes after it. */
export function Chat({ connectionId }: { connectionId: string }) {
  const { data, error, fetchMore, subscribeToMore } = useQuery(ENTRIES, { variables: { last: pageSize } });
  const loaded = data !== undefined;

  // From the end of the page on, so that nothing is missed between the two.
  useEffect(() => {
    if (!loaded) return;
    const after = data.chatEntries.pageInfo.endCursor ?? '0';
    return subscribeToMore({
      document: ENTRY_ADDED,
      variables: { after },
      updateQuery: (_, { complete, previousData, subscriptionData }) =>
        complete ? append(previousData, subscriptionData.data.entryAdded) : undefined,
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
      <Composer connectionId={connectionId} />
    </section>
  );
}

/**
 * A socket that was lost subscribes again with the cursor it began with, and is given once more what it has had since:
 * an entry that is there already changes nothing.
 */
function append(page: Entries, entry: Entry): Entries {
  const { chatEntries } = page;
  if (chatEntries.edges.some(({ cursor }) => cursor === entry.cursor)) return page;
  return {
    ...page,
    chatEntries: {
      ...chatEntries,
      edges: [...chatEntries.edges, { __typename: 'ChatEntryEdge', cursor: entry.cursor, node: entry } as never],
      pageInfo: { ...chatEntries.pageInfo, endCursor: entry.cursor },
    },
  };
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

function Composer({ connectionId }: { connectionId: string }) {
  const [body, setBody] = useState('');
  const [add, { error, loading }] = useMutation(ADD_ENTRY);
  const post = async (event: FormEvent) => {
    event.preventDefault();
    try {
      await add({ variables: { connectionId, body, key: crypto.randomUUID() } });
      setBody('');
    } catch {
      // error says why; the text stays
    }
  };
  return (
    <form onSubmit={post}>
      <input aria-label="Message" value={body} onChange={(event) => setBody(event.target.value)} required />
      <button disabled={loading}>Post</button>
      {error && <p role="alert">{error.message}</p>}
    </form>
  );
}
