import { EllipsisVertical, Hand, Loader, MicOff, MonitorUp, Play, TriangleAlert, WifiOff } from 'lucide';
import type { RefObject } from 'preact';
import { useSignal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Subscription } from '@chattok/sdk';
import { camera, microphone } from '../model/local';
import { nameOf, type Meeting } from '../model/meeting';
import { choices } from '../model/storage';
import { hueOf, initials } from '../text/person';
import { Icon } from '../ui/Icon';
import { Menu } from '../ui/Menu';
import { lazily } from '../ui/lazy';
import { useTrack } from '../ui/track';
import type { Box } from './arrange';
import { useQuality, useSubscription } from './subscription';
import type { TileContent } from './tiles';
import { volumes } from './view';

const TileMenu = lazily(() => import('./TileMenu').then((part) => part.TileMenu));

interface TileProps {
  readonly tile: TileContent;
  /** Position; undefined until the stage is measured. */
  readonly box: Box | undefined;
  readonly meeting: Meeting;
  readonly large: boolean;
  readonly pinned: boolean;
  readonly onPin: () => void;
}

/** A tile for a person or a screen: picture or avatar, name, and marks for mute and network quality. */
export function Tile({ tile, box, meeting, large, pinned, onPin }: TileProps) {
  const name = nameOf(tile.connection);
  const title = titleOf(tile, name);
  const face = useRef<HTMLDivElement>(null);
  const zoom = useSignal(1);
  const speaking = tile.stream !== undefined && meeting.speakers.speaking.value.has(tile.stream.id);
  const style = box && { left: px(box.left), top: px(box.top), width: px(box.width), height: px(box.height) };
  const marks = [large && 'large', speaking && 'speaking', tile.screen && 'screen', zoom.value > 1 && 'zoomed'];
  return (
    <figure class={`tile ${marks.filter(Boolean).join(' ')}`} style={style ?? { visibility: 'hidden' }} aria-label={title}>
      <div ref={face} class="tile-face" style={{ '--zoom': String(zoom.value) }}>
        {tile.stream !== undefined && meeting.canWatch.value ? (
          <RemoteFace tile={tile} meeting={meeting} name={name} large={large} zoomed={zoom.value > 1} face={face} />
        ) : (
          <OwnFace tile={tile} name={name} />
        )}
        {!tile.screen && <Gestures meeting={meeting} connection={tile.connection.id} />}
        <div class="tile-tools">
          <Menu label={`Options for ${title}`} icon={EllipsisVertical} class="tile-button">
            {() => (
              <TileMenu tile={tile} title={title} name={name} meeting={meeting} face={face} zoom={zoom} pinned={pinned} onPin={onPin} />
            )}
          </Menu>
        </div>
      </div>
    </figure>
  );
}

function titleOf(tile: TileContent, name: string): string {
  if (tile.screen) return tile.self ? 'Your screen' : `${name}’s screen`;
  return tile.self ? `${name} (you)` : name;
}

interface FaceProps {
  readonly tile: TileContent;
  readonly name: string;
}

/** The user's own picture, or the avatar of a person who sends no video, or whose video the user may not watch. */
export function OwnFace({ tile, name }: FaceProps) {
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
        aria-label={`Video of ${titleOf(tile, name)}`}
      />
      {track === undefined && <Avatar name={name} />}
      <Caption tile={tile} name={name} muted={own ? !microphone.value.on : !tile.screen && tile.stream?.hasAudio !== true} />
    </>
  );
}

interface RemoteFaceProps extends FaceProps {
  readonly meeting: Meeting;
  readonly large: boolean;
  readonly zoomed: boolean;
  readonly face: RefObject<HTMLElement | null>;
}

