// One RTCPeerConnection to another connection of the session. It carries all streams between the two, in both directions,
// and is negotiated by WebRTC's "perfect negotiation" pattern (WebRTC specification, section 10.7).
//
// The subscriber makes the offer: it adds receiving transceivers and sends the offer under the stream's id. New media
// sections in an offer therefore belong to the offer's stream, and the publisher attaches that stream's tracks to them.
// Streams are added one at a time, so the assignment is unambiguous. Other offers, such as ICE restarts, may use the id of
// any stream between the two.
//
// Signalling messages may be lost, and signalling may be down for a long time. An offer without an answer is therefore
// repeated, an answer names the offer that it belongs to, and an answered offer that comes again gets the same answer.
import { asError } from '../api.ts';
import type { ChattokError } from '../errors.ts';
import type { NegotiationReceivedSubscription } from '../generated/operations.ts';
import type { LocalPublication } from './publication.ts';
import { withStereo } from './stereo.ts';
import type { Kinds, RemoteSubscription } from './subscription.ts';

export type Negotiation = NegotiationReceivedSubscription['negotiationReceived'];
export type Message = Pick<Negotiation, 'description'> | Pick<Negotiation, 'candidate'>;

/** Rounds, calls of `refresh`, after which an offer without an answer is repeated, and the connection replaced: 6 and 30 seconds. */
const roundsUntilRepeat = 3;
const roundsUntilReplaced = 15; // longer than the server's default grace time, after which a lost connection has no streams any more

/** Durations are in milliseconds. */
const interruptionPatience = 3_000;
const connectPatience = 10_000;
const restartPause = 5_000; // doubled with each restart
const longestRestartPause = 40_000;
const restartsUntilAnew = 3;

/**
 * SDP attribute at the end of an answer: the offer that is answered. Unknown attributes are ignored (RFC 8866, section
 * 5.13).
 */
const answers = 'a=x-chattok-answers:';

interface Trouble {
  /** Number of ICE restarts so far, and the time of the next one. */
  restarts: number;
  next: number;
}

export interface PeerHooks {
  /** Whether messages can be sent now. */
  live(): boolean;
  send(streamId: string, to: string, message: Message): void;
  /** The id of any stream between the two that the server knows; undefined if there is none. */
  anyStream(peer: string): string | undefined;
  publication(streamId: string): LocalPublication | undefined;
  configuration(): RTCConfiguration;
  /** A negotiation is complete; the set of outgoing media may have changed. */
  negotiated(): void;
  /** No stream is left in either direction. */
  idle(peer: string): void;
  error(error: ChattokError): void;
}

export class Peer {
  /** The publications sent to this peer, by the transceivers that carry them. */
  readonly outgoing = new Map<RTCRtpTransceiver, LocalPublication>();
  readonly #id: string;
  readonly #polite: boolean;
  readonly #hooks: PeerHooks;
  readonly #incoming = new Set<RemoteSubscription>();
  #pc!: RTCPeerConnection;
  #known = new WeakSet<RTCRtpTransceiver>();
  #queue: RemoteSubscription[] = [];
  #adding: RemoteSubscription | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #makingOffer = false;
  #ignoreOffer = false;
  #remote: string | undefined; // identifies the other end's RTCPeerConnection
  #unanswered = 0; // rounds since this end's offer
  #trouble: Trouble | undefined;
  #closed = false;

  constructor(id: string, me: string, hooks: PeerHooks) {
    this.#id = id;
    this.#polite = me < id; // any order works that both ends agree on
    this.#hooks = hooks;
    this.#open();
  }

