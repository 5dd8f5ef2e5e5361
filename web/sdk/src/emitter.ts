/** Listeners by the name of what they listen to. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /** Calls for every event of this name. Returns what ends it. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const own = (event: Events[Name]) => listener(event); // so that a function that is added twice is called twice
    let listeners = this.#listeners.get(name);
    if (!listeners) this.#listeners.set(name, (listeners = new Set()));
    listeners.add(own);
    return () => listeners.delete(own);
  }

  /** Calls all listeners of the name. What one throws reaches the page as an uncaught error, and nobody else. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) guarded(listener, event as never);
  }
}

/** Calls a function of the page; what it throws is reported as if the browser had called it. */
export function guarded<T>(call: (value: T) => void, value: T): void {
  try {
    call(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
