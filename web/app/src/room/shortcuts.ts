// Keyboard shortcuts of the room. All use Alt, so that they conflict neither with typing nor with the single-key commands of
// screen readers.
import { useEffect } from 'preact/hooks';
import { insecure } from '../model/devices';
import { toggle } from '../model/local';
import type { Meeting } from '../model/meeting';
import { chatOnly } from '../model/route';
import { isSheet, panel, togglePanel } from './view';

export const shortcuts = [
  { keys: 'Alt+M', what: 'Mute or unmute' },
  { keys: 'Alt+V', what: 'Start or stop video' },
  { keys: 'Alt+S', what: 'Share your screen, or stop' },
  { keys: 'Alt+C', what: 'Go to the chat, or close it' },
  { keys: 'Alt+P', what: 'Show or hide the people' },
  { keys: 'Enter', what: 'Send what you wrote' },
  { keys: 'Shift+Enter', what: 'A new line' },
  { keys: 'Esc', what: 'Close the chat on a small screen' },
];

export function useShortcuts(meeting: Meeting): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') {
        // An open dialog or an input method handles Escape itself.
        const taken = event.defaultPrevented || isComposing(event) || document.querySelector('dialog[open], [popover]:popover-open') !== null;
        if (isSheet.value && !taken) panel.value = undefined;
        return;
      }
      if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.repeat) return;
      const letter = letterOf(event);
      const action = letter === undefined ? undefined : actionOf(letter, meeting);
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [meeting]);
}

const apple = /Mac|iP(hone|ad|od)/.test(navigator.platform);

/**
 * Returns the letter of an Alt shortcut, or undefined if the key types a character. The letter printed on the key counts,
 * not its position. The position is used only on keyboards without Latin letters, and if Alt changes the letter. In the
 * latter case it is not used inside a text field, because the changed letter may be intended.
 */
function letterOf(event: KeyboardEvent): string | undefined {
  const { key, code } = event;
  if (event.getModifierState('AltGraph')) return undefined;
  const writing = isEditable(event.target);
  if (writing && apple) return undefined; // Option types special characters on Apple keyboards
  if (/^[a-z]$/i.test(key)) return key.toLowerCase();
  if (/^[\x20-\x7e]$/.test(key)) return undefined; // the key of another character, in the position of a letter on other layouts
  const foreign = /^\p{L}$/u.test(key) && !/\p{Script=Latin}|[\u00b5\u00aa\u00ba]/u.test(key);
  if (writing && !foreign) return undefined;
  return /^Key([A-Z])$/.exec(code)?.[1]?.toLowerCase();
}

function isEditable(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('textarea, input, select'));
}

/** Whether an input method handles the key. Safari reports it only by the legacy key code. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

function actionOf(letter: string, meeting: Meeting): (() => void) | undefined {
  const sends = meeting.canPublish.value && !insecure && !chatOnly;
  switch (letter) {
    case 'm':
      return sends ? () => void toggle('audio') : undefined;
    case 'v':
      return sends ? () => void toggle('video') : undefined;
    case 's':
      return sends ? () => void meeting.publishing.toggleScreen() : undefined;
    case 'c':
      return goToChat;
    case 'p':
      return () => togglePanel('people');
    default:
      return undefined;
  }
}

function goToChat(): void {
  const composer = document.getElementById('message');
  if (composer !== null && composer === document.activeElement) panel.value = undefined;
  else if (composer !== null) composer.focus();
  else panel.value = 'chat'; // the composer takes the focus when the panel opens
}
