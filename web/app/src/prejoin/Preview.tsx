import { Mic, MicOff, Video, VideoOff } from 'lucide';
import { useRef } from 'preact/hooks';
import { insecure } from '../model/devices';
import { camera, microphone, sends, toggle } from '../model/local';
import { choices } from '../model/storage';
import { hueOf, initials } from '../text/person';
import { Icon } from '../ui/Icon';
import { Meter } from '../ui/Meter';
import { useTrack } from '../ui/track';

/** The user's own picture, mirrored, with buttons for microphone and camera. */
export function Preview() {
  const { track, opening } = camera.value;
  const video = useRef<HTMLVideoElement>(null);
  useTrack(video, track);
  const { name } = choices.value;
  return (
    <div class="preview">
      <video ref={video} class="mirrored" autoplay muted playsinline hidden={track === undefined} aria-label="Your camera" />
      {track === undefined && (
        <div class="preview-empty">
          <span class="avatar" style={{ '--hue': String(hueOf(name)) }}>
            {name === '' ? <Icon node={VideoOff} size={32} /> : initials(name)}
          </span>
          <p>{opening ? 'Starting the camera …' : 'Your camera is off'}</p>
        </div>
      )}
      {!insecure && sends.value && (
        <div class="preview-controls">
          <Meter />
          <Switch kind="audio" />
          <Switch kind="video" />
        </div>
      )}
    </div>
  );
}

function Switch({ kind }: { kind: 'audio' | 'video' }) {
  const { on, opening } = (kind === 'audio' ? microphone : camera).value;
  const device = kind === 'audio' ? 'microphone' : 'camera';
  const icons = kind === 'audio' ? [Mic, MicOff] : [Video, VideoOff];
  return (
    <button
      type="button"
      class={`control ${on ? '' : 'off'}`}
      aria-label={on ? `Turn ${device} off` : `Turn ${device} on`}
      title={on ? `Turn ${device} off` : `Turn ${device} on`}
      aria-busy={opening}
      onClick={() => void toggle(kind)}
    >
      <Icon node={(on ? icons[0] : icons[1]) ?? Mic} size={22} />
    </button>
  );
}
