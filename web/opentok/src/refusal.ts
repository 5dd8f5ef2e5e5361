/** How long the server may take to answer, in milliseconds. */
const patience = 5_000;

/**
 * Whether the server answers a request that any origin may make. It is asked after a request of this page has failed, because
 * a browser does not tell a refused request from a server that is away. False for the server's own pages, which it never refuses.
 */
export async function answersOthers(server: URL): Promise<boolean> {
  if (server.origin === location.origin) return false;
  try {
    const response = await fetch(new URL('sdk/opentok.css', server), { cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(patience) });
    return response.ok;
  } catch {
    return false;
  }
}
