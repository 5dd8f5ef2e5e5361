import { asError } from '../api.ts';
import type { IceServersQuery } from '../generated/operations.ts';
import type { ConnectOptions } from '../types.ts';

/** Milliseconds: how long before expiry credentials are renewed, and the delay before a failed request is repeated. */
const renewBefore = 5 * 60_000;
const retryAfter = 10_000;

/** Provides the RTCConfiguration for new peer connections and for ICE restarts. */
export class Ice {
  /** Undefined until the ICE servers are known. */
  configuration: RTCConfiguration | undefined;
  readonly #own: ConnectOptions['rtc'];
  readonly #fetch: () => Promise<IceServersQuery>;
  #due = 0;
  #loading: Promise<void> | undefined;

  constructor(own: ConnectOptions['rtc'], fetch: () => Promise<IceServersQuery>) {
    this.#own = own;
    this.#fetch = fetch;
    if (own?.iceServers && !own.besideServers) this.#take(own.iceServers, Infinity);
  }

  /**
   * Loads the ICE servers, or renews credentials that expire soon. Rejects if the server refuses; the configuration then
   * keeps the servers known so far, possibly none, and a later call tries again.
   */
  async load(): Promise<void> {
    if (!this.#loading && Date.now() < this.#due) return;
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
    await this.#loading;
  }

  async #load(): Promise<void> {
    let iceServers: IceServersQuery['iceServers'];
    try {
      iceServers = await this.#answer();
    } catch (error) {
      this.#take(this.configuration?.iceServers ?? this.#own?.iceServers ?? [], Date.now() + retryAfter);
      throw error;
    }
    const servers = iceServers.map(({ urls, username, credential }) => ({
      urls,
      ...(username !== null && { username }),
      ...(credential !== null && { credential }),
    }));
    const ends = iceServers.map(({ expiresAt }) => (expiresAt === null ? Infinity : Date.parse(expiresAt)));
    this.#take([...servers, ...(this.#own?.iceServers ?? [])], Math.max(Math.min(...ends) - renewBefore, Date.now() + retryAfter));
  }

  /** Asks the server, again after each reconnect until there is an answer. */
  async #answer(): Promise<IceServersQuery['iceServers']> {
    for (;;) {
      try {
        return (await this.#fetch()).iceServers;
      } catch (error) {
        if (asError(error).code !== 'NETWORK') throw error;
      }
    }
  }

  #take(iceServers: RTCIceServer[], due: number): void {
    const { iceTransportPolicy } = this.#own ?? {};
    this.configuration = { iceServers, bundlePolicy: 'max-bundle', ...(iceTransportPolicy && { iceTransportPolicy }) };
    this.#due = due;
  }
}
