import { useEffect, useState } from 'preact/hooks';
import type { ChatEntry } from '@chattok/sdk';
import { nameOf, type Meeting } from '../model/meeting';

/** Number of names that a reaction's description lists. */
const named = 12;

interface Props {
  readonly entry: ChatEntry;
  readonly meeting: Meeting;
  readonly focusable: boolean;
}

/** The reactions to a message, each as a button that adds or removes the user's own. */
export function Chips({ entry, meeting, focusable }: Props) {
  const [who, setWho] = useState<ReadonlyMap<string, string>>(new Map());
  const { reactions, myReactions, id, version } = entry;
  useEffect(() => setWho(new Map()), [version]);
  const look = (): void => {
    if (who.size > 0) return;
    const write = async (): Promise<void> => {
      const list = await meeting.session.reactors(id);
      setWho(new Map(list.map(({ name, count, users }) => [name, people(users.map(nameOf), count)])));
    };
    write().catch(() => {}); // the count stands without names
  };
  return (
    <div class="chips" role="group" aria-label="Reactions" aria-live="off">
      {reactions.map(({ name, count }) => {
        const mine = myReactions.includes(name);
        return (
          <button
            key={name}
            type="button"
            class="chip"
            tabIndex={focusable ? 0 : -1}
            aria-pressed={mine}
            aria-label={`${name} ${count}`}
            title={who.get(name)}
            disabled={!meeting.canWrite.value}
            onPointerEnter={look}
            onFocus={look}
            onClick={() => void meeting.session.react(id, name, !mine).catch(() => {})}
          >
            <span>
              <i>{name}</i> {count}
            </span>
          </button>
        );
      })}
    </div>
  );
}

function people(names: readonly string[], count: number): string {
  const shown = names.slice(0, named);
  const more = count - shown.length;
  if (more > 0) return `${shown.join(', ')} and ${more} more`;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
