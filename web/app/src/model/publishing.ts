// What the person sends: camera and microphone as one stream, and the screen as another.
import { computed, effect, signal, type ReadonlySignal } from '@preact/signals';
import type { Connection, Publication, Session, SessionState } from '@chattok/sdk';
import { inWords } from '../text/refusal';
import { openScreen, type MediaProblem } from './devices';
import { camera, close, microphone, mute, type LocalTrack } from './local';
import { notify } from './notices';

/** What of the meeting publishing goes by. */
export interface PublishingSource {
  readonly session: Session;
  readonly connection: ReadonlySignal<Connection | undefined>;
  readonly publications: ReadonlySignal<readonly Publication[]>;
  readonly state: ReadonlySignal<SessionState>;
}

/** Keeps the session's publications as the microphone, the camera and the share button say. */
export class Publishing {
  /** The screen that is shared. */
  readonly screen: ReadonlySignal<Publication | undefined>;
  /** Whether a screen is being chosen, or its sharing begins. */
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
        // What an outage kept from being told is told as soon as the session is live.
        const live = source.state.value.name === 'live';
        if (role !== undefined && role !== 'SUBSCRIBER' && live && (wanted || this.#camera !== undefined)) this.#sync();
      }),
      source.publications.subscribe(() => this.#watch()),
    ];
  }

  /** Whether this is the camera's publication, rather than a screen's. */
  isCamera(publication: Publication): boolean {
    return publication === this.#camera;
  }

  /** Shares a screen of the person's choice, or ends that. Nothing is shared twice, however often the button is pressed. */
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
    if (this.#ended) return stop(media); // left while choosing
    try {
      const publication = await this.#source.session.publish(media, { name: 'screen', videoType: 'SCREEN' });
      // The browser has a button of its own that ends the sharing.
      media.getVideoTracks()[0]?.addEventListener('ended', () => void this.#endScreen(publication));
    } catch (error) {
      stop(media);
      throw error;
    }
  }

  async #endScreen(publication: Publication): Promise<void> {
    stop(publication.media);
    await this.#source.session.unpublish(publication).catch(() => {}); // it has ended here in any case
  }

  /** Brings the publication to what is wanted, one change after the other; the last wish counts. */
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
        if (isNetwork(error)) return; // the banner says it, and it is done when the session is live again
        if (!this.#ended) notify(`You can’t be seen or heard: ${inWords(error)}`, 'fault');
      }
    }
  }

  async #publishCamera(audio: LocalTrack, video: LocalTrack): Promise<void> {
    const tracks = [audio.track, video.track].filter((track) => track !== undefined);
    if (this.#camera === undefined) {
      if (tracks.length === 0) return;
      this.#camera = await this.#source.session.publish(new MediaStream(tracks), { name: 'camera', videoType: 'CAMERA' });
      this.#again = true; // what changed meanwhile
    }
    // It may end at every pause below: it is then no longer this one's to change.
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

  /** Sees what ended: by a moderator, or since its devices have gone. */
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
    // It ended by itself, and the devices say why. What they have now is published anew.
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
