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
  /** The page or the server is not set up for each other; `reason` says how, and `cure` what to do about it. */
  | 'MISCONFIGURED'
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

/** What an error may say beyond its code and message. */
export interface ErrorDetails {
  reason?: string | undefined;
  retryAfterMs?: number | undefined;
  cure?: string | undefined;
  cause?: unknown;
}

/** Every failure that the SDK hands out. A page's token function may throw one too: its code says whether that is final. */
export class ChattokError extends Error {
  override readonly name = 'ChattokError';
  readonly code: ErrorCode;
  /** Tells apart the causes of one code, in the API's words, such as `IDEMPOTENCY_CONFLICT`. */
  readonly reason: string | undefined;
  /** Of RATE_LIMITED: after how many milliseconds the same may be asked again. */
  readonly retryAfterMs: number | undefined;
  /** What to do about it, where that is known; `message` ends with it. */
  readonly cure: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorDetails = {}) {
    const { cause, reason, retryAfterMs, cure } = options;
    super(cure === undefined ? message : `${message}; ${cure}`, { cause });
    this.code = code;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
    this.cure = cure;
  }
}
