import { ApolloProvider } from '@apollo/client/react';
import { StrictMode, useMemo, useState, type FormEvent } from 'react';
import { createRoot } from 'react-dom/client';
import { Access } from './access';
import { Chat } from './Chat';
import { createClient } from './client';
import { LiveOverHTTP } from './LiveOverHTTP';
import { CONNECT } from './operations';
import './style.css';

/** The connection that the page joined with. */
interface Joining {
  sessionId: string;
  data: string;
}

interface Me {
  joining: Joining;
  connectionId: string;
  access: Access;
}

/** Trades a name and a session for a connection and its access token. */
async function connect(joining: Joining): Promise<Me> {
  const { data } = await createClient('multipart').mutate({ mutation: CONNECT, variables: joining });
  const { connection, ...granted } = data!.connect;
  return { joining, connectionId: connection.id, access: new Access(granted) };
}

function App() {
  const [me, setMe] = useState<Me>();
  const [ended, setEnded] = useState<string>();
  // A connection that was away for too long has ended, and a new one takes its place; not after a moderator has ended it.
  const onEnded = async (why: string) => {
    if (why.includes('forceDisconnected') || !me) setEnded('A moderator has removed you');
    else await connect(me.joining).then(setMe, (error: Error) => setEnded(error.message));
  };
  if (ended) return <p role="alert">{ended}</p>;
  return me ? <Room key={me.connectionId} me={me} onEnded={onEnded} /> : <Join onJoined={setMe} />;
}

function Join({ onJoined }: { onJoined: (me: Me) => void }) {
  const [failure, setFailure] = useState<string>();
  const join = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      onJoined(await connect({ sessionId: String(form.get('session')), data: String(form.get('name')) }));
    } catch (error) {
      setFailure((error as Error).message);
    }
  };
  return (
    <main>
      <h1>ChatTok with Apollo Client</h1>
      <form onSubmit={join}>
        <label>
          Session <input name="session" defaultValue="apollo" required />
        </label>
        <label>
          Name <input name="name" required />
        </label>
        <button>Join</button>
      </form>
      {failure && <p role="alert">{failure}</p>}
    </main>
  );
}

/** Shows the session twice: with subscriptions over a WebSocket, and over HTTP alone. */
function Room({ me, onEnded }: { me: Me; onEnded: (why: string) => void }) {
  const [overSockets, overHTTP] = useMemo(
    () => [createClient('websocket', me.access, onEnded), createClient('multipart', me.access)],
    [me],
  );
  return (
    <main className="room">
      <ApolloProvider client={overSockets}>
        <Chat connectionId={me.connectionId} />
      </ApolloProvider>
      <ApolloProvider client={overHTTP}>
        <LiveOverHTTP />
      </ApolloProvider>
    </main>
  );
}

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
