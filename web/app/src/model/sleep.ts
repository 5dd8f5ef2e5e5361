// Detects that the computer slept: timers stop during sleep, while the clock goes on.

const interval = 1_000; // milliseconds
/** Delay that counts as sleep. Timers of busy or background pages are delayed by less. */
const slept = 10_000;

/** Calls `woke` after each sleep. Returns a function that stops it. */
export function watchSleep(woke: () => void): () => void {
  let before = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - before > slept) woke();
    before = now;
  }, interval);
  return () => clearInterval(timer);
}
