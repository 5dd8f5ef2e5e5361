import { useEffect, useRef } from 'preact/hooks';
import { signal } from '@preact/signals';
import { microphone, watchLevel } from '../model/local';

const loud = 0.5; // on a scale of 0 to 1: speech near the microphone
const spoken = 5; // loud samples, at ten a second, that count as speech
const fading = 0.1; // subtracted per quiet sample: speech has pauses, while a single noise fades
const shownFor = 5_000; // milliseconds
const pause = 15_000; // milliseconds between two reminders

/** Whether the user is speaking while muted and should be told. */
const talking = signal(false);

/** The level of the user's microphone, as a ring around its button. */
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

/** Tells a user who speaks while muted. */
export function MutedHint() {
  return (
    <p class={talking.value ? 'muted-hint' : 'visually-hidden'} role="status" aria-label="Microphone">
      {talking.value && 'You are muted'}
    </p>
  );
}
