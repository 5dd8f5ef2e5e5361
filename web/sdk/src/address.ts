import { ChattokError } from './errors.ts';

/** The GraphQL endpoint: below the server's address, which is where the script came from unless the page says otherwise. */
export function endpointOf(url: string | URL | undefined, script: string): URL {
  const base = url === undefined ? new URL('..', script) : parse(url);
  if (base.protocol !== 'http:' && base.protocol !== 'https:') {
    throw new ChattokError('BAD_USER_INPUT', `url is needed, since the script came from ${base.protocol}`);
  }
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return new URL('graphql', base);
}

function parse(url: string | URL): URL {
  try {
    return new URL(url, globalThis.document?.baseURI);
  } catch (cause) {
    throw new ChattokError('BAD_USER_INPUT', `url is not an address: ${String(url)}`, { cause });
  }
}
