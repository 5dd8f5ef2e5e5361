import type { ChatEntry } from '@chattok/sdk';
import { nameOf } from '../model/meeting';
import { hueOf } from '../text/person';

interface Props {
  /** The message that is quoted; undefined while it is not loaded, or if it is no longer kept. */
  readonly original: ChatEntry | undefined;
  /** Called by a click; without it, the quote is no button. */
  readonly onOpen?: () => void;
  readonly focusable?: boolean;
}

/** The beginning of the message that another one answers. A click leads to it. */
export function Quote({ original, onOpen, focusable = true }: Props) {
  const name = original === undefined ? '' : nameOf(original.connection);
  const content = (
    <>
      {name !== '' && <b>{name}</b>}
      <span dir="auto">{textOf(original)}</span>
    </>
  );
  const style = { '--hue': String(hueOf(name)) };
  if (onOpen === undefined || original === undefined) {
    return (
      <span class="quote" style={style}>
        {content}
      </span>
    );
  }
  return (
    <button type="button" class="quote" style={style} tabIndex={focusable ? 0 : -1} title="Go to this message" onClick={onOpen}>
      <span class="visually-hidden">Answers </span>
      {content}
    </button>
  );
}

function textOf(original: ChatEntry | undefined): string {
  if (original === undefined) return 'A message that is not there';
  if (original.deletedAt !== null) return 'Deleted message';
  return original.body.slice(0, 200).replace(/\s+/gu, ' ');
}
