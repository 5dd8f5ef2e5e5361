// Short notices about events, shown for some seconds and announced by screen readers.
import { signal } from '@preact/signals';

export interface Notice {
  readonly id: number;
  readonly text: string;
  /** Faults are announced at once and stay longer. */
  readonly kind: 'news' | 'fault';
  /** The panel that a click on the notice opens. */
  readonly about?: 'chat';
}

const limit = 3;
const shown = { news: 6_000, fault: 12_000 };
let last = 0;

export const notices = signal<readonly Notice[]>([]);

export function notify(text: string, kind: Notice['kind'] = 'news', about?: Notice['about']): void {
  const notice: Notice = { id: ++last, text, kind, ...(about !== undefined && { about }) };
  if (notices.peek().some((other) => other.text === text && other.kind === kind)) return; // the same notice is still shown
  notices.value = [...notices.value.slice(1 - limit), notice];
  setTimeout(() => dismiss(notice.id), shown[kind]);
}

/** Removes all notices when a room is left, or those about a panel that is now open. */
export function clearNotices(about?: Notice['about']): void {
  notices.value = about === undefined ? [] : notices.value.filter((notice) => notice.about !== about);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
