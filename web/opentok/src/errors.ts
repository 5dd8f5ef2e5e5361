import { ChattokError } from '../../sdk/src/index.ts';

/** An error in OpenTok's form: `name` says what went wrong, `code` in which call. */
export class OTError extends Error {
  override readonly name: string;
  readonly code: number;

  constructor(name: string, message: string, code: number, cause?: unknown) {
    super(message, { cause });
    this.name = name;
    this.code = code;
  }
}

/** OpenTok's codes, by the call that failed. */
export const codes = {
  authentication: 1004,
  invalidSession: 1005,
  connect: 1006,
  notConnected: 1010,
  invalidParameter: 1011,
  publish: 1500,
  forceDisconnect: 1520,
  forceUnpublish: 1530,
  forceUnpublishInvalidStream: 1535,
  forceMute: 1540,
  subscribe: 1600,
  streamNotFound: 1604,
  streamLimit: 1605,
  internal: 2000,
  signalInvalid: 400,
  signalNotFound: 404,
  signalTooLong: 413,
  signalNotConnected: 500,
} as const;

/** The titles of exception events. */
const titles: Partial<Record<number, string>> = {
  [codes.authentication]: 'Authentication error',
  [codes.invalidSession]: 'Invalid Session ID',
  [codes.connect]: 'Connect Failed',
  [codes.notConnected]: 'Not Connected',
  [codes.invalidParameter]: 'Invalid Parameter',
  [codes.publish]: 'Unable to Publish',
  [codes.forceDisconnect]: 'Unable to Force Disconnect',
  [codes.forceUnpublish]: 'Unable to Force Unpublish',
  [codes.forceUnpublishInvalidStream]: 'Force Unpublish on Invalid Stream',
};

export const titleOf = (code: number): string => titles[code] ?? 'Internal Error';

export function notConnected(code: number = codes.notConnected): OTError {
  return new OTError('OT_NOT_CONNECTED', 'the session is not connected', code);
}

/** Returns OpenTok's name for an error of the SDK. */
function nameOf({ code, reason }: ChattokError): string {
  switch (code) {
    case 'UNAUTHENTICATED':
      return 'OT_AUTHENTICATION_ERROR';
    case 'FORBIDDEN':
      return 'OT_PERMISSION_DENIED';
    case 'NOT_FOUND':
      return 'OT_NOT_FOUND';
    case 'BAD_USER_INPUT':
      return 'OT_INVALID_PARAMETER';
    case 'RATE_LIMITED':
      return reason === 'TOO_MANY_STREAMS' ? 'OT_STREAM_LIMIT_EXCEEDED' : 'OT_RATE_LIMITED';
    case 'NETWORK':
    case 'UNAVAILABLE':
      return 'OT_CONNECT_FAILED';
    case 'ENDED':
    case 'DROPPED':
      return 'OT_DISCONNECTED';
    case 'PERMISSION_DENIED':
      return 'OT_USER_MEDIA_ACCESS_DENIED';
    case 'NO_DEVICE':
      if (reason === 'OverconstrainedError') return 'OT_CONSTRAINTS_NOT_SATISFIED';
      return reason === 'NotFoundError' ? 'OT_NO_DEVICES_FOUND' : 'OT_NOT_SUPPORTED';
    case 'DEVICE_FAILED':
      return 'OT_HARDWARE_UNAVAILABLE';
    case 'INSECURE_CONTEXT':
      return 'OT_NOT_SUPPORTED';
    case 'AUTOPLAY_BLOCKED':
      return 'OT_AUDIO_BLOCKED';
    default:
      return 'OT_UNEXPECTED_ERROR_CODE';
  }
}

/** Turns any thrown value into an error of the call with this code. */
export function asOTError(cause: unknown, code: number): OTError {
  if (cause instanceof OTError) return cause;
  if (cause instanceof ChattokError) return new OTError(nameOf(cause), cause.message, code, cause);
  return new OTError('OT_UNEXPECTED_ERROR_CODE', cause instanceof Error ? cause.message : String(cause), code, cause);
}

/** Turns the cause of a failed connect into an error with OpenTok's name and code. */
export function asConnectError(cause: unknown): OTError {
  if (cause instanceof OTError) return cause;
  if (!(cause instanceof ChattokError)) return new OTError('OT_CONNECT_FAILED', cause instanceof Error ? cause.message : String(cause), codes.connect, cause);
  switch (cause.code) {
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
      return new OTError('OT_AUTHENTICATION_ERROR', cause.message, codes.authentication, cause);
    case 'NOT_FOUND':
    case 'BAD_USER_INPUT':
      return new OTError('OT_INVALID_SESSION_ID', cause.message, codes.invalidSession, cause);
    default:
      return new OTError('OT_CONNECT_FAILED', cause.message, codes.connect, cause);
  }
}
