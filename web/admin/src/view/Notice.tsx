import { useSignal } from '@preact/signals';
import { count } from '../model/format.ts';
import { openSessions, Posting } from '../model/notice.ts';
import { inWords } from '../model/words.ts';
import { ask } from '../ui/ask.ts';
import { Problem, Title } from '../ui/Title.tsx';

const encoder = new TextEncoder();
const mostBytes = 16_384;
const mostNameBytes = 128;

/** Posts a notice, to one session or to all in which somebody is. */
export function Notice({ title, session = '' }: { title: string; session?: string }) {
  const problem = useSignal('');
  const busy = useSignal(false);
  const posting = useSignal<Posting | undefined>(undefined);
  const all = useSignal(session === '');

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const [body, name, one] = ['body', 'name', 'session'].map((field) => String(form.get(field) ?? '').trim()) as [string, string, string];
    problem.value = tooLong(body, name);
    if (problem.value !== '') return;
    busy.value = true;
    try {
      const sessions = all.value ? await openSessions('') : [one];
      if (sessions.length === 0) {
        problem.value = 'There is nobody in any session now.';
        return;
      }
      ask({
        title: all.value ? `Post in ${count(sessions.length)} sessions?` : `Post in ${one}?`,
        children: (
          <>
            <blockquote>{body}</blockquote>
            <p>It is an entry like any other, by “{name}”: it stays in the log, and everybody who reads the session later sees it.</p>
          </>
        ),
        yes: 'Post',
        async act() {
          posting.value = new Posting(sessions, name, body);
          return '';
        },
      });
    } catch (cause) {
      problem.value = inWords(cause);
    } finally {
      busy.value = false;
    }
  };

  return (
    <>
      <Title>{title}</Title>
      <p class="hint">
        A notice is a chat entry, posted as a bot of the name that you choose, in one session or in each that has somebody connected now.
        Read-only sessions and slow mode don’t stop it. It is not a signal: it is stored, and can be deleted one by one.
      </p>
      <form class="card form" onSubmit={submit} autocomplete="off">
        <label class="field">
          <span class="label">Text</span>
          <textarea class="input" name="body" rows={4} required maxLength={mostBytes} />
        </label>
        <label class="field">
          <span class="label">Name of the bot</span>
          <input class="input" name="name" required defaultValue="Notice" maxLength={mostNameBytes} />
        </label>
        <fieldset class="choices">
          <legend class="label">Where</legend>
          <label class="check">
            <input type="radio" name="where" checked={all.value} onChange={() => (all.value = true)} />
            All sessions with somebody connected
          </label>
          <label class="check">
            <input type="radio" name="where" checked={!all.value} onChange={() => (all.value = false)} />
            One session
          </label>
        </fieldset>
        {!all.value && (
          <label class="field">
            <span class="label">Session</span>
            <input class="input" name="session" required defaultValue={session} pattern="[A-Za-z0-9_~.\-]+" maxLength={128} spellcheck={false} autocapitalize="off" />
          </label>
        )}
        <Problem>{problem.value}</Problem>
        <button type="submit" class="button primary" disabled={busy.value}>
          {busy.value ? 'Counting the sessions …' : 'Post …'}
        </button>
      </form>
      {posting.value !== undefined && <Progress posting={posting.value} />}
    </>
  );
}

function tooLong(body: string, name: string): string {
  if (body === '') return 'The text is empty.';
  if (encoder.encode(body).length > mostBytes) return `The text has more than ${count(mostBytes)} bytes.`;
  if (encoder.encode(name).length > mostNameBytes) return `The name has more than ${mostNameBytes} bytes.`;
  return '';
}

function Progress({ posting }: { posting: Posting }) {
  const failed = posting.failed.value;
  const over = posting.over.value;
  return (
    <section class="card form" aria-label="Progress">
      <progress max={posting.sessions.length} value={posting.done.value} aria-label="Sessions that have it" />
      <p role="status">
        Posted in {count(posting.done.value)} of {count(posting.sessions.length)}.{over && failed.length > 0 && ` ${count(failed.length)} did not get it:`}
      </p>
      {failed.length > 0 && (
        <ul class="plain">
          {failed.slice(0, 20).map(({ session, why }) => (
            <li key={session}>
              <code>{session}</code>: {why}
            </li>
          ))}
          {failed.length > 20 && <li>and {count(failed.length - 20)} more.</li>}
        </ul>
      )}
      {!over && (
        <button type="button" class="button small" onClick={() => posting.stop()}>
          Stop
        </button>
      )}
      {over && failed.length > 0 && (
        <button type="button" class="button small" onClick={() => posting.again()}>
          Try these again
        </button>
      )}
    </section>
  );
}
