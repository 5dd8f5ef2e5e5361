import { asError } from './api.ts';
import { ChattokError } from './errors.ts';
import { sendSignalDocument } from './generated/operations.ts';
import type { Link } from './link.ts';
import type { SignalOptions } from './types.ts';

/** Maximum number of signals that wait for a live session or for the rate limit. */
const maxWaiting = 100;

interface Waiting {
  readonly number: number;
  readonly variables: { type: string; data: string | undefined; to: string | undefined };
  readonly patient: boolean;
  resolve(): void;
  reject(error: ChattokError): void;
}

/** Sends signals in order, each at most once. */
export class Signals {
  #waiting: Waiting[] = [];
  #link: Link | undefined; // the most recent WebSocket
  #closed: ChattokError | undefined;
  #count = 0;
  #sending = 0;
  #limited: ReturnType<typeof setTimeout> | undefined; // runs until the rate limit allows more
  #slow = false; // set after the first RATE_LIMITED: signals are sent one at a time until none waits

  /** Sends a signal, or queues it until `flush`. */
  send(link: Link | undefined, type: string, data: string | undefined, options: SignalOptions): Promise<void> {
    const { to, retryAfterReconnect: patient = true } = options;
    const variables = { type, data, to };
    if (this.#closed) return Promise.reject(this.#closed);
    const waits = !link || this.#slow;
    if (waits && !patient) {
      return Promise.reject(
        link ? new ChattokError('RATE_LIMITED', 'signals wait') : new ChattokError('NETWORK', 'the session is not live'),
      );
    }
    if (waits && this.#waiting.length >= maxWaiting) {
      return Promise.reject(new ChattokError('RATE_LIMITED', `${maxWaiting} signals wait already`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ number: ++this.#count, variables, patient, resolve, reject });
      if (link) this.flush(link);
    });
  }

  /** Sends the queued signals in order. */
  flush(link: Link): void {
    this.#link = link;
    while (this.#limited === undefined && this.#waiting.length > 0 && !(this.#slow && this.#sending > 0)) {
      void this.#send(link, this.#waiting.shift()!);
    }
    if (this.#sending === 0 && this.#waiting.length === 0) this.#slow = false;
  }

  close(error: ChattokError): void {
    this.#closed = error;
    clearTimeout(this.#limited);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  async #send(link: Link, signal: Waiting): Promise<void> {
    this.#sending++;
    try {
      await link.once(sendSignalDocument, signal.variables);
      signal.resolve();
    } catch (cause) {
      const error = asError(cause);
      if (error.retryAfterMs === undefined || !signal.patient || this.#closed) signal.reject(error);
      else this.#wait(signal, error.retryAfterMs);
    }
    this.#sending--;
    if (this.#slow && this.#link === link && !this.#closed) this.flush(link);
  }

  /** Puts a rate-limited signal back in its place and schedules the next flush. */
  #wait(signal: Waiting, milliseconds: number): void {
    this.#slow = true;
    this.#waiting.push(signal);
    this.#waiting.sort((a, b) => a.number - b.number);
    this.#limited ??= setTimeout(() => {
      this.#limited = undefined;
      if (this.#link) this.flush(this.#link);
    }, milliseconds);
  }
}
