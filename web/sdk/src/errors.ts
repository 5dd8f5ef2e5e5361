/** What can go wrong: the API's codes, in its own words, and after them the SDK's. */
export type ErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'RATE_LIMITED'
  | 'UNAVAILABLE'
  | 'INTERNAL'
  /** The server can't be reached, or does not answer as one of ours. */
  | 'NETWORK'
  /** The session is over: `disconnect()` was called, or a moderator ended it. */
  | 'ENDED'
  /** A post was dropped before it was answered. */
  | 'DROPPED'
  /** The user, or the page's policy, does not allow the camera, the microphone or the screen. */
  | 'PERMISSION_DENIED'
  /** There is no camera or microphone as asked for. */
  | 'NO_DEVICE'
  /** Another program uses the device, or it failed. */
  | 'DEVICE_FAILED'
  /** Browsers give cameras to pages over HTTPS or from loopback only. */
  | 'INSECURE_CONTEXT'
  /** The browser plays no sound before the user has touched the page. */
  | 'AUTOPLAY_BLOCKED';

/** Every failure that the SDK hands out. */
export class ChattokError extends Error {
  override readonly name = 'ChattokError';
  readonly code: ErrorCode;
  /** Tells apart the causes of one code, in the API's words, such as `IDEMPOTENCY_CONFLICT`. */
  readonly reason: string | undefined;

  constructor(code: ErrorCode, message: string, options: { reason?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.reason = options.reason;
  }
}
