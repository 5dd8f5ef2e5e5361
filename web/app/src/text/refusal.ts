// Explains errors to the user. The original messages are meant for developers and are logged to the console.
import type { ChattokError } from '@chattok/sdk';

/** Describes why an action of the user failed. */
export function inWords(error: unknown): string {
  const code = codeOf(error);
  console.warn(code ?? 'error', error);
  if (reasonOf(error) === 'REFUSED') return (error as ChattokError).message; // written for people, by the site's backend
  switch (code) {
    case 'UNAUTHENTICATED':
      return 'you are no longer in this session. Go in again.';
    case 'FORBIDDEN':
      return forbidden[reasonOf(error) ?? ''] ?? 'you may not do that in this session.';
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

const forbidden: Partial<Record<string, string>> = {
  BANNED: 'a moderator banned you from this session.',
  EDIT_WINDOW: 'it is too old to be changed.',
  ENTRY_DELETED: 'it is deleted.',
  READ_ONLY: 'this session is read-only.',
};

/** The unverified claims of an invitation; only the server can verify them. */
export interface Invitation {
  readonly session?: string;
  readonly name?: string;
  readonly listens?: boolean;
  /** Whether its holder may publish, but watch nobody. */
  readonly unseeing?: boolean;
  /** Expiry, in milliseconds since the epoch. */
  readonly ends?: number;
}

/** Describes why the server refused the user, and the remedy. */
export function refusalOf(error: ChattokError, session: string, invitation: Invitation | undefined, now: number): string {
  console.warn('refused', error.code, error);
  if (error.reason === 'REFUSED') return error.message;
  if (error.reason === 'SESSION_DELETED') return 'This session was deleted, with everything that was written in it.';
  if (error.reason === 'BANNED') return `A moderator banned you from this session${untilText(error.until)}.`;
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

const end = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

function untilText(until: string | undefined): string {
  return until === undefined ? '' : ` until ${end.format(new Date(until))}`;
}

function reasonOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'reason' in error && typeof error.reason === 'string' ? error.reason : undefined;
}

function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
