import { server } from './server';

/** What `connect` and `renewAccess` give. */
export interface Granted {
  accessToken: string;
  expiresAt: string;
}

/** A connection's access token, renewed at half its time: one that has ended can't be renewed any more. */
export class Access {
  #token!: string;
  #renewAt!: number;
  #renewal: Promise<void> | undefined;

  constructor(granted: Granted) {
    this.#keep(granted);
    setInterval(() => void this.token(), 60_000); // also where nothing is asked for
  }

  /** A token that is good now. */
  async token(): Promise<string> {
    if (Date.now() >= this.#renewAt) {
      this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined));
      await this.#renewal.catch(() => {}); // what there is may be good still; the server says if not
    }
    return this.#token;
  }

  #keep({ accessToken, expiresAt }: Granted): void {
    this.#token = accessToken;
    this.#renewAt = Date.now() + (Date.parse(expiresAt) - Date.now()) / 2;
  }

  async #renew(): Promise<void> {
    const response = await fetch(`${server}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#token}` },
      body: JSON.stringify({ query: 'mutation RenewAccess { renewAccess { accessToken expiresAt } }' }),
    });
    const { data } = await response.json();
    this.#keep(data.renewAccess);
  }
}
