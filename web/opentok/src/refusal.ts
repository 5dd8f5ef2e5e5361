/** How long the server may take to answer, in milliseconds. */
const patience = 5_000;

/**
 * Whether the server answers pages of any origin, which is asked after it has not answered this one. A browser tells a page
 * no more of a refused request than that it failed. False for the server's own pages, which it never refuses.
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
