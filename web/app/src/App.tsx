import { useEffect } from 'preact/hooks';
import { enter, visit } from './model/visit';
import { route } from './model/route';
import { Left } from './room/Left';
import { PreJoin } from './prejoin/PreJoin';
import { Room } from './room/Room';
import { Start } from './start/Start';
import { Notices } from './ui/Notices';

/** The whole page: the start page, or a session before, in, and after it. */
export function App() {
  const { session, invalid } = route.value;
  useEffect(() => (session === undefined ? undefined : enter(session)), [session]);
  return (
    <>
      {session === undefined ? <Start invalid={invalid} /> : <Visit session={session} />}
      {/* The room has a place of its own for them, where they cover nobody. */}
      {visit.value.stage !== 'room' && <Notices />}
    </>
  );
}

function Visit({ session }: { session: string }) {
  const now = visit.value;
  if (now.session !== session) return null; // the address has changed just now
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
