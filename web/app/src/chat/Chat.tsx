import { useEffect } from 'preact/hooks';
import { nameOf, type Meeting } from '../model/meeting';
import { lazily } from '../ui/lazy';
import { Composer } from './Composer';
import { opened } from './focus';
import { Log } from './Log';

const MessageMenu = lazily(() => import('./MessageMenu').then((part) => part.MessageMenu));

/** The message log, the list of people who are typing, and the composer. */
export function Chat({ meeting }: { meeting: Meeting }) {
  useEffect(
    () => () => {
      opened.value = undefined;
    },
    [meeting],
  );
  return (
    <div class="chat">
      <Log meeting={meeting} />
      <Writers meeting={meeting} />
      {opened.value !== undefined && <MessageMenu meeting={meeting} />}
      <Composer meeting={meeting} focus={!matchMedia('(pointer: coarse)').matches} />
    </div>
  );
}

function Writers({ meeting }: { meeting: Meeting }) {
  const names = meeting.pick('typing').value.map(nameOf);
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
  if (second === undefined) return `${first} is typing`;
  if (others.length === 0) return `${first} and ${second} are typing`;
  return `${first}, ${second} and ${others.length} more are typing`;
}
