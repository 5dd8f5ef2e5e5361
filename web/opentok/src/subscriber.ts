import type { Stream as ChattokStream, Subscription } from '../../sdk/src/index.ts';
import { settled, withPromise, type Completion } from './completion.ts';
import { followOutput } from './devices.ts';
import { codes, notConnected, OTError } from './errors.ts';
import { uniqueId } from './ids.ts';
import { warn } from './log.ts';
import { none, notHere, type MediaProcessorConnector } from './publisher.ts';
import { raise, subscribers } from './registry.ts';
import type { Dimensions, Stream } from './roster.ts';
import type { Session } from './session.ts';
import { Shown } from './shown.ts';
import { subscriberStats, type SubscriberStats } from './stats.ts';
import type { Target, WidgetProperties, WidgetStyle } from './widget.ts';

type Kind = 'audio' | 'video';

export type SubscriberStyle = Omit<WidgetStyle, 'archiveStatusDisplayMode'>;

export interface SubscriberProperties extends WidgetProperties {
  audioVolume?: number;
  preferredFrameRate?: number;
  preferredResolution?: 'auto' | Dimensions;
  style?: Partial<SubscriberStyle>;
  subscribeToAudio?: boolean;
  subscribeToCaptions?: boolean;
  subscribeToVideo?: boolean;
  testNetwork?: boolean;
}

/** One subscription of the SDK, shared by all subscribers of a stream. It receives each kind that any of them wants. */
export class SharedSubscription {
  readonly subscription: Subscription;
  readonly #subscribers = new Set<Subscriber>();

