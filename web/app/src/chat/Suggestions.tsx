import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { Names } from '../text/emoji';

/** The beginning of a name between colons, at the end of what is written. */
const begun = /(?:^|\s):([a-z0-9_+-]{2,20})(:?)$/;

const shown = 6;

/** Offers emoji by their names, such as `:heart:`; a whole name becomes its emoji at once. The names are loaded when needed. */
export function Suggestions({ text, change }: { text: string; change: (text: string) => void }) {
  const names = useSignal<Names | undefined>(undefined);
  const match = begun.exec(text);
  const name = match?.[1];
  const whole = match?.[2] === ':';
  useEffect(() => {
    if (name !== undefined && names.peek() === undefined) {
      void import('../text/emoji').then(({ emoji }) => (names.value = emoji)).catch(() => {}); // it stays as it is typed
    }
  }, [name]);
  const take = (emoji: string): void => change(text.replace(/:[a-z0-9_+-]+:?$/, emoji));
  const exact = name === undefined || !whole ? undefined : names.value?.get(name);
  useEffect(() => {
    if (exact !== undefined) take(exact);
  }, [exact]);
  if (name === undefined || whole || names.value === undefined) return null;
  const found = [...names.value].filter(([each]) => each.startsWith(name)).slice(0, shown);
  if (found.length === 0) return null;
  return (
    <div class="suggestions" role="group" aria-label="Emoji">
      {found.map(([each, emoji]) => (
        <button key={each} type="button" onClick={() => take(emoji)}>
          {emoji} <span>:{each}:</span>
        </button>
      ))}
    </div>
  );
}
