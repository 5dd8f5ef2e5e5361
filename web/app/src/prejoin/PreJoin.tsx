import { ArrowLeft } from 'lucide';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ChattokError } from '@chattok/sdk';
import { insecure, problemOf, watchDevices } from '../model/devices';
import { watchInside, type Look } from '../model/inside';
import { invitationTo } from '../model/invitation';
import { camera, closeAll, microphone, openChosen, opening, sends } from '../model/local';
import type { Meeting } from '../model/meeting';
import { chatOnly, go, root } from '../model/route';
import { choices, choose } from '../model/storage';
import { backToPreJoin, join } from '../model/visit';
import { cleanName, nameLimit } from '../text/limits';
import { refusalOf } from '../text/refusal';
import { CopyLink } from '../ui/CopyLink';
import { Icon, Mark } from '../ui/Icon';
import { DeviceChoice } from './DeviceChoice';
import { Preview } from './Preview';
import { WhoIsInside } from './WhoIsInside';

interface Props {
  readonly session: string;
  readonly meeting: Meeting | undefined;
  /** The error of the last attempt to join. */
  readonly refused: ChattokError | undefined;
}

/** The page before a session: a preview of camera and microphone, and the user's name. Devices are optional. */
export function PreJoin({ session, meeting, refused }: Props) {
  const [look, setLook] = useState<Look>();
  useEffect(() => watchInside(session, setLook), [session]);
  useEffect(() => {
    document.title = `${session} · ChatTok`;
  }, [session]);
  useDevices(look !== undefined || meeting !== undefined, look?.refused !== undefined);
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
        {!chatOnly && (
          <section class="prejoin-look" aria-label="Camera and microphone">
            <Preview />
          </section>
        )}
        <section class="prejoin-devices" aria-label="Devices">
          <Asking />
          {[...problems].map((text) => (
            <p key={text} class="notice" role="status">
              {text}
            </p>
          ))}
          {!insecure && <DeviceChoice />}
          {!sends.value && <p class="hint">No camera and no microphone are needed here.</p>}
          {invitationTo(session)?.unseeing === true && (
            <p class="hint">With this invitation you won’t see or hear the others.</p>
          )}
        </section>
        <section class="prejoin-form">
          <h1>Ready to join?</h1>
          <p class="prejoin-session">
            Session <b>{session}</b>
          </p>
          <WhoIsInside inside={look?.inside} />
          <JoinForm session={session} meeting={meeting} refused={meeting === undefined ? (refused ?? look?.refused) : undefined} />
        </section>
      </main>
    </div>
  );
}

/** Opens the chosen devices once the server has answered, or can't be reached, and closes them where the user would not be let in. */
function useDevices(answered: boolean, refused: boolean): void {
  useEffect(watchDevices, []);
  useEffect(() => {
    if (refused) closeAll();
    else if (answered) void openChosen();
  }, [answered, refused]);
}

function JoinForm({ session, meeting, refused }: Props) {
  const given = invitationTo(session)?.name;
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
          {refusalOf(refused, session, invitationTo(session), Date.now())}
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

/** Milliseconds after which the hint about a permission prompt appears. */
const askingAfter = 700;

/** A hint while a device is being opened: the browser may be showing a permission prompt that the user has not noticed. */
function Asking() {
  const [late, setLate] = useState(false);
  const kinds = opening.value;
  useEffect(() => {
    setLate(false);
    if (kinds.length === 0) return undefined;
    const timer = setTimeout(() => setLate(true), askingAfter);
    return () => clearTimeout(timer);
  }, [kinds.join()]);
  return (
    <p class={late ? 'notice' : 'visually-hidden'} role="status">
      {late &&
        `Waiting for the ${kinds[0] === 'audio' ? 'microphone' : 'camera'}. If your browser asks whether this page may use it, ` +
          'allow it there. You can also join without.'}
    </p>
  );
}
