// How high each row is, and so where it lies: measured for those that were shown, guessed for the others.
import type { Row } from './rows';

/** The heights of a log's rows at one width, in CSS pixels. */
export class Heights {
  #measured = new Map<string, number>();
  /** A guess reads the whole text, so it is made once for each row. */
  #guessed = new WeakMap<Row, number>();
  #width = 0;
  /** Where each row begins, and at last where the log ends. */
  #offsets = new Float64Array(1);
  #rows: readonly Row[] = [];

  /** Takes new rows, or a new width, which makes what was measured void. */
  update(rows: readonly Row[], width: number): void {
    if (width !== this.#width) {
      this.#width = width;
      this.#measured = new Map();
      this.#guessed = new WeakMap();
    }
    this.#rows = rows;
    if (this.#measured.size > 2 * rows.length + 1_000) this.#forget(rows);
    this.#sum();
  }

  /** Rows leave the log at its old end, and with them what was measured. */
  #forget(rows: readonly Row[]): void {
    const kept = new Map<string, number>();
    for (const { key } of rows) {
      const height = this.#measured.get(key);
      if (height !== undefined) kept.set(key, height);
    }
    this.#measured = kept;
  }

  /** Takes what was measured; says whether anything lies elsewhere now. */
  measure(heights: Iterable<readonly [key: string, height: number]>): boolean {
    let changed = false;
    for (const [key, height] of heights) {
      if (Math.abs((this.#measured.get(key) ?? -1) - height) < 0.5) continue;
      this.#measured.set(key, height);
      changed = true;
    }
    if (changed) this.#sum();
    return changed;
  }

  get total(): number {
    return this.#offsets[this.#rows.length] ?? 0;
  }

  /** Where a row begins. */
  offset(index: number): number {
    return this.#offsets[index] ?? 0;
  }

  /** The row at a height above the log's end: the last that begins at or before it. */
  at(top: number): number {
    let low = 0;
    let high = this.#rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.offset(middle) <= top) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  #sum(): void {
    const { length } = this.#rows;
    if (this.#offsets.length !== length + 1) this.#offsets = new Float64Array(length + 1);
    let sum = 0;
    for (let i = 0; i < length; i++) {
      const row = this.#rows[i];
      this.#offsets[i] = sum;
      if (row !== undefined) sum += this.#measured.get(row.key) ?? this.#guess(row);
    }
    this.#offsets[length] = sum;
  }

  #guess(row: Row): number {
    let height = this.#guessed.get(row);
    if (height === undefined) this.#guessed.set(row, (height = guess(row, this.#width)));
    return height;
  }
}

/** Near enough that the scroll bar does not jump; the first showing replaces it. */
function guess(row: Row, width: number): number {
  const perLine = Math.max(12, (width * 0.78 - 28) / 7.4);
  let lines = 0;
  for (const line of row.body.length > 4_000 ? [row.body] : row.body.split('\n')) {
    lines += Math.max(1, Math.ceil(line.length / perLine));
  }
  return lines * 22 + 20 + (row.head && !row.own ? 34 : row.head ? 14 : 0) + (row.day ? 48 : 0) + (row.fresh ? 40 : 0);
}
