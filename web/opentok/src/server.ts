// Where the server is: where this script came from, unless the page says otherwise.

const suffix = /sdk\/opentok\.js$/;

/** The script’s own address, while it is being run; empty or undefined where it is in a page or in a module. */
const script = (globalThis.document?.currentScript as HTMLScriptElement | null | undefined)?.src;

let server = script ? baseOf(script) : undefined;

/** The server's address: the folder above `sdk/`. */
function baseOf(address: string): URL | undefined {
  const url = new URL(address);
  if (!suffix.test(url.pathname)) return undefined;
  url.pathname = url.pathname.replace(suffix, '');
  url.search = url.hash = '';
  return url;
}

/** The server's address. Throws where nobody has said it. */
export function serverAddress(): URL {
  if (!server) throw new TypeError('OT.configure({ url }) must name the server, since this script does not come from one');
  return server;
}

/** Names another server than the one that the script came from. */
export function configure({ url }: { url: string | URL }): void {
  server = new URL(url, document.baseURI);
  if (!server.pathname.endsWith('/')) server.pathname += '/';
}

/** Loads the style from where the script came, once. A bundle imports it by itself. */
function loadStyle(): void {
  if (!server) return;
  const { href } = new URL('sdk/opentok.css', server);
  if ([...document.querySelectorAll<HTMLLinkElement>('link[rel~=stylesheet]')].some((link) => link.href === href)) return;
  const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href });
  document.head.prepend(link); // the page's own style goes before ours
}

loadStyle();
