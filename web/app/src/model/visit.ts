// The way through a session: the pre-join view, joining, the room, and having left.
import { effect, signal } from '@preact/signals';
import type { ChattokError, DisconnectReason } from '@chattok/sdk';
import { closeAll } from './local';
import { Meeting } from './meeting';
import { choices, isJoined, setJoined, tabToken } from './storage';

/** Where a visit of a session stands. */
export type Visit =
  | { readonly stage: 'prejoin'; readonly session: string; readonly refused: ChattokError | undefined }
  | { readonly stage: 'joining'; readonly session: string; readonly meeting: Meeting }
  | { readonly stage: 'room'; readonly session: string; readonly meeting: Meeting }
  | { readonly stage: 'left'; readonly session: string; readonly reason: DisconnectReason | ChattokError };

export const visit = signal<Visit>({ stage: 'prejoin', session: '', refused: undefined });

let stopFollowing = (): void => {};

/** Comes to a session's address. A tab that was in it, and was reloaded, goes straight back. Returns how to go away. */
export function enter(session: string): () => void {
  visit.value = { stage: 'prejoin', session, refused: undefined };
  if (isJoined(session) && isReload()) join(choices.value.name);
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
    visit.value = { stage: 'prejoin', session: '', refused: undefined };
  };
}

/** Joins the session whose address this is. The state of the meeting leads on from there. */
export function join(name: string): void {
  const { session } = visit.value;
  const meeting = new Meeting({ session, name, token: tabToken(session) });
  visit.value = { stage: 'joining', session, meeting };
  stopFollowing();
  stopFollowing = effect(() => follow(session, meeting));
}

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
    setJoined(session);
    visit.value = { stage: 'room', session, meeting };
  } else if (state.name === 'refused') {
    meeting.end();
    setJoined(undefined);
    if (stage === 'joining') {
      visit.value = { stage: 'prejoin', session, refused: state.error };
    } else {
      closeAll();
      visit.value = { stage: 'left', session, reason: state.error };
    }
  } else if (state.name === 'ended') {
    meeting.end();
    closeAll();
    setJoined(undefined);
    visit.value = { stage: 'left', session, reason: state.reason };
  }
}

/** What a session token says of its holder; the server alone judges whether it is genuine. */
export function tokenData(session: string): string | undefined {
  const payload = tabToken(session)?.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const data = typeof claims === 'object' && claims !== null && 'data' in claims ? claims.data : undefined;
    return typeof data === 'string' && data !== '' ? data : undefined;
  } catch {
    return undefined;
  }
}

function isReload(): boolean {
  const [entry] = performance.getEntriesByType('navigation');
  return entry instanceof PerformanceNavigationTiming && entry.type === 'reload';
}
