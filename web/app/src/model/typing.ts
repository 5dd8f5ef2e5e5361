// Who is writing just now, by signals. Nothing here is stored, and a lost signal costs nothing: what was heard expires.
import { signal } from '@preact/signals';
import type { Session } from '@chattok/sdk';

/** The type of the signal; its data is `on`, or `off` where the text was sent or emptied. */
const type = 'chattok.typing';

/** Milliseconds between two signals while one goes on writing, and how long one is believed. */
const interval = 3_000;
const believed = 5_000;

/** How many are kept who write at once. */
const limit = 50;

/** Who is writing, and the telling of others that oneself is. */
export class Typing {
  /** The connections that are writing, in the order in which they began. */
  readonly writers = signal<readonly string[]>([]);
  readonly #session: Session;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #ends: (() => void)[];
  #told = 0;

  constructor(session: Session) {
    this.#session = session;
    this.#ends = [
      session.on('signal', (event) => {
        if (event.type === type && event.fromConnectionId !== null) this.#hear(event.fromConnectionId, event.data === 'on');
      }),
      session.on('entry', (entry) => this.#hear(entry.connectionId, false)),
      session.on('connectionDestroyed', ({ connection }) => this.#hear(connection.id, false)),
    ];
  }

  /** Tells the others, but not with every key. */
  tell(writing: boolean): void {
    const now = Date.now();
    if (writing ? now - this.#told < interval : this.#told === 0) return;
    this.#told = writing ? now : 0;
    if (this.#session.store.get().connectionCount < 2) return;
    // Late it would be wrong, and a refusal is nobody's concern.
    this.#session.signal(type, writing ? 'on' : 'off', { retryAfterReconnect: false }).catch(() => {});
  }

  end(): void {
    for (const end of this.#ends) end();
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #hear(id: string, writing: boolean): void {
    if (id === this.#session.store.get().connection?.id) return;
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    const others = this.writers.value.filter((other) => other !== id);
    if (writing && others.length >= limit) return; // more than anybody reads
    if (writing) this.#timers.set(id, setTimeout(() => this.#hear(id, false), believed));
    const known = this.writers.value.includes(id);
    if (writing && !known) this.writers.value = [...others, id];
    else if (!writing && known) this.writers.value = others;
  }
}
