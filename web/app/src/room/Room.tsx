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
import { dialog } from '../ui/dialogs';
import { lazily } from '../ui/lazy';
import { NoticeList } from '../ui/Notices';
import { Banner } from './Banner';
import { Controls } from './Controls';
import { useShortcuts } from './shortcuts';
import { Stage } from './Stage';
import { Offer } from './Offer';
import { isSheet, panel, togglePanel } from './view';

const People = lazily(() => import('./People').then((part) => part.People));

/** The room: stage, side panel and controls. */
export function Room({ meeting }: { meeting: Meeting }) {
  useShortcuts(meeting);
  useEffect(() => {
    // After a reload the pre-join page was skipped.
    void openChosen();
    panel.value = !chatOnly && isSheet.value && (microphone.value.on || camera.value.on) ? undefined : 'chat';
    return watchDevices();
  }, [meeting]);
  useEffect(
    () =>
      meeting.session.on('entry', (entry) => {
        if (meeting.isMine(entry)) return;
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
  // A notice shows the beginning of a message, which is gone once that is deleted.
  useEffect(() => meeting.session.on('entryChanged', ({ change }) => change === 'DELETED' && clearNotices('chat')), [meeting]);
  useEffect(() => () => markIcon(false), []);
  useSignalEffect(() => {
    const count = meeting.unread.count.value;
    markIcon(count > 0);
    document.title = `${count > 0 ? `(${count}) ` : ''}${meeting.id} · ChatTok`;
  });
  const open = panel.value;
  useEffect(() => {
    if (open === 'chat') clearNotices('chat'); // the chat shows them
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
      {dialog.value}
    </div>
  );
}

/** The side panel with the chat or the people. When it closes, the focus returns to the button that opens it. */
function SidePanel({ which, meeting }: { which: 'chat' | 'people'; meeting: Meeting }) {
  const title = useRef<HTMLHeadingElement>(null);
  const aside = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const element = aside.current;
    // As a sheet, the panel covers the focused element, so its title takes the focus, unless the chat's text field already
    // did.
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

/** Shortens a text for a notice. */
function shorten(text: string): string {
  const characters = Array.from(text.slice(0, 1_000).replace(/\s+/gu, ' '));
  return characters.length > 90 ? `${characters.slice(0, 89).join('')}…` : characters.join('');
}
