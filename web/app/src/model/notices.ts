// Short messages about what happened, shown for a while and read out by screen readers.
import { signal } from '@preact/signals';

/** Something worth saying once. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  /** A fault is read out at once, and stays longer. */
  readonly kind: 'news' | 'fault';
}

const limit = 3;
const shown = { news: 6_000, fault: 12_000 };
let last = 0;

export const notices = signal<readonly Notice[]>([]);

export function notify(text: string, kind: Notice['kind'] = 'news'): void {
  const notice: Notice = { id: ++last, text, kind };
  notices.value = [...notices.value.slice(1 - limit), notice];
  setTimeout(() => dismiss(notice.id), shown[kind]);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
