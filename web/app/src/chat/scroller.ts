// Where the reader is in the log, and what of it has to be in the document.
import type { Heights } from './heights';
import type { Row } from './rows';

/** What is in the document: the rows from `first` up to `last`, between two empty stretches. */
export interface Range {
  readonly first: number;
  readonly last: number;
  /** Heights of the stretches, in pixels. */
  readonly above: number;
  readonly below: number;
}

/** Pixels beyond what is in sight that are in the document too, so that scrolling meets rows, not emptiness. */
const overscan = 500;

/** So near to the end one counts as being there. */
const endMargin = 32;

/**
 * Holds the reader's place by a row and not by a number of pixels: the row that is first in sight, and how far it is from
 * the top. The rows around may come, go and change their height; `settle` puts that row where it was.
 */
export class Scroller {
  /** Whether the reader is at the end, and stays there. */
  atEnd = true;
  readonly #heights: Heights;
  #rows: readonly Row[] = [];
  #width = 0;
  #height = 0;
  #anchor: { key: string; index: number; offset: number } | undefined;
  /** What `settle` left: a scroll event there is its own, and one in a log of another size is the browser's. */
  #left = { top: -1, width: 0, height: 0, total: 0 };
  /** What stands above the rows within the log. */
  #lead = 0;

  constructor(heights: Heights) {
    this.#heights = heights;
  }

  /** Whether the log was measured. */
  get ready(): boolean {
    return this.#height > 0;
  }

  /** How far the top of what is in sight is from the first row. */
  get top(): number {
    if (this.atEnd) return this.#heights.total - this.#height;
    const { index, offset } = this.#anchor ?? { index: 0, offset: 0 };
    return this.#heights.offset(index) - offset;
  }

  resize(width: number, height: number): boolean {
    if (width === this.#width && height === this.#height) return false;
    this.#width = width;
    this.#height = height;
    return true;
  }

  toEnd(): void {
    this.atEnd = true;
    this.#anchor = undefined;
  }

  /** The log was scrolled, by the reader or by the browser: says whether rows have to be drawn. */
  scrolled(log: HTMLElement): boolean {
    const { top, width, height, total } = this.#left;
    // A keyboard that comes up, a turned phone, a snapped window: the browser keeps the position within its new bounds,
    // which is no wish of the reader's. What is drawn next puts him where he was.
    if (log.clientWidth !== width || log.clientHeight !== height || log.scrollHeight !== total) return true;
    if (Math.abs(log.scrollTop - top) < 1) return false;
    this.#left = { top: -1, width, height, total };
    this.atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < endMargin;
    this.#anchorTo(log.scrollTop - this.#lead);
    return true;
  }

  /** What has to be in the document for these rows. */
  range(rows: readonly Row[]): Range {
    this.#rows = rows;
    this.#heights.update(rows, this.#width);
    this.#findAnchor();
    if (rows.length === 0) return { first: 0, last: 0, above: 0, below: 0 };
    const height = this.#height || 800;
    const first = this.#heights.at(this.top - overscan);
    const last = Math.min(rows.length, this.#heights.at(this.top + height + overscan) + 1);
    return { first, last, above: this.#heights.offset(first), below: this.#heights.total - this.#heights.offset(last) };
  }

  /** After drawing: measures what was drawn, and puts the reader where he was. Says whether to draw again. */
  settle(log: HTMLElement): boolean {
    const resized = this.resize(log.clientWidth, log.clientHeight);
    const drawn = [...log.querySelectorAll<HTMLElement>('[data-row]')];
    this.#lead = log.querySelector<HTMLElement>('.log-top, .log-empty')?.offsetHeight ?? 0;
    const before = log.scrollTop;
    if (this.atEnd) {
      log.scrollTop = log.scrollHeight;
    } else if (this.#anchor !== undefined) {
      const { key, offset } = this.#anchor;
      const row = drawn.find((element) => element.dataset['row'] === key);
      if (row !== undefined) {
        const shift = row.getBoundingClientRect().top - log.getBoundingClientRect().top - offset;
        if (Math.abs(shift) >= 0.5) log.scrollTop = before + shift;
      } else {
        log.scrollTop = this.top + this.#lead;
      }
    }
    this.#left = { top: log.scrollTop, width: log.clientWidth, height: log.clientHeight, total: log.scrollHeight };
    if (this.#width === 0) return false;
    const heights = drawn.map((row) => [row.dataset['row'] ?? '', row.getBoundingClientRect().height] as const);
    return this.#heights.measure(heights) || resized;
  }

  #anchorTo(top: number): void {
    const index = this.#heights.at(Math.max(0, top));
    const row = this.#rows[index];
    this.#anchor = row && { key: row.key, index, offset: this.#heights.offset(index) - top };
  }

  /** Finds the anchor's row again after rows came above it. */
  #findAnchor(): void {
    const anchor = this.#anchor;
    if (anchor === undefined || this.#rows[anchor.index]?.key === anchor.key) return;
    const index = this.#rows.findIndex((row) => row.key === anchor.key);
    if (index >= 0) this.#anchor = { ...anchor, index };
    else this.#anchorTo(this.#heights.offset(Math.min(anchor.index, this.#rows.length - 1)) - anchor.offset);
  }
}
