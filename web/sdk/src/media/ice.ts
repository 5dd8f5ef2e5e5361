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
    if (own?.iceServers) this.#take(own.iceServers, Infinity);
  }

  /** Makes sure that the configuration is there and its credentials are good. Rejects where the server can't tell. */
  async load(): Promise<void> {
    if (Date.now() < this.#due) return;
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
    await this.#loading;
  }

  async #load(): Promise<void> {
    this.#due = Date.now() + retryAfter;
    const { iceServers } = await this.#fetch();
    const servers = iceServers.map(({ urls, username, credential }) => ({
      urls,
      ...(username !== null && { username }),
      ...(credential !== null && { credential }),
    }));
    const ends = iceServers.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [Date.parse(expiresAt)]));
    const end = Math.min(...ends);
    this.#take(servers, Number.isFinite(end) ? Math.max(end - renewBefore, Date.now() + retryAfter) : Infinity);
  }

  #take(iceServers: RTCIceServer[], due: number): void {
    const { iceTransportPolicy } = this.#own ?? {};
    this.configuration = { iceServers, bundlePolicy: 'max-bundle', ...(iceTransportPolicy && { iceTransportPolicy }) };
    this.#due = due;
  }
}
