import { guarded } from './emitter.ts';
import type { Store } from './types.ts';

/** Milliseconds between calls to those who follow: what changes within them is told at once. */
const frame = 16;

/** A store whose members are made anew when they were touched and somebody asks. */
export class SectionStore<T extends object> implements Store<T> {
  readonly #sections: { [K in keyof T]: () => T[K] };
  readonly #listeners = new Set<(value: T) => void>();
  readonly #touched = new Set<keyof T>();
  #value: T;
  #told = -frame;
  #telling = false;

  constructor(sections: { [K in keyof T]: () => T[K] }) {
    this.#sections = sections;
    this.#value = {} as T;
    for (const key of Object.keys(sections) as (keyof T)[]) this.#touched.add(key);
  }

  // Both are bound, since that is how views take them.
  readonly get = (): T => {
    if (this.#touched.size === 0) return this.#value;
    const value = { ...this.#value };
    for (const key of this.#touched) value[key] = this.#sections[key]();
    this.#touched.clear();
    return (this.#value = value);
  };

  readonly subscribe = (listener: (value: T) => void): (() => void) => {
    const own = (value: T) => listener(value);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  };

  /** Says that these members are no longer what they were. */
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
    const value = this.get();
    for (const listener of [...this.#listeners]) guarded(listener, value);
  }
}
