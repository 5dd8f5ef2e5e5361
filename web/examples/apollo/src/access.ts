import { server } from './server';

/** The result of `connect` and `renewAccess`. */
export interface Granted {
  accessToken: string;
  expiresAt: string;
}

/** A connection's access token, renewed at half its lifetime, since an expired token can't be renewed. */
export class Access {
  #token!: string;
  #renewAt!: number;
  #renewal: Promise<void> | undefined;

  constructor(granted: Granted) {
    this.#keep(granted);
    setInterval(() => void this.token(), 60_000); // also while the page is idle
  }

  /** Resolves with a valid token. */
  async token(): Promise<string> {
    if (Date.now() >= this.#renewAt) {
      this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined));
      await this.#renewal.catch(() => {}); // the old token may still be valid; the server decides
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
