// The SDK's types, as the page uses them. Only the type checker reads this file; at run time the page loads /sdk/chattok.js.
import type { ConnectOptions, PreviewOptions, Session, SessionPreview } from '../../sdk/src/types.ts';

export type * from '../../sdk/src/types.ts';
export { ChattokError, type ErrorCode } from '../../sdk/src/errors.ts';

/** Joins a session and returns it at once. */
export declare function open(options: ConnectOptions): Session;

/** Tells who is in a session, without joining it. */
export declare function preview(options: PreviewOptions): Promise<SessionPreview>;