function RemoteFace({ tile, meeting, name, large, zoomed, face }: RemoteFaceProps) {
  const video = useRef<HTMLVideoElement>(null);
  const subscription = useSubscription(meeting, tile.stream, video);
  const whole = useFullscreen(face);
  const sharp = (large || whole) && !tile.screen; // a screen is always sent sharp
  useEffect(() => subscription?.setLarge(sharp), [subscription, sharp]);
  useEffect(() => endPictureInPicture(video.current), []);
  const quality = useQuality(subscription);
  const speaker = choices.value.speaker;
  const volume = volumes.value.get(tile.connection.id) ?? 1;
  useEffect(() => {
    // If the loudspeaker is gone, the browser uses its default.
    if (speaker !== '' && video.current?.setSinkId) void video.current.setSinkId(speaker).catch(() => {});
  }, [speaker]);
  useEffect(() => {
    if (video.current !== null) video.current.volume = volume;
  }, [volume]);
  const state = subscription?.state ?? 'connecting';
  const framed = useFirstFrame(video, subscription);
  const shows = tile.stream?.hasVideo === true && state !== 'connecting' && framed;
  // Another tab of this browser: its sound would be an echo.
  const echo = meeting.isOwn(tile.connection);
  const title = titleOf(tile, name);
  return (
    <>
      <div class="tile-picture" tabIndex={zoomed ? 0 : undefined} role={zoomed ? 'group' : undefined} aria-label={zoomed ? `${title}, enlarged` : undefined}>
        <video ref={video} autoplay playsinline muted={echo} class={shows ? '' : 'unseen'} aria-label={`Video of ${title}`} />
      </div>
      {!shows && !tile.screen && <Avatar name={name} />}
      {state !== 'live' && (
        <p class="tile-state">
          <Icon node={state === 'connecting' ? Loader : WifiOff} size={18} />
          <span>{state === 'connecting' ? 'Connecting …' : 'Connection interrupted'}</span>
        </p>
      )}
      {subscription?.blocked !== undefined && <PlayButton subscription={subscription} name={name} />}
      <Caption
        tile={tile}
        name={name}
        muted={tile.stream?.hasAudio === false && !tile.screen}
        weak={state === 'live' ? quality : undefined}
      />
    </>
  );
}

/** Whether an element fills the screen. */
function useFullscreen(element: RefObject<HTMLElement | null>): boolean {
  const [whole, setWhole] = useState(false);
  useEffect(() => {
    const look = (): void => setWhole(document.fullscreenElement !== null && document.fullscreenElement === element.current);
    document.addEventListener('fullscreenchange', look);
    return () => document.removeEventListener('fullscreenchange', look);
  }, []);
  return whole;
}

/** Returns a function that closes the window in which a video plays, if it has one. Not every browser does so by itself. */
function endPictureInPicture(video: HTMLVideoElement | null): () => void {
  return () => {
    if (video !== null && document.pictureInPictureElement === video) void document.exitPictureInPicture().catch(() => {});
  };
}

/** Whether the first video frame has arrived; until then the element is black. */
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

/** A raised hand and the current reactions of one person. */
export function Gestures({ meeting, connection }: { meeting: Meeting; connection: string }) {
  const { hands, shown } = meeting.gestures;
  return (
    <div class="gestures">
      {hands.value.includes(connection) && (
        <span class="hand" role="img" aria-label="hand raised" title="Hand raised">
          <Icon node={Hand} size={18} />
        </span>
      )}
      {shown.value
        .filter((reaction) => reaction.connectionId === connection)
        .map(({ id, emoji }) => (
          <span key={id} class="reaction">
            {emoji}
          </span>
        ))}
    </div>
  );
}

interface CaptionProps extends FaceProps {
  readonly muted: boolean;
  /** Description of a network problem between the two browsers, if there is one. */
  readonly weak?: string | undefined;
}

function Caption({ tile, name, muted, weak }: CaptionProps) {
  return (
    <figcaption class="caption">
      {tile.screen && <Icon node={MonitorUp} size={15} />}
      <span class="caption-name" title={titleOf(tile, name)}>
        {titleOf(tile, name)}
      </span>
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
