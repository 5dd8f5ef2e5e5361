// The secret that makes this browser the same user each time, one for each server.
import { randomId } from './random.ts';

const wellFormed = /^[0-9a-f]{32}$/;

/** Keys of this page, for when storage is forbidden or full. */
const made = new Map<string, string>();

/** Returns this browser's key for a server, and makes one at first. */
export function userKeyOf({ origin }: URL): string {
  const name = `chattok:user:${origin}`;
  let key = made.get(name);
  try {
    const kept = localStorage.getItem(name) ?? '';
    if (wellFormed.test(kept)) key = kept;
    else localStorage.setItem(name, (key ??= randomId()));
  } catch {
    // Storage is forbidden or full: the key lives as long as the page.
  }
  key ??= randomId();
  made.set(name, key);
  return key;
}
