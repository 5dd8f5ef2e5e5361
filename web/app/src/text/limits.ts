// Limits of user input, counted as the server counts them.

/** Maximum size of a message, in bytes of UTF-8. */
export const bodyLimit = 16_384;

/** Maximum length of a name, in code points. It is stricter than the server's limit of 1,024 bytes. */
export const nameLimit = 60;

const encoder = new TextEncoder();

export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Whether a message is too long. Short texts are not encoded, so this is cheap. */
export function isTooLong(text: string): boolean {
  // A UTF-16 code unit takes three bytes of UTF-8 at most.
  return text.length * 3 > bodyLimit && byteLength(text) > bodyLimit;
}

/** Invisible characters: control and formatting characters, private use, unassigned, and blank letters. */
const unseen = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u115f\u1160\u3164\uffa0\u2800]/gu;

/** More than three combining marks on one letter, which would overlap other lines. Some languages need two or three. */
const piled = /(\p{M}{3})\p{M}+/gu;

/**
 * Normalizes a name for display: trims and collapses white space, removes invisible characters, and cuts it at the limit.
 */
export function cleanName(text: string): string {
  const plain = text.replace(unseen, (c) => (c === '\u200d' ? c : ' ')).replace(piled, '$1');
  const clean = plain.replace(bracketed, dropYou).replace(/\s+/gu, ' ').trim();
  return Array.from(clean).slice(0, nameLimit).join('').trim();
}

/** A short word in any kind of brackets. */
const bracketed = /[\p{Ps}<][^\p{Ps}\p{Pe}<>]{1,12}[\p{Pe}>]/gu;

const likeY = /[yуүγʏỿ]/u;
const likeO = /[oоοօ०0ᴏ]/u;
const likeU = /[uυսцᴜʋ]/u;

/** Removes imitations of the mark "(you)", which the page puts beside the user's own name, also in look-alike letters. */
function dropYou(text: string): string {
  const letters = Array.from(text.normalize('NFKD').toLowerCase().replace(/[^\p{L}\p{N}]/gu, ''));
  const [y = '', o = '', u = ''] = letters;
  return letters.length === 3 && likeY.test(y) && likeO.test(o) && likeU.test(u) ? ' ' : text;
}
