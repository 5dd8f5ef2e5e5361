// The question before an act, and the word after it.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

export interface Question {
  readonly title: string;
  readonly children: ComponentChildren;
  /** The label of the button that acts. */
  readonly yes: string;
  readonly danger?: boolean;
  /** A text that has to be typed first, such as the id of what is to be deleted. */
  readonly type?: string;
  /** The address of the view that is shown afterwards; the same one without. */
  readonly goes?: string;
  /** Acts, and returns the word that is said after it. Where it rejects, the dialog stays open and says why. */
  act(form: FormData): Promise<string>;
}

export const question = signal<Question | undefined>(undefined);

/** The word after the last act. */
export const said = signal('');

export function ask(asked: Question): void {
  question.value = asked;
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Says a word for ten seconds. */
export function say(text: string): void {
  clearTimeout(timer);
  said.value = text;
  timer = setTimeout(() => (said.value = ''), 10_000);
}
