// The composer: an unsent text, the message that it answers, or an edit of an earlier message.
import { batch, computed, signal } from '@preact/signals';
import { answeredBy, draftOf, keepAnswered, keepDraft } from './storage';

/** An edit of a message of this user. */
export interface Edit {
  /** The entry's id, or the key of an unsent post. */
  readonly id: string;
  /** The text before the edit. */
  readonly before: string;
  readonly text: string;
}

/** The composer's content in one session. The unsent text survives a reload and leaving the room. */
export class Draft {
  readonly unsent;
  /** The id of the entry that the text answers. */
  readonly replyTo;
  readonly edit = signal<Edit | undefined>(undefined);
  /** The id of `edit`, which stays the same while its text changes. */
  readonly editing = computed(() => this.edit.value?.id);
  /** The text in the field: that of the edit, or the unsent one. */
  readonly text = computed(() => this.edit.value?.text ?? this.unsent.value);
  /** Incremented when the composer should take the focus. */
  readonly wanted = signal(0);
  readonly #session: string;

  constructor(session: string) {
    this.#session = session;
    this.unsent = signal(draftOf(session));
    this.replyTo = signal(answeredBy(session));
  }

  set(text: string): void {
    const edit = this.edit.peek();
    if (edit !== undefined) {
      this.edit.value = { ...edit, text };
      return;
    }
    this.unsent.value = text;
    keepDraft(this.#session, text);
  }

  answer(id: string): void {
    batch(() => {
      this.edit.value = undefined;
      this.#answers(id);
      this.wanted.value++;
    });
  }

  change(id: string, before: string): void {
    batch(() => {
      this.edit.value = { id, before, text: before };
      this.wanted.value++;
    });
  }

  /** Ends the edit, or else the answer. Returns whether there was one. */
  leave(): boolean {
    if (this.edit.peek() !== undefined) this.edit.value = undefined;
    else if (this.replyTo.peek() !== undefined) this.#answers(undefined);
    else return false;
    return true;
  }

  /** Empties the composer. Returns what was in it. */
  take(): { readonly text: string; readonly replyTo: string | undefined } {
    const taken = { text: this.unsent.peek(), replyTo: this.replyTo.peek() };
    this.set('');
    this.#answers(undefined);
    return taken;
  }

  /** Puts the text of an edit that was refused into the field, if there is no other. */
  restore(text: string): void {
    if (this.edit.peek() === undefined && this.unsent.peek() === '') this.set(text);
  }

  #answers(id: string | undefined): void {
    this.replyTo.value = id;
    keepAnswered(this.#session, id);
  }
}
