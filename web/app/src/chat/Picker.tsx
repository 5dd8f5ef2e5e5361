import { useState } from 'preact/hooks';
import { emoji as names } from '../text/emoji';
import { Popup } from '../ui/Popup';

/** The emoji that the picker shows before a name is written, by their names. */
const shown = (
  'thumbsup thumbsdown heart joy tada clap fire eyes pray rocket 100 check x question smile smiley grin rofl slight_smile wink ' +
  'blush heart_eyes kiss yum sunglasses thinking neutral smirk relieved hug sad cry sob sweat scream angry confused worried ' +
  'sleeping party ghost robot wave raised_hands ok_hand v crossed_fingers muscle handshake facepalm shrug point_up ' +
  'coffee beer cake gift star sparkles zap rainbow sun rose cat dog unicorn'
).split(' ');

const columns = 8;
const limit = 64;

interface Props {
  readonly anchor: HTMLElement;
  readonly onPick: (emoji: string) => void;
  readonly onClose: () => void;
}

/** A picker of emoji, which the system's font draws. A name leads to more of them. */
export function Picker({ anchor, onPick, onClose }: Props) {
  const [text, setText] = useState('');
  const found = find(text);
  const pick = (emoji: string | undefined): void => {
    if (emoji === undefined) return;
    onClose();
    onPick(emoji);
  };
  return (
    <Popup anchor={anchor} label="Choose an emoji" role="dialog" class="picker" onKeyDown={step} onClose={onClose}>
      <input
        class="input"
        aria-label="Name of an emoji"
        placeholder="Name, such as heart"
        value={text}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        enterkeyhint="done"
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.isComposing) return;
          event.preventDefault();
          pick(found[0]?.[1]);
        }}
      />
      <div class="picker-grid" role="group" aria-label="Emoji">
        {found.map(([name, emoji]) => (
          <button key={name} type="button" class="menu-reaction" aria-label={name.replaceAll('_', ' ')} title={`:${name}:`} onClick={() => pick(emoji)}>
            {emoji}
          </button>
        ))}
      </div>
      <p class="hint" role="status">
        {found.length === 0 && 'No emoji has this name.'}
      </p>
    </Popup>
  );
}

function find(text: string): (readonly [name: string, emoji: string])[] {
  const wanted = text.trim().toLowerCase().replaceAll(':', '').replaceAll(' ', '_');
  const list = wanted === '' ? shown.map((name) => [name, names.get(name) ?? ''] as const) : [...names].filter(([name]) => name.includes(wanted));
  // Some emoji have several names. Those whose name begins with the text come first.
  const seen = new Set<string>();
  return list
    .sort(([one], [other]) => (wanted === '' ? 0 : Number(other.startsWith(wanted)) - Number(one.startsWith(wanted))))
    .filter(([, emoji]) => emoji !== '' && !seen.has(emoji) && seen.add(emoji))
    .slice(0, limit);
}

/** Moves the focus in the grid by the arrow keys. */
function step(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('.picker-grid button')];
  const at = buttons.findIndex((button) => button === document.activeElement);
  const { key } = event;
  if (at < 0) {
    if (key !== 'ArrowDown') return;
    event.preventDefault();
    buttons[0]?.focus();
    return;
  }
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -at, End: buttons.length - 1 - at }[key];
  if (by === undefined) return;
  event.preventDefault();
  const next = at + by < 0 && key === 'ArrowUp' ? event.currentTarget.querySelector('input') : buttons[at + by];
  next?.focus();
}
