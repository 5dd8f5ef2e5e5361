// Heights and offsets of all rows in the log. Rows that were rendered are measured, the others are estimated.
import type { Row } from './rows';

/** The row heights at one width, in CSS pixels. */
export class Heights {
  #measured = new Map<string, number>();
  /** Estimates, cached because each one reads the row's whole text. */
  #guessed = new WeakMap<Row, number>();
  #width = 0;
  /** The offset of each row, followed by the total height. */
  #offsets = new Float64Array(1);
  #rows: readonly Row[] = [];

  /** Sets the rows and the width. A new width invalidates all measurements. */
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

  /** Drops the measurements of rows that are no longer in the log. */
  #forget(rows: readonly Row[]): void {
    const kept = new Map<string, number>();
    for (const { key } of rows) {
      const height = this.#measured.get(key);
      if (height !== undefined) kept.set(key, height);
    }
    this.#measured = kept;
  }

  /** Records measured heights. Returns whether any offset has changed. */
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

  /** Returns the offset of a row from the top of the log. */
  offset(index: number): number {
    return this.#offsets[index] ?? 0;
  }

  /** Returns the index of the row at an offset: the last row that begins at or before it. */
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

/**
 * Estimates a row's height well enough that the scroll bar does not jump. A measurement replaces the estimate once the row
 * is rendered.
 */
function guess(row: Row, width: number): number {
  const perLine = Math.max(12, (width * 0.78 - 28) / 7.4);
  let lines = 0;
  for (const line of row.body.length > 4_000 ? [row.body] : row.body.split('\n')) {
    lines += Math.max(1, Math.ceil(line.length / perLine));
  }
  const chips = row.kind === 'entry' && row.entry.reactions.length > 0 ? 34 : 0;
  return lines * 22 + 20 + chips + (row.answers ? 46 : 0) + (row.head && !row.own ? 34 : row.head ? 14 : 0) + (row.day ? 48 : 0) + (row.fresh ? 40 : 0);
}
