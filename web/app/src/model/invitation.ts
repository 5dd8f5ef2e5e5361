// What the session token of this tab says of its holder.
import type { Invitation } from '../text/refusal';
import { tabToken } from './storage';

/** This tab's invitation to a session; undefined where there is none. One that can't be read says nothing. */
export function invitationTo(session: string): Invitation | undefined {
  const token = tabToken(session);
  return token === undefined ? undefined : read(token);
}

function read(token: string): Invitation {
  const claims = claimsOf(token);
  const text = (name: string): string | undefined => {
    const value = claims[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const session = text('session');
  const name = text('data');
  const { exp } = claims;
  return {
    ...(session !== undefined && { session }),
    ...(name !== undefined && { name }),
    ...(typeof exp === 'number' && { ends: exp * 1_000 }),
    listens: claims['role'] === 'SUBSCRIBER',
  };
}

function claimsOf(token: string): Record<string, unknown> {
  try {
    const payload = token.split('.')[1] ?? '';
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' && claims !== null ? { ...claims } : {};
  } catch {
    return {};
  }
}
