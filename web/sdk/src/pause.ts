/** Milliseconds. */
const firstPause = 1_000;
const longestPause = 30_000;

/**
 * How long to wait before a try: anything from nothing to a bound that doubles with each try, from a second to 30. "Full
 * jitter" spreads out those who were cut off at once.
 */
export function pauseBefore(attempt: number): number {
  return Math.random() * Math.min(longestPause, firstPause * 2 ** Math.min(attempt - 1, 16));
}

/** A wait that can be cut short. */
export class Pause {
  #wake: (() => void) | undefined;

  /** Resolves after this many milliseconds, or when woken; Infinity waits until then. */
  wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = milliseconds === Infinity ? undefined : setTimeout(end, milliseconds);
      this.#wake = end;
    });
  }

  /** Cuts the wait short. Says whether there was one. */
  wake(): boolean {
    const waiting = this.#wake !== undefined;
    this.#wake?.();
    return waiting;
  }
}
