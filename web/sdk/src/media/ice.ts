import { asError } from '../api.ts';
import type { IceServersQuery } from '../generated/operations.ts';
import type { ConnectOptions } from '../types.ts';

/** Milliseconds before its end when a credential is replaced, and between tries to. */
const renewBefore = 5 * 60_000;
const retryAfter = 10_000;

/** The RTCConfiguration for new connections, and for restarts of old ones. */
export class Ice {
  /** Undefined until the server has told its ICE servers. */
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
   * Makes sure that the configuration is there and its credentials are good. Rejects where the server won't tell; then
   * there is a configuration without servers, and another try after a while.
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
    const ends = iceServers.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [Date.parse(expiresAt)]));
    const end = Math.min(...ends);
    this.#take([...servers, ...(this.#own?.iceServers ?? [])], Number.isFinite(end) ? Math.max(end - renewBefore, Date.now() + retryAfter) : Infinity);
  }

  /** The server's answer, however often the session has to come back for it. */
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
