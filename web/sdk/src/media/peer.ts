// One RTCPeerConnection to another connection of the session, for all streams of the two in both directions, by the
// "perfect negotiation" pattern of WebRTC's specification (section 10.7).
//
// Whoever subscribes offers: it adds transceivers that receive, and sends the offer under the stream's id. What is new in
// an offer therefore belongs to the stream that it came under, and the publisher puts its tracks there. One stream is
// added at a time, so that this is never in doubt. Everything else, such as an ICE restart, may go under any stream of
// the two.
//
// The signalling may lose messages, and may be away for long. So an offer that is not answered is sent again, and an answer
// names the offer that it is to.
import { asError } from '../api.ts';
import type { ChattokError } from '../errors.ts';
import type { NegotiationReceivedSubscription } from '../generated/operations.ts';
import type { LocalPublication } from './publication.ts';
import { withStereo } from './stereo.ts';
import type { Kinds, RemoteSubscription } from './subscription.ts';

export type Negotiation = NegotiationReceivedSubscription['negotiationReceived'];
export type Message = Pick<Negotiation, 'description'> | Pick<Negotiation, 'candidate'>;

/** Milliseconds. */
const answerPatience = 5_000;
const interruptionPatience = 3_000;
const connectPatience = 10_000;
const restartPause = 5_000; // doubles with each restart
const longestRestartPause = 40_000;
const restartsUntilAnew = 3;

/** Names, at the end of an answer, the offer that it is to. Attributes that are not known are ignored (RFC 8866, 5.13). */
const answers = 'a=x-chattok-answers:';

interface Trouble {
  /** How often another way was looked for, and when that is due again. */
  restarts: number;
  next: number;
}

export interface PeerHooks {
  /** Whether messages can be sent now. */
  live(): boolean;
  send(streamId: string, to: string, message: Message): void;
  /** A stream of the two that the server knows; undefined where there is none. */
  anyStream(peer: string): string | undefined;
  publication(streamId: string): LocalPublication | undefined;
  configuration(): RTCConfiguration;
  /** What is sent has been negotiated anew. */
  negotiated(): void;
  /** Nothing flows between the two any more. */
  idle(peer: string): void;
  error(error: ChattokError): void;
}

export class Peer {
  /** What carries our publications to this peer. */
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
  #remote: string | undefined; // which RTCPeerConnection the other end has
  #offered = { stream: '', at: 0 };
  #trouble: Trouble | undefined;
  #closed = false;

  constructor(id: string, me: string, hooks: PeerHooks) {
    this.#id = id;
    this.#polite = me < id; // any order will do that both see alike
    this.#hooks = hooks;
    this.#open();
  }

