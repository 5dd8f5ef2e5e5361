import '../style/people.css';
import { useSignal } from '@preact/signals';
import { Hand, Mic, MicOff, MonitorUp, Video, VideoOff } from 'lucide';
import type { Connection, Role, Stream } from '@chattok/sdk';
import { camera, microphone } from '../model/local';
import { nameOf, type Meeting } from '../model/meeting';
import { cleanName, nameLimit } from '../text/limits';
import { hueOf, initials } from '../text/person';
import { Icon } from '../ui/Icon';
import { You } from '../ui/You';
import { askToBan } from './ban';
import { Moderation } from './Moderation';
import { endStream, muteStream, remove, whatOf } from './moderate';

const roles: Record<Role, string | undefined> = { MODERATOR: 'Moderator', PUBLISHER: undefined, PUBLISHER_ONLY: 'Does not watch', SUBSCRIBER: 'Listens' };

/** The list of people in the session, with a moderator's actions. */
export function People({ meeting }: { meeting: Meeting }) {
  const connections = meeting.connections.value;
  const count = meeting.pick('connectionCount').value;
  const streams = meeting.pick('streams').value;
  const streamsOf = new Map<string, Stream[]>();
  for (const stream of streams) {
    const list = streamsOf.get(stream.connection.id);
    if (list === undefined) streamsOf.set(stream.connection.id, [stream]);
    else list.push(stream);
  }
  return (
    <div class="people">
      {meeting.isModerator.value && streams.some((stream) => stream.hasAudio) && (
        <button
          type="button"
          class="button small"
          onClick={() => void meeting.muteOthers()}
        >
          <Icon node={MicOff} size={17} />
          Mute all others
        </button>
      )}
      <ul>
        {connections.map((connection) => (
          <Person
            key={connection.id}
            meeting={meeting}
            connection={connection}
            streams={streamsOf.get(connection.id) ?? []}
          />
        ))}
      </ul>
      {count > connections.length && <p class="hint">And {count - connections.length} more.</p>}
      {meeting.isModerator.value && <Moderation meeting={meeting} />}
    </div>
  );
}

interface PersonProps {
  readonly meeting: Meeting;
  readonly connection: Connection;
  readonly streams: readonly Stream[];
}

function Person({ meeting, connection, streams }: PersonProps) {
  const name = nameOf(connection);
  const self = meeting.isSelf(connection);
  const main = streams.find((stream) => stream.videoType !== 'SCREEN');
  const heard = self ? microphone.value.on : main?.hasAudio === true;
  const seen = self ? camera.value.on : main?.hasVideo === true;
  const shares = self
    ? meeting.publishing.screen.value !== undefined
    : streams.some((stream) => stream.videoType === 'SCREEN');
  const role = roles[connection.role];
  return (
    <li class="person">
      <span class="avatar" style={{ '--hue': String(hueOf(name)) }} aria-hidden="true">
        {initials(name)}
      </span>
      <span class="person-name">
        {name}
        {self && <You />}
        {role !== undefined && <small>{role}</small>}
      </span>
      {shares && <Mark label="shares a screen" icon={MonitorUp} />}
      <Mark label={heard ? 'microphone on' : 'microphone off'} icon={heard ? Mic : MicOff} />
      <Mark label={seen ? 'camera on' : 'camera off'} icon={seen ? Video : VideoOff} />
      {meeting.gestures.hands.value.includes(connection.id) && <Mark label="hand raised" icon={Hand} />}
      {self && meeting.canRename && <Rename meeting={meeting} />}
      {!self && meeting.isModerator.value && <Actions meeting={meeting} connection={connection} stream={main ?? streams[0]} />}
    </li>
  );
}

const focus = (field: HTMLInputElement | null): void => field?.focus();

/** Changes the user's own name: a button that becomes a field. */
function Rename({ meeting }: { meeting: Meeting }) {
  const text = useSignal<string | undefined>(undefined);
  const clean = cleanName(text.value ?? '');
  const close = (): void => {
    text.value = undefined;
  };
  if (text.value === undefined) {
    return (
      <div class="person-actions">
        <button type="button" class="text-button" onClick={() => (text.value = meeting.name)}>
          Change name
        </button>
      </div>
    );
  }
  return (
    <form
      class="person-actions rename"
      onSubmit={(event) => {
        event.preventDefault();
        if (clean === '') return;
        if (clean === meeting.name) close();
        else void meeting.rename(clean).then((done) => done && close());
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        close();
      }}
    >
      <input
        class="input"
        aria-label="Your name"
        autocomplete="name"
        maxLength={nameLimit * 2}
        ref={focus}
        value={text.value}
        onInput={(event) => {
          text.value = Array.from(event.currentTarget.value).slice(0, nameLimit).join('');
        }}
      />
      <button type="submit" class="text-button" disabled={clean === ''}>
        Save
      </button>
      <button type="button" class="text-button" onClick={close}>
        Cancel
      </button>
    </form>
  );
}

/** A moderator's actions for one person, as text buttons. */
function Actions({ meeting, connection, stream }: { meeting: Meeting; connection: Connection; stream: Stream | undefined }) {
  const name = nameOf(connection);
  return (
    <div class="person-actions">
      {stream?.hasAudio === true && (
        <button type="button" class="text-button" aria-label={`Mute ${name}`} onClick={() => muteStream(meeting, stream)}>
          Mute
        </button>
      )}
      {stream !== undefined && (
        <button
          type="button"
          class="text-button"
          aria-label={`End the ${whatOf(stream)} of ${name}`}
          onClick={() => endStream(meeting, stream)}
        >
          End {whatOf(stream)} …
        </button>
      )}
      <button type="button" class="text-button" aria-label={`Remove ${name}`} onClick={() => remove(meeting, connection)}>
        Remove …
      </button>
      <button type="button" class="text-button" aria-label={`Ban ${name}`} onClick={() => askToBan(meeting, connection)}>
        Ban …
      </button>
    </div>
  );
}

function Mark({ label, icon }: { label: string; icon: typeof Mic }) {
  return (
    <span class="person-mark" role="img" aria-label={label} title={label}>
      <Icon node={icon} size={17} />
    </span>
  );
}
