// The message that has the focus, and the menu that is open for one.
import { signal } from '@preact/signals';
import type { Row } from './rows';

/** The key of the message that had the focus last. Only its own controls are reached by Tab. */
export const focused = signal<string | undefined>(undefined);

interface Opened {
  readonly row: Row;
  /** The element beside which it opens. */
  readonly anchor: HTMLElement;
  readonly kind: 'menu' | 'emoji';
}

/** The open menu, or picker of emoji, of a message. */
export const opened = signal<Opened | undefined>(undefined);

/** A press on a touch screen that lasts this long, in milliseconds, opens the menu. */
const longPress = 500;
const slack = 10; // pixels that the finger may move

let timer: ReturnType<typeof setTimeout> | undefined;
let start = { x: 0, y: 0 };

export const stopPress = (): void => clearTimeout(timer);

export function startPress({ pointerType, clientX, clientY }: PointerEvent, act: () => void): void {
  stopPress();
  if (pointerType === 'mouse') return;
  start = { x: clientX, y: clientY };
  timer = setTimeout(act, longPress);
}

export function movePress({ clientX, clientY }: PointerEvent): void {
  if (Math.hypot(clientX - start.x, clientY - start.y) > slack) stopPress();
}