  subscribe(subscription: RemoteSubscription): void {
    if (this.#incoming.has(subscription)) return;
    this.#incoming.add(subscription);
    this.#queue.push(subscription);
    this.#next();
  }

  /** The subscription is over; unless its stream is gone, the publisher is told to stop sending. */
  unsubscribe(subscription: RemoteSubscription, gone: boolean): void {
    this.#incoming.delete(subscription);
    this.#queue = this.#queue.filter((each) => each !== subscription);
    if (this.#adding === subscription) this.#adding = undefined;
    for (const carrier of Object.values(subscription.carriers)) carrier.stop();
    if (gone) this.#closeIfIdle();
    this.#next();
  }

  /** Our publication has ended. */
  withdraw(publication: LocalPublication): void {
    for (const [carrier, carried] of this.outgoing) {
      if (carried !== publication) continue;
      this.outgoing.delete(carrier);
      if (carrier.direction !== 'stopped') void carrier.sender.replaceTrack(null).catch(() => {});
    }
    this.#closeIfIdle();
  }

  /** Takes a message from the other end; they are worked through one after another. */
  receive({ streamId, description, candidate }: Negotiation): void {
    this.#work = this.#work
      .then(async () => {
        if (this.#closed) return;
        if (description) await this.#describe(streamId, description);
        if (candidate) await this.#candidate(candidate);
      })
      .catch((error: unknown) => this.#hooks.error(asError(error)));
  }

  /** The signalling is back, or some time has passed: does again what may have been in vain. */
  refresh(now = Date.now(), back = false): void {
    if (!this.#hooks.live()) return;
    if (this.#pc.signalingState === 'have-local-offer' && (back || now - this.#offered.at >= answerPatience)) {
      this.#send(this.#streamFor());
    }
    const trouble = this.#trouble;
    if (!trouble) return;
    if (back || now >= trouble.next) this.#restart(now, trouble);
  }

  /** Ends it without a word; the other end learns of it from the server. */
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

  /** Begins anew with another RTCPeerConnection, which our subscriptions are added to again. */
  #anew(): void {
    this.#pc.onconnectionstatechange = null;
    this.#pc.onnegotiationneeded = null;
    this.#pc.onsignalingstatechange = null;
    this.#pc.close();
    this.#known = new WeakSet();
    this.#remote = undefined;
    this.#trouble = undefined;
    this.#makingOffer = this.#ignoreOffer = false;
    this.#adding = undefined;
    this.outgoing.clear();
    this.#queue = [...this.#incoming];
    for (const subscription of this.#incoming) subscription.carriers = {};
    this.#open();
    this.#next();
  }

  /** Adds the next stream, once the one before is settled. */
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
      await pc.setLocalDescription({ type, sdp: withStereo(sdp, () => true) }); // the publisher takes it back where it sends one
      if (pc === this.#pc) this.#send(stream);
    } catch (error) {
      // Closed meanwhile, or the other end's offer came first; then the need to negotiate is told again after it.
      if (pc === this.#pc && !this.#closed && pc.signalingState === 'stable') throw error;
    } finally {
      if (pc === this.#pc) this.#makingOffer = false;
    }
  }

  #send(stream: string | undefined, toOffer?: string): void {
    const { type, sdp } = this.#pc.localDescription ?? {};
    if (stream === undefined || !type || !sdp) return;
    if (type === 'offer') this.#offered = { stream, at: Date.now() };
    const text = toOffer === undefined ? sdp : `${sdp}${answers}${toOffer}\r\n`;
    this.#hooks.send(stream, this.#id, { description: { type, sdp: text } });
  }

  async #describe(streamId: string, description: NonNullable<Negotiation['description']>): Promise<void> {
    const { type, sdp } = description;
    if (type === 'answer') return this.#answered(sdp);
    if (type !== 'offer') return;
    const remote = origin(sdp);
    const collision = this.#makingOffer || this.#pc.signalingState !== 'stable';
    if (this.#remote === undefined) {
      // Both began at once. Chromium gathers no candidates after its first offer was rolled back; to begin anew costs no
      // more, since nothing has been agreed on.
      if (collision && this.#polite) this.#anew();
    } else if (this.#remote !== remote.id) this.#anew(); // the other end has begun anew
    const pc = this.#pc;
    this.#ignoreOffer = !this.#polite && (this.#makingOffer || pc.signalingState !== 'stable');
    if (this.#ignoreOffer) return;
    await pc.setRemoteDescription({ type, sdp: withStereo(sdp, (mid) => this.#sendsStereo(mid, streamId)) });
    this.#remote = remote.id;
    this.#place(this.#hooks.publication(streamId));
    await pc.setLocalDescription();
    this.#send(streamId, remote.name);
  }

  /** Whether both channels are sent in a section of an offer that came under this stream; a new section is for the stream. */
  #sendsStereo(mid: string, streamId: string): boolean {
    const carrier = this.#pc.getTransceivers().find((each) => each.mid === mid);
    return (carrier ? this.outgoing.get(carrier) : this.#hooks.publication(streamId))?.stereo ?? false;
  }

  async #answered(sdp: string): Promise<void> {
    const pc = this.#pc;
    const to = lineOf(sdp, answers);
    if (pc.signalingState !== 'have-local-offer' || to !== origin(pc.localDescription?.sdp ?? '').name) return;
    await pc.setRemoteDescription({ type: 'answer', sdp: sdp.replace(`${answers}${to}\r\n`, '') });
    this.#remote = origin(sdp).id;
  }

  async #candidate(candidate: RTCIceCandidateInit): Promise<void> {
    try {
      await this.#pc.addIceCandidate(candidate);
    } catch (error) {
      // Of an offer that we ignored, or of an RTCPeerConnection that was there before.
      if (!this.#ignoreOffer && this.#pc.remoteDescription?.sdp.includes(`ice-ufrag:${candidate.usernameFragment}\r`)) throw error;
    }
  }

  /** Puts our tracks where the peer has made room for them. */
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

  /** Nothing flows. Where that lasts longer than patience, another way is looked for. */
  #troubled(patience: number): Trouble {
    return (this.#trouble ??= { restarts: 0, next: Date.now() + patience });
  }

  /** Looks for another way; where that was in vain a few times, one of the two begins anew. */
  #restart(now: number, trouble: Trouble): void {
    trouble.next = now + Math.min(longestRestartPause, restartPause * 2 ** trouble.restarts);
    if (++trouble.restarts > restartsUntilAnew && this.#incoming.size > 0 && (!this.#polite || this.outgoing.size === 0)) {
      return this.#anew();
    }
    this.#pc.setConfiguration(this.#hooks.configuration());
    this.#pc.restartIce();
  }

  #closeIfIdle(): void {
    if (this.#incoming.size + this.outgoing.size === 0 && !this.#closed) this.#hooks.idle(this.#id);
  }
}

/** Which RTCPeerConnection a description is of, and which of its descriptions: the o= line (RFC 9429, section 5.2.1). */
function origin(sdp: string): { id: string; name: string } {
  const [, id = '', version = ''] = /^o=\S+ (\S+) (\S+)/m.exec(sdp) ?? [];
  return { id, name: `${id} ${version}` };
}

function lineOf(sdp: string, prefix: string): string | undefined {
  return sdp
    .split('\r\n')
    .find((line) => line.startsWith(prefix))
    ?.slice(prefix.length);
}
