import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { go } from '../model/route.ts';
import { inWords } from '../model/words.ts';
import { question, say, type Question } from './ask.ts';
import { Problem } from './Title.tsx';

/** The dialog of the question that is asked. The browser closes it on Escape and returns the focus. */
export function Ask() {
  const asked = question.value;
  return asked === undefined ? null : <Asked key={asked.title} {...asked} />;
}

function Asked({ title, children, yes, danger = false, type, goes, act }: Question) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const typed = useSignal('');
  const busy = useSignal(false);
  const problem = useSignal('');
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  const close = (): void => dialog.current?.close();
  const ready = type === undefined || typed.value === type;

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (busy.value || !ready) return;
    busy.value = true;
    problem.value = '';
    try {
      const word = await act(new FormData(event.currentTarget as HTMLFormElement));
      close();
      say(word);
      if (goes !== undefined) go(goes);
    } catch (error) {
      problem.value = inWords(error);
    } finally {
      busy.value = false;
    }
  };

  return (
    <dialog ref={dialog} class="ask" aria-labelledby={heading} onClose={() => (question.value = undefined)}>
      <form onSubmit={submit} autocomplete="off">
        <h2 id={heading}>{title}</h2>
        {children}
        {type !== undefined && (
          <label class="field">
            <span class="label">
              Type <code>{type}</code> to confirm
            </span>
            <input class="input" value={typed.value} onInput={({ currentTarget }) => (typed.value = currentTarget.value)} spellcheck={false} autocapitalize="off" />
          </label>
        )}
        <Problem>{problem.value}</Problem>
        <div class="ask-actions">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class={`button ${danger ? 'danger' : 'primary'}`} disabled={busy.value || !ready}>
            {yes}
          </button>
        </div>
      </form>
    </dialog>
  );
}
