// The view that is shown, by the address's fragment, which browsers send to no server. The secret is never in it.
import { signal } from '@preact/signals';

export type Route =
  | { readonly name: 'server' | 'sessions' | 'live' | 'webhooks' }
  /** Without an id, to all sessions. */
  | { readonly name: 'notice'; readonly id: string }
  | { readonly name: 'session'; readonly id: string };

export const route = signal<Route>(read());

addEventListener('hashchange', () => (route.value = read()));

export function addressOf(session: string): string {
  return `#session/${session}`; // an id has no character that an address would change
}

/** The address of the form for a notice to one session. */
export function noticeAddress(session: string): string {
  return `#notice/${session}`;
}

export function go(address: string): void {
  location.hash = address;
}

function read(): Route {
  const [name, id] = location.hash.slice(1).split('/');
  if (name === 'session' && id) return { name, id: decode(id) };
  if (name === 'notice') return { name, id: decode(id ?? '') };
  if (name === 'sessions' || name === 'live' || name === 'webhooks') return { name };
  return { name: 'server' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
