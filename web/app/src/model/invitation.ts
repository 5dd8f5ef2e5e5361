// Reads the claims of this tab's session token. They are not verified: only the server can do that.
import type { Invitation } from '../text/refusal';
import { tabToken } from './storage';

/** Returns this tab's invitation to a session. Undefined without a token; empty if the token can't be read. */
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
    unseeing: claims['role'] === 'PUBLISHER_ONLY',
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
