import { nameOf, type Meeting } from '../model/meeting';
import { Composer } from './Composer';
import { Log } from './Log';

/** What was written, who is writing, and where to write. */
export function Chat({ meeting }: { meeting: Meeting }) {
  return (
    <div class="chat">
      <Log meeting={meeting} />
      <Writers meeting={meeting} />
      <Composer meeting={meeting} focus={!matchMedia('(pointer: coarse)').matches} />
    </div>
  );
}

function Writers({ meeting }: { meeting: Meeting }) {
  const people = meeting.connections.value;
  const names = meeting.typing.writers.value.flatMap((id) => {
    const connection = people.find((person) => person.id === id);
    return connection === undefined ? [] : [nameOf(connection)];
  });
  return (
    <p class="writers" aria-live="off">
      {names.length > 0 && (
        <>
          <span class="writers-dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          <span>{writing(names)}</span>
        </>
      )}
    </p>
  );
}

function writing([first, second, ...others]: readonly string[]): string {
  if (second === undefined) return `${first} is writing`;
  if (others.length === 0) return `${first} and ${second} are writing`;
  return `${first}, ${second} and ${others.length} more are writing`;
}
