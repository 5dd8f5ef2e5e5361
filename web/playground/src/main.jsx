import './workers.js';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import './playground.css';
import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { GraphiQL } from 'graphiql';
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

createRoot(document.getElementById('playground')).render(
  <GraphiQL
    fetcher={fetcher}
    storage={ownStorage()}
    defaultTabs={tutorial}
    visiblePlugin={visiblePlugin}
    onTabChange={(state) => streams.setTabs(state)}
    isHeadersEditorEnabled
    shouldPersistHeaders={false} // tokens are not left behind in the browser
    defaultEditorToolsVisibility="headers"
  >
    <GraphiQL.Logo>
      <a className="graphiql-logo-link" href="./">
        ChatTok
      </a>
    </GraphiQL.Logo>
    <GraphiQL.Footer>
      <StreamList streams={streams} />
    </GraphiQL.Footer>
  </GraphiQL>,
);
