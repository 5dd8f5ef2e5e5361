// Finds out why a session can't connect. A browser reports a blocked request as a plain network error, so the SDK has to
// determine separately whether the page's Content-Security-Policy or the server's list of origins was the cause.
import { giveAddress } from './address.ts';
import { unknownToSchema, unreachable } from './api.ts';
import { ChattokError } from './errors.ts';

/** Milliseconds to wait for the browser's `securitypolicyviolation` event after a failed request. */
const reportDelay = 50;

/** Milliseconds to wait for a response to the probe. */
const probePatience = 5_000;

export class Diagnosis {
  readonly #endpoint: URL;
  readonly #end = new AbortController();
  readonly #told = new Set<string>();
  #forbidden: string | undefined; // the address that the page's own policy blocked
  #shut = 0; // consecutive times that the server served its script but refused the API

  constructor(endpoint: URL) {
    this.#endpoint = endpoint;
    globalThis.document?.addEventListener('securitypolicyviolation', (event) => this.#violated(event), this.#end);
  }

  /** Returns the likely cause of an error: MISCONFIGURED with a cure if a retry can't help, otherwise the error itself. */
  async of(error: ChattokError): Promise<ChattokError> {
    if (unknownToSchema(error)) {
      return new ChattokError('MISCONFIGURED', `${this.#endpoint.href} is not of a ChatTok server (${error.message})`, {
        reason: 'NOT_CHATTOK',
        cure: giveAddress,
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

  /** Logs to the console, once per cause, why the session is not connected yet. */
  tell({ code, reason, message }: ChattokError): void {
    const key = `${code} ${reason}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    console.warn(`ChatTok: trying to connect: ${message}`);
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

  /** Reports whether the server serves its script, which pages of every origin may load. */
  async #probe(): Promise<boolean> {
    const script = new URL('sdk/chattok.js', this.#endpoint);
    try {
      return (await fetch(script, { method: 'HEAD', credentials: 'omit', cache: 'no-store', signal: AbortSignal.timeout(probePatience) })).ok;
    } catch {
      return false;
    }
  }
}
