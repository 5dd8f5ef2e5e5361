// Checks host names for look-alike characters: letters of other scripts and characters that resemble a slash can imitate a
// well-known address.

/** Scripts that may be mixed in one label (UTS 39, section 5.2, "highly restrictive", without Latin). */
const together = [
  ['Han', 'Hiragana', 'Katakana'],
  ['Han', 'Bopomofo'],
  ['Han', 'Hangul'],
];

/** Scripts with letters that resemble Latin ones. */
const lookAlike = new Set(['Cyrillic', 'Greek', 'Armenian', 'Cherokee']);

const scripts = [
  'Latin', 'Cyrillic', 'Greek', 'Armenian', 'Cherokee', 'Han', 'Hiragana', 'Katakana', 'Bopomofo', 'Hangul', 'Arabic',
  'Hebrew', 'Thai', 'Devanagari', 'Bengali', 'Tamil', 'Telugu', 'Georgian', 'Ethiopic', 'Khmer', 'Lao', 'Myanmar',
  'Sinhala', 'Malayalam', 'Kannada', 'Gujarati', 'Gurmukhi',
].map((name) => ({ name, letter: new RegExp(`\\p{Script=${name}}`, 'u') }));

const latinOfEurope = /^[a-z0-9\u00df-\u00f6\u00f8-\u017f-]*$/;

/** Whether a host may be shown as written. `host` is the browser's ASCII form of it. */
export function honestHost(written: string, host: string): boolean {
  const lower = written.toLowerCase().normalize('NFC');
  if (/^[\x21-\x7e]*$/.test(lower)) return lower === host || lower.replace(/:\d*$/, '') === host;
  const labels = lower.replace(/:\d*$/, '').split('.');
  const top = labels.at(-1) ?? '';
  return labels.every((label) => isHonest(label, top));
}

function isHonest(label: string, top: string): boolean {
  if (latinOfEurope.test(label)) return true;
  if (!/^[\p{L}\p{M}\p{N}-]+$/u.test(label)) return false; // for example, a character that resembles a slash
  const used = new Set<string>();
  for (const character of label.replace(/[\d-]/g, '')) {
    const script = scripts.find(({ letter }) => letter.test(character))?.name;
    if (script === undefined) {
      if (/\p{M}|ー/u.test(character)) continue; // combining marks belong to the preceding letter
      return false;
    }
    used.add(script);
  }
  const [only] = used;
  if (used.size > 1) return together.some((set) => [...used].every((script) => set.includes(script)));
  if (only === undefined || only === 'Latin') return false; // other Latin letters include look-alikes as well
  return !lookAlike.has(only) || !/^[a-z-]+$/.test(top);
}
