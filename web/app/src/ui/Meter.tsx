import { useEffect, useRef } from 'preact/hooks';
import { watchLevel } from '../model/local';

const bars = 5;

/** How loud one's own microphone is, as bars; the numbers are for those who do not see them. */
export function Meter() {
  const element = useRef<HTMLDivElement>(null);
  useEffect(
    () =>
      watchLevel((level) => {
        // Ten times a second: straight to the element rather than through a render.
        const { current } = element;
        if (current === null) return;
        current.style.setProperty('--level', level.toFixed(2));
        current.setAttribute('aria-valuenow', String(Math.round(level * 100)));
      }),
    [],
  );
  return (
    <div
      ref={element}
      class="meter"
      role="meter"
      aria-label="Microphone level"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
    >
      {Array.from({ length: bars }, (_, index) => (
        <span key={index} style={{ '--at': String(index / bars) }} />
      ))}
    </div>
  );
}
