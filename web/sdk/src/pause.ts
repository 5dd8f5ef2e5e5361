/** Bounds in milliseconds. */
const firstPause = 1_000;
const longestPause = 30_000;

/**
 * Returns the retry delay in milliseconds: random between zero and a bound that doubles with each attempt, from 1 to 30
 * seconds. This "full jitter" spreads out clients that were disconnected at the same moment.
 */
export function pauseBefore(attempt: number): number {
  return Math.random() * Math.min(longestPause, firstPause * 2 ** Math.min(attempt - 1, 16));
}

/** A delay that can be interrupted. */
export class Pause {
  #wake: (() => void) | undefined;

  /** Resolves after some milliseconds, or when `wake` is called. With Infinity, only `wake` ends it. */
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

  /** Ends the delay. Returns false if there was none. */
  wake(): boolean {
    const waiting = this.#wake !== undefined;
    this.#wake?.();
    return waiting;
  }
}
