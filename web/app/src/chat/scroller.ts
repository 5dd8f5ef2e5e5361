// The scroll position in the log, and the range of rows to render for it.
import type { Heights } from './heights';
import type { Row } from './rows';

/** The rows to render, from `first` up to but excluding `last`, between two spacers. */
export interface Range {
  readonly first: number;
  readonly last: number;
  /** Heights of the spacers, in pixels. */
  readonly above: number;
  readonly below: number;
}

/** Pixels above and below the visible part that are rendered as well, so that fast scrolling meets no blank area. */
const overscan = 500;

/** Distance in pixels from the end that still counts as the end. */
const endMargin = 32;

/**
 * Keeps the reader's position as a row, not as a pixel offset: the first visible row and its distance from the top. When
 * rows are added, removed or resized, `settle` scrolls so that this row stays in place.
 */
export class Scroller {
  /** Whether the reader is at the end; the log then follows new rows. */
  atEnd = true;
  readonly #heights: Heights;
  #rows: readonly Row[] = [];
  #width = 0;
  #height = 0;
  #anchor: { key: string; index: number; offset: number } | undefined;
  /**
   * The state after `settle`. A scroll event at this position came from `settle`; one with another size came from the
   * browser.
   */
  #left = { top: -1, width: 0, height: 0, total: 0 };
  /** Whether the anchor was gone to, and not scrolled to. */
  #sought = false;
  /** Height of the element above the first row. */
  #lead = 0;

  constructor(heights: Heights) {
    this.#heights = heights;
  }

  /** Whether the log has been measured. */
  get ready(): boolean {
    return this.#height > 0;
  }

  /** Offset of the visible part's upper edge from the first row. */
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

  /** Goes to a row, and shows it `offset` pixels below the upper edge. Returns whether there is such a row. */
  show(key: string, offset: number): boolean {
    const index = this.#rows.findIndex((row) => row.key === key);
    if (index < 0) return false;
    this.atEnd = false;
    this.#anchor = { key, index, offset };
    this.#sought = true;
    return true;
  }

  /** Handles a scroll event. Returns whether the rows have to be rendered again. */
  scrolled(log: HTMLElement): boolean {
    const { top, width, height, total } = this.#left;
    // When the log's size changes (an on-screen keyboard, a rotated phone, a resized window), the browser adjusts the scroll
    // position. The reader did not scroll, so the position is restored by the next render.
    if (log.clientWidth !== width || log.clientHeight !== height || log.scrollHeight !== total) return true;
    if (Math.abs(log.scrollTop - top) < 1) return false;
    this.#left = { top: -1, width, height, total };
    this.#sought = false;
    this.atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < endMargin;
    this.#anchorTo(log.scrollTop - this.#lead);
    return true;
  }

  /** Returns the range of rows to render. */
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

  /** Measures the rendered rows and restores the reader's position. Returns whether to render again. */
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
    // A row that was gone to may be too near to the end for its place.
    if (this.#sought && !this.atEnd && log.scrollHeight - log.scrollTop - log.clientHeight < 1) this.toEnd();
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

  /** Updates the anchor row's index after rows were added above it. */
  #findAnchor(): void {
    const anchor = this.#anchor;
    if (anchor === undefined || this.#rows[anchor.index]?.key === anchor.key) return;
    const index = this.#rows.findIndex((row) => row.key === anchor.key);
    if (index >= 0) this.#anchor = { ...anchor, index };
    else this.#anchorTo(this.#heights.offset(Math.min(anchor.index, this.#rows.length - 1)) - anchor.offset);
  }
}
