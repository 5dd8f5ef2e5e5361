import { LogIn } from 'lucide';
import { useEffect, useRef } from 'preact/hooks';
import type { ChattokError, DisconnectReason } from '@chattok/sdk';
import { invitationTo } from '../model/invitation';
import { go } from '../model/route';
import { backToPreJoin } from '../model/visit';
import { refusalOf } from '../text/refusal';
import { Icon, Mark } from '../ui/Icon';

const left = { title: 'You left', text: 'What was written stays with the session; come back whenever you like.' };

/** Tells what becomes of unsent posts: `comeback` says whether the user will come back in, may, or can't. */
function unsentText(count: number, comeback: 'sure' | 'open' | 'none'): string {
  const one = count === 1;
  const unsent = `${one ? 'One message of yours was' : `${count} messages of yours were`} not sent.`;
  if (comeback === 'none') return unsent;
  const it = one ? 'it' : 'them';
  return `${unsent} This browser keeps ${it}, and sends ${it} ${comeback === 'sure' ? 'when you are back in the session' : 'if you come back in'}.`;
}

const endings: Partial<Record<DisconnectReason, typeof left>> = {
  networkDisconnected: {
    title: 'The connection was lost',
    text: 'You were away for longer than the server waits. Nothing that was written is lost.',
  },
  forceDisconnected: { title: 'You were removed', text: 'A moderator ended your part in this session.' },
  userErased: { title: 'Your messages are being removed', text: 'That was asked for, so your part in this session has ended.' },
};

interface Props {
  readonly session: string;
  readonly reason: DisconnectReason | ChattokError;
  /** Number of unsent posts. */
  readonly unsent: number;
}

/** The page after a session has ended. */
export function Left({ session, reason, unsent }: Props) {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    title.current?.focus();
    document.title = 'ChatTok';
  }, []);
  const ending =
    typeof reason === 'string'
      ? (endings[reason] ?? left)
      : { title: 'You can’t come back in', text: refusalOf(reason, session, invitationTo(session), Date.now()) };
  const deleted = typeof reason !== 'string' && reason.reason === 'SESSION_DELETED';
  const comeback = deleted ? 'none' : reason === 'clientDisconnected' || reason === 'networkDisconnected' ? 'sure' : 'open';
  return (
    <main class="left">
      <Mark size={48} />
      <h1 ref={title} tabIndex={-1}>
        {ending.title}
      </h1>
      {!(reason === 'clientDisconnected' && unsent > 0) && <p>{ending.text}</p>}
      {unsent > 0 && <p>{unsentText(unsent, comeback)}</p>}
      <p class="hint">
        Session <b>{session}</b>
      </p>
      <div class="left-actions">
        {!deleted && (
          <button type="button" class="button primary" onClick={backToPreJoin}>
            <Icon node={LogIn} size={18} />
            Back to the session
          </button>
        )}
        <button type="button" class={deleted ? 'button primary' : 'button'} onClick={() => go(undefined)}>
          Start page
        </button>
      </div>
    </main>
  );
}
