// The limits of what people type, counted as the server counts.

/** Bytes of UTF-8 that an entry's body may have. */
export const bodyLimit = 16_384;

/** Characters (code points) that a name may have; the server's limit of 1,024 bytes lies above. */
export const nameLimit = 60;

const encoder = new TextEncoder();

/** How many bytes of UTF-8 a text is. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Whether an entry may have this body, as far as size goes; cheap for the short texts that nearly all are. */
export function isTooLong(text: string): boolean {
  // A UTF-16 unit is at most three bytes.
  return text.length * 3 > bodyLimit && byteLength(text) > bodyLimit;
}

/** What is not to be seen in a name: control characters, marks of direction, and letters that are empty. */
const unseen = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u115f\u1160\u3164\uffa0\u2800]/gu;

/** Marks piled on one letter reach over the lines around; some languages need two or three. */
const piled = /(\p{M}{3})\p{M}+/gu;

/** A name as others shall see it: no white space around, one space within, nothing unseen, cut at the limit. */
export function cleanName(text: string): string {
  const plain = text.replace(unseen, (c) => (c === '\u200d' ? c : ' ')).replace(piled, '$1');
  const clean = plain.replace(bracketed, dropYou).replace(/\s+/gu, ' ').trim();
  return Array.from(clean).slice(0, nameLimit).join('').trim();
}

/** A short word in brackets of any kind. */
const bracketed = /[\p{Ps}<][^\p{Ps}\p{Pe}<>]{1,12}[\p{Pe}>]/gu;

const likeY = /[yуүγʏỿ]/u;
const likeO = /[oоοօ०0ᴏ]/u;
const likeU = /[uυսцᴜʋ]/u;

/** The page says "(you)" of oneself; nobody else's name does, in whatever letters. */
function dropYou(text: string): string {
  const letters = Array.from(text.normalize('NFKD').toLowerCase().replace(/[^\p{L}\p{N}]/gu, ''));
  const [y = '', o = '', u = ''] = letters;
  return letters.length === 3 && likeY.test(y) && likeO.test(o) && likeU.test(u) ? ' ' : text;
}
