// The way through a session: the pre-join view, joining, the room, and having left.
import { effect, signal } from '@preact/signals';
import type { ChattokError, DisconnectReason } from '@chattok/sdk';
import { invitationTo } from './invitation';
import { allowSending, closeAll } from './local';
import { Meeting } from './meeting';
import { clearNotices } from './notices';
import { chatOnly } from './route';
import { joinedIn, setJoined, tabToken } from './storage';

/** Where a visit of a session stands. */
export type Visit =
  | { readonly stage: 'prejoin'; readonly session: string; readonly refused: ChattokError | undefined }
  | { readonly stage: 'joining'; readonly session: string; readonly meeting: Meeting }
  | { readonly stage: 'room'; readonly session: string; readonly meeting: Meeting }
  | {
      readonly stage: 'left';
      readonly session: string;
      readonly reason: DisconnectReason | ChattokError;
      /** How many posts wait in the browser, unsent. */
      readonly unsent: number;
    };

export const visit = signal<Visit>({ stage: 'prejoin', session: '', refused: undefined });

let stopFollowing = (): void => {};

/** Comes to a session's address. A tab that was in it, and was reloaded, goes straight back. Returns how to go away. */
export function enter(session: string): () => void {
  visit.value = { stage: 'prejoin', session, refused: undefined };
  allowSending(invitationTo(session)?.listens !== true && !chatOnly);
  const joined = joinedIn(session);
  // A reload that met no server shows the browser's own page, from which one comes as by a link.
  if (joined !== undefined && (isReload() || joined.lost === true)) join(joined.name);
  else setJoined(undefined);
  return () => {
    const { value } = visit;
    stopFollowing();
    if ('meeting' in value) {
      void value.meeting.leave();
      value.meeting.end();
    }
    setJoined(undefined);
    closeAll();
    clearNotices();
    visit.value = { stage: 'prejoin', session: '', refused: undefined };
  };
}

/** Joins the session whose address this is. The state of the meeting leads on from there. */
export function join(name: string): void {
  const { session } = visit.value;
  const meeting = new Meeting({ session, name, token: tabToken(session) });
  joinedName = name;
  visit.value = { stage: 'joining', session, meeting };
  stopFollowing();
  stopFollowing = effect(() => follow(session, meeting));
}

let joinedName = '';

addEventListener('pagehide', () => {
  const { value } = visit;
  if (!('meeting' in value) || joinedIn(value.session) === undefined) return;
  const lost = value.meeting.state.peek().name !== 'live';
  setJoined({ session: value.session, name: joinedName, lost });
});

/** Gives up joining, or comes back after having left. */
export function backToPreJoin(): void {
  const { value } = visit;
  stopFollowing();
  if ('meeting' in value) {
    void value.meeting.leave();
    value.meeting.end();
  }
  setJoined(undefined);
  visit.value = { stage: 'prejoin', session: value.session, refused: undefined };
}

function follow(session: string, meeting: Meeting): void {
  const state = meeting.state.value;
  const { stage } = visit.peek();
  if (state.name === 'live' && stage === 'joining') {
    setJoined({ session, name: joinedName });
    visit.value = { stage: 'room', session, meeting };
  } else if (state.name === 'refused') {
    meeting.end();
    setJoined(undefined);
    if (stage === 'joining') visit.value = { stage: 'prejoin', session, refused: state.error };
    else goOut(session, meeting, state.error);
  } else if (state.name === 'ended') {
    meeting.end();
    setJoined(undefined);
    goOut(session, meeting, state.reason);
  }
}

function goOut(session: string, meeting: Meeting, reason: DisconnectReason | ChattokError): void {
  closeAll();
  clearNotices(); // they were the room's
  visit.value = { stage: 'left', session, reason, unsent: meeting.session.store.get().pending.length };
}

function isReload(): boolean {
  const [entry] = performance.getEntriesByType('navigation');
  return entry instanceof PerformanceNavigationTiming && entry.type === 'reload';
}
