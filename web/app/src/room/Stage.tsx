import { Users } from 'lucide';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useComputed, useSignal } from '@preact/signals';
import { invitationTo } from '../model/invitation';
import type { Meeting } from '../model/meeting';
import { CopyLink } from '../ui/CopyLink';
import { Icon } from '../ui/Icon';
import { largeTiles, layOut, tilesOf } from './tiles';
import { Tile } from './Tile';

/** The people, and what they show. */
export function Stage({ meeting }: { meeting: Meeting }) {
  const area = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const pinned = useSignal<string | undefined>(undefined);
  useLayoutEffect(() => {
    const element = area.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const content = useComputed(() =>
    tilesOf({
      self: meeting.pick('connection').value,
      connections: meeting.connections.value,
      streams: meeting.pick('streams').value,
      publications: meeting.pick('publications').value,
    }),
  );
  const { tiles, hidden } = content.value;
  const large = largeTiles(tiles, pinned.value, meeting.speakers.main.value);
  const boxes = size.width > 0 ? layOut(tiles, large, size.width, size.height) : [];
  const alone = tiles.every((tile) => tile.self);
  return (
    <section class="stage" aria-label="People">
      <div ref={area} class="stage-area">
        {tiles.map((tile, index) => (
          <Tile
            key={tile.key}
            tile={tile}
            box={boxes[index]}
            meeting={meeting}
            large={large.has(tile.key)}
            pinned={pinned.value === tile.key}
            onPin={() => {
              pinned.value = pinned.value === tile.key ? undefined : tile.key;
            }}
          />
        ))}
      </div>
      {alone && (
        <div class="alone">
          <p>
            <b>You’re the only one here.</b>{' '}
            {invitationTo(meeting.id) === undefined
              ? 'Send the link to whoever should come.'
              : 'Others come by an invitation, which the link does not contain.'}
          </p>
          <CopyLink session={meeting.id} primary />
        </div>
      )}
      {hidden > 0 && (
        <p class="stage-more">
          <Icon node={Users} size={16} /> {hidden} more
        </p>
      )}
    </section>
  );
}
