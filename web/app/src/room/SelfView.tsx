import { CornerUpLeft, EllipsisVertical, EyeOff, Pin } from 'lucide';
import { useRef, useState } from 'preact/hooks';
import { nameOf, type Meeting } from '../model/meeting';
import { choices, choose, type Corner } from '../model/storage';
import { Item, Menu } from '../ui/Menu';
import { Gestures, OwnFace } from './Tile';
import type { TileContent } from './tiles';

interface Props {
  readonly tile: TileContent;
  readonly meeting: Meeting;
  readonly size: { readonly width: number; readonly height: number };
  readonly onPin: () => void;
}

const order: readonly Corner[] = ['bottom-right', 'bottom-left', 'top-left', 'top-right'];

/** The user's own picture, small and on top of the stage. It can be dragged to any corner, or hidden. */
export function SelfView({ tile, meeting, size, onPin }: Props) {
  const element = useRef<HTMLElement>(null);
  const [drag, setDrag] = useState<{ x: number; y: number }>();
  const start = useRef<{ x: number; y: number }>(undefined);
  const name = nameOf(tile.connection);
  const { selfCorner } = choices.value;
  const drop = (): void => {
    const box = element.current?.getBoundingClientRect();
    const around = element.current?.parentElement?.getBoundingClientRect();
    start.current = undefined;
    setDrag(undefined);
    if (box === undefined || around === undefined) return;
    const top = box.top + box.height / 2 < around.top + around.height / 2;
    const left = box.left + box.width / 2 < around.left + around.width / 2;
    choose({ selfCorner: `${top ? 'top' : 'bottom'}-${left ? 'left' : 'right'}` });
  };
  return (
    <figure
      ref={element}
      class={`tile self-view ${selfCorner} ${drag === undefined ? '' : 'dragged'}`}
      style={{
        width: `${size.width}px`,
        height: `${size.height}px`,
        ...(drag !== undefined && { transform: `translate(${drag.x}px, ${drag.y}px)` }),
      }}
      aria-label={`${name} (you)`}
      onPointerDown={(event) => {
        if (event.target instanceof Element && event.target.closest('button, [popover]') !== null) return;
        start.current = { x: event.clientX, y: event.clientY };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        const from = start.current;
        if (from !== undefined) setDrag({ x: event.clientX - from.x, y: event.clientY - from.y });
      }}
      onPointerUp={() => start.current !== undefined && drop()}
      onPointerCancel={drop}
    >
      <div class="tile-face">
        <OwnFace tile={tile} name={name} />
        <Gestures meeting={meeting} connection={tile.connection.id} />
        <div class="tile-tools">
          <Menu label="Your picture" icon={EllipsisVertical} class="tile-button">
            {() => (
              <>
                <Item
                  icon={CornerUpLeft}
                  onSelect={() => choose({ selfCorner: order[(order.indexOf(selfCorner) + 1) % order.length] ?? 'bottom-right' })}
                >
                  Move to the next corner
                </Item>
                <Item icon={EyeOff} onSelect={() => choose({ selfHidden: true })}>
                  Hide your picture
                </Item>
                <Item icon={Pin} label={`Pin ${name} (you)`} onSelect={onPin}>
                  Show it large
                </Item>
              </>
            )}
          </Menu>
        </div>
      </div>
    </figure>
  );
}
