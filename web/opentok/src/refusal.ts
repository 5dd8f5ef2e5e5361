/** How long the server may take to answer, in milliseconds. */
const patience = 5_000;

/**
 * Whether the server answers everybody's pages, which is asked after it has not answered this page: then it does not list
 * the page's origin. A browser tells a page no more of a refused request than that it failed.
 */
export async function originRefused(server: URL): Promise<boolean> {
  if (server.origin === location.origin) return false;
  try {
    const response = await fetch(new URL('sdk/opentok.css', server), { cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(patience) });
    return response.ok;
  } catch {
    return false;
  }
}
