// Publishes the user's media: camera and microphone as one stream, a shared screen as another.
import { computed, effect, signal, type ReadonlySignal } from '@preact/signals';
import type { Connection, Publication, Session, SessionState } from '@chattok/sdk';
import { inWords } from '../text/refusal';
import { openScreen, type MediaProblem } from './devices';
import { camera, close, microphone, mute, type LocalTrack } from './local';
import { notify } from './notices';

/** The parts of a meeting that publishing depends on. */
export interface PublishingSource {
  readonly session: Session;
  readonly connection: ReadonlySignal<Connection | undefined>;
  readonly publications: ReadonlySignal<readonly Publication[]>;
  readonly state: ReadonlySignal<SessionState>;
}

/** Keeps the publications in line with the state of microphone, camera and screen sharing. */
export class Publishing {
  /** The publication of the shared screen. */
  readonly screen: ReadonlySignal<Publication | undefined>;
  /** Whether the user is selecting a screen or the sharing is starting. */
  readonly choosing = signal(false);
  readonly #source: PublishingSource;
  readonly #ends: (() => void)[];
  #camera: Publication | undefined;
  #working: Promise<void> | undefined;
  #again = false;
  #ended = false;

  constructor(source: PublishingSource) {
    this.#source = source;
    this.screen = computed(() => source.publications.value.find(isScreen));
    this.#ends = [
      effect(() => {
        const role = source.connection.value?.role;
        const wanted = [microphone.value, camera.value].some(({ track, on }) => track !== undefined && on);
        // Runs again when the session becomes live, to apply changes made while offline.
        const live = source.state.value.name === 'live';
        if (role !== undefined && role !== 'SUBSCRIBER' && live && (wanted || this.#camera !== undefined)) this.#sync();
      }),
      source.publications.subscribe(() => this.#watch()),
    ];
  }

  /** Whether a publication is that of the camera, not of a screen. */
  isCamera(publication: Publication): boolean {
    return publication === this.#camera;
  }

  /** Starts or stops screen sharing. Repeated clicks do not share twice. */
  async toggleScreen(): Promise<void> {
    if (this.choosing.peek()) return;
    const shared = this.#source.publications.peek().filter(isScreen);
    if (shared.length > 0) {
      await Promise.all(shared.map((publication) => this.#endScreen(publication)));
      return;
    }
    this.choosing.value = true;
    try {
      await this.#publishScreen(await openScreen());
    } catch (error) {
      if (!this.#ended) notify(isProblem(error) ? error.text : `The screen can’t be shared: ${inWords(error)}`, 'fault');
    } finally {
      this.choosing.value = false;
    }
  }

  end(): void {
    this.#ended = true;
    for (const end of this.#ends) end();
    for (const publication of this.#source.publications.peek()) if (isScreen(publication)) stop(publication.media);
  }

  async #publishScreen(media: MediaStream): Promise<void> {
    if (this.#ended) return stop(media); // the room was left meanwhile
    try {
      const publication = await this.#source.session.publish(media, { name: 'screen', videoType: 'SCREEN' });
      // The browser offers a button to stop sharing, too.
      media.getVideoTracks()[0]?.addEventListener('ended', () => void this.#endScreen(publication));
    } catch (error) {
      stop(media);
      throw error;
    }
  }

  async #endScreen(publication: Publication): Promise<void> {
    stop(publication.media);
    await this.#source.session.unpublish(publication).catch(() => {}); // the local end takes effect regardless
  }

  /** Updates the camera's publication. Updates run one after another, and the last state wins. */
  #sync(): void {
    this.#again = true;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#ended) {
      this.#again = false;
      try {
        await this.#publishCamera(microphone.peek(), camera.peek());
      } catch (error) {
        if (isNetwork(error)) return; // the banner reports it; repeated when the session is live again
        if (!this.#ended) notify(`You can’t be seen or heard: ${inWords(error)}`, 'fault');
      }
    }
  }

  async #publishCamera(audio: LocalTrack, video: LocalTrack): Promise<void> {
    const tracks = [audio.track, video.track].filter((track) => track !== undefined);
    if (this.#camera === undefined) {
      if (tracks.length === 0) return;
      this.#camera = await this.#source.session.publish(new MediaStream(tracks), { name: 'camera', videoType: 'CAMERA' });
      this.#again = true; // apply changes made meanwhile
    }
    // A moderator may end the publication during any await below, so keep a reference.
    const publication = this.#camera;
    try {
      await replace(publication, 'audio', audio.track);
      await replace(publication, 'video', video.track);
      const { stream } = publication;
      if (stream.hasAudio !== (audio.on && audio.track !== undefined)) await publication.setAudio(audio.on);
      if (stream.hasVideo !== (video.on && video.track !== undefined)) await publication.setVideo(video.on);
    } catch (error) {
      if (publication.state !== 'ended') throw error;
    }
  }

  /** Detects publications that ended, by a moderator or because their devices are gone. */
  #watch(): void {
    if (this.#source.connection.peek() === undefined) return;
    for (const publication of this.#seen) {
      if (publication.state !== 'ended') continue;
      this.#seen.delete(publication);
      this.#gone(publication);
    }
    for (const publication of this.#source.publications.peek()) this.#seen.add(publication);
  }
  readonly #seen = new Set<Publication>();

  #gone(publication: Publication): void {
    if (publication === this.#camera) this.#camera = undefined;
    // The tracks ended by themselves, and the devices report the problem. Remaining tracks are published again.
    if (publication.reason === 'mediaStopped') return;
    const over = this.#ended || this.#source.session.store.get().state.name === 'ended';
    const forced = publication.reason === 'forceUnpublished' && !over;
    if (isScreen(publication)) {
      stop(publication.media);
      if (forced) notify('A moderator ended your screen share');
    } else {
      mute();
      close('video');
      if (forced) notify('A moderator ended your video');
    }
  }
}

function isScreen(publication: Publication): boolean {
  return publication.stream.videoType === 'SCREEN';
}

function isProblem(error: unknown): error is MediaProblem {
  return typeof error === 'object' && error !== null && 'text' in error;
}

function isNetwork(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && (error.code === 'NETWORK' || error.code === 'ENDED');
}

async function replace(publication: Publication, kind: 'audio' | 'video', track: MediaStreamTrack | undefined): Promise<void> {
  const list = kind === 'audio' ? publication.media.getAudioTracks() : publication.media.getVideoTracks();
  if (list[0] !== track) await publication.replaceTrack(kind, track ?? null);
}

function stop(media: MediaStream | undefined): void {
  for (const track of media?.getTracks() ?? []) track.stop();
}
