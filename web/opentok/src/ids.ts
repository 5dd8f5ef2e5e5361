let count = 0;

/** An id that nothing else in the page has. */
export const uniqueId = (): string => `OT_${++count}_${crypto.getRandomValues(new Uint32Array(2)).join('')}`;
