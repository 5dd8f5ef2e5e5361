import './workers.js';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import './playground.css';
import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
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

// playground#docs opens the API reference.
const visiblePlugin = location.hash === '#docs' ? DOC_EXPLORER_PLUGIN : undefined;

// The headers pane, where the access token belongs, is open by default, except on phones, which lack the space.
const phone = matchMedia('(max-width: 700px)').matches;
const editorTools = phone ? false : 'headers';

/** Wraps long lines in the editors, such as comments and tokens, and uses a smaller font on phones. */
function EditorOptions() {
  const editors = useGraphiQL(pick('queryEditor', 'variableEditor', 'headerEditor', 'responseEditor'));
  const { queryEditor, variableEditor, headerEditor, responseEditor } = editors;
  useEffect(() => {
    for (const editor of [queryEditor, variableEditor, headerEditor, responseEditor]) {
      editor?.updateOptions({ wordWrap: 'on', ...(phone && { fontSize: 13 }) });
    }
  }, [queryEditor, variableEditor, headerEditor, responseEditor]);
  return null;
}

/** Changes the editors' theme with the system's colour scheme. The style sheet follows it by itself. */
function FollowScheme() {
  const { setTheme } = useGraphiQLActions();
  const theme = useGraphiQL((state) => state.theme);
  useEffect(() => {
    if (theme) return undefined; // the user has chosen a theme
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const change = () => setTheme(null);
    scheme.addEventListener('change', change);
    return () => scheme.removeEventListener('change', change);
  }, [theme, setTheme]);
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
    shouldPersistHeaders={false} // access tokens are not stored in the browser
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
    <EditorOptions />
    <FollowScheme />
  </GraphiQL>,
);
