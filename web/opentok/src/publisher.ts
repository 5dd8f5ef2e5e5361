import { meter, type LevelMeter, type Publication, type PublicationEnd, type Session as ChattokSession } from '../../sdk/src/index.ts';
import { settled, withPromise, type Completion } from './completion.ts';
import { cameras, openDevice } from './devices.ts';
import { asOTError, codes, notConnected, OTError } from './errors.ts';
import { later, type Event } from './events.ts';
import { uniqueId } from './ids.ts';
import { warn } from './log.ts';
import { Microphones } from './microphones.ts';
import { publishers, raise } from './registry.ts';
import type { Dimensions, Stream } from './roster.ts';
import type { Session } from './session.ts';
import {
  audioConstraints,
  isScreen,
  openSources,
  videoConstraints,
  videoTypeOf,
  type GetUserMediaProperties,
  type Source,
} from './sources.ts';
import { Shown } from './shown.ts';
import { publisherStats, type PublisherStats } from './stats.ts';
import type { Target, WidgetProperties, WidgetStyle } from './widget.ts';

/** Milliseconds until a request for the camera is taken to wait for the user: browsers don't tell when they ask. */
const dialogAfter = 500;

/** Bits per second of the presets; 0 leaves the choice to the SDK. */
const presets = { default: 0, bw_saver: 500_000, extra_bw_saver: 250_000 };

type Kind = 'audio' | 'video';

export interface MediaProcessorConnector {
  setTrack(track: MediaStreamTrack): Promise<MediaStreamTrack>;
  destroy(): Promise<void>;
}

export type PublisherStyle = Omit<WidgetStyle, 'audioBlockedDisplayMode'>;

export interface PublisherProperties extends WidgetProperties, GetUserMediaProperties {
  audioBitrate?: number;
  initials?: string;
  mirror?: boolean;
  name?: string;
  publishAudio?: boolean;
  publishVideo?: boolean;
  publishCaptions?: boolean;
  style?: Partial<PublisherStyle>;
  videoContentHint?: string;
  videoFilter?: object;
  audioFilter?: object;
  disableAudioInputDeviceManagement?: boolean;
}

/** The part of a session that its publishers call. */
export interface PublishingSession {
  /** Adds a publication's stream to the session, and returns it as the page sees it. */
  adopt(publication: Publication): Stream;
  /** Reports that the publication's stream has changed. */
  changed(stream: Stream, publication: Publication): void;
  /** Reports that the stream has ended. Returns the session's event for it, if any: preventing that one keeps the publisher. */
  gone(stream: Stream, reason: PublicationEnd): Event | undefined;
}

export class Publisher extends Shown {
  accessAllowed = false;
  stream: Stream | undefined;
  session: Session | undefined;
  /** Resolves when access to the devices is granted, rejects when it is not. @internal */
  readonly ready: Promise<void>;
  readonly #properties: PublisherProperties;
  readonly #media = new MediaStream();
  readonly #own = new Set<MediaStreamTrack>(); // opened here, and stopped here
  readonly #source: Partial<Record<Kind, MediaStreamTrack>> = {};
  readonly #connectors: Partial<Record<Kind, MediaProcessorConnector>> = {};
  readonly #on: Record<Kind, boolean>;
  readonly #key = uniqueId();
  #publication: Publication | undefined;
  #publishing: PublishingSession | undefined;
  #microphones: Microphones | undefined;
  #meter: LevelMeter | undefined;
  #contentHint: string | undefined;
  #maxVideoBitrate = 0;
  #preset: 'default' | 'bw_saver' | 'extra_bw_saver' | 'custom' = 'default';
  #destroyed = false;

