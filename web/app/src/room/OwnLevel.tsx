import { useEffect, useRef } from 'preact/hooks';
import { signal } from '@preact/signals';
import { microphone, watchLevel } from '../model/local';

const loud = 0.5; // of 1: speech near to the microphone
const spoken = 5; // looks, ten a second, that were loud, less what silence takes
const fading = 0.1; // for each that was not: speech has pauses, and a door falls shut once
const shownFor = 5_000; // milliseconds
const pause = 15_000; // between two reminders

/** Whether somebody talks who is muted, and should know. */
const talking = signal(false);

/** One's own level, around the microphone's button. */
export function OwnLevel() {
  const ring = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let count = 0;
    let last = -Infinity;
    const end = watchLevel((level) => {
      const { on } = microphone.peek();
      ring.current?.style.setProperty('--level', on ? level.toFixed(2) : '0');
      count = on ? 0 : level > loud ? count + 1 : Math.max(0, count - fading);
      const now = Date.now();
      if (count >= spoken && now - last > pause) last = now;
      talking.value = !on && now - last < shownFor;
    });
    return () => {
      end();
      talking.value = false;
    };
  }, []);
  return <span ref={ring} class="own-level" aria-hidden="true" />;
}

/** Says so to who talks while muted. */
export function MutedHint() {
  return (
    <p class={talking.value ? 'muted-hint' : 'visually-hidden'} role="status" aria-label="Microphone">
      {talking.value && 'You are muted'}
    </p>
  );
}
