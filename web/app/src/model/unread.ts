// What came while nobody looked: a count for the title and the buttons, and where the reader left off.
import { computed, signal } from '@preact/signals';
import type { ChatEntry } from '@chattok/sdk';

/** How many entries came while the page was not looked at, in all. */
export const unseen = signal(0);

/** Counts the entries that came since the reader last saw the end of the log. */
export class Unread {
  /** How many there are. */
  readonly count = signal(0);
  /** The first of them: the divider stands before it. It stays after the others are read, until new ones come. */
  readonly first = signal<number | undefined>(undefined);
  /** Whether the end of the log is on the screen; the log says so. */
  readonly atEnd = signal(false);
  readonly #visible = signal(isVisible());
  readonly #reading = computed(() => this.atEnd.value && this.#visible.value);
  readonly #ends: (() => void)[];

  constructor() {
    const look = (): void => {
      this.#visible.value = isVisible();
    };
    const ending = new AbortController();
    addEventListener('focus', look, ending);
    addEventListener('blur', look, ending);
    document.addEventListener('visibilitychange', look, ending);
    this.#ends = [
      () => ending.abort(),
      this.#reading.subscribe((reading) => {
        if (reading) this.count.value = 0;
      }),
    ];
  }

  /** An entry came. */
  add(entry: ChatEntry, own: boolean): void {
    if (own) {
      this.first.value = undefined;
    } else if (!this.#reading.value) {
      if (this.count.value === 0) this.first.value = entry.seq;
      this.count.value++;
      if (!this.#visible.peek()) unseen.value++;
    }
  }

  end(): void {
    for (const end of this.#ends) end();
  }
}

function isVisible(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus();
}
