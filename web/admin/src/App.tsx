import { useEffect, useRef } from 'preact/hooks';
import { signOut, state } from './model/api.ts';
import { route, type Route } from './model/route.ts';
import { Ask } from './ui/Ask.tsx';
import { said } from './ui/ask.ts';
import { Mark } from './ui/Mark.tsx';
import { Live } from './view/Live.tsx';
import { Notice } from './view/Notice.tsx';
import { Server } from './view/Server.tsx';
import { Session } from './view/Session.tsx';
import { Sessions } from './view/Sessions.tsx';
import { SignIn } from './view/SignIn.tsx';
import { Webhooks } from './view/Webhooks.tsx';

const views = [
  ['server', 'Server'],
  ['sessions', 'Sessions'],
  ['live', 'Live'],
  ['notice', 'Notice'],
  ['webhooks', 'Webhooks'],
] as const;

export function App() {
  const { name } = state.value;
  if (name === 'out' || name === 'checking') return <SignIn />;
  return <Admin />;
}

function Admin() {
  const now = route.value;
  const main = useRef<HTMLElement>(null);
  const key = `${now.name}/${'id' in now ? now.id : ''}`;
  const title = titleOf(now);
  useEffect(() => {
    document.title = `${title} · ChatTok admin`;
    main.current?.querySelector<HTMLElement>('h1')?.focus(); // so that a keyboard goes on where the view begins
    scrollTo(0, 0);
  }, [key]);
  return (
    <>
      <header class="bar">
        <span class="wordmark">
          <Mark />
          ChatTok admin
        </span>
        <nav aria-label="Views">
          <ul>
            {views.map(([view, text]) => (
              <li key={view}>
                <a href={`#${view}`} aria-current={now.name === view || (view === 'sessions' && now.name === 'session') ? 'page' : undefined}>
                  {text}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <button type="button" class="button small" onClick={signOut}>
          Sign out
        </button>
      </header>
      {state.value.name === 'away' && (
        <p class="notice bad away" role="alert">
          The server is away. This page goes on by itself when it is back.
        </p>
      )}
      <main ref={main}>
        <View key={key} now={now} title={title} />
      </main>
      <p class="said" role="status">
        {said.value}
      </p>
      <Ask />
    </>
  );
}

function titleOf(now: Route): string {
  return now.name === 'session' ? now.id : (views.find(([view]) => view === now.name)?.[1] ?? 'Server');
}

function View({ now, title }: { now: Route; title: string }) {
  switch (now.name) {
    case 'server':
      return <Server title={title} />;
    case 'sessions':
      return <Sessions title={title} />;
    case 'session':
      return <Session id={now.id} />;
    case 'live':
      return <Live title={title} />;
    case 'notice':
      return <Notice title={title} session={now.id} />;
    case 'webhooks':
      return <Webhooks title={title} />;
  }
}