  constructor(subscription: Subscription) {
    this.subscription = subscription;
    subscription.onChange(() => [...this.#subscribers].forEach((each) => each.changed()));
  }

  get ended(): boolean {
    return this.subscription.state === 'ended';
  }

  get subscribers(): Subscriber[] {
    return [...this.#subscribers];
  }

  join(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
    this.wants();
  }

  /** Removes a subscriber. The last one to leave closes the subscription. */
  leave(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    if (this.#subscribers.size === 0) this.subscription.close();
    else this.wants();
  }

  /** Updates what the subscription receives. */
  wants(): void {
    const any = (kind: Kind) => this.subscribers.some((each) => each.wants(kind));
    this.subscription.setAudio(any('audio'));
    this.subscription.setVideo(any('video'));
  }
}

/** A subscriber's source: a shared subscription, the page's own publisher, or why there is none. */
export type Media = { readonly shared: SharedSubscription } | { readonly own: MediaStream } | { readonly error: OTError };

export class Subscriber extends Shown {
  stream: Stream | undefined;
  session: Session | undefined;
  readonly #shared: SharedSubscription | undefined;
  readonly #received: MediaStream;
  readonly #media = new MediaStream(); // the received tracks that this subscriber wants
  readonly #wanted: Record<Kind, boolean>;
  readonly #connectors: Partial<Record<Kind, { connector: MediaProcessorConnector; from: MediaStreamTrack; to: MediaStreamTrack }>> = {};
  readonly #unfollow: () => void;
  readonly #key = uniqueId();
  #connect!: { resolve(): void; reject(error: OTError): void };
  #connected = false;
  #was: Subscription['state'] = 'connecting';
  #hasVideo: boolean;
  #blocked = false;
  #destroyed = false;

  /** @internal */
  constructor(session: Session, stream: Stream, media: Media, target: Target, properties: SubscriberProperties, completion: Completion | undefined) {
    super(target, {
      ...properties,
      ...('error' in media && { insertDefaultUI: false }),
      kind: 'subscriber',
      name: stream.name,
      fitMode: properties.fitMode ?? (stream.videoType === 'screen' ? 'contain' : 'cover'),
      mirror: false,
      style: properties.style ?? {},
    });
    this.session = session;
    this.stream = stream;
    this.#shared = 'shared' in media ? media.shared : undefined;
    this.#received = 'own' in media ? media.own : (this.#shared?.subscription.media ?? new MediaStream());
    this.#wanted = { audio: properties.subscribeToAudio ?? true, video: properties.subscribeToVideo ?? true };
    this.#hasVideo = stream.hasVideo;
    this.widget.video.volume = volume(properties.audioVolume ?? 100);
    this.#unfollow = followOutput(this.widget.video);
    if (properties.subscribeToCaptions) warn('there are no captions here; it is subscribed to without');
    void settled(new Promise<void>((resolve, reject) => (this.#connect = { resolve, reject })), completion);
    if ('error' in media) this.#fail(media.error);
    else {
      subscribers.add(this.#key, this);
      this.#shared?.join(this);
      this.changed();
    }
  }

  /** Whether this subscriber wants media of this kind. @internal */
  wants(kind: Kind): boolean {
    return this.#wanted[kind];
  }

  /** Called when the subscription or its stream has changed. @internal */
  changed(): void {
    if (this.#destroyed) return;
    const state = this.#shared?.subscription.state ?? 'live';
    this.#fill();
    if (state === 'live' && this.#was !== 'live') this.#live();
    if (state === 'interrupted' && this.#was === 'live') this.dispatch('disconnected');
    if (state === 'ended') this.#fail(new OTError('OT_STREAM_DESTROYED', 'the stream ended before it could be shown', codes.streamNotFound));
    this.#was = state;
    this.#videoChanged(this.#streamNow()?.hasVideo ?? this.#hasVideo);
  }

  #streamNow(): ChattokStream | undefined {
    return this.#shared?.subscription.stream;
  }

  #live(): void {
    if (!this.#connected) {
      this.dispatch('mediaStreamAvailable', { about: { mediaStream: this.#media } });
      this.dispatch('videoElementCreated', { about: { element: this.widget.video } });
    }
    this.#connected = true;
    this.dispatch('connected');
    this.#connect.resolve();
  }

  #fail(error: OTError): void {
    if (!this.#connected && !this.#destroyed) raise(error, this);
    this.#connect.reject(error);
  }

  #videoChanged(hasVideo: boolean): void {
    if (hasVideo === this.#hasVideo) return;
    this.#hasVideo = hasVideo;
    this.#tellVideo(hasVideo, 'publishVideo');
  }

  #tellVideo(on: boolean, reason: string): void {
    this.#look();
    this.dispatch(on ? 'videoEnabled' : 'videoDisabled', { about: { reason } });
  }

  /** Updates the tracks of the element to those that are wanted. */
  #fill(): void {
    const wanted = new Set(this.#received.getTracks().flatMap((track) => (this.#wanted[track.kind as Kind] ? [this.#processed(track)] : [])));
    for (const track of this.#media.getTracks()) if (!wanted.has(track)) this.#media.removeTrack(track);
    wanted.forEach((track) => this.#media.addTrack(track));
    this.#look();
  }

  #processed(track: MediaStreamTrack): MediaStreamTrack {
    const entry = this.#connectors[track.kind as Kind];
    return entry?.from === track ? entry.to : track;
  }

  #look(): void {
    const { video } = this.widget;
    const audio = this.#wanted.audio && !(video.muted && !this.#blocked);
    this.widget.setState({ audio, video: this.#wanted.video && this.#hasVideo });
    if (this.#media.getTracks().length > 0) void this.#play();
  }

  /** Plays the media. Where the browser allows no sound before a click, it plays muted until `unblockAudio`. */
  async #play(): Promise<void> {
    try {
      await this.widget.show(this.#media);
    } catch (cause) {
      if (!(cause instanceof DOMException) || cause.name !== 'NotAllowedError' || this.#blocked) return;
      this.#blocked = true;
      this.widget.video.muted = true;
      this.element?.classList.add('OT_audio-blocked');
      this.dispatch('audioBlocked');
      await this.widget.show(this.#media).catch(() => {}); // the picture is blocked too
    }
  }

  isAudioBlocked(): boolean {
    return this.#blocked;
  }

  /** Plays with sound; call it from a click. Rejects where the browser still blocks sound. @internal */
  async unblock(): Promise<void> {
    if (!this.#blocked) return;
    const { video } = this.widget;
    video.muted = false;
    try {
      await video.play();
    } catch (cause) {
      video.muted = true;
      throw new OTError('OT_AUDIO_BLOCKED', 'the browser plays no sound before a click or a key', codes.internal, cause);
    }
    this.#blocked = false;
    this.element?.classList.remove('OT_audio-blocked');
    this.dispatch('audioUnblocked');
  }

  /** Ends the subscriber and removes its element. @internal */
  destroy(reason: string): void {
    if (this.#destroyed) return;
    this.#fail(new OTError('OT_DISCONNECTED', 'it was unsubscribed before it could be shown', codes.subscribe));
    this.#destroyed = true;
    this.levels.run(false);
    this.#unfollow();
    for (const { connector } of Object.values(this.#connectors)) void connector.destroy().catch(() => {});
    this.#shared?.leave(this);
    this.widget.destroy();
    subscribers.remove(this.#key);
    this.dispatch('destroyed', { about: { reason } });
    this.session = none;
  }

  readonly subscribeToAudio = withPromise(
    (on: boolean): this => this.#want('audio', on),
    async (on: boolean, _reason?: string): Promise<void> => void this.#want('audio', on),
  );

  readonly subscribeToVideo = withPromise(
    (on: boolean): this => this.#want('video', on),
    async (on: boolean, _reason?: string): Promise<void> => void this.#want('video', on),
  );

  #want(kind: Kind, value: boolean): this {
    const on = Boolean(value);
    if (this.#wanted[kind] === on || this.#destroyed) return this;
    this.#wanted[kind] = on;
    this.#shared?.wants();
    this.#fill();
    if (kind === 'video' && this.#hasVideo) this.#tellVideo(on, 'subscribeToVideo');
    return this;
  }

  readonly setAudioVolume = withPromise(
    (value: number): this => {
      this.widget.video.volume = volume(value);
      return this;
    },
    async (value: number): Promise<void> => {
      this.widget.video.volume = volume(value);
    },
  );

  getAudioVolume(): number {
    return Math.round(this.widget.video.volume * 100);
  }

  // These have no effect in a relayed session, as OpenTok documents.
  readonly restrictFrameRate = withPromise(
    (_on: boolean): this => this,
    async (_on: boolean): Promise<void> => {},
  );

  async setPreferredFrameRate(_rate: number): Promise<void> {}

  async setPreferredResolution(_resolution: Dimensions): Promise<void> {}

  setAudioMediaProcessorConnector(connector: MediaProcessorConnector | null): Promise<void> {
    return this.#setConnector('audio', connector);
  }

  setVideoMediaProcessorConnector(connector: MediaProcessorConnector | null): Promise<void> {
    return this.#setConnector('video', connector);
  }

  async #setConnector(kind: Kind, connector: MediaProcessorConnector | null): Promise<void> {
    const old = this.#connectors[kind];
    delete this.#connectors[kind];
    const from = this.#received.getTracks().find((track) => track.kind === kind);
    if (connector && from) this.#connectors[kind] = { connector, from, to: await connector.setTrack(from) };
    this.#fill();
    await old?.connector.destroy();
  }

  getStats(completion?: Completion<SubscriberStats>): Promise<SubscriberStats> {
    const read = async () => {
      const report = await this.getRtcStatsReport();
      const video = (await this.#shared?.subscription.stats())?.find(({ kind }) => kind === 'video');
      return subscriberStats(report, video?.bitrate ?? 0);
    };
    return settled(read(), completion);
  }

  async getRtcStatsReport(): Promise<Map<string, RTCStats>> {
    if (this.#destroyed || !this.#shared) throw notConnected();
    return new Map(await this.#shared.subscription.report());
  }

  async subscribeToCaptions(_on: boolean): Promise<void> {
    throw notHere('captions');
  }

  async setCaptionsTranslationLanguage(_language: string | null): Promise<void> {
    throw notHere('captions');
  }

  getCaptionsTranslationLanguage(): null {
    return null;
  }

  isSubscribedToCaptions(): boolean {
    return false;
  }

  protected override level(): number {
    return this.#wanted.audio ? (this.#shared?.subscription.audioLevel() ?? 0) : 0;
  }

  protected override toggleSound(): void {
    this.widget.video.muted = !this.widget.video.muted;
    this.#look();
  }

  protected override handlersChanged(): void {
    this.levels.run(this.listened('audioLevelUpdated') && !this.#destroyed);
  }
}

/** Converts OpenTok's volume, 0 to 100, to the element's, 0 to 1. */
function volume(value: number): number {
  return Math.min(100, Math.max(0, value)) / 100;
}
