import type { IconNode } from 'lucide';
import {
  EllipsisVertical,
  Eye,
  Hand,
  LayoutGrid,
  MessageSquare,
  Mic,
  MicOff,
  MonitorUp,
  MonitorX,
  PhoneOff,
  Settings2,
  SmilePlus,
  Users,
  Video,
  VideoOff,
} from 'lucide';
import type { ComponentChildren } from 'preact';
import { canShare, insecure } from '../model/devices';
import { reactions } from '../model/gestures';
import { camera, microphone, toggle } from '../model/local';
import type { Meeting } from '../model/meeting';
import { chatOnly } from '../model/route';
import { choose } from '../model/storage';
import { Icon } from '../ui/Icon';
import { hide, Item, Menu } from '../ui/Menu';
import { dialog } from '../ui/dialogs';
import { lazily } from '../ui/lazy';
import { MutedHint, OwnLevel } from './OwnLevel';
import { isTight, layout, panel, selfHidden, setLayout, togglePanel, type Layout } from './view';

const Settings = lazily(() => import('./Settings').then((part) => part.Settings));

const layouts: readonly (readonly [Layout, string])[] = [
  ['auto', 'Automatic layout'],
  ['grid', 'All alike'],
  ['speaker', 'Speaker large'],
];

/** The buttons below the stage. On small screens, the less important ones move into the menu. */
export function Controls({ meeting }: { meeting: Meeting }) {
  const sharing = meeting.publishing.screen.value !== undefined;
  const sends = meeting.canPublish.value && !insecure && !chatOnly;
  const mic = microphone.value;
  const cam = camera.value;
  const tight = isTight.value;
  const { raised } = meeting.gestures;
  const share = (): void => void meeting.publishing.toggleScreen();
  const openSettings = (): void => {
    dialog.value = <Settings meeting={meeting} />;
  };
  return (
    <footer class={`controls ${tight ? 'tight' : ''}`} aria-label="Controls">
      {sends && (
        <>
          <MutedHint />
          <Control
            icon={mic.on ? Mic : MicOff}
            label={mic.on ? 'Mute' : 'Unmute'}
            hint="Alt+M"
            busy={mic.opening}
            off={!mic.on}
            onClick={() => void toggle('audio')}
          >
            <OwnLevel />
          </Control>
          <Control
            icon={cam.on ? Video : VideoOff}
            label={cam.on ? 'Stop video' : 'Start video'}
            hint="Alt+V"
            busy={cam.opening}
            off={!cam.on}
            onClick={() => void toggle('video')}
          />
          {canShare && !tight && (
            <Control
              icon={sharing ? MonitorX : MonitorUp}
              label={sharing ? 'Stop sharing' : 'Share screen'}
              hint="Alt+S"
              active={sharing}
              busy={meeting.publishing.choosing.value}
              onClick={share}
            />
          )}
        </>
      )}
      {!tight && !chatOnly && (
        <Menu label="React" icon={SmilePlus} class={`room-control ${raised.value ? 'active' : ''}`} face={<Face icon={SmilePlus} label="React" />}>
          {() => <Reactions meeting={meeting} />}
        </Menu>
      )}
      <span class="controls-gap" />
      {!tight && (
        <Control
          icon={Users}
          id="open-people"
          label="People"
          hint="Alt+P"
          pressed={panel.value === 'people'}
          onClick={() => togglePanel('people')}
        />
      )}
      <Control
        icon={MessageSquare}
        id="open-chat"
        label="Chat"
        hint="Alt+C"
        pressed={panel.value === 'chat'}
        badge={meeting.unread.count.value}
        onClick={() => togglePanel('chat')}
      />
      {!tight && <Control icon={Settings2} label="Devices and help" short="Devices" onClick={openSettings} />}
      <Menu label="More" icon={EllipsisVertical} class="room-control" face={<Face icon={EllipsisVertical} label="More" />}>
        {() => (
          <>
            {tight && (
              <>
                <Reactions meeting={meeting} />
                {sends && canShare && (
                  <Item icon={sharing ? MonitorX : MonitorUp} onSelect={share}>
                    {sharing ? 'Stop sharing' : 'Share screen'}
                  </Item>
                )}
                <Item icon={Users} onSelect={() => togglePanel('people')}>
                  People
                </Item>
                <Item icon={Settings2} onSelect={openSettings}>
                  Devices and help
                </Item>
              </>
            )}
            {layouts.map(([name, text]) => (
              <Item key={name} icon={LayoutGrid} checked={layout.value === name} onSelect={() => setLayout(name)}>
                {text}
              </Item>
            ))}
            <Item icon={Eye} checked={!selfHidden.value} onSelect={() => choose({ selfHidden: !selfHidden.peek() })}>
              Show your picture
            </Item>
          </>
        )}
      </Menu>
      <Control icon={PhoneOff} label="Leave" leave onClick={() => void meeting.leave()} />
    </footer>
  );
}

function Reactions({ meeting }: { meeting: Meeting }) {
  const { gestures } = meeting;
  return (
    <>
      <Item icon={Hand} checked={gestures.raised.value} onSelect={() => gestures.raise(!gestures.raised.peek())}>
        {gestures.raised.value ? 'Lower your hand' : 'Raise your hand'}
      </Item>
      <div class="menu-reactions">
        {reactions.map(([emoji, name]) => (
          <button
            key={emoji}
            type="button"
            role="menuitem"
            class="menu-reaction"
            aria-label={name}
            title={name}
            onClick={(event) => {
              hide(event.currentTarget);
              gestures.react(emoji);
            }}
          >
            {emoji}
          </button>
        ))}
      </div>
    </>
  );
}

interface ControlProps {
  readonly id?: string;
  readonly icon: IconNode;
  readonly label: string;
  /** The text below the button, if it differs from the label. */
  readonly short?: string;
  readonly hint?: string;
  readonly onClick: () => void;
  /** Whether the device is off, which is shown as a warning. */
  readonly off?: boolean;
  readonly active?: boolean;
  readonly busy?: boolean;
  readonly leave?: boolean;
  /** For a button that opens a panel: whether the panel is open. */
  readonly pressed?: boolean;
  readonly badge?: number;
  readonly children?: ComponentChildren;
}

function Control(props: ControlProps) {
  const { id, icon, label, short = label, hint, onClick, off, active, busy, leave, pressed, badge = 0, children } = props;
  return (
    <button
      id={id}
      type="button"
      class={`room-control ${off ? 'off' : ''} ${active ? 'active' : ''} ${leave ? 'leave' : ''}`}
      aria-label={badge > 0 ? `${label}, ${badge} unread` : label}
      aria-expanded={pressed}
      aria-busy={busy}
      title={hint === undefined ? label : `${label} (${hint})`}
      onClick={onClick}
    >
      <Face icon={icon} label={short} badge={badge}>
        {children}
      </Face>
    </button>
  );
}

function Face({ icon, label, badge = 0, children }: { icon: IconNode; label: string; badge?: number; children?: ComponentChildren }) {
  return (
    <>
      <span class="room-control-face">
        {children}
        <Icon node={icon} size={22} />
        {badge > 0 && <span class="badge" data-count={badge > 99 ? '99+' : badge} />}
      </span>
      <span class="room-control-label" aria-hidden="true">
        {label}
      </span>
    </>
  );
}
