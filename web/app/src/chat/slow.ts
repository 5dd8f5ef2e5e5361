// Slow mode: how long this user has to wait before the next post.
import { useEffect, useState } from 'preact/hooks';
import type { Meeting } from '../model/meeting';
import { duration } from '../text/time';

/** Returns the milliseconds until slow mode lets this user post again. */
export function waitOf(meeting: Meeting): number {
  const { until = 0 } = meeting.pick('slowMode').peek();
  return Math.max(0, until - Date.now());
}

/** Returns the seconds until slow mode lets this user post again, and renders again as they pass. */
export function useSlowMode(meeting: Meeting): number {
  const { until } = meeting.pick('slowMode').value;
  const [, tick] = useState(0);
  useEffect(() => {
    if (until === undefined) return undefined;
    const timer = setInterval(() => {
      tick((count) => count + 1);
      if (until < Date.now()) clearInterval(timer);
    }, 500);
    return () => clearInterval(timer);
  }, [until]);
  return Math.ceil(waitOf(meeting) / 1_000);
}

/** Says why the field waits. The seconds are on the button, since a status that changes each second would be read out. */
export function slowText(meeting: Meeting): string {
  return `Slow mode: one message every ${duration(meeting.pick('slowMode').value.seconds)}. Your text stays here.`;
}

/** Returns seconds, or minutes and seconds. */
export function clock(seconds: number): string {
  return seconds < 60 ? String(seconds) : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
