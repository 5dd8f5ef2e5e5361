import { guarded } from '../emitter.ts';
import type { MediaReport, MediaStats, Publication, PublicationEnd, PublishOptions, Stream, VideoType } from '../types.ts';
import { merged, read, type Readings } from './stats.ts';

/** One sender of a publication, to one peer. */
export interface Carrier {
  readonly connectionId: string;
  readonly kind: 'audio' | 'video';
  readonly sender: RTCRtpSender;
}

/** What others are told of a publication. */
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
  /** Another size of picture, or another bitrate: what is sent may change. */
  resized(): void;
}

export class LocalPublication implements Publication {
  stream!: Stream; // set before anyone sees it
  state: Publication['state'] = 'live';
  reason: PublicationEnd | undefined;
  readonly media: MediaStream;
  readonly #options: PublishOptions;
  readonly #hooks: PublicationHooks;
  readonly #readings: Readings = new Map();
  readonly #listeners = new Set<() => void>();
  /** Aborted at the end: a browser may keep a track that was asked for, and with it all that listens to it. */
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
    const own = () => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Ends it; the tracks go on, since they are the page's. */
  end(reason: PublicationEnd): void {
    this.state = 'ended';
    this.reason = reason;
    this.#watching.abort();
  }

  tell(): void {
    [...this.#listeners].forEach((listener) => guarded(listener, undefined));
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

  /** Whether the others are told of another sound or picture than there is. */
  get outdated(): boolean {
    const { hasAudio, hasVideo } = this.look();
    return hasAudio !== this.stream.hasAudio || hasVideo !== this.stream.hasVideo || this.resized;
  }

  /** Whether the others are told of another size of picture: a window that is shared changes it, and a canvas may. */
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

  /** Switches the sound off without telling: the others know. */
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

  /** The user ends a screen share in the browser, or pulls the camera's plug: a stream without a track is none. */
  #watch(track: MediaStreamTrack): void {
    if (track.kind === 'video') {
      const { contentHint } = this.#options;
      if (contentHint !== undefined) track.contentHint = contentHint;
      else if (this.videoType === 'SCREEN') track.contentHint ||= 'detail'; // sharp before smooth
    }
    const ended = () => {
      if (this.state === 'live' && this.media.getTracks().every(({ readyState }) => readyState === 'ended')) {
        void this.#hooks.unpublish(this, 'mediaStopped').catch(() => {});
      }
    };
    track.addEventListener('ended', ended, { signal: this.#watching.signal });
  }
}
