// The public face: everything a page imports from /sdk/chattok.js.
import { ChatSession } from './session.ts';
import type { ConnectOptions, Session } from './types.ts';

export type * from './types.ts';
export { ChattokError, type ErrorCode } from './errors.ts';
export { openCamera, openScreen } from './media/devices.ts';
export { meter } from './media/level.ts';

/** Joins a session and resolves when it is live. Rejects where the server refuses; waits where it can't be reached. */
export async function connect(options: ConnectOptions): Promise<Session> {
  const session = open(options);
  await session.ready;
  return session;
}

/** Joins a session as `connect` does, but gives it at once, so that a view can show how it comes about. */
export function open(options: ConnectOptions): Session {
  return new ChatSession({ ...options }, import.meta.url);
}
