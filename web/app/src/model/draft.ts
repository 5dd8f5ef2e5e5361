// What is being written. A reload keeps it, and so does leaving the room for a while.
import { signal } from '@preact/signals';
import { draftOf, keepDraft } from './storage';

/** The text in a session's composer. */
export class Draft {
  readonly text;
  readonly #session: string;

  constructor(session: string) {
    this.#session = session;
    this.text = signal(draftOf(session));
  }

  set(text: string): void {
    this.text.value = text;
    keepDraft(this.#session, text);
  }
}
