// The connections that are typing, as signals of a reserved type tell, which are not the page's.
import type { Connection } from './types.ts';

/** The type of the signals. Their data is null while somebody is typing, and `off` when they stop. */
export const typingType = 'chattok.typing';
const off = 'off';

/** Durations are in milliseconds. */
const interval = 3_000; // between signals
const lasts = 6_000; // after the last signal

export class Typing {
  readonly #send: (data?: string) => void;
  readonly #changed: () => void;
  readonly #others = new Map<string, ReturnType<typeof setTimeout>>(); // expiry, by connection id
  #toldAt = -Infinity;

  constructor(send: (data?: string) => void, changed: () => void) {
    this.#send = send;
    this.#changed = changed;
  }

  /** Returns the connections that are typing, those who began first in front. */
  list(connections: ReadonlyMap<string, Connection>): readonly Connection[] {
    return [...this.#others.keys()].flatMap((id) => connections.get(id) ?? []);
  }

  /** This page is typing, or has stopped. */
  say(on: boolean): void {
    const now = Date.now();
    if (on ? now - this.#toldAt < interval : now - this.#toldAt >= lasts) return;
    this.#toldAt = on ? now : -Infinity;
    this.#send(on ? undefined : off);
  }

  /** This page has posted, which the others take as the end of its typing. */
  posted(): void {
    this.#toldAt = -Infinity;
  }

  /** Another connection's signal has arrived. */
  heard(id: string, data: string | null): void {
    if (data === off) return this.ended(id);
    const known = this.#others.get(id);
    clearTimeout(known);
    this.#others.set(id, setTimeout(() => this.ended(id), lasts));
    if (known === undefined) this.#changed();
  }

  /** Another connection has posted, left, or not been heard of for too long. */
  ended(id: string): void {
    clearTimeout(this.#others.get(id));
    if (this.#others.delete(id)) this.#changed();
  }

  close(): void {
    for (const id of this.#others.keys()) this.ended(id);
  }
}
