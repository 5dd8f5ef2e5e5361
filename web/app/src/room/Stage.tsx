import { Users } from 'lucide';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useComputed, useSignal } from '@preact/signals';
import { invitationTo } from '../model/invitation';
import type { Meeting } from '../model/meeting';
import { CopyLink } from '../ui/CopyLink';
import { Icon } from '../ui/Icon';
import { SelfView } from './SelfView';
import { largeTiles, layOut, selfSize, tilesOf, type TileContent } from './tiles';
import { Tile } from './Tile';
import { layout, selfHidden } from './view';

/** The tiles of all people and screens. */
export function Stage({ meeting }: { meeting: Meeting }) {
  const area = useRef<HTMLDivElement>(null);
  const [{ width, height }, setSize] = useState({ width: 0, height: 0 });
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
  const alone = tiles.every((tile) => tile.self);
  const arrange = (some: readonly TileContent[]) => {
    const large = largeTiles(some, pinned.value, meeting.speakers.main.value, layout.value);
    return { some, large, boxes: width > 0 ? layOut(some, large, width, height) : [] };
  };
  // The user's own picture is small and on top of the others, unless it is pinned or the other tiles are small as well.
  const own = tiles.find((tile) => tile.self && !tile.screen);
  const apart = own !== undefined && !alone && pinned.value !== own.key;
  let shown = arrange(apart ? tiles.filter((tile) => tile !== own) : tiles);
  const size = apart ? selfSize(shown.boxes, width, height) : undefined;
  if (apart && size === undefined && width > 0 && !selfHidden.value) shown = arrange(tiles);
  const pin = (key: string) => (): void => {
    pinned.value = pinned.value === key ? undefined : key;
  };
  return (
    <section class="stage" aria-label="People">
      <div ref={area} class="stage-area">
        {shown.some.map((tile, index) => (
          <Tile
            key={tile.key}
            tile={tile}
            box={shown.boxes[index]}
            meeting={meeting}
            large={shown.large.has(tile.key)}
            pinned={pinned.value === tile.key}
            onPin={pin(tile.key)}
          />
        ))}
        {apart && size !== undefined && !selfHidden.value && (
          <SelfView key="self" tile={own} meeting={meeting} size={size} onPin={pin(own.key)} />
        )}
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
      {!meeting.canWatch.value && <p class="stage-more">You don’t see or hear the others here.</p>}
      {hidden > 0 && (
        <p class="stage-more">
          <Icon node={Users} size={16} /> {hidden} more
        </p>
      )}
    </section>
  );
}
