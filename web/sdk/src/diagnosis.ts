// Why a session does not come about. Browsers tell a page that a request failed, and not that they, or the server's rules
// for pages, forbade it: that has to be found out.
import { unknownToSchema, unreachable } from './api.ts';
import { ChattokError } from './errors.ts';

/** Milliseconds after a failure in which the browser reports what its policy forbade. */
const reportDelay = 50;

/** Milliseconds for the server's script to come. */
const probePatience = 5_000;

export class Diagnosis {
  readonly #endpoint: URL;
  readonly #end = new AbortController();
  readonly #told = new Set<string>();
  #forbidden: string | undefined; // by the page's own policy: the address
  #shut = 0; // times in a row that the server gave its script and no answer

  constructor(endpoint: URL) {
    this.#endpoint = endpoint;
    globalThis.document?.addEventListener('securitypolicyviolation', (event) => this.#violated(event), this.#end);
  }

  /** The cause behind an error: MISCONFIGURED with a cure where it will not mend itself, else the error, or one that says more. */
  async of(error: ChattokError): Promise<ChattokError> {
    if (unknownToSchema(error)) {
      return new ChattokError('MISCONFIGURED', `${this.#endpoint.href} is not of a ChatTok server (${error.message})`, {
        reason: 'NOT_CHATTOK',
        cure: "pass the address of a ChatTok server as url: connect({ url: 'https://chat.example/', … })",
        cause: error,
      });
    }
    if (error.code !== 'NETWORK' || !globalThis.document) return error;
    await new Promise((resolve) => setTimeout(resolve, reportDelay));
    if (this.#forbidden !== undefined) {
      const { origin } = this.#endpoint;
      return new ChattokError('MISCONFIGURED', `the page's Content-Security-Policy forbids ${this.#forbidden}`, {
        reason: 'CONTENT_SECURITY_POLICY',
        cure: `add ${origin} and ${origin.replace('http', 'ws')} to its connect-src`,
        cause: error,
      });
    }
    const page = globalThis.location?.origin;
    if (error.reason !== unreachable || page === undefined || this.#endpoint.origin === page) return error;
    this.#shut = (await this.#probe()) ? this.#shut + 1 : 0;
    if (this.#shut > 1) {
      return new ChattokError('MISCONFIGURED', `${this.#endpoint.origin} lets no page of ${page} use it`, {
        reason: 'ORIGIN_REFUSED',
        cure: `add ${page} to CHATTOK_ORIGINS of the server`,
        cause: error,
      });
    }
    return error;
  }

  /** Says on the console, once for each cause, why the session is still on its way. */
  tell({ code, reason, message }: ChattokError): void {
    const key = `${code} ${reason}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    console.warn(`ChatTok: not connected yet: ${message}. It goes on trying.`);
  }

  end(): void {
    this.#end.abort();
  }

  #violated({ disposition, effectiveDirective, blockedURI }: SecurityPolicyViolationEvent): void {
    if (disposition !== 'enforce' || effectiveDirective !== 'connect-src') return;
    if (blockedURI.startsWith(this.#endpoint.origin) || blockedURI.startsWith(this.#endpoint.origin.replace('http', 'ws'))) {
      this.#forbidden = blockedURI;
    }
  }

  /** Whether the server gives what it gives to pages of any origin. */
  async #probe(): Promise<boolean> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), probePatience);
    try {
      const script = new URL('sdk/chattok.js', this.#endpoint);
      return (await fetch(script, { method: 'HEAD', credentials: 'omit', cache: 'no-store', signal: late.signal })).ok;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }
}
