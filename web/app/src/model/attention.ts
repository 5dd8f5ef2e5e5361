// What draws the attention of somebody who looks elsewhere: a sound, a notification, a dot on the tab's icon. All of it is
// off until it is asked for, but the dot.
import { choices, choose } from './storage';

/** Whether the browser has notifications for a page as this one. */
export const canNotify = 'Notification' in globalThis && isSecureContext;

/** Asks the browser, from a click, and remembers the answer. */
export async function askToNotify(): Promise<boolean> {
  const allowed = (await Notification.requestPermission()) === 'granted';
  choose({ notify: allowed ? 'yes' : 'no' });
  return allowed;
}

/** Tells of something while nobody looks at the page; a press on the notification comes back to it. */
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
    // Chromium on Android has notifications for service workers alone.
  }
}

/** A short sound of two tones. */
export function chime(): void {
  playTone([660, 880], 0.12);
}

/** Plays tones one after the other, each of so many seconds, over an element where one is given. */
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

/** Puts a dot on the tab's icon, or takes it away. */
export function markIcon(unread: boolean): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  if (link !== null && link.href !== iconOf(unread)) link.href = iconOf(unread);
}

function iconOf(unread: boolean): string {
  const link = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  return new URL(unread ? 'favicon-unread.svg' : 'favicon.svg', link?.href ?? location.href).href;
}
