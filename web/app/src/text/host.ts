// Whether a host's name is what it looks like: letters of other scripts, and slashes that are none, can look like an
// address that one knows.

/** Scripts that are written together in one name (UTS 39, section 5.2, "highly restrictive", without Latin). */
const together = [
  ['Han', 'Hiragana', 'Katakana'],
  ['Han', 'Bopomofo'],
  ['Han', 'Hangul'],
];

/** Scripts with letters that look like Latin ones. */
const lookAlike = new Set(['Cyrillic', 'Greek', 'Armenian', 'Cherokee']);

const scripts = [
  'Latin', 'Cyrillic', 'Greek', 'Armenian', 'Cherokee', 'Han', 'Hiragana', 'Katakana', 'Bopomofo', 'Hangul', 'Arabic',
  'Hebrew', 'Thai', 'Devanagari', 'Bengali', 'Tamil', 'Telugu', 'Georgian', 'Ethiopic', 'Khmer', 'Lao', 'Myanmar',
  'Sinhala', 'Malayalam', 'Kannada', 'Gujarati', 'Gurmukhi',
].map((name) => ({ name, letter: new RegExp(`\\p{Script=${name}}`, 'u') }));

const latinOfEurope = /^[a-z0-9\u00df-\u00f6\u00f8-\u017f-]*$/;

/** Whether a host as it was written may be shown so; `host` is what the browser makes of it, in ASCII. */
export function honestHost(written: string, host: string): boolean {
  const lower = written.toLowerCase().normalize('NFC');
  if (/^[\x21-\x7e]*$/.test(lower)) return lower === host || lower.replace(/:\d*$/, '') === host;
  const labels = lower.replace(/:\d*$/, '').split('.');
  const top = labels.at(-1) ?? '';
  return labels.every((label) => isHonest(label, top));
}

function isHonest(label: string, top: string): boolean {
  if (latinOfEurope.test(label)) return true;
  if (!/^[\p{L}\p{M}\p{N}-]+$/u.test(label)) return false; // such as a slash that is none
  const used = new Set<string>();
  for (const character of label.replace(/[\d-]/g, '')) {
    const script = scripts.find(({ letter }) => letter.test(character))?.name;
    if (script === undefined) {
      if (/\p{M}|ー/u.test(character)) continue; // belongs to the letter before
      return false;
    }
    used.add(script);
  }
  const [only] = used;
  if (used.size > 1) return together.some((set) => [...used].every((script) => set.includes(script)));
  if (only === undefined || only === 'Latin') return false; // Latin beyond Europe's has its look-alikes too
  return !lookAlike.has(only) || !/^[a-z-]+$/.test(top);
}
