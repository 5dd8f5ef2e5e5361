// Explains errors in plain words.
import type { ChattokError } from '../../../sdk/src/errors.ts';

/** Says why an operation failed, as a sentence. */
export function inWords(cause: unknown): string {
  const { code, message, reason, retryAfterMs } = cause as Partial<ChattokError>;
  switch (code) {
    case 'NETWORK':
      return 'The server could not be reached before it answered. Look whether it was done once it is back.';
    case 'UNAVAILABLE':
    case 'INTERNAL':
      return 'The server can’t do it just now. Try again in a moment.';
    case 'RATE_LIMITED':
      return reason === 'TOO_MANY_WEBHOOKS' ? 'There are 100 webhooks, which is the most. Delete one first.'
        : `The server asks to wait${retryAfterMs === undefined ? '' : ` ${Math.ceil(retryAfterMs / 1000)} s`}.`;
    case 'UNAUTHENTICATED':
      return 'The server does not accept the secret any more. Sign out, and in with the new one.';
    case 'NOT_FOUND':
      return reason === 'SESSION_DELETED' ? 'The session is deleted.' : 'It is not there any more.';
    case 'FORBIDDEN':
    case 'BAD_USER_INPUT':
      return sentence(message ?? ''); // the API's own words name the argument and the limit
    default:
      console.error(cause);
      return 'The page could not do it; the browser’s console says why.';
  }
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed === '' ? 'The server refused it.' : `${trimmed[0]!.toUpperCase()}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? '' : '.'}`;
}
