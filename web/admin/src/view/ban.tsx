import { banDocument } from '../generated/operations.ts';
import { run } from '../model/api.ts';
import { dateTime, nameOf } from '../model/format.ts';
import { ask } from '../ui/ask.ts';

const lengths = [
  [600, '10 minutes'],
  [3_600, 'an hour'],
  [86_400, 'a day'],
  [604_800, 'a week'],
  [31_536_000, 'a year'],
] as const;

/** Asks whether, and for how long, to ban the person of a connection from a session. */
export function askBan(session: string, connection: { readonly id: string; readonly data: string | null }): void {
  const name = nameOf(connection);
  ask({
    title: `Ban ${name}?`,
    children: (
      <>
        <p>Every connection of the same user in {session} ends, or where there is no user, of the same network address.</p>
        <label class="field">
          <span class="label">For</span>
          <span class="select-box">
            <select class="select" name="seconds">
              {lengths.map(([seconds, text]) => (
                <option key={seconds} value={seconds} selected={seconds === 3_600}>
                  {text}
                </option>
              ))}
            </select>
          </span>
        </label>
        <label class="check">
          <input type="checkbox" name="deleteEntries" />
          Delete everything that this user has written in the session
        </label>
      </>
    ),
    yes: 'Ban',
    danger: true,
    async act(form) {
      const variables = {
        sessionId: session,
        connectionId: connection.id,
        seconds: Number(form.get('seconds')),
        deleteEntries: form.has('deleteEntries'),
      };
      const { banConnection } = await run(banDocument, variables);
      return `${name} is banned until ${dateTime(banConnection.until)}.`;
    },
  });
}
