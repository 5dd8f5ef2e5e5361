// A confirmation dialog for actions that can't be undone.
import { Dialog } from './Dialog';
import { dialog } from './dialogs';

interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  readonly act: () => void;
}

/** Opens the dialog. `act` is called if the user confirms. */
export function confirm({ title, text, yes, act }: Question): void {
  dialog.value = (
    <Dialog title={title} yes={yes} danger act={act}>
      <p>{text}</p>
    </Dialog>
  );
}
