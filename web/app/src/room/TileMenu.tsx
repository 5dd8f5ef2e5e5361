import type { Signal } from '@preact/signals';
import { Expand, MicOff, PictureInPicture2, Pin, PinOff, UserX, VideoOff, ZoomIn } from 'lucide';
import type { RefObject } from 'preact';
import type { Meeting } from '../model/meeting';
import { Item } from '../ui/Menu';
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

/** How much larger a screen is shown with each press, and then as it was. */
const zooms = [1, 1.5, 2, 3];

/** What one may do about a tile, and a moderator about the person in it. */
export function TileMenu({ tile, title, name, meeting, face, zoom, pinned, onPin }: Props) {
  const { stream, connection } = tile;
  const moderates = meeting.isModerator.value && !tile.self;
  const next = zooms[(zooms.indexOf(zoom.value) + 1) % zooms.length] ?? 1;
  return (
    <>
      <Item icon={pinned ? PinOff : Pin} label={`${pinned ? 'Unpin' : 'Pin'} ${title}`} onSelect={onPin}>
        {pinned ? 'No longer large' : 'Show large'}
      </Item>
      {document.fullscreenEnabled && stream !== undefined && (
        <Item icon={Expand} onSelect={() => void face.current?.requestFullscreen().catch(() => {})}>
          Full screen
        </Item>
      )}
      {tile.screen && stream !== undefined && (
        <Item icon={ZoomIn} onSelect={() => (zoom.value = next)}>
          {next === 1 ? 'Show the whole screen' : `Enlarge to ${next * 100} %`}
        </Item>
      )}
      {document.pictureInPictureEnabled && stream?.hasVideo === true && (
        <Item icon={PictureInPicture2} onSelect={() => void face.current?.querySelector('video')?.requestPictureInPicture().catch(() => {})}>
          Picture in picture
        </Item>
      )}
      {stream?.hasAudio === true && !meeting.isOwn(connection) && (
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
    </>
  );
}
