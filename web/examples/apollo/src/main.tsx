import { ApolloProvider } from '@apollo/client/react';
import { StrictMode, useMemo, useState, type FormEvent } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './Chat';
import { createClient } from './client';
import { LiveOverHTTP } from './LiveOverHTTP';
import { CONNECT } from './operations';
import './style.css';

interface Me {
  connectionId: string;
  accessToken: string;
}

function App() {
  const [me, setMe] = useState<Me>();
  return me ? <Room me={me} /> : <Join onJoined={setMe} />;
}

/** Trades a name and a session for a connection and its access token. */
function Join({ onJoined }: { onJoined: (me: Me) => void }) {
  const [failure, setFailure] = useState<string>();
  const join = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const variables = { sessionId: String(form.get('session')), data: String(form.get('name')) };
    try {
      const { data } = await createClient('multipart').mutate({ mutation: CONNECT, variables });
      if (data) onJoined({ connectionId: data.connect.connection.id, accessToken: data.connect.accessToken });
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

/** The session twice: with a WebSocket for subscriptions, and over HTTP alone. */
function Room({ me }: { me: Me }) {
  const [overSockets, overHTTP] = useMemo(
    () => [createClient('websocket', me.accessToken), createClient('multipart', me.accessToken)],
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
