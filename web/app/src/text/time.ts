// Times as the reader's own language and zone write them.

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const dayOfYear = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

const dayLength = 86_400_000;

export function clockTime(time: Date): string {
  return clock.format(time);
}

export function fullTime(time: Date): string {
  return full.format(time);
}

/** A number that is the same for all of one day, in the reader's zone. */
export function dayNumber(time: Date): number {
  return Math.floor(Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) / dayLength);
}

/** `Today`, `Yesterday`, or the day's name. */
export function dayName(time: Date, now: Date): string {
  const ago = dayNumber(now) - dayNumber(time);
  if (ago === 0) return 'Today';
  if (ago === 1) return 'Yesterday';
  return (time.getFullYear() === now.getFullYear() ? day : dayOfYear).format(time);
}

/** How long ago, roughly: `3 hours ago`. */
export function ago(time: number, now: number): string {
  const minutes = Math.round((time - now) / 60_000);
  if (minutes > -1) return 'just now';
  if (minutes > -60) return relative.format(minutes, 'minute');
  if (minutes > -24 * 60) return relative.format(Math.round(minutes / 60), 'hour');
  return relative.format(Math.round(minutes / 60 / 24), 'day');
}
