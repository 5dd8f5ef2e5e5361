// Ways to get the attention of a user who looks elsewhere: a sound, a notification, and a dot on the tab's icon. All except
// the dot are off by default.
import { choices, choose } from './storage';

/** Whether the browser supports notifications for this page. */
export const canNotify = 'Notification' in globalThis && isSecureContext;

/** Requests permission for notifications and stores the answer. Call it in a click handler. */
export async function askToNotify(): Promise<boolean> {
  const allowed = (await Notification.requestPermission()) === 'granted';
  choose({ notify: allowed ? 'yes' : 'no' });
  return allowed;
}

/** Plays the sound and shows a notification, if they are switched on. A click on the notification focuses the page. */
export function tellElsewhere(title: string, body: string, tag: string): void {
  if (choices.peek().sound) chime();
  if (!canNotify || choices.peek().notify !== 'yes' || Notification.permission !== 'granted') return;
  try {
    const notification = new Notification(title, { body, tag, icon: iconOf(false) });
    notification.onclick = () => {
      focus();
      notification.close();
    };
  } catch {
    // Chromium on Android supports notifications from service workers only.
  }
}

/** Plays a short sound of two tones. */
export function chime(): void {
  playTone([660, 880], 0.12);
}

/** Plays tones one after another, `seconds` each, through `element` if given. */
export function playTone(frequencies: readonly number[], seconds: number, element?: HTMLMediaElement): void {
  const context = new AudioContext();
  const output = element === undefined ? context.destination : context.createMediaStreamDestination();
  if (element !== undefined && 'stream' in output) element.srcObject = output.stream;
  const gain = context.createGain();
  gain.connect(output);
  const start = context.currentTime + 0.05;
  const last = start + frequencies.length * seconds;
  frequencies.forEach((frequency, index) => {
    const at = start + index * seconds;
    const tone = context.createOscillator();
    tone.frequency.value = frequency;
    tone.connect(gain);
    gain.gain.setValueAtTime(0.001, at);
    gain.gain.exponentialRampToValueAtTime(0.12, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, at + seconds);
    tone.start(at);
    tone.stop(at + seconds);
  });
  setTimeout(() => void context.close(), (last - context.currentTime) * 1_000 + 200);
}

/** Adds a dot to the tab's icon, or removes it. */
export function markIcon(unread: boolean): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  if (link !== null && link.href !== iconOf(unread)) link.href = iconOf(unread);
}

function iconOf(unread: boolean): string {
  const link = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  return new URL(unread ? 'favicon-unread.svg' : 'favicon.svg', link?.href ?? location.href).href;
}
