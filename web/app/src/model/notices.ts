// Short messages about what happened, shown for a while and read out by screen readers.
import { signal } from '@preact/signals';

/** Something worth saying once. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  /** A fault is read out at once, and stays longer. */
  readonly kind: 'news' | 'fault';
  /** What it is about, which a tap on it leads to. */
  readonly about?: 'chat';
}

const limit = 3;
const shown = { news: 6_000, fault: 12_000 };
let last = 0;

export const notices = signal<readonly Notice[]>([]);

export function notify(text: string, kind: Notice['kind'] = 'news', about?: Notice['about']): void {
  const notice: Notice = { id: ++last, text, kind, ...(about !== undefined && { about }) };
  if (notices.peek().some((other) => other.text === text && other.kind === kind)) return; // it is there to be read
  notices.value = [...notices.value.slice(1 - limit), notice];
  setTimeout(() => dismiss(notice.id), shown[kind]);
}

/** Takes away what was said in a room that one has left, or what a view that is open now shows itself. */
export function clearNotices(about?: Notice['about']): void {
  notices.value = about === undefined ? [] : notices.value.filter((notice) => notice.about !== about);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
