// Times in the reader's language and time zone.

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

/** Returns a number for the day of a time, in the reader's time zone. */
export function dayNumber(time: Date): number {
  return Math.floor(Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) / dayLength);
}

/** Returns `Today`, `Yesterday`, or the date. */
export function dayName(time: Date, now: Date): string {
  const ago = dayNumber(now) - dayNumber(time);
  if (ago === 0) return 'Today';
  if (ago === 1) return 'Yesterday';
  return (time.getFullYear() === now.getFullYear() ? day : dayOfYear).format(time);
}

/** Returns the approximate age of a time, such as `3 hours ago`. */
export function ago(time: number, now: number): string {
  const minutes = Math.round((time - now) / 60_000);
  if (minutes > -1) return 'just now';
  if (minutes > -60) return relative.format(minutes, 'minute');
  if (minutes > -24 * 60) return relative.format(Math.round(minutes / 60), 'hour');
  return relative.format(Math.round(minutes / 60 / 24), 'day');
}

/** Returns a length of time in words, such as `30 seconds` or `an hour`. */
export function duration(seconds: number): string {
  const [size, unit] = ([[86_400, 'day'], [3_600, 'hour'], [60, 'minute']] as const).find(([each]) => seconds % each === 0) ?? [1, 'second'];
  const count = seconds / size;
  if (count === 1) return unit === 'hour' ? 'an hour' : `a ${unit}`;
  return `${count} ${unit}s`;
}
