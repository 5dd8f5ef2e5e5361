import { useEffect } from 'preact/hooks';
import { emoji as names } from '../text/emoji';

/** Matches an emoji name after a colon at the end of the text, such as `:hea` or `:heart:`. */
const begun = /(?:^|\s):([a-z0-9_+-]{2,20})(:?)$/;

const shown = 6;

/**
 * Suggests emoji by name. A complete name such as `:heart:` is replaced at once. It is loaded on first use.
 */
export function Suggestions({ text, change }: { text: string; change: (text: string) => void }) {
  const match = begun.exec(text);
  const name = match?.[1];
  const whole = match?.[2] === ':';
  const take = (emoji: string): void => change(text.replace(/:[a-z0-9_+-]+:?$/, emoji));
  const exact = name === undefined || !whole ? undefined : names.get(name);
  useEffect(() => {
    if (exact !== undefined) take(exact);
  }, [exact]);
  if (name === undefined || whole) return null;
  const found = [...names].filter(([each]) => each.startsWith(name)).slice(0, shown);
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
