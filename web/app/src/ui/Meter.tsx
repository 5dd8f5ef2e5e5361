import { useEffect, useRef } from 'preact/hooks';
import { watchLevel } from '../model/local';

const bars = 5;

/** The microphone's level as bars, with numeric values for screen readers. */
export function Meter() {
  const element = useRef<HTMLDivElement>(null);
  useEffect(
    () =>
      watchLevel((level) => {
        // Updates ten times a second bypass rendering.
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
