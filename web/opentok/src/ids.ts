let count = 0;

/** Returns an id that is unique in the page. */
export const uniqueId = (): string => `OT_${++count}_${crypto.getRandomValues(new Uint32Array(2)).join('')}`;
