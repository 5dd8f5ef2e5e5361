import '../style/message-menu.css';
import { Ban, Copy, Pencil, Reply, SmilePlus, Trash2, Users } from 'lucide';
import type { Meeting } from '../model/meeting';
import { reactions } from '../model/gestures';
import { notify } from '../model/notices';
import { askToBan } from '../room/ban';
import { confirm } from '../ui/Confirm';
import { copyText } from '../ui/clipboard';
import { Icon } from '../ui/Icon';
import { Item, move } from '../ui/Menu';
import { Popup } from '../ui/Popup';
import { Picker } from './Picker';
import { opened } from './focus';
import { showReactors } from './Reactors';
import type { Row } from './rows';

/** Number of reactions in the menu: with the button for more, they fit a screen of 320 pixels. */
const quick = 5;

/** The menu, or the picker of emoji, of the message that `opened` names. */
export function MessageMenu({ meeting }: { meeting: Meeting }) {
  const now = opened.value;
  if (now === undefined) return null;
  const { anchor, kind } = now;
  const row = newest(now.row, meeting);
  if (row === undefined) return null; // it was deleted meanwhile
  const close = (): void => {
    if (opened.peek() === now) opened.value = undefined;
  };
  if (kind === 'emoji') return <Picker key={`${row.key} emoji`} anchor={anchor} onClose={close} onPick={(emoji) => react(meeting, row, emoji)} />;
  return (
    <Popup key={row.key} anchor={anchor} label="Message options" role="menu" class="message-menu" onKeyDown={move} onClose={close}>
      <Items meeting={meeting} row={row} anchor={anchor} close={close} />
    </Popup>
  );
}

/** Returns a row with its entry as it is now. */
function newest(row: Row, meeting: Meeting): Row | undefined {
  if (row.kind === 'pending') return row;
  const entry = meeting.entries.value.findLast(({ id }) => id === row.id) ?? row.entry;
  return entry.deletedAt === null ? { ...row, entry, body: entry.body } : undefined;
}

interface ItemsProps {
  readonly meeting: Meeting;
  readonly row: Row;
  readonly anchor: HTMLElement;
  readonly close: () => void;
}

function Items({ meeting, row, anchor, close }: ItemsProps) {
  const writes = meeting.canWrite.value;
  const stored = row.kind === 'entry';
  const owned = !stored || meeting.session.owns(row.entry);
  const moderates = meeting.isModerator.value && stored;
  const self = meeting.pick('connection').value;
  const another = stored && !owned && row.entry.connectionId !== self?.id;
  const then = (action: () => void) => (): void => {
    close();
    action();
  };
  return (
    <>
      {writes && stored && (
        <div class="menu-reactions">
          {reactions.slice(0, quick).map(([emoji, name]) => (
            <button
              key={emoji}
              type="button"
              role="menuitemcheckbox"
              class="menu-reaction"
              aria-label={name}
              aria-checked={row.entry.myReactions.includes(emoji)}
              title={name}
              onClick={then(() => react(meeting, row, emoji))}
            >
              {emoji}
            </button>
          ))}
          <button
            type="button"
            role="menuitem"
            class="menu-reaction"
            aria-label="More emoji"
            title="More emoji"
            onClick={() => (opened.value = { row, anchor, kind: 'emoji' })}
          >
            <Icon node={SmilePlus} size={19} />
          </button>
        </div>
      )}
      {writes && stored && (
        <Item icon={Reply} onSelect={then(() => meeting.draft.answer(row.id))}>
          Reply
        </Item>
      )}
      {writes && owned && (
        <Item icon={Pencil} onSelect={then(() => meeting.draft.change(row.id, row.body))}>
          Edit
        </Item>
      )}
      {stored && row.entry.reactions.length > 0 && (
        <Item icon={Users} onSelect={then(() => showReactors(meeting, row.id))}>
          Who reacted
        </Item>
      )}
      <Item icon={Copy} onSelect={then(() => void copyText(row.body).then((done) => done && notify('Text copied')))}>
        Copy text
      </Item>
      {(owned || moderates) && (
        <Item icon={Trash2} danger onSelect={then(() => remove(meeting, row))}>
          Delete …
        </Item>
      )}
      {moderates && another && (
        <Item icon={Ban} danger label={`Ban ${row.name}`} onSelect={then(() => askToBan(meeting, row.entry.connection))}>
          Ban from the session …
        </Item>
      )}
    </>
  );
}

function react(meeting: Meeting, row: Row, emoji: string): void {
  if (row.kind !== 'entry') return;
  meeting.session.react(row.id, emoji, !row.entry.myReactions.includes(emoji)).catch(() => {}); // a refusal is a notice
}

function remove(meeting: Meeting, row: Row): void {
  confirm({
    title: 'Delete this message?',
    text: row.own ? 'It is gone for everyone, and for good.' : `The message of ${row.name} is gone for everyone, and for good.`,
    yes: 'Delete',
    act: () => void meeting.session.remove(row.id).catch(() => {}), // a refusal is a notice
  });
}
