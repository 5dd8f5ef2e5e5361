// A person's avatar: initials and colour.

/** Returns the hue of a name, 0 to 359. The style sheet sets the lightness, so that the contrast is sufficient. */
export function hueOf(name: string): number {
  let hash = 2_166_136_261; // FNV-1a hash
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16_777_619);
  return (((hash >>> 0) % 24) * 15 + 5) % 360;
}

/** Returns one or two letters for an avatar. */
export function initials(name: string): string {
  const words = name.split(/\s+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => letter(word));
  return letters.join('') || letter(name) || '?';
}

function letter(word: string | undefined): string {
  const match = /[\p{L}\p{N}]/u.exec(word ?? '');
  return (match?.[0] ?? '').toLocaleUpperCase();
}
