import '../style/start.css';
import { ArrowRight, CircleAlert, Plus, X } from 'lucide';
import { useEffect, useState } from 'preact/hooks';
import { go, newSessionId, root, sessionOf } from '../model/route';
import { forgetSession, recents, rememberToken } from '../model/storage';
import { ago } from '../text/time';
import { Icon, Mark } from '../ui/Icon';
import { Rings } from './Rings';

/** The start page: create a session, open one by its link, or return to a recent one. */
export function Start({ invalid }: { invalid: string | undefined }) {
  useEffect(() => {
    document.title = 'ChatTok';
  }, []);
  return (
    <div class="start">
      <header class="start-header">
        <span class="wordmark">
          <Mark size={30} />
          ChatTok
        </span>
        <nav class="start-links" aria-label="For developers">
          <a href={`${root}playground`}>Playground</a>
          <a href={`${root}playground#docs`}>API reference</a>
        </nav>
      </header>
      <main class="start-main">
        <div>
          <h1 class="start-title">A room, as soon as you need one.</h1>
          <p class="start-lead">
            See, hear and write to each other. Open a session, send its link, and you are together: no account, nothing to
            install, and no word is lost when a network drops.
          </p>
          <div class="start-actions">
            {invalid !== undefined && (
              <p class="notice bad" role="alert">
                That address names no session. An id has 1 to 128 letters, digits or -_~.
              </p>
            )}
            <button type="button" class="button primary" onClick={() => go(newSessionId())}>
              <Icon node={Plus} />
              New session
            </button>
            <p class="start-or">or</p>
            <OpenSession />
          </div>
          <Recents />
        </div>
        <Rings />
      </main>
      <footer class="start-footer">
        <p class="hint">What you write is kept on this server. Video goes from browser to browser.</p>
        <p class="hint">{versionText()}</p>
      </footer>
    </div>
  );
}

function OpenSession() {
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState(false);
  const [elsewhere, setElsewhere] = useState<URL>();
  const open = (event: SubmitEvent): void => {
    event.preventDefault();
    const found = sessionOf(text);
    setWrong(found === undefined);
    setElsewhere(found?.elsewhere);
    if (found === undefined || found.elsewhere !== undefined) return;
    if (found.token !== undefined) rememberToken(found.session, found.token);
    go(found.session);
  };
  return (
    <form class="field" onSubmit={open} noValidate>
      <label class="label" for="open-session">
        Link or code of a session
      </label>
      <div class="start-open">
        <input
          id="open-session"
          class="input"
          value={text}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          enterkeyhint="go"
          aria-invalid={wrong || elsewhere !== undefined}
          aria-describedby={wrong || elsewhere !== undefined ? 'open-error' : undefined}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setWrong(false);
            setElsewhere(undefined);
          }}
        />
        <button type="submit" class="button">
          Open
          <Icon node={ArrowRight} size={18} />
        </button>
      </div>
      {elsewhere !== undefined && (
        <p id="open-error" class="error" role="alert">
          <Icon node={CircleAlert} size={16} />
          <span>
            That session is on another server. <a href={elsewhere.href}>Open it at {elsewhere.host}</a>
          </span>
        </p>
      )}
      {wrong && (
        <p id="open-error" class="error" role="alert">
          <Icon node={CircleAlert} size={16} />
          <span>Paste a link such as {location.origin + root}s/demo, or a code of letters, digits or -_~.</span>
        </p>
      )}
    </form>
  );
}

function Recents() {
  if (recents.value.length === 0) return null;
  const now = Date.now();
  return (
    <section class="recents" aria-labelledby="recents">
      <h2 id="recents">Recent sessions</h2>
      <ul>
        {recents.value.map(({ session, visited }) => (
          <li key={session}>
            <a href={`${root}s/${session}`} onClick={(event) => follow(event, session)}>
              <span class="recent-name">{session}</span>
              <span class="recent-time">{ago(visited, now)}</span>
            </a>
            <button
              type="button"
              class="icon-button"
              aria-label={`Forget ${session}`}
              title="Forget"
              onClick={() => forgetSession(session)}
            >
              <Icon node={X} size={16} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Navigates within the page. Clicks that open a new tab are left to the browser. */
function follow(event: MouseEvent, session: string): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(session);
}

function versionText(): string {
  const version = document.querySelector<HTMLMetaElement>('meta[name=chattok-version]')?.content ?? '';
  return version === '' ? 'ChatTok' : `ChatTok ${version}`;
}
