import { CircleAlert, Clock, Ellipsis } from 'lucide';
import { useMemo } from 'preact/hooks';
import type { ChatEntry } from '@chattok/sdk';
import type { Meeting } from '../model/meeting';
import { today } from '../model/today';
import { isEmoji, piecesOf } from '../text/markup';
import { hueOf, initials } from '../text/person';
import { inWords } from '../text/refusal';
import { clockTime, dayName, fullTime } from '../text/time';
import { Icon } from '../ui/Icon';
import { You } from '../ui/You';
import { Chips } from './Chips';
import { focused, movePress, opened, startPress, stopPress } from './focus';
import { Quote } from './Quote';
import type { Row } from './rows';

interface Props {
  readonly row: Row;
  readonly meeting: Meeting;
  /** Goes to the message that this one answers. */
  readonly onOriginal: (id: string) => void;
}

/** A log entry or an unsent message, with a day heading or a divider above it if needed. */
export function LogRow({ row, meeting, onOriginal }: Props) {
  return (
    <div class="row" data-row={row.key}>
      {row.day && (
        <p class="row-day">
          <span>{dayName(row.time, today.value)}</span>
        </p>
      )}
      {row.fresh && (
        <p class="row-fresh">
          <span>New messages</span>
        </p>
      )}
      <Message row={row} meeting={meeting} onOriginal={onOriginal} />
    </div>
  );
}

function Message({ row, meeting, onOriginal }: Props) {
  const { own, head, name, key, original } = row;
  const entry = row.kind === 'entry' ? row.entry : undefined;
  const gone = entry !== undefined && entry.deletedAt !== null;
  const failed = row.kind === 'pending' && row.item.state === 'failed';
  const focusable = focused.value === key;
  const edited = meeting.draft.editing.value === row.id;
  const open = (element: HTMLElement): void => {
    if (!gone) opened.value = { row, anchor: element.querySelector<HTMLElement>('.entry-menu') ?? element, kind: 'menu' };
  };
  const marks = [own && 'own', head && 'head', row.kind, failed && 'failed', gone && 'gone', edited && 'edited'];
  return (
    <div
      class={`entry ${marks.filter(Boolean).join(' ')}`}
      style={{ '--hue': String(hueOf(name)) }}
      role="article"
      aria-label={`${own ? 'You' : name}, ${clockTime(row.time)}`}
      aria-describedby={`body-${key}`}
      tabIndex={-1}
      onFocusIn={() => (focused.value = key)}
      {...opening(open)}
    >
      {head && !own && (
        <span class="avatar" aria-hidden="true">
          {initials(name)}
        </span>
      )}
      <div class="entry-content">
        {head && (
          <p class={own ? 'visually-hidden' : 'entry-name'}>
            {name}
            {own && <You />}
          </p>
        )}
        <div class="bubble">
          {row.answers && !gone && (
            <Quote original={original} focusable={focusable} onOpen={() => original && onOriginal(original.id)} />
          )}
          {gone ? (
            <span id={`body-${key}`} class="entry-body">
              {whoDeleted(entry, meeting)}
            </span>
          ) : (
            <Body id={`body-${key}`} text={row.body} />
          )}
          <Foot row={row} />
        </div>
        {!gone && (
          <button
            type="button"
            class="icon-button small entry-menu"
            tabIndex={focusable ? 0 : -1}
            aria-label="Message options"
            aria-haspopup="menu"
            title="Message options"
            onClick={(event) => (opened.value = { row, anchor: event.currentTarget, kind: 'menu' })}
          >
            <Icon node={Ellipsis} size={17} />
          </button>
        )}
        {entry !== undefined && entry.reactions.length > 0 && <Chips entry={entry} meeting={meeting} focusable={focusable} />}
        {failed && row.kind === 'pending' && <Failure row={row} meeting={meeting} />}
      </div>
    </div>
  );
}

type On<Kind extends Event> = Kind & { readonly currentTarget: HTMLElement };

/** The ways to open a message's menu beside its button: Enter, the menu key, a long press. */
function opening(open: (element: HTMLElement) => void) {
  return {
    onKeyDown: (event: On<KeyboardEvent>): void => {
      const menu = event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey);
      if (!menu && (event.key !== 'Enter' || event.target !== event.currentTarget)) return;
      event.preventDefault();
      open(event.currentTarget);
    },
    onPointerDown: (event: On<PointerEvent>): void => {
      const { currentTarget, target } = event;
      if (target instanceof Element && target.closest('a, button') === null) startPress(event, () => open(currentTarget));
    },
    onPointerMove: movePress,
    onPointerUp: stopPress,
    onPointerCancel: stopPress,
    onContextMenu: (event: On<MouseEvent>): void => {
      // A long press, or a key. The right button of a mouse opens the browser's own menu, as do links.
      if (event.button === 2 || (event.target instanceof Element && event.target.closest('a') !== null)) return;
      event.preventDefault();
      open(event.currentTarget);
    },
  };
}

/** Says who deleted an entry, as far as the page can know: it knows the users of those whom it saw. */
function whoDeleted({ connectionId, deletedBy, userId }: ChatEntry, meeting: Meeting): string {
  const person = meeting.personOf(deletedBy);
  if (deletedBy === connectionId || (userId !== null && person?.userId === userId)) return 'Deleted by its author';
  return person === undefined ? 'Deleted' : 'Deleted by a moderator';
}

/** The message text, with links for addresses and formatting for code. */
function Body({ id, text }: { id: string; text: string }) {
  const pieces = useMemo(() => piecesOf(text), [text]);
  return (
    <span id={id} class={`entry-body ${isEmoji(text) ? 'emoji' : ''}`} dir="auto">
      {pieces.map((piece, index) => {
        if (piece.code === 'block') return <pre key={index} tabIndex={0}>{piece.text}</pre>;
        if (piece.code === 'line') return <code key={index}>{piece.text}</code>;
        if (piece.href === undefined) return piece.text;
        return (
          <a dir="ltr" key={index} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        );
      })}
    </span>
  );
}

function Foot({ row }: { row: Row }) {
  if (row.kind === 'entry') {
    const { editedAt, deletedAt, pending } = row.entry;
    return (
      <span class="entry-time">
        {pending && <Icon node={Clock} size={13} />}
        {editedAt !== null && deletedAt === null && <span title={`Edited ${fullTime(new Date(editedAt))}`}>edited</span>}
        <time dateTime={row.time.toISOString()} title={fullTime(row.time)}>
          {clockTime(row.time)}
        </time>
      </span>
    );
  }
  const failed = row.item.state === 'failed';
  return (
    <span class="entry-time">
      <Icon node={failed ? CircleAlert : Clock} size={13} />
      {failed ? 'Not sent' : 'Sending …'}
    </span>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function Failure({ row, meeting }: { row: Row & { kind: 'pending' }; meeting: Meeting }) {
  const { key, error } = row.item;
  return (
    <p class="entry-failure" role="alert">
      <span>{sentence(inWords(error))}</span>
      <button type="button" class="link-button" onClick={() => meeting.session.retry(key)}>
        Try again
      </button>
      <button type="button" class="link-button" onClick={() => meeting.session.drop(key)}>
        Drop
      </button>
    </p>
  );
}
