import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { closeDialog } from './dialogs';

interface Props {
  readonly title: string;
  readonly children: ComponentChildren;
  /** The label of the button that acts; without one, the dialog has only a button to close it. */
  readonly yes?: string;
  readonly danger?: boolean;
  readonly act?: () => void;
}

/** A modal dialog, to be assigned to `dialog`. The browser closes it on Escape and returns the focus. */
export function Dialog({ title, children, yes, danger = false, act }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
    return () => element.current?.close();
  }, []);
  const close = (): void => element.current?.close();
  return (
    <dialog ref={element} class="dialog" aria-labelledby="dialog-title" onClose={closeDialog}>
      <h2 id="dialog-title">{title}</h2>
      {children}
      <div class="dialog-actions">
        <button type="button" class={`button ${yes === undefined ? 'primary' : ''}`} onClick={close}>
          {yes === undefined ? 'Done' : 'Cancel'}
        </button>
        {yes !== undefined && (
          <button
            type="button"
            class={`button ${danger ? 'danger' : 'primary'}`}
            onClick={() => {
              close();
              act?.();
            }}
          >
            {yes}
          </button>
        )}
      </div>
    </dialog>
  );
}
