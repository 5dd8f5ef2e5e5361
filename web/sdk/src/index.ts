// The public face: everything a page imports from /sdk/chattok.js.
import { ChattokError } from './errors.ts';
import type { ConnectOptions, Session } from './types.ts';

export type * from './types.ts';
export { ChattokError, type ErrorCode } from './errors.ts';

/** Joins a session and resolves when it is live. Rejects where the server refuses. */
export async function connect(options: ConnectOptions): Promise<Session> {
  const session = open(options);
  await session.ready;
  return session;
}

/** Joins a session as `connect` does, but gives it at once, so that a view can show how it comes about. */
export function open(_options: ConnectOptions): Session {
  throw new ChattokError('NETWORK', 'not built yet');
}

/** The camera and microphone, both where absent. Rejects with a `ChattokError` that says why there is none. */
export async function openCamera(_constraints?: MediaStreamConstraints): Promise<MediaStream> {
  throw new ChattokError('NO_DEVICE', 'not built yet');
}

/** The screen, a window or a tab, as the user chooses. Rejects as `openCamera` does. */
export async function openScreen(_options?: DisplayMediaStreamOptions): Promise<MediaStream> {
  throw new ChattokError('NO_DEVICE', 'not built yet');
}
