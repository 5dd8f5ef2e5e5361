import { Listeners } from '../emitter.ts';
import type { MediaReport, MediaStats, Publication, PublicationEnd, PublishOptions, Stream, VideoType } from '../types.ts';
import { merged, read, type Readings } from './stats.ts';

/** An RTCRtpSender that sends one kind of a publication to one peer. */
export interface Carrier {
  readonly connectionId: string;
  readonly kind: 'audio' | 'video';
  readonly sender: RTCRtpSender;
}

/** The properties of a publication that the other connections see. */
export interface Look {
  readonly name?: string;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  readonly videoType: VideoType;
  readonly width?: number;
  readonly height?: number;
}

export interface PublicationHooks {
  update(publication: LocalPublication): Promise<void>;
  unpublish(publication: LocalPublication, reason: PublicationEnd): Promise<void>;
  carriers(publication: LocalPublication): Carrier[];
  /** The picture's size or the bitrate limit has changed, so encodings need an update. */
  resized(): void;
}

export class LocalPublication implements Publication {
  stream!: Stream; // set before the publication is handed out
  state: Publication['state'] = 'live';
  reason: PublicationEnd | undefined;
  readonly media: MediaStream;
  /** The connections that show the picture large. */
  readonly large = new Set<string>();
  readonly #options: PublishOptions;
  readonly #hooks: PublicationHooks;
  readonly #readings: Readings = new Map();
  readonly #listeners = new Listeners();
  /**
   * Removes the listeners on tracks at the end. A browser may keep a track alive, and with it everything that its listeners
   * reference.
   */
  readonly #watching = new AbortController();
  #bitrates: Parameters<Publication['setBitrates']>[0];
  #audio: boolean;
  #video: boolean;

  constructor(media: MediaStream, options: PublishOptions, hooks: PublicationHooks) {
    this.media = media;
    this.#options = options;
    this.#hooks = hooks;
    this.#audio = options.audio ?? true;
    this.#video = options.video ?? true;
    this.#bitrates = { audio: options.audioBitrate, video: options.videoBitrate };
    media.getTracks().forEach((track) => this.#watch(track));
    this.#apply();
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Ends the publication. The tracks stay open, since the page owns them. */
  end(reason: PublicationEnd): void {
    this.state = 'ended';
    this.reason = reason;
    this.#watching.abort();
  }

  tell(): void {
    this.#listeners.tell();
  }

  get stereo(): boolean {
    return this.#options.stereo ?? false;
  }

  bitrate(kind: 'audio' | 'video'): number | undefined {
    return this.#bitrates[kind];
  }

  setBitrates(bitrates: Parameters<Publication['setBitrates']>[0]): void {
    this.#bitrates = { ...bitrates };
    this.#hooks.resized();
  }

  /** Whether the server has to be told of another size, or of audio or video that was switched. */
  get outdated(): boolean {
    const { hasAudio, hasVideo } = this.look();
    return hasAudio !== this.stream.hasAudio || hasVideo !== this.stream.hasVideo || this.resized;
  }

  /** Whether the picture's size differs from the published one, as after a shared window or a canvas was resized. */
  get resized(): boolean {
    const { width, height } = this.look();
    return width !== undefined && (width !== this.stream.width || height !== this.stream.height);
  }

  track(kind: 'audio' | 'video'): MediaStreamTrack | null {
    return (kind === 'audio' ? this.media.getAudioTracks()[0] : this.media.getVideoTracks()[0]) ?? null;
  }

  get videoType(): VideoType {
    return this.#options.videoType ?? 'CAMERA';
  }

  look(): Look {
    const { width, height } = this.track('video')?.getSettings() ?? {};
    const { name } = this.#options;
    return {
      ...(name !== undefined && { name }),
      hasAudio: this.#audio && this.track('audio') !== null,
      hasVideo: this.#video && this.track('video') !== null,
      videoType: this.videoType,
      ...(width && height && { width: Math.round(width), height: Math.round(height) }),
    };
  }

  setAudio(on: boolean): Promise<void> {
    this.#audio = on;
    return this.#switched();
  }

  setVideo(on: boolean): Promise<void> {
    this.#video = on;
    return this.#switched();
  }

  /** Mutes without an update to the server, which has recorded it already. */
  silence(): void {
    this.#audio = false;
    this.#apply();
  }

  async replaceTrack(kind: 'audio' | 'video', track: MediaStreamTrack | null): Promise<void> {
    const old = this.track(kind);
    if (old) this.media.removeTrack(old);
    if (track) {
      this.media.addTrack(track);
      this.#watch(track);
    }
    this.#apply();
    const senders = this.#hooks.carriers(this).filter((carrier) => carrier.kind === kind);
    await Promise.all(senders.map(({ sender }) => sender.replaceTrack(track)));
    this.#hooks.resized();
    await this.#hooks.update(this);
  }

  unpublish(): Promise<void> {
    return this.#hooks.unpublish(this, 'clientDisconnected');
  }

  async stats(): Promise<MediaStats[]> {
    const found = await Promise.all(
      this.#hooks.carriers(this).map(async ({ connectionId, kind, sender }) =>
        read(await sender.getStats(), { connectionId, streamId: this.stream.id, kind }, this.#readings),
      ),
    );
    return found.filter((stats) => stats !== undefined);
  }

  reports(): Promise<MediaReport[]> {
    const carriers = this.#hooks.carriers(this);
    return Promise.all(
      [...new Set(carriers.map(({ connectionId }) => connectionId))].map(async (id) => ({
        connectionId: id,
        report: await merged(carriers.filter(({ connectionId }) => connectionId === id).map(({ sender }) => sender)),
      })),
    );
  }

  #switched(): Promise<void> {
    this.#apply();
    return this.#hooks.update(this);
  }

  #apply(): void {
    this.media.getAudioTracks().forEach((track) => (track.enabled = this.#audio));
    this.media.getVideoTracks().forEach((track) => (track.enabled = this.#video));
  }

  /** Ends the publication when all its tracks have ended: the user stopped a screen share, or the camera was unplugged. */
  #watch(track: MediaStreamTrack): void {
    if (track.kind === 'video') {
      const { contentHint } = this.#options;
      if (contentHint !== undefined) track.contentHint = contentHint;
      else if (this.videoType === 'SCREEN') track.contentHint ||= 'detail'; // sharpness before frame rate
    }
    const ended = () => {
      if (this.state === 'live' && this.media.getTracks().every(({ readyState }) => readyState === 'ended')) {
        void this.#hooks.unpublish(this, 'mediaStopped').catch(() => {});
      }
    };
    track.addEventListener('ended', ended, this.#watching);
  }
}
