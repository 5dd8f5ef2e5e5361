import { useEffect, useState } from 'preact/hooks';
import type { Reactors } from '@chattok/sdk';
import { attempt, nameOf, type Meeting } from '../model/meeting';
import { Dialog } from '../ui/Dialog';
import { dialog } from '../ui/dialogs';

/** Opens a dialog with those who reacted to an entry. A title on a reaction says the same, but not on a touch screen. */
export function showReactors(meeting: Meeting, id: string): void {
  dialog.value = <ReactorsDialog meeting={meeting} id={id} />;
}

function ReactorsDialog({ meeting, id }: { meeting: Meeting; id: string }) {
  const [list, setList] = useState<readonly Reactors[]>();
  useEffect(() => {
    void attempt('The names can’t be shown', async () => setList(await meeting.session.reactors(id)));
  }, []);
  return (
    <Dialog title="Who reacted">
      <dl class="reactors">
        {list?.map(({ name, count, users }) => (
          <div key={name}>
            <dt>
              {name} {count}
            </dt>
            <dd>
              {users.map(nameOf).join(', ')}
              {count > users.length && ` and ${count - users.length} more`}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
