// The way to the server. The API secret is in this module's memory alone: it is in no storage, no address and no markup, and
// ends with the page.
import { signal } from '@preact/signals';
import { ChattokError } from '../../../sdk/src/errors.ts';
import type { Link } from '../../../sdk/src/link.ts';
import { checkDocument, type Document } from '../generated/operations.ts';
import { Line, type LineHooks } from './line.ts';

export type State =
  | { readonly name: 'out'; readonly problem?: 'refused' | 'no secret' | 'unreachable' }
  | { readonly name: 'checking' }
  | { readonly name: 'live' }
  /** The server is away; the page goes on when it is back. */
  | { readonly name: 'away' };

export const state = signal<State>({ name: 'out' });

let secret: string | undefined;
let line: Line | undefined;
let live: Link | undefined;
const feeds = new Set<Line>();

/** Tries a secret. `state` tells how it went. */
export function signIn(text: string): void {
  signOut();
  secret = text;
  state.value = { name: 'checking' };
  line = new Line(text, {
    async opened(link) {
      try {
        await link.once(checkDocument, {});
      } catch (error) {
        // The token of a connection opens a WebSocket too, and then may not ask this.
        const { code } = error as ChattokError;
        if (code === 'FORBIDDEN' || code === 'UNAUTHENTICATED') end('no secret');
        throw error;
      }
      live = link;
      state.value = { name: 'live' };
    },
    lost() {
      live = undefined;
      if (state.peek().name === 'checking') end('unreachable');
      else state.value = { name: 'away' };
    },
    refused: () => end('refused'),
  });
}

/** Forgets the secret, and closes everything that it opened. */
export function signOut(): void {
  end();
}

function end(problem?: 'refused' | 'no secret' | 'unreachable'): void {
  secret = undefined;
  line?.close();
  for (const feed of feeds) feed.close();
  feeds.clear();
  line = undefined;
  live = undefined;
  state.value = problem === undefined ? { name: 'out' } : { name: 'out', problem };
}

/** Runs a query or a mutation. Rejects with NETWORK where the server is away, or goes away before it has answered. */
export async function run<Data, Variables extends object>(operation: Document<Data, Variables>, variables: Variables): Promise<Data> {
  if (live === undefined) throw new ChattokError('NETWORK', 'the server is away');
  return live.run(operation, variables);
}

/**
 * Opens a WebSocket of its own for a subscription, which is the way to end it alone: one ends with its WebSocket. Returns how to
 * close it, and how to begin it again.
 */
export function follow(hooks: Pick<LineHooks, 'opened' | 'lost'>): { close(): void; renew(): void } {
  if (secret === undefined) return { close() {}, renew() {} };
  const feed = new Line(secret, { ...hooks, refused: () => end('refused') });
  feeds.add(feed);
  return {
    close() {
      feeds.delete(feed);
      feed.close();
    },
    renew: () => feed.renew(),
  };
}
