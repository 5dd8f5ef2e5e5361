import { Loader, MicOff, MonitorUp, Pin, PinOff, Play, TriangleAlert, WifiOff } from 'lucide';
import type { Box } from 'opentok-layout-js';
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Subscription } from '@chattok/sdk';
import { camera, microphone } from '../model/local';
import { nameOf, type Meeting } from '../model/meeting';
import { choices } from '../model/storage';
import { hueOf, initials } from '../text/person';
import { Icon } from '../ui/Icon';
import { useTrack } from '../ui/track';
import { Moderation } from './Moderation';
import { useQuality, useSubscription } from './subscription';
import type { TileContent } from './tiles';

interface TileProps {
  readonly tile: TileContent;
  /** Where it lies; undefined until the stage was measured. */
  readonly box: Box | undefined;
  readonly meeting: Meeting;
  readonly large: boolean;
  readonly pinned: boolean;
  readonly onPin: () => void;
}

/** One person, or one screen: the picture or else an avatar, the name, and how it is with sound and network. */
export function Tile({ tile, box, meeting, large, pinned, onPin }: TileProps) {
  const name = nameOf(tile.connection);
  const title = tile.screen ? (tile.self ? 'Your screen' : `${name}’s screen`) : tile.self ? `${name} (you)` : name;
  const speaking = tile.stream !== undefined && meeting.speakers.speaking.value.has(tile.stream.id);
  const style = box && { left: px(box.left), top: px(box.top), width: px(box.width), height: px(box.height) };
  return (
    <figure
      class={`tile ${large ? 'large' : ''} ${speaking ? 'speaking' : ''} ${tile.screen ? 'screen' : ''}`}
      style={style ?? { visibility: 'hidden' }}
      aria-label={title}
    >
      <div class="tile-face">
        {tile.stream !== undefined ? (
          <RemoteFace tile={tile} meeting={meeting} name={name} title={title} />
        ) : (
          <OwnFace tile={tile} name={name} title={title} />
        )}
        <div class="tile-tools">
          <button
            type="button"
            class="tile-button"
            aria-label={pinned ? `Unpin ${title}` : `Pin ${title}`}
            aria-pressed={pinned}
            title={pinned ? 'Unpin' : 'Pin'}
            onClick={onPin}
          >
            <Icon node={pinned ? PinOff : Pin} size={17} />
          </button>
          {!tile.self && <Moderation meeting={meeting} connection={tile.connection} stream={tile.stream} onTile />}
        </div>
      </div>
    </figure>
  );
}

interface FaceProps {
  readonly tile: TileContent;
  readonly name: string;
  readonly title: string;
}

/** One's own picture, or an avatar; also a person who sends nothing. */
function OwnFace({ tile, name, title }: FaceProps) {
  const video = useRef<HTMLVideoElement>(null);
  const own = tile.self && !tile.screen;
  const media = tile.publication?.media;
  const track = tile.screen ? media?.getVideoTracks()[0] : own ? camera.value.track : undefined;
  useTrack(video, track);
  return (
    <>
      <video
        ref={video}
        class={own ? 'mirrored' : ''}
        autoplay
        muted
        playsinline
        hidden={track === undefined}
        aria-label={`Video of ${title}`}
      />
      {track === undefined && <Avatar name={name} />}
      <Caption title={title} muted={own ? !microphone.value.on : !tile.screen} screen={tile.screen} />
    </>
  );
}

function RemoteFace({ tile, meeting, name, title }: FaceProps & { meeting: Meeting }) {
  const video = useRef<HTMLVideoElement>(null);
  const subscription = useSubscription(meeting, tile.stream, video);
  const quality = useQuality(subscription);
  const speaker = choices.value.speaker;
  useEffect(() => {
    // The loudspeaker may have gone; the browser's own choice is then as good as any.
    if (speaker !== '' && video.current?.setSinkId) void video.current.setSinkId(speaker).catch(() => {});
  }, [speaker]);
  const state = subscription?.state ?? 'connecting';
  const framed = useFirstFrame(video, subscription);
  const shows = tile.stream?.hasVideo === true && state !== 'connecting' && framed;
  // What comes from another tab of this browser would be heard as one's own echo.
  const echo = meeting.isOwn(tile.connection);
  return (
    <>
      <video ref={video} autoplay playsinline muted={echo} class={shows ? '' : 'unseen'} aria-label={`Video of ${title}`} />
      {!shows && <Avatar name={name} />}
      {state !== 'live' && (
        <p class="tile-state">
          <Icon node={state === 'connecting' ? Loader : WifiOff} size={18} />
          {state === 'connecting' ? 'Connecting …' : 'Connection interrupted'}
        </p>
      )}
      {subscription?.blocked !== undefined && <PlayButton subscription={subscription} name={name} />}
      <Caption
        title={title}
        muted={tile.stream?.hasAudio === false && !tile.screen}
        screen={tile.screen}
        weak={state === 'live' ? quality : undefined}
      />
    </>
  );
}

/** Whether a subscription has brought a picture: until its first frame an element is black. */
function useFirstFrame(video: RefObject<HTMLVideoElement | null>, subscription: Subscription | undefined): boolean {
  const [framed, setFramed] = useState(false);
  useEffect(() => {
    const { current } = video;
    if (current === null || subscription === undefined) return undefined;
    const look = (): void => setFramed(current.videoWidth > 0 && current.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA);
    const ending = new AbortController();
    for (const name of ['loadeddata', 'resize', 'playing', 'emptied']) current.addEventListener(name, look, ending);
    look();
    return () => ending.abort();
  }, [subscription]);
  return framed;
}

function PlayButton({ subscription, name }: { subscription: Subscription; name: string }) {
  const [failed, setFailed] = useState(false);
  return (
    <button
      type="button"
      class="button tile-play"
      onClick={() => {
        subscription.play().catch(() => setFailed(true));
      }}
    >
      <Icon node={Play} size={18} />
      {failed ? 'Still blocked by the browser' : `Play ${name}`}
    </button>
  );
}

interface CaptionProps {
  readonly title: string;
  readonly muted: boolean;
  readonly screen: boolean;
  /** What is wrong with the network between the two; undefined where nothing is. */
  readonly weak?: string | undefined;
}

function Caption({ title, muted, screen, weak }: CaptionProps) {
  return (
    <figcaption class="caption">
      {screen && <Icon node={MonitorUp} size={15} />}
      <span class="caption-name">{title}</span>
      {muted && (
        <span class="caption-mark" role="img" aria-label="muted" title="Muted">
          <Icon node={MicOff} size={15} />
        </span>
      )}
      {weak !== undefined && (
        <span class="caption-mark weak" role="img" aria-label={`weak connection: ${weak}`} title={`Weak connection: ${weak}`}>
          <Icon node={TriangleAlert} size={15} />
        </span>
      )}
    </figcaption>
  );
}

function Avatar({ name }: { name: string }) {
  return (
    <div class="tile-avatar">
      <span class="avatar" style={{ '--hue': String(hueOf(name)) }} aria-hidden="true">
        {initials(name)}
      </span>
    </div>
  );
}

function px(value: number): string {
  return `${Math.round(value)}px`;
}
