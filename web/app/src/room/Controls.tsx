import type { IconNode } from 'lucide';
import { MessageSquare, Mic, MicOff, MonitorUp, MonitorX, PhoneOff, Settings2, Users, Video, VideoOff } from 'lucide';
import { useRef } from 'preact/hooks';
import { canShare, insecure } from '../model/devices';
import { camera, microphone, toggle } from '../model/local';
import type { Meeting } from '../model/meeting';
import { Icon } from '../ui/Icon';
import { DevicesDialog } from './DevicesDialog';
import { panel, togglePanel } from './view';

/** The bar below the stage. */
export function Controls({ meeting }: { meeting: Meeting }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const sharing = meeting.publishing.screen.value !== undefined;
  const sends = meeting.canPublish.value && !insecure;
  const mic = microphone.value;
  const cam = camera.value;
  return (
    <footer class="controls" aria-label="Controls">
      {sends && (
        <>
          <Control
            icon={mic.on ? Mic : MicOff}
            label={mic.on ? 'Mute' : 'Unmute'}
            hint="Alt+M"
            busy={mic.opening}
            off={!mic.on}
            onClick={() => void toggle('audio')}
          />
          <Control
            icon={cam.on ? Video : VideoOff}
            label={cam.on ? 'Stop video' : 'Start video'}
            hint="Alt+V"
            busy={cam.opening}
            off={!cam.on}
            onClick={() => void toggle('video')}
          />
          {canShare && (
            <Control
              icon={sharing ? MonitorX : MonitorUp}
              label={sharing ? 'Stop sharing' : 'Share screen'}
              hint="Alt+S"
              active={sharing}
              busy={meeting.publishing.choosing.value}
              onClick={() => void meeting.publishing.toggleScreen()}
            />
          )}
        </>
      )}
      <Control icon={Settings2} label="Devices and help" onClick={() => dialog.current?.showModal()} />
      <span class="controls-gap" />
      <Control
        icon={Users}
        id="open-people"
        label="People"
        hint="Alt+P"
        pressed={panel.value === 'people'}
        onClick={() => togglePanel('people')}
      />
      <Control
        icon={MessageSquare}
        id="open-chat"
        label="Chat"
        hint="Alt+C"
        pressed={panel.value === 'chat'}
        badge={meeting.unread.count.value}
        onClick={() => togglePanel('chat')}
      />
      <Control icon={PhoneOff} label="Leave" leave onClick={() => void meeting.leave()} />
      <DevicesDialog dialog={dialog} meeting={meeting} />
    </footer>
  );
}

interface ControlProps {
  readonly id?: string;
  readonly icon: IconNode;
  readonly label: string;
  readonly hint?: string;
  readonly onClick: () => void;
  /** Whether the device is off, which is shown as a warning. */
  readonly off?: boolean;
  readonly active?: boolean;
  readonly busy?: boolean;
  readonly leave?: boolean;
  /** For a button that opens a panel: whether it is open. */
  readonly pressed?: boolean;
  readonly badge?: number;
}

function Control({ id, icon, label, hint, onClick, off, active, busy, leave, pressed, badge = 0 }: ControlProps) {
  const name = badge > 0 ? `${label}, ${badge} unread` : label;
  return (
    <button
      id={id}
      type="button"
      class={`room-control ${off ? 'off' : ''} ${active ? 'active' : ''} ${leave ? 'leave' : ''}`}
      aria-label={name}
      aria-expanded={pressed}
      aria-busy={busy}
      title={hint === undefined ? label : `${label} (${hint})`}
      onClick={onClick}
    >
      <span class="room-control-face">
        <Icon node={icon} size={22} />
        {badge > 0 && <span class="badge">{badge > 99 ? '99+' : badge}</span>}
      </span>
      <span class="room-control-label" aria-hidden="true">
        {label}
      </span>
    </button>
  );
}
