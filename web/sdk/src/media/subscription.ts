import { Listeners } from '../emitter.ts';
import { ChattokError } from '../errors.ts';
import type { MediaStats, Stream, SubscribeOptions, Subscription } from '../types.ts';
import { merged, read, type Readings } from './stats.ts';

/** The transceivers that carry a subscription, by kind. */
export type Kinds = Partial<Record<'audio' | 'video', RTCRtpTransceiver>>;

export interface SubscriptionHooks {
  changed(): void;
  error(error: ChattokError): void;
  close(subscription: RemoteSubscription): void;
  /** The publisher is to know whether the picture is shown large. */
  sized(subscription: RemoteSubscription): void;
}

export class RemoteSubscription implements Subscription {
  stream: Stream;
  element: HTMLMediaElement | undefined;
  state: Subscription['state'] = 'connecting';
  blocked: ChattokError | undefined;
  readonly media = new MediaStream();
  large = false;
  /** Empty until the subscription is negotiated. */
  carriers: Kinds = {};
  readonly #hooks: SubscriptionHooks;
  readonly #listeners = new Listeners();
  readonly #readings: Readings = new Map();
  readonly #wanted: Record<'audio' | 'video', boolean>;

  constructor(stream: Stream, options: SubscribeOptions, hooks: SubscriptionHooks) {
    this.stream = stream;
    this.#hooks = hooks;
    this.#wanted = { audio: options.audio ?? true, video: options.video ?? true };
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Plays the media in an element, in place of the one before. */
  attach(element: HTMLMediaElement): void {
    if (this.element && this.element !== element && this.element.srcObject === this.media) this.element.srcObject = null;
    this.element = element;
    element.autoplay = true;
    if ('playsInline' in element) element.playsInline = true; // without it, phones play video in full screen only
    element.srcObject = this.media;
    this.play().catch((error: ChattokError) => this.#hooks.error(error));
  }

  async play(): Promise<void> {
    try {
      await this.element?.play();
    } catch (cause) {
      if (!(cause instanceof DOMException) || cause.name !== 'NotAllowedError') return; // interrupted by another source
      this.blocked = new ChattokError('AUTOPLAY_BLOCKED', 'the browser plays no sound before a click or a key', { cause });
      this.tell();
      throw this.blocked;
    }
    if (!this.blocked) return;
    this.blocked = undefined;
    this.tell();
  }

  direction(kind: 'audio' | 'video'): RTCRtpTransceiverDirection {
    return this.#wanted[kind] ? 'recvonly' : 'inactive';
  }

  setAudio(on: boolean): void {
    this.#want('audio', on);
  }

  setVideo(on: boolean): void {
    this.#want('video', on);
  }

  setLarge(on: boolean): void {
    if (this.large === on) return;
    this.large = on;
    this.#hooks.sized(this);
  }

  /** Tells again that the picture is shown large: the message may have been lost, or this page is another connection now. */
  repeatSize(): void {
    if (this.large) this.#hooks.sized(this);
  }

  /** Sets the transceivers. Their tracks deliver media once the peer connection is established. */
  carry(carriers: Kinds): void {
    this.carriers = carriers;
    this.#fill();
  }

  #want(kind: 'audio' | 'video', on: boolean): void {
    if (this.#wanted[kind] === on || this.state === 'ended') return;
    this.#wanted[kind] = on;
    const carrier = this.carriers[kind];
    if (!carrier) return; // the subscription will be negotiated with the new direction
    carrier.direction = this.direction(kind); // triggers a renegotiation
    this.#fill();
  }

  /** Updates `media` to the tracks that are wanted. */
  #fill(): void {
    const tracks = new Set(
      (['audio', 'video'] as const).flatMap((kind) => (this.#wanted[kind] ? (this.carriers[kind]?.receiver.track ?? []) : [])),
    );
    for (const track of this.media.getTracks()) if (!tracks.has(track)) this.media.removeTrack(track);
    tracks.forEach((track) => this.media.addTrack(track));
    this.tell();
  }

  become(state: Subscription['state']): void {
    if (this.state === state || this.state === 'ended') return;
    this.state = state;
    if (state === 'live') this.repeatSize();
    if (state === 'ended' && this.element?.srcObject === this.media) this.element.srcObject = null;
    this.tell();
  }

  tell(): void {
    this.#listeners.tell();
    this.#hooks.changed();
  }

  audioLevel(): number {
    return this.carriers.audio?.receiver.getSynchronizationSources()[0]?.audioLevel ?? 0;
  }

  async stats(): Promise<MediaStats[]> {
    const about = { connectionId: this.stream.connection.id, streamId: this.stream.id };
    const found = await Promise.all(
      Object.values(this.carriers).map(async ({ receiver }) =>
        read(await receiver.getStats(), { ...about, kind: receiver.track.kind as 'audio' | 'video' }, this.#readings),
      ),
    );
    return found.filter((stats) => stats !== undefined);
  }

  report(): Promise<RTCStatsReport> {
    return merged(Object.values(this.carriers).map(({ receiver }) => receiver));
  }

  close(): void {
    this.#hooks.close(this);
  }
}