  subscribe(subscription: RemoteSubscription): void {
    if (this.#incoming.has(subscription)) return;
    this.#incoming.add(subscription);
    this.#queue.push(subscription);
    this.#next();
  }

  /** Ends a subscription. The publisher is told to stop sending, unless its stream has ended anyway. */
  unsubscribe(subscription: RemoteSubscription, gone: boolean): void {
    this.#incoming.delete(subscription);
    this.#queue = this.#queue.filter((each) => each !== subscription);
    if (this.#adding === subscription) this.#adding = undefined;
    for (const carrier of Object.values(subscription.carriers)) carrier.stop();
    if (gone) this.#closeIfIdle();
    this.#next();
  }

  /** Stops sending a publication that has ended. */
  withdraw(publication: LocalPublication): void {
    for (const [carrier, carried] of this.outgoing) {
      if (carried !== publication) continue;
      this.outgoing.delete(carrier);
      if (carrier.direction !== 'stopped') void carrier.sender.replaceTrack(null).catch(() => {});
    }
    this.#closeIfIdle();
  }

  /** Handles a message from the other end, after those before it. */
  receive({ streamId, description, candidate }: Negotiation): void {
    this.#work = this.#work
      .then(async () => {
        if (this.#closed) return;
        if (description) await this.#describe(streamId, description);
        if (candidate) await this.#candidate(candidate);
      })
      .catch((error: unknown) => this.#hooks.error(asError(error)));
  }

  /**
   * Repeats an offer that was not answered in time, and restarts ICE when it is due. After a reconnect (`back`) both happen
   * at once. It is called each round, every two seconds.
   */
  refresh(now = Date.now(), back = false): void {
    if (!this.#hooks.live()) return;
    if (this.#pc.signalingState === 'have-local-offer') {
      if (++this.#unanswered > roundsUntilReplaced && this.#incoming.size > 0) return this.#replace();
      if (back || this.#unanswered % roundsUntilRepeat === 0) this.#send(this.#streamFor());
    }
    const trouble = this.#trouble;
    if (!trouble) return;
    if (back || now >= trouble.next) this.#restart(now, trouble);
  }

  /** Closes the connection without notice; the server tells the other end. */
  close(): void {
    this.#closed = true;
    this.#pc.close();
    for (const subscription of this.#incoming) subscription.become('interrupted');
    this.outgoing.clear();
  }

  #open(): void {
    const pc = (this.#pc = new RTCPeerConnection(this.#hooks.configuration()));
    pc.onnegotiationneeded = () => void this.#offer().catch((error: unknown) => this.#hooks.error(asError(error)));
    pc.onicecandidate = ({ candidate }) => {
      const stream = candidate && this.#hooks.anyStream(this.#id);
      if (!stream) return;
      const { candidate: text, sdpMid, sdpMLineIndex, usernameFragment } = candidate;
      this.#hooks.send(stream, this.#id, { candidate: { candidate: text, sdpMid, sdpMLineIndex, usernameFragment } });
    };
    pc.onsignalingstatechange = () => {
      if (pc.signalingState === 'stable') this.#settled();
    };
    pc.onconnectionstatechange = () => this.#flow(pc.connectionState);
  }

  /** Replaces the RTCPeerConnection and subscribes again to all streams. */
  #anew(): void {
    this.#pc.onconnectionstatechange = null;
    this.#pc.onnegotiationneeded = null;
    this.#pc.onsignalingstatechange = null;
    this.#pc.close();
    this.#known = new WeakSet();
    this.#remote = undefined;
    this.#trouble = undefined;
    this.#makingOffer = this.#ignoreOffer = false;
    this.#unanswered = 0;
    this.#adding = undefined;
    this.outgoing.clear();
    this.#queue = [...this.#incoming];
    for (const subscription of this.#incoming) subscription.carriers = {};
    this.#open();
    this.#next();
  }

  /** `#anew` from a timer. Work under way on a closed connection never ends, so later messages must not wait for it. */
  #replace(): void {
    this.#work = Promise.resolve();
    this.#anew();
  }

  /** Adds the next queued subscription, if no other one is being negotiated. */
  #next(): void {
    if (this.#adding || this.#closed || this.#pc.signalingState !== 'stable') return;
    const subscription = this.#queue.shift();
    if (!subscription) return;
    this.#adding = subscription;
    const carriers: Kinds = {};
    for (const kind of ['audio', 'video'] as const) {
      const carrier = this.#pc.addTransceiver(kind, { direction: subscription.direction(kind) });
      this.#known.add(carrier);
      carriers[kind] = carrier;
    }
    subscription.carry(carriers);
  }

  #settled(): void {
    this.#unanswered = 0;
    const added = this.#adding && Object.values(this.#adding.carriers);
    if (added?.every(({ currentDirection }) => currentDirection !== null)) {
      if (this.#pc.connectionState === 'connected') this.#adding?.become('live');
      this.#adding = undefined;
    }
    if (this.#pc.connectionState !== 'connected') this.#troubled(connectPatience);
    for (const [carrier] of this.outgoing) if (carrier.currentDirection === 'stopped') this.outgoing.delete(carrier);
    this.#hooks.negotiated();
    this.#closeIfIdle();
    this.#next();
  }

  #streamFor(): string | undefined {
    return this.#adding?.stream.id ?? this.#hooks.anyStream(this.#id);
  }

  async #offer(): Promise<void> {
    const stream = this.#streamFor();
    if (stream === undefined || this.#closed) return;
    const pc = this.#pc;
    this.#makingOffer = true;
    try {
      const { type, sdp = '' } = await pc.createOffer();
      await pc.setLocalDescription({ type, sdp: withStereo(sdp, () => true) }); // the publisher removes it for streams in mono
      if (pc === this.#pc) this.#send(stream);
    } catch (error) {
      // The connection was closed, or the other end's offer came first; in the latter case negotiationneeded fires again.
      if (pc === this.#pc && !this.#closed && pc.signalingState === 'stable') throw error;
    } finally {
      if (pc === this.#pc) this.#makingOffer = false;
    }
  }

  #send(stream: string | undefined, toOffer?: string): void {
    const { type, sdp } = (toOffer ? this.#pc.currentLocalDescription : this.#pc.localDescription) ?? {};
    if (stream === undefined || !type || !sdp) return;
    this.#hooks.send(stream, this.#id, { description: { type, sdp: toOffer ? `${sdp}${answers}${toOffer}\r\n` : sdp } });
  }

  async #describe(streamId: string, description: NonNullable<Negotiation['description']>): Promise<void> {
    const { type, sdp } = description;
    if (type === 'answer') return this.#answered(sdp);
    if (type !== 'offer') return;
    const remote = origin(sdp);
    const collides = () => this.#makingOffer || this.#pc.signalingState === 'have-local-offer';
    // The offer that was answered last, sent again before the answer came. A rollback would take back an offer of this end that the
    // other one may have accepted by now; the next one would name its sections otherwise, and be refused for ever.
    if (collides() && origin(this.#pc.currentRemoteDescription?.sdp).name === remote.name) return this.#send(streamId, remote.name);
    if (this.#remote === undefined) {
      // Both ends made their first offer at once. Chromium gathers no candidates after its first offer was rolled back, so
      // the polite end starts over; nothing is lost, since nothing was agreed yet.
      if (collides() && this.#polite) this.#anew();
    } else if (this.#remote !== remote.id) this.#anew(); // the other end has a new RTCPeerConnection
    this.#ignoreOffer = !this.#polite && collides();
    if (this.#ignoreOffer) return;
    const pc = this.#pc;
    await pc.setRemoteDescription({ type, sdp: withStereo(sdp, (mid) => this.#sendsStereo(mid, streamId)) });
    this.#remote = remote.id;
    this.#place(this.#hooks.publication(streamId));
    await pc.setLocalDescription();
    this.#send(streamId, remote.name);
  }

  /** Whether the publication of a media section is sent in stereo. A section that is new belongs to `streamId`. */
  #sendsStereo(mid: string, streamId: string): boolean {
    const carrier = this.#pc.getTransceivers().find((each) => each.mid === mid);
    return (carrier ? this.outgoing.get(carrier) : this.#hooks.publication(streamId))?.stereo ?? false;
  }

  async #answered(sdp: string): Promise<void> {
    const pc = this.#pc;
    const [answer = '', to] = sdp.split(answers);
    if (pc.signalingState !== 'have-local-offer' || to?.trim() !== origin(pc.localDescription?.sdp).name) return;
    await pc.setRemoteDescription({ type: 'answer', sdp: answer });
    this.#remote = origin(sdp).id;
  }

  async #candidate(candidate: RTCIceCandidateInit): Promise<void> {
    try {
      await this.#pc.addIceCandidate(candidate);
    } catch (error) {
      // The candidate belongs to an ignored offer or to a previous RTCPeerConnection.
      if (!this.#ignoreOffer && this.#pc.remoteDescription?.sdp.includes(`ice-ufrag:${candidate.usernameFragment}\r`)) throw error;
    }
  }

  /** Attaches a publication's tracks to the transceivers that the subscriber's offer added. */
  #place(publication: LocalPublication | undefined): void {
    for (const carrier of this.#pc.getTransceivers()) {
      if (this.#known.has(carrier) || carrier.mid === null) continue;
      this.#known.add(carrier);
      if (!publication) continue;
      carrier.direction = 'sendonly';
      this.outgoing.set(carrier, publication);
      void carrier.sender.replaceTrack(publication.track(carrier.receiver.track.kind as 'audio' | 'video')).catch(() => {});
    }
  }

  #flow(state: RTCPeerConnectionState): void {
    if (state === 'connected') {
      this.#trouble = undefined;
      for (const subscription of this.#incoming) if (subscription !== this.#adding) subscription.become('live');
      return;
    }
    if (state !== 'failed' && state !== 'disconnected') return;
    for (const subscription of this.#incoming) subscription.become('interrupted');
    const trouble = this.#troubled(interruptionPatience);
    if (state === 'failed') this.refresh(trouble.next);
  }

  /** Notes that no media flows. ICE is restarted if that lasts longer than `patience`. */
  #troubled(patience: number): Trouble {
    return (this.#trouble ??= { restarts: 0, next: Date.now() + patience });
  }

  /** Restarts ICE. After several restarts without success, one of the two ends replaces its RTCPeerConnection. */
  #restart(now: number, trouble: Trouble): void {
    trouble.next = now + Math.min(longestRestartPause, restartPause * 2 ** trouble.restarts);
    if (++trouble.restarts > restartsUntilAnew && this.#incoming.size > 0 && (!this.#polite || this.outgoing.size === 0)) {
      return this.#replace();
    }
    this.#pc.setConfiguration(this.#hooks.configuration());
    this.#pc.restartIce();
  }

  #closeIfIdle(): void {
    if (this.#incoming.size + this.outgoing.size === 0 && !this.#closed) this.#hooks.idle(this.#id);
  }
}

/**
 * Reads the o= line of a description (RFC 9429, section 5.2.1): `id` identifies the RTCPeerConnection, `name` the
 * description.
 */
function origin(sdp = ''): { id: string | undefined; name: string | undefined } {
  const [, name, id] = /^o=\S+ ((\S+) \S+)/m.exec(sdp) ?? [];
  return { id, name };
}
