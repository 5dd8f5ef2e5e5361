import { useSignalEffect } from '@preact/signals';
import { Users, X } from 'lucide';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Chat } from '../chat/Chat';
import { camera, microphone, openChosen } from '../model/local';
import { watchDevices } from '../model/devices';
import { nameOf, type Meeting } from '../model/meeting';
import { chatOnly } from '../model/route';
import { markIcon, tellElsewhere } from '../model/attention';
import { clearNotices, notify } from '../model/notices';
import { CopyLink } from '../ui/CopyLink';
import { Icon, Mark } from '../ui/Icon';
import { Confirm } from '../ui/Confirm';
import { NoticeList } from '../ui/Notices';
import { Banner } from './Banner';
import { Controls } from './Controls';
import { People } from './People';
import { useShortcuts } from './shortcuts';
import { Stage } from './Stage';
import { Offer } from './Offer';
import { isSheet, panel, togglePanel } from './view';

/** The room: the stage, the chat beside it, and the controls below. */
export function Room({ meeting }: { meeting: Meeting }) {
  useShortcuts(meeting);
  useEffect(() => {
    // A page that was reloaded has passed the pre-join view by.
    void openChosen();
    panel.value = !chatOnly && isSheet.value && (microphone.value.on || camera.value.on) ? undefined : 'chat';
    return watchDevices();
  }, [meeting]);
  useEffect(
    () =>
      meeting.session.on('entry', (entry) => {
        if (meeting.own.peek().has(entry.connectionId)) return;
        const name = nameOf(entry.connection);
        if (panel.peek() !== 'chat') notify(`${name}: ${shorten(entry.body)}`, 'news', 'chat');
        if (!isLookedAt()) tellElsewhere(name, shorten(entry.body), 'chat');
      }),
    [meeting],
  );
  useEffect(
    () =>
      meeting.session.on('connectionCreated', (connection) => {
        if (!isLookedAt()) tellElsewhere(meeting.id, `${nameOf(connection)} joined`, 'people');
      }),
    [meeting],
  );
  useEffect(() => () => markIcon(false), []);
  useSignalEffect(() => {
    const count = meeting.unread.count.value;
    markIcon(count > 0);
    document.title = `${count > 0 ? `(${count}) ` : ''}${meeting.id} · ChatTok`;
  });
  const open = panel.value;
  useEffect(() => {
    if (open === 'chat') clearNotices('chat'); // they are read there
  }, [open]);
  return (
    <div class={`room ${open === undefined ? '' : 'with-panel'} ${chatOnly ? 'chat-view' : ''}`}>
      <header class="room-header">
        <Mark size={26} />
        <h1 class="room-title" title={meeting.id}>
          {meeting.id}
        </h1>
        <Count meeting={meeting} />
        <CopyLink session={meeting.id} />
      </header>
      <div class="room-messages">
        <Banner meeting={meeting} />
        <NoticeList />
        <Offer />
      </div>
      <main class="room-main">{!chatOnly && <Stage meeting={meeting} />}</main>
      <Controls meeting={meeting} />
      {open !== undefined && <SidePanel key={open} which={open} meeting={meeting} />}
      <Confirm />
    </div>
  );
}

/** The chat or the people, beside the stage or over it. As it closes, the focus goes back to what opens it. */
function SidePanel({ which, meeting }: { which: 'chat' | 'people'; meeting: Meeting }) {
  const title = useRef<HTMLHeadingElement>(null);
  const aside = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const element = aside.current;
    // A sheet covers what had the focus; the chat's own text field takes it where a keyboard is at hand.
    if (isSheet.peek() && element?.contains(document.activeElement) === false) title.current?.focus();
    return () => {
      if (element?.contains(document.activeElement)) document.getElementById(`open-${which}`)?.focus();
    };
  }, [which]);
  return (
    <aside ref={aside} class="panel" aria-label={which === 'chat' ? 'Chat' : 'People in the session'}>
      <header class="panel-header">
        <h2 ref={title} tabIndex={-1}>
          {which === 'chat' ? 'Chat' : 'People'}
        </h2>
        <button
          type="button"
          class="icon-button"
          aria-label={which === 'chat' ? 'Close chat' : 'Close people'}
          onClick={() => togglePanel(which)}
        >
          <Icon node={X} />
        </button>
      </header>
      {which === 'chat' ? <Chat meeting={meeting} /> : <People meeting={meeting} />}
    </aside>
  );
}

function Count({ meeting }: { meeting: Meeting }) {
  const count = meeting.pick('connectionCount').value;
  return (
    <p class="room-count" title={`${count} here`}>
      <Icon node={Users} size={16} />
      {count}
      <span class="visually-hidden"> here</span>
    </p>
  );
}

function isLookedAt(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus();
}

/** The beginning of a text, for a notice. */
function shorten(text: string): string {
  const characters = Array.from(text.slice(0, 1_000).replace(/\s+/gu, ' '));
  return characters.length > 90 ? `${characters.slice(0, 89).join('')}…` : characters.join('');
}
