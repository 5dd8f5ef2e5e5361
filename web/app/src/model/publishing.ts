// What the person sends: camera and microphone as one stream, and the screen as another.
import { effect, signal, type ReadonlySignal } from '@preact/signals';
import type { Connection, Publication, Session } from '@chattok/sdk';
import { openScreen, problemOf } from './devices';
import { camera, close, microphone, mute, type LocalTrack } from './local';
import { notify } from './notices';

/** Keeps the session's publications as the microphone, the camera and the share button say. */
export class Publishing {
  /** The screen that is shared. */
  readonly screen = signal<Publication | undefined>(undefined);
  readonly #session: Session;
  readonly #connection: ReadonlySignal<Connection | undefined>;
  readonly #ends: (() => void)[];
  #camera: Publication | undefined;
  #working: Promise<void> | undefined;
  #again = false;
  #ended = false;

  constructor(
    session: Session,
    connection: ReadonlySignal<Connection | undefined>,
    publications: ReadonlySignal<readonly Publication[]>,
  ) {
    this.#session = session;
    this.#connection = connection;
    this.#ends = [
      effect(() => {
        const role = connection.value?.role;
        const wanted = [microphone.value, camera.value].some(({ track, on }) => track !== undefined && on);
        if (role !== undefined && role !== 'SUBSCRIBER' && (wanted || this.#camera !== undefined)) this.#sync();
      }),
      publications.subscribe((list) => this.#watch(list)),
    ];
  }

  /** Shares a screen of the person's choice, or ends that. */
  async toggleScreen(): Promise<void> {
    const shared = this.screen.value;
    if (shared !== undefined) {
      await this.#endScreen(shared);
      return;
    }
    try {
      const media = await openScreen();
      if (media === undefined) return;
      await this.#publishScreen(media);
    } catch (error) {
      notify(error instanceof Error ? `The screen can’t be shared: ${error.message}` : problemOf(error).text, 'fault');
    }
  }

  end(): void {
    this.#ended = true;
    for (const end of this.#ends) end();
    stop(this.screen.value?.media);
    this.screen.value = undefined;
  }

  async #publishScreen(media: MediaStream): Promise<void> {
    let publication: Publication;
    try {
      publication = await this.#session.publish(media, { name: 'screen', videoType: 'SCREEN' });
    } catch (error) {
      stop(media);
      throw error;
    }
    this.screen.value = publication;
    // The browser has a button of its own that ends the sharing.
    media.getVideoTracks()[0]?.addEventListener('ended', () => void this.#endScreen(publication));
  }

  async #endScreen(publication: Publication): Promise<void> {
    stop(publication.media);
    if (this.screen.value === publication) this.screen.value = undefined;
    await this.#session.unpublish(publication).catch(() => {}); // it has ended here in any case
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
        notify(`You can’t be seen or heard: ${error instanceof Error ? error.message : 'publishing failed'}`, 'fault');
      }
    }
  }

  async #publishCamera(audio: LocalTrack, video: LocalTrack): Promise<void> {
    const tracks = [audio.track, video.track].filter((track) => track !== undefined);
    if (this.#camera === undefined) {
      if (tracks.length === 0) return;
      this.#camera = await this.#session.publish(new MediaStream(tracks), { name: 'camera', videoType: 'CAMERA' });
      this.#again = true; // what changed meanwhile
    }
    await replace(this.#camera, 'audio', audio.track);
    await replace(this.#camera, 'video', video.track);
    const { stream } = this.#camera;
    if (stream.hasAudio !== (audio.on && audio.track !== undefined)) await this.#camera.setAudio(audio.on);
    if (stream.hasVideo !== (video.on && video.track !== undefined)) await this.#camera.setVideo(video.on);
  }

  /** A publication that ended though nobody here ended it was ended by a moderator. */
  #watch(list: readonly Publication[]): void {
    if (this.#connection.peek() === undefined) return;
    if (this.#camera?.state === 'ended' && !list.includes(this.#camera)) {
      this.#camera = undefined;
      mute();
      close('video');
      if (!this.#ended && this.#session.store.get().state.name !== 'ended') notify('A moderator ended your video');
    }
    const screen = this.screen.peek();
    if (screen?.state === 'ended') {
      stop(screen.media);
      this.screen.value = undefined;
    }
  }
}

async function replace(publication: Publication, kind: 'audio' | 'video', track: MediaStreamTrack | undefined): Promise<void> {
  const list = kind === 'audio' ? publication.media.getAudioTracks() : publication.media.getVideoTracks();
  if (list[0] !== track) await publication.replaceTrack(kind, track ?? null);
}

function stop(media: MediaStream | undefined): void {
  for (const track of media?.getTracks() ?? []) track.stop();
}
