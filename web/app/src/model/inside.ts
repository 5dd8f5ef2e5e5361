// The people in a session, as somebody sees them who has not joined it.
import { preview, type ChattokError, type SessionPreview } from '@chattok/sdk';
import { root } from './route';
import { ownConnections, tabToken } from './storage';

/** Milliseconds between two looks. */
const interval = 10_000;

/** The others in a session. This browser's own connections are left out, such as one that a reload has just left behind. */
export interface Inside {
  readonly connections: SessionPreview['connections'];
  readonly count: number;
}

/** One look tells the others, or why the user would not be let in; neither where the server can't say. */
export interface Look {
  readonly inside?: Inside;
  readonly refused?: ChattokError;
}

/** Codes of refusals that joining would get too. Others, such as UNAVAILABLE, may pass. */
const lasting = /^(UNAUTHENTICATED|FORBIDDEN|NOT_FOUND)$/;

/**
 * Looks who is in a session, and again every ten seconds while the page is visible, until the server refuses for good. Returns a function that
 * stops it.
 */
export function watchInside(session: string, tell: (look: Look) => void): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let looking = false;
  const look = async (): Promise<void> => {
    clearTimeout(timer);
    if (looking || document.visibilityState !== 'visible') return; // a page that becomes visible looks at once
    looking = true;
    const seen = await insideOf(session).then(
      (inside): Look => ({ inside }),
      (error: ChattokError): Look => (lasting.test(error.code) ? { refused: error } : {}),
    );
    looking = false;
    if (signal.aborted) return;
    tell(seen);
    if (seen.refused) ending.abort();
    else timer = setTimeout(() => void look(), interval);
  };
  document.addEventListener('visibilitychange', () => void look(), { signal });
  void look();
  return () => {
    ending.abort();
    clearTimeout(timer);
  };
}

async function insideOf(session: string): Promise<Inside> {
  const token = tabToken(session);
  const { connections, connectionCount } = await preview({
    url: new URL(root, location.href),
    session,
    ...(token !== undefined && { token }),
  });
  const own = ownConnections(session);
  const others = connections.filter(({ id }) => !own.has(id));
  return { connections: others, count: connectionCount - connections.length + others.length };
}
