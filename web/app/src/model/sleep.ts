// Whether the machine slept: timers stand still meanwhile, and the clock does not.

const interval = 1_000; // milliseconds
/** A busy page, or one in the background, is late by less, or is looked at first. */
const slept = 10_000;

/** Calls after each sleep. Returns what ends it. */
export function watchSleep(woke: () => void): () => void {
  let before = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - before > slept) woke();
    before = now;
  }, interval);
  return () => clearInterval(timer);
}
