/** Error codes: first those of the API, described in its schema, then those of the SDK. */
export type ErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'RATE_LIMITED'
  | 'UNAVAILABLE'
  | 'INTERNAL'
  /** The server can't be reached, or the response is not from a ChatTok server. Usually temporary. */
  | 'NETWORK'
  /**
   * The page or the server has to be configured differently; `reason` names the problem, `cure` the remedy. Retrying is
   * useless.
   */
  | 'MISCONFIGURED'
  /** The session is over: `disconnect()` was called, or a moderator disconnected this page. */
  | 'ENDED'
  /** `drop()` removed a post before the server answered it. */
  | 'DROPPED'
  /** The user, the browser or the page's policy denied access to the camera, the microphone or the screen. */
  | 'PERMISSION_DENIED'
  /** No camera or microphone matches the constraints, or this browser can't share a screen. */
  | 'NO_DEVICE'
  /** The device is in use by another program, or failed. */
  | 'DEVICE_FAILED'
  /** The page is neither served over HTTPS nor from loopback, so the browser offers it no devices. */
  | 'INSECURE_CONTEXT'
  /** The browser blocks sound until the user has clicked or pressed a key on the page. */
  | 'AUTOPLAY_BLOCKED';

export interface ErrorDetails {
  reason?: string | undefined;
  retryAfterMs?: number | undefined;
  cure?: string | undefined;
  until?: string | undefined;
  cause?: unknown;
}

/**
 * An error of the SDK. Programs can rely on `code` and `reason`; `message` is for people and may change. A page's token
 * function may throw one as well, to say by its code that another attempt is useless.
 */
export class ChattokError extends Error {
  override readonly name = 'ChattokError';
  declare readonly code: ErrorCode;
  /** Distinguishes errors of the same code, by the API's or the SDK's name, such as `IDEMPOTENCY_CONFLICT`. */
  declare readonly reason: string | undefined;
  /** Milliseconds after which the same request may succeed; set with code RATE_LIMITED. */
  declare readonly retryAfterMs: number | undefined;
  /** A suggested remedy, if one is known. It is also the end of `message`. */
  declare readonly cure: string | undefined;
  /** When a ban ends, RFC 3339; set with code FORBIDDEN, reason BANNED. */
  declare readonly until: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorDetails = {}) {
    const { cause, cure, ...rest } = options;
    super(cure === undefined ? message : `${message}; ${cure}`, { cause });
    Object.assign(this, { code, cure }, rest);
  }
}