  /** @internal */
  constructor(target: Target, properties: PublisherProperties, completion: Completion | undefined) {
    const { videoSource } = properties;
    super(target, {
      ...properties,
      kind: 'publisher',
      name: properties.name ?? '',
      fitMode: properties.fitMode ?? (isScreen(videoSource) ? 'contain' : 'cover'),
      mirror: properties.mirror ?? (videoTypeOf(videoSource) === 'camera' && properties.facingMode !== 'environment'),
      style: properties.style ?? {},
    });
    this.#properties = properties;
    this.#contentHint = properties.videoContentHint;
    this.#on = { audio: properties.publishAudio ?? true, video: properties.publishVideo ?? true };
    publishers.add(this.#key, this);
    if (properties.videoFilter ?? properties.audioFilter) warn('there are no built-in filters here; it is published without');
    if (properties.publishCaptions) warn('there are no captions here; it is published without');
    this.ready = settled(this.#open(), completion);
  }

  async #open(): Promise<void> {
    const dialog = setTimeout(() => this.dispatch('accessDialogOpened', { byDefault: () => {} }), dialogAfter);
    const opened = Date.now();
    try {
      const { tracks, own } = await openSources(this.#properties);
      own.forEach((track) => this.#own.add(track));
      if (this.#destroyed) {
        own.forEach((track) => track.stop());
        throw new OTError('OT_DESTROYED', 'the publisher was destroyed before it had access', codes.publish);
      }
      for (const track of tracks) this.#take(track.kind as Kind, track);
    } catch (cause) {
      const error = asOTError(cause, codes.publish);
      if (error.name === 'OT_USER_MEDIA_ACCESS_DENIED') this.dispatch('accessDenied', { byDefault: () => {} });
      this.widget.loaded();
      throw raise(error, this);
    } finally {
      clearTimeout(dialog);
      if (Date.now() - opened >= dialogAfter) this.dispatch('accessDialogClosed');
    }
    this.accessAllowed = true;
    if (!this.#properties.disableAudioInputDeviceManagement) {
      this.#microphones = new Microphones({ current: () => this.#microphone(), use: (id) => this.#useAudio(id) });
    }
    this.dispatch('accessAllowed');
    this.dispatch('mediaStreamAvailable', { about: { mediaStream: this.#media } });
    this.#look();
    this.dispatch('videoElementCreated', { about: { element: this.widget.video } });
    this.handlersChanged();
  }

  /** Adds a track that was opened, or that the page passed. */
  #take(kind: Kind, track: MediaStreamTrack): void {
    this.#source[kind] = track;
    track.addEventListener('ended', () => void this.#stopped(kind, track));
    for (const old of this.#media.getTracks()) if (old.kind === kind) this.#media.removeTrack(old);
    this.#media.addTrack(track);
    this.#prepare(kind, track);
  }

  /** Sets what the page has asked for on a track that is about to be sent. */
  #prepare(kind: Kind, track: MediaStreamTrack): void {
    track.enabled = this.#on[kind];
    if (kind === 'video' && this.#contentHint !== undefined) track.contentHint = this.#contentHint;
  }

  /** Handles the end of a track: the user stopped sharing, or a device was removed. */
  async #stopped(kind: Kind, track: MediaStreamTrack): Promise<void> {
    if (this.#source[kind] !== track || this.#destroyed) return;
    if (kind === 'audio' && (await this.#microphones?.replace())) return;
    const screen = kind === 'video' && isScreen(this.#properties.videoSource);
    const over = screen || Object.values(this.#source).every(({ readyState }) => readyState === 'ended');
    this.dispatch('mediaStopped', {
      about: { track },
      byDefault: () => {
        if (!over || this.#destroyed) return;
        if (this.#publication) this.unpublish('mediaStopped');
        else this.destroy();
      },
    });
  }

  /** Publishes to a session that is connected. @internal */
  async publishTo(session: Session, chattok: ChattokSession, publishing: PublishingSession): Promise<void> {
    this.session = session;
    try {
      await this.ready;
      const { audioBitrate, enableStereo, name, videoSource } = this.#properties;
      const publication = await chattok.publish(this.#media, {
        ...(name !== undefined && { name }),
        videoType: { camera: 'CAMERA', screen: 'SCREEN', custom: 'CUSTOM' }[videoTypeOf(videoSource)] as 'CAMERA' | 'SCREEN' | 'CUSTOM',
        audio: this.#on.audio,
        video: this.#on.video,
        ...(audioBitrate !== undefined && { audioBitrate }),
        ...(this.#maxVideoBitrate > 0 && { videoBitrate: this.#maxVideoBitrate }),
        ...(enableStereo !== undefined && { stereo: enableStereo }),
      });
      if (this.#destroyed || this.session !== session) {
        void publication.unpublish().catch(() => {});
        throw new OTError('OT_DISCONNECTED', 'the publisher was unpublished before it was published', codes.publish);
      }
      this.#publication = publication;
      this.#publishing = publishing;
      this.stream = publishing.adopt(publication);
      publication.onChange(() => this.#changed(publication));
      this.dispatch('streamCreated', { about: { stream: this.stream } });
    } catch (cause) {
      if (this.session === session) this.session = none;
      const { code } = cause as { code?: unknown };
      throw code === 'RATE_LIMITED' ? asOTError(cause, codes.streamLimit) : asOTError(cause, codes.publish);
    }
  }

  /** Whether this publication of the SDK is ours. @internal */
  publishes(publication: Publication): boolean {
    return this.#publication === publication;
  }

  /** Ends what is published, and with it the publisher, unless the page prevents that. @internal */
  unpublish(reason: PublicationEnd): void {
    const publication = this.#publication;
    this.session = none; // also cancels a publish that is under way
    if (!publication) return;
    this.#unpublished(reason);
    void publication.unpublish().catch(() => {}); // fails where the session has ended, and the stream with it
  }

  /** Called when a moderator has muted this publisher. @internal */
  mutedByForce(): void {
    this.#on.audio = false;
    this.#look();
    this.dispatch('muteForced');
  }

  #changed(publication: Publication): void {
    if (this.#publication !== publication) return;
    if (publication.state === 'ended') this.#unpublished(publication.reason ?? 'networkDisconnected');
    else if (this.stream) this.#publishing?.changed(this.stream, publication);
  }

  #unpublished(reason: PublicationEnd): void {
    const { stream } = this;
    this.#publication = undefined;
    this.session = none;
    if (!stream) return;
    const told = this.#publishing?.gone(stream, reason);
    this.dispatch('streamDestroyed', {
      about: { stream, reason },
      byDefault: () => {
        if (!told?.isDefaultPrevented()) this.destroy();
      },
    });
  }

  readonly destroy = withPromise(
    (): this => {
      if (this.#destroyed) return this;
      this.#destroyed = true;
      this.unpublish('clientDisconnected');
      this.levels.run(false);
      this.#meter?.close();
      this.#microphones?.close();
      for (const connector of Object.values(this.#connectors)) void connector.destroy().catch(() => {});
      this.#own.forEach((track) => track.stop());
      this.widget.destroy();
      publishers.remove(this.#key);
      this.dispatch('destroyed');
      return this;
    },
    (): Promise<void> => {
      this.destroy();
      return new Promise((resolve) => later(resolve));
    },
  );

  readonly publishAudio = withPromise(
    (on: boolean): this => {
      void this.#switch('audio', on);
      return this;
    },
    (on: boolean): Promise<void> => this.#switch('audio', on),
  );

  readonly publishVideo = withPromise(
    (on: boolean, completion?: Completion): this => {
      void settled(this.#switch('video', on), completion);
      return this;
    },
    (on: boolean): Promise<void> => this.#switch('video', on),
  );

  #switch(kind: Kind, value: boolean): Promise<void> {
    const on = Boolean(value);
    this.#on[kind] = on;
    this.#media.getTracks().forEach((track) => track.kind === kind && (track.enabled = on));
    this.#look();
    const publication = this.#publication;
    const told = kind === 'audio' ? publication?.setAudio(on) : publication?.setVideo(on);
    const done = (told ?? Promise.resolve()).catch((cause: unknown) => {
      throw raise(asOTError(cause, codes.publish), this);
    });
    done.catch(() => {}); // reported as an exception event
    return done;
  }

  /** Updates the element: whether there is sound and picture, and the tracks to play. */
  #look(): void {
    const tracks = this.#media.getTracks();
    const has = (kind: Kind) => this.#on[kind] && tracks.some((track) => track.kind === kind);
    this.widget.setState({ audio: has('audio'), video: has('video') });
    this.widget.show(this.#media).catch(() => {}); // interrupted by another one, or there is nothing to play
  }

  protected override level(): number {
    return this.#on.audio ? (this.#meter?.level() ?? 0) : 0;
  }

  protected override toggleSound(): void {
    this.publishAudio(!this.#on.audio);
  }

  protected override handlersChanged(): void {
    const listened = this.listened('audioLevelUpdated') && !this.#destroyed;
    if (listened && !this.#meter && this.#media.getAudioTracks().length > 0) this.#meter = meter(this.#media);
    if (!listened) {
      this.#meter?.close();
      this.#meter = undefined;
    }
    this.levels.run(listened);
  }

  /** Replaces the track that is shown and sent. */
  async #put(kind: Kind, track: MediaStreamTrack): Promise<void> {
    this.#prepare(kind, track);
    if (this.#publication) await this.#publication.replaceTrack(kind, track);
    else {
      for (const old of this.#media.getTracks()) if (old.kind === kind) this.#media.removeTrack(old);
      this.#media.addTrack(track);
    }
    if (kind === 'audio') {
      this.#meter?.close();
      this.#meter = undefined;
      this.handlersChanged();
    }
    this.#look();
  }

  async #setSource(kind: Kind, source: Source, open: (source: string) => Promise<MediaStreamTrack>): Promise<void> {
    await this.ready;
    const old = this.#source[kind];
    if (!old) throw new OTError('OT_SET_REPLACE_TRACK_FAILED', `the publisher has no ${kind}`, codes.publish);
    const track = source instanceof MediaStreamTrack ? source : await open(String(source));
    if (this.#destroyed) return track.stop();
    if (track !== source) this.#own.add(track);
    this.#source[kind] = track;
    track.addEventListener('ended', () => void this.#stopped(kind, track));
    await this.#put(kind, (await this.#connectors[kind]?.setTrack(track)) ?? track);
    if (old !== track && this.#own.delete(old)) old.stop();
  }

  async setAudioSource(source: string | MediaStreamTrack): Promise<undefined> {
    await this.#useAudio(source);
    this.#microphones?.chosen();
    return undefined;
  }

  async #useAudio(source: string | MediaStreamTrack): Promise<void> {
    const open = (id: string) => openDevice({ audio: audioConstraints(this.#properties, id) });
    await this.#setSource('audio', source, open);
    const { label, id } = this.getAudioSource() ?? { label: null, id: null };
    this.dispatch('audioInputDeviceChanged', { about: { device: { deviceId: this.getAudioSource()?.getSettings().deviceId ?? id, label } } });
  }

  /** The id of the microphone, where it was opened here and not passed by the page. */
  #microphone(): string | undefined {
    const { audio } = this.#source;
    return audio && this.#own.has(audio) ? (audio.getSettings().deviceId ?? 'default') : undefined;
  }

  getAudioSource(): MediaStreamTrack {
    return this.#source.audio ?? (null as unknown as MediaStreamTrack); // OpenTok's types leave out that there may be none
  }

  async setVideoSource(source: string | MediaStreamTrack): Promise<undefined> {
    const open = (id: string) => openDevice({ video: videoConstraints(this.#properties, id) });
    await this.#setSource('video', source, open);
    return undefined;
  }

  getVideoSource(): { deviceId: string | null; type: string | null; track: MediaStreamTrack | null } {
    const track = this.#source.video ?? null;
    return { deviceId: track?.getSettings().deviceId ?? null, type: track && videoTypeOf(this.#properties.videoSource), track };
  }

  /** Switches to the next camera in the browser's list. */
  async cycleVideo(): Promise<{ deviceId: string }> {
    await this.ready;
    const ids = await cameras();
    const next = ids[(ids.indexOf(this.getVideoSource().deviceId ?? '') + 1) % ids.length];
    if (next === undefined) throw new OTError('OT_NO_DEVICES_FOUND', 'there is no camera', codes.publish);
    await this.setVideoSource(next);
    return { deviceId: next };
  }

  setVideoMediaProcessorConnector(connector: MediaProcessorConnector | null): Promise<void> {
    return this.#setConnector('video', connector);
  }

  setAudioMediaProcessorConnector(connector: MediaProcessorConnector | null): Promise<void> {
    return this.#setConnector('audio', connector);
  }

  async #setConnector(kind: Kind, connector: MediaProcessorConnector | null): Promise<void> {
    await this.ready;
    const source = this.#source[kind];
    if (!source) throw new OTError('OT_INVALID_PARAMETER', `the publisher has no ${kind}`, codes.invalidParameter);
    const old = this.#connectors[kind];
    if (old === connector) return;
    try {
      const sent = connector ? await connector.setTrack(source) : source;
      if (connector) this.#connectors[kind] = connector;
      else delete this.#connectors[kind];
      await this.#put(kind, sent);
      await old?.destroy();
    } catch (cause) {
      throw asOTError(cause, codes.invalidParameter);
    }
  }

  getStats(completion?: Completion<{ connectionId: string; subscriberId: string; stats: PublisherStats }[]>) {
    const found = this.getRtcStatsReport().then((reports) =>
      reports.map(({ rtcStatsReport, ...ids }) => ({ ...ids, stats: publisherStats(rtcStatsReport) })),
    );
    return settled(found, completion);
  }

  async getRtcStatsReport(): Promise<{ connectionId: string; subscriberId: string; rtcStatsReport: RTCStatsReport }[]> {
    if (!this.#publication) throw notConnected();
    const reports = await this.#publication.reports();
    return reports.map(({ connectionId, report }) => ({ connectionId, subscriberId: connectionId, rtcStatsReport: report }));
  }

  getVideoContentHint(): '' | 'text' | 'detail' | 'motion' {
    return (this.#contentHint ?? this.#source.video?.contentHint ?? '') as '';
  }

  async setVideoContentHint(hint: '' | 'text' | 'detail' | 'motion'): Promise<void> {
    this.#contentHint = hint;
    this.#media.getVideoTracks().forEach((track) => (track.contentHint = hint));
  }

  async setMaxVideoBitrate(bitrate: number): Promise<void> {
    this.#maxVideoBitrate = bitrate;
    this.#preset = 'custom';
    this.#publication?.setBitrates({ audio: this.#properties.audioBitrate, video: bitrate || undefined });
  }

  /** The limit in bits per second; 0 where the SDK chooses. */
  getMaxVideoBitrate(): number {
    return this.#maxVideoBitrate;
  }

  async setVideoBitratePreset(preset: 'default' | 'bw_saver' | 'extra_bw_saver'): Promise<void> {
    await this.setMaxVideoBitrate(presets[preset] ?? 0);
    this.#preset = preset;
  }

  getVideoBitratePreset(): 'default' | 'bw_saver' | 'extra_bw_saver' | 'custom' {
    return this.#preset;
  }

  /** Does nothing but warn: each subscriber is sent a single layer. */
  setTargetScalabilityMode(_mode: string): void {
    warn('there are no scalability modes in a relayed session');
  }

  getTargetScalabilityMode(): undefined {
    return undefined;
  }

  setPreferredResolution({ width, height }: Dimensions): Promise<void> {
    return this.#constrain({ width: { ideal: width }, height: { ideal: height } });
  }

  setPreferredFrameRate(rate: number): Promise<void> {
    return this.#constrain({ frameRate: { ideal: rate } });
  }

  /** Applies further constraints to the video source. */
  async #constrain(constraints: MediaTrackConstraints): Promise<void> {
    const { video } = this.#source;
    if (!video) throw new OTError('OT_INVALID_PARAMETER', 'the publisher has no video', codes.invalidParameter);
    try {
      await video.applyConstraints({ ...video.getConstraints(), ...constraints });
    } catch (cause) {
      throw asOTError(cause, codes.invalidParameter);
    }
  }

  async applyVideoFilter(_filter: object): Promise<void> {
    throw notHere('built-in filters');
  }

  async clearVideoFilter(): Promise<void> {}

  getVideoFilter(): null {
    return null;
  }

  async applyAudioFilter(_filter: object): Promise<void> {
    throw notHere('built-in filters');
  }

  async clearAudioFilter(): Promise<void> {}

  getAudioFilter(): null {
    return null;
  }

  async publishCaptions(_on: boolean): Promise<void> {
    throw notHere('captions');
  }
}

/** Null under the type undefined: pages compare with null, but OpenTok's types have only undefined. @internal */
export const none = null as unknown as undefined;

/** @internal */
export function notHere(what: string): OTError {
  warn(`there are no ${what} here`);
  return new OTError('OT_NOT_SUPPORTED', `there are no ${what} here`, codes.internal);
}
