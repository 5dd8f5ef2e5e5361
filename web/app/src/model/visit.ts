// The stages of visiting a session: pre-join page, joining, room, and the page after leaving.
import { effect, signal } from '@preact/signals';
import type { ChattokError, DisconnectReason } from '@chattok/sdk';
import { invitationTo } from './invitation';
import { allowSending, closeAll } from './local';
import { Meeting } from './meeting';
import { clearNotices } from './notices';
import { chatOnly } from './route';
import { joinedIn, setJoined, tabToken } from './storage';

export type Visit =
  | { readonly stage: 'prejoin'; readonly session: string; readonly refused: ChattokError | undefined }
  | { readonly stage: 'joining'; readonly session: string; readonly meeting: Meeting }
  | { readonly stage: 'room'; readonly session: string; readonly meeting: Meeting }
  | {
      readonly stage: 'left';
      readonly session: string;
      readonly reason: DisconnectReason | ChattokError;
      /** Number of unsent posts that the browser keeps. */
      readonly unsent: number;
    };

export const visit = signal<Visit>({ stage: 'prejoin', session: '', refused: undefined });

let stopFollowing = (): void => {};

/**
 * Opens a session's page. A tab that was in the session before a reload joins again at once. Returns a function that leaves
 * the page.
 */
export function enter(session: string): () => void {
  visit.value = { stage: 'prejoin', session, refused: undefined };
  allowSending(invitationTo(session)?.listens !== true && !chatOnly);
  const joined = joinedIn(session);
  // A reload without a network shows the browser's error page; the next visit does not count as a reload then.
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

/** Joins the session of the current address. Further stages follow from the meeting's state. */
export function join(name: string): void {
  const { session } = visit.value;
  const meeting = new Meeting({ session, name, token: tabToken(session) });
  visit.value = { stage: 'joining', session, meeting };
  stopFollowing();
  stopFollowing = effect(() => follow(session, meeting));
}

addEventListener('pagehide', () => {
  const { value } = visit;
  if (!('meeting' in value) || joinedIn(value.session) === undefined) return;
  const lost = value.meeting.state.peek().name !== 'live';
  setJoined({ session: value.session, name: value.meeting.name, lost });
});

/** Cancels joining, or returns after leaving. */
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
    setJoined({ session, name: meeting.name });
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
  clearNotices(); // notices of the room
  visit.value = { stage: 'left', session, reason, unsent: meeting.session.store.get().pending.length };
}

function isReload(): boolean {
  const [entry] = performance.getEntriesByType('navigation');
  return entry instanceof PerformanceNavigationTiming && entry.type === 'reload';
}
