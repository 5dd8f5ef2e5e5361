// What an error of the server or the network means to the person before the page. The error's own words are for developers,
// and go to the console.
import type { ChattokError } from '@chattok/sdk';

/** Says why something that the person asked for did not happen. */
export function inWords(error: unknown): string {
  const code = codeOf(error);
  console.warn(code ?? 'error', error);
  switch (code) {
    case 'UNAUTHENTICATED':
      return 'you are no longer in this session. Go in again.';
    case 'FORBIDDEN':
      return 'you may not do that in this session.';
    case 'NOT_FOUND':
      return 'it is no longer there.';
    case 'RATE_LIMITED':
      return 'that was too much at once. Wait a moment.';
    case 'UNAVAILABLE':
    case 'INTERNAL':
      return 'the server can’t do it just now. Try again in a moment.';
    case 'BAD_USER_INPUT':
      return 'the server does not take it as it is.';
    case 'NETWORK':
      return 'the server can’t be reached.';
    case 'ENDED':
      return 'the session is over for you.';
    default:
      return 'your browser could not do it.';
  }
}

/** What an invitation says, as far as the page can read it; the server alone judges whether it is genuine. */
export interface Invitation {
  readonly session?: string;
  readonly name?: string;
  readonly listens?: boolean;
  /** When it ends, in milliseconds since 1970. */
  readonly ends?: number;
}

/** Says why the server does not let somebody in, and how it would. */
export function refusalOf(error: ChattokError, session: string, invitation: Invitation | undefined, now: number): string {
  console.warn('refused', error.code, error);
  const unaccepted = 'Your invitation is not accepted: ';
  switch (error.code) {
    case 'UNAUTHENTICATED':
    case 'FORBIDDEN':
    case 'NOT_FOUND':
      if (invitation === undefined) return 'This session asks for an invitation. Use the link that you were sent.';
      if (invitation.session !== undefined && invitation.session !== session) {
        return `${unaccepted}it is for another session. Open the link as you were sent it.`;
      }
      if (invitation.ends !== undefined && invitation.ends < now) return `${unaccepted}it has run out. Ask for a new one.`;
      if (error.code === 'NOT_FOUND') return `${unaccepted}its session is not there any more.`;
      return `${unaccepted}it is not one of this server’s, or was copied in part. Ask for a new one.`;
    case 'RATE_LIMITED':
      return 'Too many want to come in at once. Wait a moment and try again.';
    case 'BAD_USER_INPUT':
      return 'The server does not take this name or this address.';
    default:
      return 'The server can’t let you in just now. Try again in a moment.';
  }
}

function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
