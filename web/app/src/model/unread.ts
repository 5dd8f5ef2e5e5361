// Unread entries: their number, for the title and the buttons, and the place of the divider above them.
import { computed, effect, signal, untracked, type ReadonlySignal } from '@preact/signals';
import type { ChatEntry, Snapshot } from '@chattok/sdk';

/** Number of entries that arrived while the page was not visible, in total. */
export const unseen = signal(0);

/** The parts of a meeting that are read here. */
export interface UnreadSource {
  readonly snapshot: ReadonlySignal<Snapshot>;
  /** Whether this browser was in the session before. To those who come for the first time, nothing is new. */
  readonly returning: boolean;
  readonly markRead: () => void;
}

/** Counts what is unread. For a user the server keeps the count; for others, the page counts from when it was opened. */
export class Unread {
  /** `seq` of the last entry above the divider. The divider stays until the next unread entry, or an own one. */
  readonly readTo = signal<number | undefined>(undefined);
  /** Whether the end of the log is visible; set by the log. */
  readonly atEnd = signal(false);
  /** Whether the log still has to begin at the divider. Until then nothing counts as read. */
  readonly begins = signal(false);
  readonly count: ReadonlySignal<number>;
  readonly #counted = signal(0);
  readonly #visible = signal(isVisible());
  readonly #reading = computed(() => this.atEnd.value && this.#visible.value);
  /** Whether nothing was unread when this user last looked. */
  #caughtUp = true;
  readonly #ends: (() => void)[];

  constructor({ snapshot, returning, markRead }: UnreadSource) {
    const unread = computed(() => snapshot.value.unread);
    const newest = computed(() => snapshot.value.entries.at(-1)?.seq ?? 0);
    const lastRead = computed(() => snapshot.value.lastRead);
    this.count = computed(() => {
      if (this.#reading.value) return 0;
      // To those who come for the first time, what is there already is not news.
      const known = returning || (lastRead.value ?? 0) > 0;
      return known ? (unread.value ?? this.#counted.value) : this.#counted.value;
    });
    const look = (): void => {
      this.#visible.value = isVisible();
    };
    const ending = new AbortController();
    addEventListener('focus', look, ending);
    addEventListener('blur', look, ending);
    document.addEventListener('visibilitychange', look, ending);
    let begun = false;
    this.#ends = [
      () => ending.abort(),
      effect(() => {
        if (unread.value === null || lastRead.value === null || begun) return;
        begun = true;
        if (!returning || unread.value === 0) return;
        this.readTo.value = lastRead.value;
        this.begins.value = true;
        this.#caughtUp = false;
      }),
      effect(() => {
        if (!this.#reading.value || this.begins.value) return;
        this.#counted.value = 0;
        this.#caughtUp = true;
        if (lastRead.value !== null && newest.value > lastRead.value) untracked(markRead);
      }),
    ];
  }

  add(entry: ChatEntry, own: boolean): void {
    if (own) {
      this.readTo.value = undefined;
    } else if (!this.#reading.value) {
      if (this.#caughtUp) this.readTo.value = entry.seq - 1;
      this.#caughtUp = false;
      this.#counted.value++;
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
