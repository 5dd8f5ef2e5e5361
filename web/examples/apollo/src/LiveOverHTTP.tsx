import { useSubscription } from '@apollo/client/react';
import { useRef, useState } from 'react';
import { EntryList } from './Chat';
import { ENTRY_ADDED, type Entry } from './operations';

const pause = 1000; // milliseconds, before a response that broke off is asked for again

/** The whole log and what comes after it, by a plain HttpLink, whose subscriptions are multipart responses. */
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
    // HTTP does not come back by itself: ask again, after the last one that came.
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
