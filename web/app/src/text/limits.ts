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

/** A name as others shall see it: no white space around, one space within, no control characters, cut at the limit. */
export function cleanName(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}]/gu, (c) => (c === '\u200d' ? c : ' ')).replace(/\s+/gu, ' ').trim();
  return Array.from(plain).slice(0, nameLimit).join('').trim();
}
