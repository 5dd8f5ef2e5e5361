import { Listeners } from './emitter.ts';
import type { Store } from './types.ts';

/** Minimum interval between notifications, in milliseconds; changes in between are notified together. */
const frame = 16;

/** A store whose members are recomputed on access, and only if they were touched since. */
export class SectionStore<T extends object> implements Store<T> {
  readonly #sections: { [K in keyof T]: () => T[K] };
  readonly #listeners = new Listeners<T>();
  readonly #touched: Set<keyof T>;
  #value: T;
  #told = -frame;
  #telling = false;

  constructor(sections: { [K in keyof T]: () => T[K] }) {
    this.#sections = sections;
    this.#value = {} as T;
    this.#touched = new Set(Object.keys(sections) as (keyof T)[]);
  }

  // `get` and `subscribe` are arrow functions, since views pass them on without their object.
  readonly get = (): T => {
    if (this.#touched.size === 0) return this.#value;
    const value = { ...this.#value };
    for (const key of this.#touched) value[key] = this.#sections[key]();
    this.#touched.clear();
    return (this.#value = value);
  };

  readonly subscribe = (listener: (value: T) => void): (() => void) => this.#listeners.add(listener);

  /** Marks members as changed and schedules a notification. */
  touch(...keys: (keyof T)[]): void {
    for (const key of keys) this.#touched.add(key);
    if (this.#telling) return;
    this.#telling = true;
    const wait = this.#told + frame - performance.now();
    if (wait <= 0) queueMicrotask(() => this.#tell());
    else setTimeout(() => this.#tell(), wait);
  }

  #tell(): void {
    this.#telling = false;
    this.#told = performance.now();
    this.#listeners.tell(this.get());
  }
}
