import { pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useSyncExternalStore } from 'react';

const statusText = {
  connecting: 'connecting …',
  listening: 'listening',
  reconnecting: 'no connection, trying again …',
  stopped: 'stopped',
  failed: 'failed',
  ended: 'ended by the server',
};

/** The list of running subscriptions below the response. It also reports GraphiQL's tabs to the streams. */
export function StreamList({ streams }) {
  const { tabs, activeTabIndex, responseEditor } = useGraphiQL(pick('tabs', 'activeTabIndex', 'responseEditor'));
  const { run, changeTab } = useGraphiQLActions();
  const list = useSyncExternalStore(streams.subscribe, streams.snapshot);
  const tab = tabs[activeTabIndex]?.id;
  const received = list.find((stream) => stream.tab === tab)?.received;

  useEffect(() => streams.setTabs({ tabs, activeTabIndex }), [streams, tabs, activeTabIndex]);
  useEffect(() => streams.resume(run), [streams, run, tab]);
  useEffect(() => {
    // Setting a new text scrolls the editor to its first line, but the newest event is the last one.
    if (received) responseEditor?.revealLine(responseEditor.getModel().getLineCount());
  }, [responseEditor, received, tab]);

  return list.map((stream) => (
    <div key={stream.tab} className="stream" data-status={stream.status} role="status">
      <span className="stream-dot" aria-hidden="true" />
      <span className="stream-text">
        <b>{stream.title}</b>: {statusText[stream.status]}, received {stream.received}
        {stream.reconnected > 0 && ', with a gap where the connection was lost: entryAdded(after:) has what is missing'}
      </span>
      {stream.tab !== tab && (
        <button type="button" onClick={() => changeTab(tabs.findIndex(({ id }) => id === stream.tab))}>
          Show
        </button>
      )}
      {stream.running && (
        <button type="button" onClick={() => streams.stop(stream.tab)}>
          Stop
        </button>
      )}
    </div>
  ));
}
