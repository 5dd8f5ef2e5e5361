import type { Signal } from '@preact/signals';
import { Ban, Expand, MicOff, PictureInPicture2, Pin, PinOff, UserX, VideoOff, ZoomIn } from 'lucide';
import type { RefObject } from 'preact';
import type { Meeting } from '../model/meeting';
import { Item } from '../ui/Menu';
import { askToBan } from './ban';
import { endStream, muteStream, remove, whatOf } from './moderate';
import type { TileContent } from './tiles';
import { setVolume, volumes } from './view';

interface Props {
  readonly tile: TileContent;
  readonly title: string;
  readonly name: string;
  readonly meeting: Meeting;
  readonly face: RefObject<HTMLDivElement | null>;
  readonly zoom: Signal<number>;
  readonly pinned: boolean;
  readonly onPin: () => void;
}

/** Zoom factors of a shared screen, in the order in which the menu offers them. */
const zooms = [1, 1.5, 2, 3];

/** The menu of a tile, with a moderator's actions. */
export function TileMenu({ tile, title, name, meeting, face, zoom, pinned, onPin }: Props) {
  const { stream, connection } = tile;
  const watched = meeting.canWatch.value ? stream : undefined;
  const moderates = meeting.isModerator.value && !tile.self;
  const next = zooms[(zooms.indexOf(zoom.value) + 1) % zooms.length] ?? 1;
  return (
    <>
      <Item icon={pinned ? PinOff : Pin} label={`${pinned ? 'Unpin' : 'Pin'} ${title}`} onSelect={onPin}>
        {pinned ? 'No longer large' : 'Show large'}
      </Item>
      {document.fullscreenEnabled && watched !== undefined && (
        <Item icon={Expand} onSelect={() => void face.current?.requestFullscreen().catch(() => {})}>
          Full screen
        </Item>
      )}
      {tile.screen && watched !== undefined && (
        <Item icon={ZoomIn} onSelect={() => (zoom.value = next)}>
          {next === 1 ? 'Show the whole screen' : `Enlarge to ${next * 100} %`}
        </Item>
      )}
      {document.pictureInPictureEnabled && watched?.hasVideo === true && (
        <Item icon={PictureInPicture2} onSelect={() => void face.current?.querySelector('video')?.requestPictureInPicture().catch(() => {})}>
          Picture in picture
        </Item>
      )}
      {watched?.hasAudio === true && !meeting.isOwn(connection) && (
        <label class="menu-volume">
          <span>Volume of {name}, for you</span>
          <input
            type="range"
            min={0}
            max={100}
            value={(volumes.value.get(connection.id) ?? 1) * 100}
            onInput={(event) => setVolume(connection.id, event.currentTarget.valueAsNumber / 100)}
          />
        </label>
      )}
      {moderates && stream?.hasAudio === true && (
        <Item icon={MicOff} label={`Mute ${name}`} onSelect={() => muteStream(meeting, stream)}>
          Mute for everyone
        </Item>
      )}
      {moderates && stream !== undefined && (
        <Item icon={VideoOff} label={`End the ${whatOf(stream)} of ${name}`} danger onSelect={() => endStream(meeting, stream)}>
          End {whatOf(stream)} …
        </Item>
      )}
      {moderates && (
        <Item icon={UserX} label={`Remove ${name}`} danger onSelect={() => remove(meeting, connection)}>
          Remove from the session …
        </Item>
      )}
      {moderates && (
        <Item icon={Ban} label={`Ban ${name}`} danger onSelect={() => askToBan(meeting, connection)}>
          Ban from the session …
        </Item>
      )}
    </>
  );
}
