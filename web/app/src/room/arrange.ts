// The positions of tiles in rows, with as little empty space as possible. The method is that of opentok-layout-js, MIT,
// copyright (c) 2014 Adam Ullman, reduced to what the stage uses.

/** A position in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Shape {
  readonly width: number;
  readonly height: number;
  readonly big: boolean;
}

export interface Arrangement {
  readonly width: number;
  readonly height: number;
  /** The largest height of a small tile, divided by its width. */
  readonly maxRatio: number;
  /** The least share of the area for the big tiles. */
  readonly minBig: number;
  /** Whether the big tiles keep their own shape. */
  readonly bigFixed: boolean;
}

/** How tiles of one kind fill an area. */
interface Fill {
  readonly minRatio: number;
  readonly maxRatio: number;
  readonly maxWidth: number;
  readonly maxHeight: number;
  readonly fixed: boolean;
  /** Whether rows that are too short are enlarged. */
  readonly grow: boolean;
}

const wide = 9 / 16;
const bigShare = 0.8; // of the area, at most
const smallWidth = 360; // maximum size of a small tile beside big ones
const smallHeight = 260;

/** Returns a box for each shape. Big ones are above small ones, or on their left. */
export function arrange(shapes: readonly Shape[], { width, height, maxRatio, minBig, bigFixed }: Arrangement): Box[] {
  const area: Box = { left: 0, top: 0, width, height };
  const bigs = shapes.filter(({ big }) => big);
  const smalls = shapes.filter(({ big }) => !big);
  const [first] = bigs;
  const small: Fill = { minRatio: wide, maxRatio, maxWidth: Infinity, maxHeight: Infinity, fixed: false, grow: false };
  if (first === undefined) return fill(smalls, area, small);
  const big: Fill = { minRatio: wide, maxRatio: 3 / 4, maxWidth: Infinity, maxHeight: Infinity, fixed: bigFixed, grow: true };
  if (smalls.length === 0) return fill(bigs, area, big);
  const beside: Fill = { ...small, maxWidth: smallWidth, maxHeight: smallHeight };
  const tall = height / width > ratioOf(first);
  const length = tall ? height : width;
  const share = Math.floor(length * bigShare);
  const best = fit(bigs, tall ? width : share, tall ? share : height, big);
  let used = Math.max(length * minBig, Math.min(share, tall ? best.height * best.rows : best.width * best.columns));
  const split = (): [Box, Box] =>
    tall
      ? [{ ...area, height: used }, { ...area, top: used, height: height - used }]
      : [{ ...area, width: used }, { ...area, left: used, width: width - used }];
  // The small tiles take no more space than they fill.
  used = Math.max(used, length - extent(fill(smalls, split()[1], beside), tall));
  const [bigArea, smallArea] = split();
  const boxes = { big: fill(bigs, bigArea, big), small: fill(smalls, smallArea, beside) };
  return shapes.map((shape) => (shape.big ? boxes.big : boxes.small).shift() ?? area);
}

/** Returns the height of all rows, or the width of the widest. */
function extent(boxes: readonly Box[], tall: boolean): number {
  const rows = new Map<number, number>();
  for (const { top, width, height } of boxes) rows.set(top, tall ? height : (rows.get(top) ?? 0) + width);
  const sizes = [...rows.values()];
  return tall ? sizes.reduce((sum, size) => sum + size, 0) : Math.max(...sizes);
}

function ratioOf({ width, height }: Shape): number {
  return height / width;
}

/** Returns the number of rows and columns with which tiles of equal size cover most of an area. */
function fit(shapes: readonly Shape[], width: number, height: number, how: Fill) {
  const count = shapes.length;
  const own = shapes[0] === undefined ? 1 : ratioOf(shapes[0]);
  const least = how.fixed ? own : how.minRatio;
  const most = how.fixed ? own : how.maxRatio;
  let best = { columns: 1, rows: 1, width: 0, height: 0 };
  let covered = -1;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    let h = Math.floor(height / rows);
    let w = Math.floor(width / columns);
    if (h / w > most) h = w * most;
    else if (h / w < least) w = h / least;
    w = Math.min(how.maxWidth, w);
    h = Math.min(how.maxHeight, h);
    const area = w * h * count;
    const even = area !== covered || (columns * rows) % count <= (best.rows * best.columns) % count;
    if (area < covered || !even) continue;
    covered = area;
    best = { columns, rows, width: w, height: h };
  }
  return best;
}

function fill(shapes: readonly Shape[], area: Box, how: Fill): Box[] {
  const cell = fit(shapes, area.width, area.height, how);
  const rows: { shapes: Shape[]; width: number; height: number }[] = [];
  shapes.forEach((shape, index) => {
    let row = rows.at(-1);
    if (row === undefined || index % cell.columns === 0) rows.push((row = { shapes: [], width: 0, height: cell.height }));
    row.shapes.push(shape);
    row.width += how.fixed ? cell.height / ratioOf(shape) : cell.width;
  });
  for (const row of rows) {
    if (row.width <= area.width) continue;
    row.height = Math.floor(row.height * (area.width / row.width));
    row.width = area.width;
  }
  if (how.grow) grow(rows, area);
  const boxes: Box[] = [];
  let top = area.top + (area.height - sumOf(rows)) / 2;
  for (const { shapes: own, width, height } of rows) {
    let left = area.left + (area.width - width) / 2;
    for (const shape of own) {
      const cellWidth = height === cell.height ? cell.width : Math.floor((cell.width / cell.height) * height);
      const w = how.fixed ? Math.floor(height / ratioOf(shape)) : cellWidth;
      boxes.push({ left, top, width: w, height });
      left += w;
    }
    top += height;
  }
  return boxes;
}

/** Enlarges the rows that are narrower than the area, as far as its height allows. */
function grow(rows: { width: number; height: number }[], area: Box): void {
  let left = area.height - sumOf(rows);
  const short = rows.filter(({ width }) => width < area.width);
  short.forEach((row, index) => {
    let more = left / (short.length - index);
    if (more / row.height > (area.width - row.width) / row.width) {
      more = Math.floor(((area.width - row.width) / row.width) * row.height);
    }
    row.width += Math.floor((more / row.height) * row.width);
    row.height += more;
    left -= more;
  });
}

function sumOf(rows: readonly { readonly height: number }[]): number {
  return rows.reduce((sum, { height }) => sum + height, 0);
}
