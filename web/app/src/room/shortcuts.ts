// What the keyboard does in the room. Every key is pressed together with Alt, so that none gets in the way of writing, or
// of the single keys of a screen reader.
import { useEffect } from 'preact/hooks';
import { insecure } from '../model/devices';
import { toggle } from '../model/local';
import type { Meeting } from '../model/meeting';
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
        // An open dialog has the key for itself, and so has an input method.
        const taken = event.defaultPrevented || isComposing(event) || document.querySelector('dialog[open]') !== null;
        if (isSheet.value && !taken) panel.value = undefined;
        return;
      }
      // The key's place, not its letter: Alt makes another letter of it on some keyboards. AltGr is Ctrl and Alt.
      if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.repeat) return;
      const action = actionOf(event.code, meeting);
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [meeting]);
}

/** Whether a key belongs to an input method that is at work. Safari says so by the old key code alone. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

function actionOf(code: string, meeting: Meeting): (() => void) | undefined {
  const sends = meeting.canPublish.value && !insecure;
  switch (code) {
    case 'KeyM':
      return sends ? () => void toggle('audio') : undefined;
    case 'KeyV':
      return sends ? () => void toggle('video') : undefined;
    case 'KeyS':
      return sends ? () => void meeting.publishing.toggleScreen() : undefined;
    case 'KeyC':
      return goToChat;
    case 'KeyP':
      return () => togglePanel('people');
    default:
      return undefined;
  }
}

function goToChat(): void {
  const composer = document.getElementById('message');
  if (composer !== null && composer === document.activeElement) panel.value = undefined;
  else if (composer !== null) composer.focus();
  else panel.value = 'chat'; // it takes the focus as it opens
}
