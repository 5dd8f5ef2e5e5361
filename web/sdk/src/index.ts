// The public API: everything that a page can import from /sdk/chattok.js.
import { endpointOf } from './address.ts';
import { post } from './api.ts';
import { sessionPreviewDocument } from './generated/operations.ts';
import { ChatSession } from './session.ts';
import type { ConnectOptions, PreviewOptions, Session, SessionPreview } from './types.ts';
import { userKeyOf } from './user-key.ts';

export type * from './types.ts';
export { ChattokError, type ErrorCode } from './errors.ts';
export { openCamera, openScreen } from './media/devices.ts';
export { meter } from './media/level.ts';
export { version } from './version.ts';

/**
 * Joins a session. Resolves when the session is live and the entries asked for by `history` are loaded. Waits while the
 * server can't be reached. Rejects with a `ChattokError` if the server refuses the session or an option is invalid.
 */
export async function connect(options: ConnectOptions): Promise<Session> {
  const session = open(options);
  await session.ready;
  return session;
}

/**
 * Joins a session like `connect`, but returns the session at once, so that a view can show its progress. `session.ready` is
 * the promise that `connect` waits for. Throws a `ChattokError` if an option is invalid.
 */
export function open(options: ConnectOptions): Session {
  return new ChatSession({ ...options }, import.meta.url);
}

/**
 * Tells who is in a session, without joining it: for a page that asks for a name first. Nobody inside sees it. Rejects with a
 * `ChattokError` if the server refuses the session, as it would for `connect`, and with NETWORK if it can't be reached.
 */
export async function preview({ url, session: sessionId, token, userKey }: PreviewOptions): Promise<SessionPreview> {
  const endpoint = endpointOf(url, import.meta.url);
  const key = token === undefined && userKey === undefined ? userKeyOf(endpoint) : userKey;
  return (await post(endpoint, sessionPreviewDocument, { token, sessionId, userKey: key })).sessionPreview;
}
