import { ChattokError } from './errors.ts';

/** The path of this script on a ChatTok server, also below a version. A copy inside a bundle has another path. */
const served = /\/sdk\/(\d[^/]*\/)?chattok\.js$/;

/** The cure for an address that is missing or wrong. */
export const giveAddress = "pass the server's address: connect({ url: 'https://chat.example/', … })";

/**
 * Returns the GraphQL endpoint of a server: of `url` if given, otherwise of the server that the script was loaded from. A
 * `url` that ends with `/graphql` is the endpoint itself. Throws BAD_USER_INPUT if there is no usable address.
 */
export function endpointOf(url: string | URL | undefined, script: string): URL {
  const base = url === undefined ? serverOf(script) : parse(url);
  if (base.protocol !== 'http:' && base.protocol !== 'https:') {
    throw new ChattokError('BAD_USER_INPUT', `url begins with ${base.protocol}`, { cure: 'give https://…' });
  }
  const path = base.pathname.replace(/\/+$/, '');
  return new URL(path.endsWith('/graphql') ? path : `${path}/graphql`, base.origin);
}

function serverOf(script: string): URL {
  const { origin, pathname, protocol } = new URL(script);
  if (protocol.startsWith('http') && served.test(pathname)) return new URL(pathname.replace(served, '/'), origin);
  throw new ChattokError('BAD_USER_INPUT', `url is needed: ${script} is not a server's sdk/chattok.js`, {
    cure: giveAddress,
  });
}

function parse(url: string | URL): URL {
  try {
    return new URL(url, globalThis.document?.baseURI);
  } catch (cause) {
    throw new ChattokError('BAD_USER_INPUT', `url is not an address: ${String(url)}`, { cause });
  }
}
