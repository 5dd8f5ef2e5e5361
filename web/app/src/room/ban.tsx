// The dialog by which a moderator bans a person.
import { useState } from 'preact/hooks';
import type { Connection } from '@chattok/sdk';
import { attempt, nameOf, type Meeting } from '../model/meeting';
import { notify } from '../model/notices';
import { Dialog } from '../ui/Dialog';
import { dialog } from '../ui/dialogs';

/** The lengths of a ban, in seconds. The longest that the server takes is a year. */
const lengths = [
  [600, '10 minutes'],
  [3_600, 'An hour'],
  [86_400, 'A day'],
  [31_536_000, 'Until I end it'],
] as const;

/** Opens the dialog. */
export function askToBan(meeting: Meeting, connection: Connection): void {
  dialog.value = <BanDialog meeting={meeting} connection={connection} />;
}

function BanDialog({ meeting, connection }: { meeting: Meeting; connection: Connection }) {
  const [seconds, setSeconds] = useState<number>(600);
  const [deleteEntries, setDelete] = useState(false);
  const name = nameOf(connection);
  const act = async (): Promise<void> => {
    await attempt(`${name} can’t be banned`, async () => {
      await meeting.session.ban(connection.id, seconds, { deleteEntries });
      notify(`${name} is banned`);
    });
  };
  return (
    <Dialog title={`Ban ${name}?`} yes="Ban" danger act={() => void act()}>
      <p>They leave the session on all their devices, and can’t come back or write until the time is over.</p>
      <fieldset>
        <legend class="label">For how long</legend>
        {lengths.map(([each, text]) => (
          <label key={each} class="switch">
            <input type="radio" name="ban-length" checked={seconds === each} onChange={() => setSeconds(each)} />
            <span>{text}</span>
          </label>
        ))}
      </fieldset>
      <label class="switch">
        <input type="checkbox" checked={deleteEntries} onChange={(event) => setDelete(event.currentTarget.checked)} />
        <span>Delete everything they wrote here</span>
      </label>
    </Dialog>
  );
}
