import { useEffect, useState } from 'preact/hooks';
import type { Ban } from '@chattok/sdk';
import { attempt, nameOf, type Meeting } from '../model/meeting';
import { duration } from '../text/time';

const end = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** The choices for slow mode, in seconds. */
const pauses = [0, 5, 10, 30, 60, 300, 900, 3_600];

/** A moderator's settings of the session: slow mode, and the list of bans. */
export function Moderation({ meeting }: { meeting: Meeting }) {
  const { seconds } = meeting.pick('slowMode').value;
  const choices = pauses.includes(seconds) ? pauses : [...pauses, seconds].sort((one, other) => one - other);
  return (
    <section class="moderation" aria-label="Moderation">
      <label class="field">
        <span class="label">Slow mode</span>
        <span class="select-box">
          <select
            class="select"
            value={seconds}
            onChange={({ currentTarget }) => {
              const slowMode = Number(currentTarget.value);
              currentTarget.value = String(seconds); // until the server has it
              void attempt('Slow mode stays as it is', () => meeting.session.updateSession({ slowMode }));
            }}
          >
            {choices.map((each) => (
              <option key={each} value={each}>
                {each === 0 ? 'Off' : `One message every ${duration(each)}`}
              </option>
            ))}
          </select>
        </span>
      </label>
      <Bans meeting={meeting} />
    </section>
  );
}

function Bans({ meeting }: { meeting: Meeting }) {
  const [bans, setBans] = useState<readonly Ban[]>();
  const load = (): Promise<void> => attempt('The bans can’t be shown', async () => setBans(await meeting.session.bans()));
  // Another moderator's ban, or one from the log, shows when its connection ends.
  const count = meeting.pick('connectionCount').value;
  useEffect(() => void (bans !== undefined && load()), [count]);
  return (
    <details class="bans" onToggle={(event) => void (event.currentTarget.open && load())}>
      <summary>Banned people</summary>
      {bans?.length === 0 && <p class="hint">Nobody is banned.</p>}
      <ul>
        {bans?.map(({ id, connection, until }) => (
          <li key={id} class="person">
            <span class="person-name">
              {nameOf(connection)}
              <small>{untilText(until)}</small>
            </span>
            <button
              type="button"
              class="text-button"
              aria-label={`Unban ${nameOf(connection)}`}
              onClick={() => void attempt('The ban stays', () => meeting.session.unban(id)).then(load)}
            >
              Unban
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** A ban of more than half a year is meant to last until somebody ends it. */
function untilText(until: string): string {
  const time = new Date(until);
  return +time - Date.now() > 180 * 86_400_000 ? 'Until somebody ends it' : `Until ${end.format(time)}`;
}
