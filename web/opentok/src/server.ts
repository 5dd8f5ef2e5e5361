// The address of the server: the one that this script was loaded from, unless the page names another.

const suffix = /sdk\/(\d[^/]*\/)?opentok\.js$/; // also below a version

/** The address of this script, which is only known while it runs; empty or undefined for an inline script or a module. */
const script = (globalThis.document?.currentScript as HTMLScriptElement | null | undefined)?.src;

let server = script ? baseOf(script) : undefined;

/** Returns the server's address for that of the script: the folder above `sdk/`. */
function baseOf(address: string): URL | undefined {
  const url = new URL(address);
  if (!suffix.test(url.pathname)) return undefined;
  url.pathname = url.pathname.replace(suffix, '');
  url.search = url.hash = '';
  return url;
}

/** Returns the server's address. Throws where it is neither configured nor known from the script. */
export function serverAddress(): URL {
  if (!server) throw new TypeError('OT.configure({ url }) must name the server, since this script does not come from one');
  return server;
}

/** Sets the server's address, in place of the one that the script was loaded from. */
export function configure({ url }: { url: string | URL }): void {
  server = new URL(url, document.baseURI);
  if (!server.pathname.endsWith('/')) server.pathname += '/';
}

/** Adds the stylesheet beside the script to the page, once. Pages with a bundle import it themselves. */
function loadStyle(): void {
  if (!server) return;
  const { href } = new URL('sdk/opentok.css', server);
  if ([...document.querySelectorAll<HTMLLinkElement>('link[rel~=stylesheet]')].some((link) => link.href === href)) return;
  const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href });
  document.head.prepend(link); // first, so that the page's own styles override it
}

loadStyle();
