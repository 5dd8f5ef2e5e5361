import { useSubscription } from '@apollo/client/react';
import { useRef, useState } from 'react';
import { EntryList } from './Chat';
import { ENTRY_ADDED, type Entry } from './operations';

const pause = 1000; // milliseconds before a broken response is requested again

/** Shows the whole log and new entries by a plain HttpLink, whose subscriptions are multipart responses. */
export function LiveOverHTTP() {
  const [entries, setEntries] = useState<Entry[]>([]);
  const [after, setAfter] = useState('0');
  const last = useRef(after);
  const { restart } = useSubscription(ENTRY_ADDED, {
    variables: { after },
    onData: ({ data: { data } }) => {
      if (!data) return;
      last.current = data.entryAdded.cursor;
      setEntries((before) => [...before, data.entryAdded]);
    },
    // HttpLink does not reconnect: subscribe again, after the last entry received.
    onError: () => setTimeout(resume, pause),
    onComplete: () => setTimeout(resume, pause),
  });
  function resume() {
    if (last.current === after) restart();
    else setAfter(last.current);
  }
  return (
    <section aria-label="Over HTTP alone">
      <h2>HTTP alone</h2>
      <EntryList label="Entries over HTTP" entries={entries} />
    </section>
  );
}
