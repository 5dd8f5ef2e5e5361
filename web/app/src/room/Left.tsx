import { LogIn } from 'lucide';
import { useEffect, useRef } from 'preact/hooks';
import type { ChattokError, DisconnectReason } from '@chattok/sdk';
import { go } from '../model/route';
import { backToPreJoin } from '../model/visit';
import { Icon, Mark } from '../ui/Icon';

const left = { title: 'You left', text: 'What was written stays with the session; come back whenever you like.' };

const endings: Partial<Record<DisconnectReason, typeof left>> = {
  networkDisconnected: {
    title: 'The connection was lost',
    text: 'You were away for longer than the server waits. Nothing that was written is lost.',
  },
  forceDisconnected: { title: 'You were removed', text: 'A moderator ended your part in this session.' },
};

/** After a session, by whatever end. */
export function Left({ session, reason }: { session: string; reason: DisconnectReason | ChattokError }) {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    title.current?.focus();
    document.title = 'ChatTok';
  }, []);
  const ending = typeof reason === 'string' ? (endings[reason] ?? left) : { title: 'You can’t come back in', text: reason.message };
  return (
    <main class="left">
      <Mark size={48} />
      <h1 ref={title} tabIndex={-1}>
        {ending.title}
      </h1>
      <p>{ending.text}</p>
      <p class="hint">
        Session <b>{session}</b>
      </p>
      <div class="left-actions">
        <button type="button" class="button primary" onClick={backToPreJoin}>
          <Icon node={LogIn} size={18} />
          Back to the session
        </button>
        <button type="button" class="button" onClick={() => go(undefined)}>
          Start page
        </button>
      </div>
    </main>
  );
}
