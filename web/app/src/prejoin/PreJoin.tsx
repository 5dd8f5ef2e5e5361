import { ArrowLeft } from 'lucide';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ChattokError } from '@chattok/sdk';
import { insecure, problemOf, watchDevices } from '../model/devices';
import { camera, microphone, openChosen } from '../model/local';
import type { Meeting } from '../model/meeting';
import { go, root } from '../model/route';
import { choices, choose, tabToken } from '../model/storage';
import { backToPreJoin, join, tokenData } from '../model/visit';
import { cleanName, nameLimit } from '../text/limits';
import { CopyLink } from '../ui/CopyLink';
import { Icon, Mark } from '../ui/Icon';
import { DeviceChoice } from './DeviceChoice';
import { Preview } from './Preview';

interface Props {
  readonly session: string;
  /** The meeting that is being joined. */
  readonly meeting: Meeting | undefined;
  /** Why the last attempt to join was refused. */
  readonly refused: ChattokError | undefined;
}

/** How one looks and sounds, and what one is called, before the others see it. Joining needs neither device. */
export function PreJoin({ session, meeting, refused }: Props) {
  useEffect(() => {
    const end = watchDevices();
    void openChosen();
    document.title = `${session} · ChatTok`;
    return end;
  }, [session]);
  const problems = new Set([microphone.value, camera.value].map(({ problem }) => problem?.text));
  if (insecure) problems.add(problemOf(undefined).text);
  problems.delete(undefined);
  return (
    <div class="prejoin">
      <header class="start-header">
        <a
          class="wordmark"
          href={root}
          onClick={(event) => {
            event.preventDefault();
            go(undefined);
          }}
        >
          <Icon node={ArrowLeft} size={18} />
          <Mark size={26} />
          ChatTok
        </a>
        <CopyLink session={session} />
      </header>
      <main class="prejoin-main">
        <section class="prejoin-look" aria-label="Camera and microphone">
          <Preview />
        </section>
        <section class="prejoin-devices" aria-label="Devices">
          {[...problems].map((text) => (
            <p key={text} class="notice" role="status">
              {text}
            </p>
          ))}
          {!insecure && <DeviceChoice />}
        </section>
        <section class="prejoin-form">
          <h1>Ready to join?</h1>
          <p class="prejoin-session">
            Session <b>{session}</b>
          </p>
          <JoinForm session={session} meeting={meeting} refused={refused} />
        </section>
      </main>
    </div>
  );
}

function JoinForm({ session, meeting, refused }: Props) {
  const given = tokenData(session);
  const [name, setName] = useState(given ?? choices.value.name);
  const [missing, setMissing] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const joining = meeting !== undefined;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (joining) return;
    const clean = given ?? cleanName(name);
    setMissing(clean === '');
    if (clean === '') {
      input.current?.focus();
      return;
    }
    if (given === undefined) choose({ name: clean });
    join(clean);
  };
  const length = Array.from(name).length;
  return (
    <form class="join-form" onSubmit={submit} noValidate>
      <div class="field">
        <label class="label" for="name">
          Name
        </label>
        <input
          id="name"
          ref={input}
          class="input"
          value={name}
          autocomplete="name"
          enterkeyhint="go"
          placeholder="What others call you"
          readOnly={given !== undefined || joining}
          aria-invalid={missing}
          aria-describedby="name-hint"
          onInput={(event) => {
            const text = Array.from(event.currentTarget.value).slice(0, nameLimit).join('');
            if (text !== event.currentTarget.value) event.currentTarget.value = text;
            setName(text);
            setMissing(false);
          }}
        />
        <p id="name-hint" class={missing ? 'error' : 'hint'} role={missing ? 'alert' : undefined}>
          {missing
            ? 'Tell the others what to call you.'
            : given !== undefined
              ? 'Your invitation says what you are called.'
              : length > nameLimit - 15
                ? `${nameLimit - length} of ${nameLimit} characters left`
                : 'Shown to everyone in the session.'}
        </p>
      </div>
      {refused !== undefined && (
        <p class="notice bad" role="alert">
          {refusal(refused, session)}
        </p>
      )}
      <div class="join-actions">
        <button type="submit" class="button primary join-button" aria-disabled={joining}>
          {joining ? 'Joining …' : 'Join'}
        </button>
        {joining && (
          <button type="button" class="button" onClick={backToPreJoin}>
            Cancel
          </button>
        )}
      </div>
      <p class="hint" role="status">
        {meeting !== undefined && <Progress meeting={meeting} />}
      </p>
    </form>
  );
}

function Progress({ meeting }: { meeting: Meeting }) {
  const state = meeting.state.value;
  if (state.name !== 'connecting' || state.attempt < 2) return <>Connecting …</>;
  return <>The server can’t be reached. Still trying …</>;
}

function refusal(error: ChattokError, session: string): string {
  if (error.code === 'UNAUTHENTICATED') {
    return tabToken(session) === undefined
      ? 'This session asks for an invitation. Use the link that you were sent.'
      : `Your invitation is not accepted: ${error.message}`;
  }
  return error.message;
}
