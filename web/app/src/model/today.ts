// The current date. It changes while the page is open, even while the computer sleeps.
import { signal } from '@preact/signals';
import { dayNumber } from '../text/time';

const now = signal(new Date());

/** A time on the current day. */
export const today = now;

const longest = 60 * 60_000; // checks at least every hour, because a timer until midnight is late if the computer sleeps

function look(): void {
  const time = new Date();
  if (dayNumber(time) !== dayNumber(now.peek())) now.value = time;
}

function untilMidnight(): number {
  const time = new Date();
  return new Date(time.getFullYear(), time.getMonth(), time.getDate() + 1).getTime() - time.getTime();
}

function wait(): void {
  setTimeout(() => {
    look();
    wait();
  }, Math.min(untilMidnight() + 50, longest));
}

wait();
document.addEventListener('visibilitychange', look);
