import { useEffect } from 'preact/hooks';
import { enter, visit } from './model/visit';
import { route } from './model/route';
import { PreJoin } from './prejoin/PreJoin';
import { lazily } from './ui/lazy';
import { Notices } from './ui/Notices';

const Left = lazily(() => import('./room/Left').then((part) => part.Left));
// Loaded while the pre-join page is shown, which is there sooner for it.
const Room = lazily(() => import('./room/Room').then((part) => part.Room));
const Start = lazily(() => import('./start/Start').then((part) => part.Start));

/** The root component: the start page, or the pages of a session. */
export function App() {
  const { session, invalid } = route.value;
  useEffect(() => {
    if (session === undefined) return undefined;
    Room.load().catch(() => undefined); // what shows it tries again
    return enter(session);
  }, [session]);
  return (
    <>
      {session === undefined ? <Start invalid={invalid} /> : <Visit session={session} />}
      {/* The room shows notices in a place of its own, where they hide nobody. */}
      {visit.value.stage !== 'room' && <Notices />}
    </>
  );
}

function Visit({ session }: { session: string }) {
  const now = visit.value;
  if (now.session !== session) return null; // the address has just changed; `visit` follows
  switch (now.stage) {
    case 'prejoin':
      return <PreJoin session={session} meeting={undefined} refused={now.refused} />;
    case 'joining':
      return <PreJoin session={session} meeting={now.meeting} refused={undefined} />;
    case 'room':
      return <Room meeting={now.meeting} />;
    case 'left':
      return <Left session={session} reason={now.reason} unsent={now.unsent} />;
  }
}
