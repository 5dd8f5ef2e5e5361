// Which day it is. It changes while the page is open, and while a machine sleeps.
import { signal } from '@preact/signals';
import { dayNumber } from '../text/time';

const now = signal(new Date());

/** Some moment of the day that it is. */
export const today = now;

const longest = 60 * 60_000; // a machine that slept finds out within the hour, or as soon as somebody looks

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
