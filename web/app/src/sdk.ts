// What the page takes from the SDK, in the SDK's own types. The code itself is /sdk/chattok.js, which the page loads beside
// its own; this file is read by the type checker alone.
import type { ConnectOptions, Session } from '../../sdk/src/types.ts';

export type * from '../../sdk/src/types.ts';
export { ChattokError, type ErrorCode } from '../../sdk/src/errors.ts';

/** Joins a session and gives it at once, so that a view can show how it comes about. */
export declare function open(options: ConnectOptions): Session;
