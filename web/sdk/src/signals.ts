import { ChattokError } from './errors.ts';
import { sendSignalDocument } from './generated/operations.ts';
import type { Link } from './link.ts';
import type { SignalOptions } from './types.ts';

/** Signals that wait for the session to be live again. */
const maxWaiting = 100;

interface Waiting {
  readonly variables: { type: string; data?: string; to?: string };
  resolve(): void;
  reject(error: ChattokError): void;
}

/** Sends signals in their order, each at most once. */
export class Signals {
  #waiting: Waiting[] = [];
  #closed: ChattokError | undefined;

  /** Sends at once, or when `flush` is called. */
  send(link: Link | undefined, type: string, data: string | undefined, options: SignalOptions): Promise<void> {
    const { to, retryAfterReconnect = true } = options;
    const variables = { type, ...(data !== undefined && { data }), ...(to !== undefined && { to }) };
    if (this.#closed) return Promise.reject(this.#closed);
    if (link) return link.run(sendSignalDocument, variables).then(() => {});
    if (!retryAfterReconnect) return Promise.reject(new ChattokError('NETWORK', 'the session is not live'));
    if (this.#waiting.length >= maxWaiting) {
      return Promise.reject(new ChattokError('RATE_LIMITED', `${maxWaiting} signals wait already`));
    }
    return new Promise((resolve, reject) => this.#waiting.push({ variables, resolve, reject }));
  }

  /** Sends what waits, before anything newer. */
  flush(link: Link): void {
    for (const { variables, resolve, reject } of this.#waiting.splice(0)) {
      link.run(sendSignalDocument, variables).then(() => resolve(), reject);
    }
  }

  close(error: ChattokError): void {
    this.#closed = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
