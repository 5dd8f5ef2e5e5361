export class Listeners<Event = void> {
  readonly #all = new Set<(event: Event) => void>();

  /** Adds a listener. Returns a function that removes it. */
  add(listener: (event: Event) => void): () => void {
    const own = (event: Event) => listener(event); // a function added twice is called twice
    this.#all.add(own);
    return () => this.#all.delete(own);
  }

  /** Calls every listener. An exception in one is reported as uncaught and does not stop the others. */
  tell(event: Event): void {
    for (const listener of [...this.#all]) guarded(listener, event);
  }
}

export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Listeners<never>>();

  /** Adds a listener. Returns a function that removes it. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    let listeners = this.#listeners.get(name);
    if (!listeners) this.#listeners.set(name, (listeners = new Listeners()));
    return listeners.add(listener);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    this.#listeners.get(name)?.tell(event as never);
  }
}

/** Calls a function of the page. An exception is reported as uncaught, as for a DOM event listener. */
export function guarded<T>(call: (value: T) => void, value: T): void {
  try {
    call(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
