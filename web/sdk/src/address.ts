import { ChattokError } from './errors.ts';

/** Where the script is on a ChatTok server, which tells the server's address. A bundler puts it elsewhere. */
const served = /\/sdk\/chattok\.js$/;

/**
 * The GraphQL endpoint: below the server's address, which is where the script came from unless the page says otherwise. An
 * address that ends with `/graphql` is the endpoint itself.
 */
export function endpointOf(url: string | URL | undefined, script: string): URL {
  const base = url === undefined ? serverOf(script) : parse(url);
  if (base.protocol !== 'http:' && base.protocol !== 'https:') {
    throw new ChattokError('BAD_USER_INPUT', `url begins with ${base.protocol}`, { cure: 'give it as https://… or http://…' });
  }
  const path = base.pathname.replace(/\/+$/, '');
  return new URL(path.endsWith('/graphql') ? path : `${path}/graphql`, base.origin);
}

function serverOf(script: string): URL {
  const { origin, pathname, protocol } = new URL(script);
  if (protocol.startsWith('http') && served.test(pathname)) return new URL(pathname.replace(served, '/'), origin);
  throw new ChattokError('BAD_USER_INPUT', `url is needed, since this script is not a server's sdk/chattok.js but ${script}`, {
    cure: "pass the server's address: connect({ url: 'https://chat.example/', … })",
  });
}

function parse(url: string | URL): URL {
  try {
    return new URL(url, globalThis.document?.baseURI);
  } catch (cause) {
    throw new ChattokError('BAD_USER_INPUT', `url is not an address: ${String(url)}`, { cause });
  }
}
