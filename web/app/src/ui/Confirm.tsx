// A question before what can't be taken back.
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  readonly act: () => void;
}

const question = signal<Question | undefined>(undefined);

/** Asks, and acts where the answer is yes. */
export function confirm(asked: Question): void {
  question.value = asked;
}

/** Where questions are shown; once in a page. */
export function Confirm() {
  const dialog = useRef<HTMLDialogElement>(null);
  const asked = question.value;
  useEffect(() => {
    if (asked !== undefined) dialog.current?.showModal();
    return () => dialog.current?.close();
  }, [asked]);
  const close = (): void => {
    question.value = undefined;
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="question" onClose={close}>
      {asked !== undefined && (
        <>
          <h2 id="question">{asked.title}</h2>
          <p>{asked.text}</p>
          <div class="dialog-actions">
            <button type="button" class="button" onClick={close}>
              Cancel
            </button>
            <button
              type="button"
              class="button danger"
              onClick={() => {
                close();
                asked.act();
              }}
            >
              {asked.yes}
            </button>
          </div>
        </>
      )}
    </dialog>
  );
}
