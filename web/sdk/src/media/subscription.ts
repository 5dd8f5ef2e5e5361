import { guarded } from '../emitter.ts';
import { ChattokError } from '../errors.ts';
import type { MediaStats, Stream, SubscribeOptions, Subscription } from '../types.ts';
import { merged, read, type Readings } from './stats.ts';

/** The parts of a peer's connection that carry a subscription. */
export type Kinds = Partial<Record<'audio' | 'video', RTCRtpTransceiver>>;

export interface SubscriptionHooks {
  changed(): void;
  error(error: ChattokError): void;
  close(subscription: RemoteSubscription): void;
}

export class RemoteSubscription implements Subscription {
  stream: Stream;
  element: HTMLMediaElement | undefined;
  state: Subscription['state'] = 'connecting';
  blocked: ChattokError | undefined;
  readonly media = new MediaStream();
  /** What carries it now; empty before it is negotiated. */
  carriers: Kinds = {};
  readonly #hooks: SubscriptionHooks;
  readonly #listeners = new Set<() => void>();
  readonly #readings: Readings = new Map();
  readonly #wanted: Record<'audio' | 'video', boolean>;

  constructor(stream: Stream, options: SubscribeOptions, hooks: SubscriptionHooks) {
    this.stream = stream;
    this.#hooks = hooks;
    this.#wanted = { audio: options.audio ?? true, video: options.video ?? true };
  }

  onChange(listener: () => void): () => void {
    const own = () => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Shows the media in this element. */
  attach(element: HTMLMediaElement): void {
    if (this.element && this.element !== element && this.element.srcObject === this.media) this.element.srcObject = null;
    this.element = element;
    element.autoplay = true;
    if ('playsInline' in element) element.playsInline = true; // else a phone opens the video over the whole page
    element.srcObject = this.media;
    this.play().catch((error: ChattokError) => this.#hooks.error(error));
  }

  async play(): Promise<void> {
    try {
      await this.element?.play();
    } catch (cause) {
      if (!(cause instanceof DOMException) || cause.name !== 'NotAllowedError') return; // another source came meanwhile
      this.blocked = new ChattokError('AUTOPLAY_BLOCKED', 'the browser plays no sound before a click or a key', { cause });
      this.tell();
      throw this.blocked;
    }
    if (!this.blocked) return;
    this.blocked = undefined;
    this.tell();
  }

  /** The direction of what carries this kind. */
  direction(kind: 'audio' | 'video'): RTCRtpTransceiverDirection {
    return this.#wanted[kind] ? 'recvonly' : 'inactive';
  }

  setAudio(on: boolean): void {
    this.#want('audio', on);
  }

  setVideo(on: boolean): void {
    this.#want('video', on);
  }

  /** Takes what carries it from now on, with tracks that begin to flow once that is connected. */
  carry(carriers: Kinds): void {
    this.carriers = carriers;
    this.#fill();
  }

  #want(kind: 'audio' | 'video', on: boolean): void {
    if (this.#wanted[kind] === on || this.state === 'ended') return;
    this.#wanted[kind] = on;
    const carrier = this.carriers[kind];
    if (!carrier) return; // it is carried as wanted
    carrier.direction = this.direction(kind); // which is negotiated anew
    this.#fill();
  }

  /** Puts the tracks that are wanted into `media`. */
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
    if (state === 'ended' && this.element?.srcObject === this.media) this.element.srcObject = null;
    this.tell();
  }

  tell(): void {
    this.#listeners.forEach((listener) => guarded(listener, undefined));
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
