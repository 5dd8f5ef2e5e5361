import './workers.js';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import './playground.css';
import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { pick, useGraphiQL } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { createFetcher, subscribe } from './api.js';
import { StreamList } from './StreamList.jsx';
import { Streams } from './streams.js';
import { ownStorage } from './storage.js';
import { tutorial } from './tutorial.js';

const streams = new Streams(subscribe);
const fetcher = createFetcher(streams);

// playground#docs opens with the API's reference in view.
const visiblePlugin = location.hash === '#docs' ? DOC_EXPLORER_PLUGIN : undefined;

// The headers pane is where a token goes; on a phone there is no room for it until it is asked for.
const editorTools = matchMedia('(max-width: 700px)').matches ? false : 'headers';

/** Wraps long lines, such as comments and tokens, instead of hiding their ends. */
function WordWrap() {
  const { queryEditor, headerEditor } = useGraphiQL(pick('queryEditor', 'headerEditor'));
  useEffect(() => queryEditor?.updateOptions({ wordWrap: 'on' }), [queryEditor]);
  useEffect(() => headerEditor?.updateOptions({ wordWrap: 'on' }), [headerEditor]);
  return null;
}

createRoot(document.getElementById('playground')).render(
  <GraphiQL
    fetcher={fetcher}
    storage={ownStorage()}
    defaultTabs={tutorial}
    visiblePlugin={visiblePlugin}
    onTabChange={(state) => streams.setTabs(state)}
    isHeadersEditorEnabled
    shouldPersistHeaders={false} // tokens are not left behind in the browser
    defaultEditorToolsVisibility={editorTools}
  >
    <GraphiQL.Logo>
      <a className="graphiql-logo-link" href="./">
        ChatTok
      </a>
    </GraphiQL.Logo>
    <GraphiQL.Footer>
      <StreamList streams={streams} />
    </GraphiQL.Footer>
    <WordWrap />
  </GraphiQL>,
);
