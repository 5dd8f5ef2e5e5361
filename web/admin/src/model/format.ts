// Numbers and times as text.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dated = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });

export function count(value: number): string {
  return value >= 100 || Number.isInteger(value) ? whole.format(value) : short.format(value);
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${short.format(value / 1024 ** step)} ${units[step]}`;
}

export function milliseconds(value: number): string {
  return `${short.format(value)} ms`;
}

export function perSecond(value: number): string {
  return `${value >= 100 ? whole.format(value) : short.format(Math.round(value * 10) / 10)}/s`;
}

export function clockTime(time: string | number): string {
  return clock.format(new Date(time));
}

export function dateTime(time: string): string {
  return dated.format(new Date(time));
}

/** Returns a length of time in its largest unit, such as `3 h`. */
export function span(from: number, to: number): string {
  const seconds = Math.max(0, Math.round((to - from) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** Returns the first characters of a text, whole ones, and says so where it is longer. */
export function head(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most).replace(/[\ud800-\udbff]$/, '')} …`;
}

/** Names a connection: by its data, which most clients make a name, or else by its id. */
export function nameOf({ id, data }: { readonly id: string; readonly data: string | null }): string {
  return head(data?.trim() || id, 80);
}
