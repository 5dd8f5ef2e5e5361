import { useSignal } from '@preact/signals';
import { clockTime } from '../model/format.ts';

/** A moment of a graph. */
export interface Point {
  readonly at: number;
  /** Null where there is none, which is a gap in the line. */
  readonly value: number | null;
}

interface Props {
  readonly title: string;
  readonly points: readonly Point[];
  readonly format: (value: number) => string;
  /** Said where there are moments, and none has a value. */
  readonly none: string | undefined;
}

const soon = 'No values yet: the first comes within ten seconds.';

const width = 360;
const height = 80;
const hour = 3_600_000;

/** Longer than this from one point to the next, in milliseconds, is a gap. */
const gap = 25_000;

/**
 * The last hour of a figure: a line of 360 points at most, for which an SVG path is enough. Its moments can be read by the pointer
 * and, as those of a slider, by the arrow keys.
 */
export function Graph({ title, points, format, none = soon }: Props) {
  const chosen = useSignal<number | undefined>(undefined); // a time, so that it stays where it is as points come
  const known = points.filter((point): point is { at: number; value: number } => point.value !== null);
  const last = known.at(-1);
  const most = known.reduce<{ at: number; value: number } | undefined>((top, point) => (top === undefined || point.value > top.value ? point : top), undefined);
  const end = points.at(-1)?.at ?? Date.now();
  const top = most === undefined || most.value === 0 ? 1 : most.value * 1.1;
  const x = (at: number): number => width - ((end - at) / hour) * width;
  const y = (value: number): number => height - (value / top) * (height - 2) - 1;
  const at = nearest(known, chosen.value) ?? known.length - 1;
  const shown = known[at];
  const missing = points.length === 0 ? soon : none;

  const point = (event: PointerEvent): void => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    chosen.value = end - (1 - (event.clientX - box.left) / box.width) * hour;
  };
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -30, PageUp: 30, Home: -known.length, End: known.length }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    chosen.value = known[Math.min(known.length - 1, Math.max(0, at + step))]?.at;
  };
  const leave = (): void => {
    chosen.value = undefined;
  };

  return (
    <figure class="graph">
      <figcaption>
        <span class="graph-title">{title}</span>
        <span class="graph-now">{last === undefined ? '–' : format(last.value)}</span>
      </figcaption>
      <div
        class="graph-area"
        role="slider"
        tabIndex={0}
        aria-label={`${title}, last hour`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, known.length - 1)}
        aria-valuenow={Math.max(0, at)}
        aria-valuetext={shown === undefined ? missing : `${format(shown.value)} at ${clockTime(shown.at)}`}
        onPointerMove={point}
        onPointerLeave={leave}
        onKeyDown={move}
        onBlur={leave}
      >
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
          <path class="graph-fill" d={lines(points, x, y, true)} />
          <path class="graph-line" d={lines(points, x, y, false)} />
          {chosen.value !== undefined && shown !== undefined && <path class="graph-cursor" d={`M${x(shown.at)} 0V${height}`} />}
        </svg>
      </div>
      <p class="graph-note">
        {shown === undefined || most === undefined
          ? missing
          : chosen.value === undefined
            ? `Most ${format(most.value)} at ${clockTime(most.at)}`
            : `${format(shown.value)} at ${clockTime(shown.at)}`}
      </p>
    </figure>
  );
}

function nearest(points: readonly { readonly at: number }[], time: number | undefined): number | undefined {
  if (time === undefined || points.length === 0) return undefined;
  let best = 0;
  for (let i = 1; i < points.length; i++) if (Math.abs(points[i]!.at - time) < Math.abs(points[best]!.at - time)) best = i;
  return best;
}

/** Returns a path through the points, interrupted where there are none; filled down to the axis, or as a line. */
function lines(points: readonly Point[], x: (at: number) => number, y: (value: number) => number, fill: boolean): string {
  const runs: { at: number; value: number }[][] = [];
  let before = -Infinity;
  for (const { at, value } of points) {
    if (value === null) {
      before = -Infinity;
      continue;
    }
    if (at - before > gap) runs.push([]);
    runs.at(-1)!.push({ at, value });
    before = at;
  }
  return runs
    .map((run) => {
      // A lone point is drawn as a short line.
      const [first, last] = [run[0]!, run.at(-1)!];
      const path = run.map(({ at, value }) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join('L') + (run.length === 1 ? 'h-1' : '');
      return fill ? `M${x(first.at).toFixed(1)} ${height}L${path}L${(x(last.at) - (run.length === 1 ? 1 : 0)).toFixed(1)} ${height}Z` : `M${path}`;
    })
    .join('');
}
