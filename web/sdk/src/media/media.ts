// Publications and subscriptions of this page, and the peer connections that carry them.
import { asError } from '../api.ts';
import { ChattokError } from '../errors.ts';
import {
  iceServersDocument,
  negotiateDocument,
  publishStreamDocument,
  unpublishStreamDocument,
  updateStreamDocument,
  type Document,
} from '../generated/operations.ts';
import type { Link } from '../link.ts';
import type { ConnectOptions, DisconnectReason, PublicationEnd, PublishOptions, Stream, SubscribeOptions } from '../types.ts';
import { limit, limitsFor } from './adapt.ts';
import { Ice } from './ice.ts';
import { Peer, type Message, type Negotiation, type PeerHooks } from './peer.ts';
import { LocalPublication, type Carrier } from './publication.ts';
import { RemoteSubscription } from './subscription.ts';

/**
 * The type and the text of a message by which a subscriber tells that it shows a picture large; another text ends that. It is no
 * session description: a rollback of nothing, which pages that don't know this message pass over. A signal would not do, since those
 * who only watch may send none.
 */
const sizeType = 'rollback';
const largeSize = 'large';

/** Interval at which streams and peers are checked, in milliseconds. */
const round = 2_000;

export interface MediaHooks {
  me(): string | undefined;
  /** The WebSocket, defined only while the session is live. */
  link(): Link | undefined;
  /** Runs an operation, once the session is live. */
  run<Data, Variables extends object>(query: Document<Data, Variables>, variables: Variables): Promise<Data>;
  /** All streams of the session, by id. */
  streams(): ReadonlyMap<string, Stream>;
  changed(what: 'publications' | 'subscriptions'): void;
  muted(publication: LocalPublication): void;
  error(error: ChattokError): void;
}

export class Media {
  readonly publications = new Set<LocalPublication>();
  readonly subscriptions = new Map<string, RemoteSubscription>(); // by stream id
  readonly #hooks: MediaHooks;
  readonly #ice: Ice;
  readonly #peers = new Map<string, Peer>();
  readonly #republishing = new Set<LocalPublication>();
  #round: ReturnType<typeof setInterval> | undefined;
  #closed: ChattokError | undefined;

  constructor(rtc: ConnectOptions['rtc'], hooks: MediaHooks) {
    this.#hooks = hooks;
    this.#ice = new Ice(rtc, () => hooks.run(iceServersDocument, {}));
  }

  async publish(media: MediaStream, options: PublishOptions): Promise<LocalPublication> {
    if (this.#closed) throw this.#closed;
    const publication = new LocalPublication(media, options, {
      update: (each) => this.#update(each),
      unpublish: (each, reason) => this.unpublish(each, reason),
      carriers: (each) => this.#carriers(each),
      resized: () => this.adapt(),
    });
    const { publishStream } = await this.#hooks.run(publishStreamDocument, publication.look());
    if (this.#closed) throw this.#closed;
    publication.stream = publishStream;
    this.publications.add(publication);
    this.#heed(publication);
    this.#hooks.changed('publications');
    return publication;
  }

  async unpublish(publication: LocalPublication, reason: PublicationEnd = 'clientDisconnected'): Promise<void> {
    if (!this.publications.has(publication)) return;
    this.#drop(publication, reason);
    await this.#hooks.run(unpublishStreamDocument, { streamId: publication.stream.id }).catch(ignoreGone);
  }

  subscribe(stream: Stream, element: HTMLMediaElement | undefined, options: SubscribeOptions): RemoteSubscription {
    if (this.#closed) throw this.#closed;
    let subscription = this.subscriptions.get(stream.id);
    if (!subscription) {
      subscription = new RemoteSubscription(stream, options, {
        changed: () => this.#hooks.changed('subscriptions'),
        error: this.#hooks.error,
        close: (each) => this.#end(each),
        sized: ({ stream, large }) =>
          this.#send(stream.id, stream.connection.id, { description: { type: sizeType, sdp: large ? largeSize : '' } }),
      });
      this.subscriptions.set(stream.id, subscription);
      this.#hooks.changed('subscriptions');
      this.#connect(subscription);
    }
    if (element) subscription.attach(element);
    return subscription;
  }

  /** This page has a new connection. Peer connections belong to the old one and are closed. */
  admitted(): void {
    this.#peers.forEach((peer) => peer.close());
    this.#peers.clear();
  }

  /** The session is live and its streams are known: republishes, resubscribes and repeats unanswered offers. */
  live(): void {
    this.#round ??= setInterval(() => this.#look(), round);
    this.#settle();
    for (const subscription of this.subscriptions.values()) {
      this.#connect(subscription);
      subscription.repeatSize();
    }
    this.#peers.forEach((peer) => peer.refresh(Date.now(), true));
  }

  receive(negotiation: Negotiation): void {
    const { streamId, fromConnectionId: from, description } = negotiation;
    const publication = this.#publication(streamId);
    if (description?.type === sizeType) {
      publication?.large[description.sdp === largeSize ? 'add' : 'delete'](from);
      return this.adapt();
    }
    // An offer that overtook the answer to publishStream would be answered without tracks. It comes again in a few seconds.
    if (description && !publication && this.#hooks.streams().get(streamId)?.connection.id === this.#hooks.me()) return;
    void this.#ready(() => {
      const peer = description?.type === 'offer' ? this.#peer(from) : this.#peers.get(from);
      peer?.receive(negotiation);
    });
  }

  streamUpdated(stream: Stream): void {
    for (const publication of this.publications) {
      if (publication.stream.id !== stream.id) continue;
      const muted = publication.stream.hasAudio && !stream.hasAudio && publication.look().hasAudio;
      if (muted && !this.#hooks.link()) this.#mute(publication); // muted while this page was offline; there was no event
      this.#shown(publication, stream);
    }
    const subscription = this.subscriptions.get(stream.id);
    if (!subscription) return;
    subscription.stream = stream;
    subscription.tell();
  }

  /**
   * Ends a publication or subscription whose stream has ended. A publication that was lost with its connection is kept, to
   * be published again under the next connection.
   */
  streamDestroyed({ id, connection }: Stream, reason: DisconnectReason | undefined): void {
    const lost = reason === 'networkDisconnected' || connection.id !== this.#hooks.me();
    for (const publication of this.publications) {
      if (publication.stream.id === id && !lost) this.#drop(publication, reason ?? 'networkDisconnected');
    }
    const subscription = this.subscriptions.get(id);
    if (subscription) this.#end(subscription, true);
  }

  connectionDestroyed(id: string): void {
    this.#peers.get(id)?.close();
    this.#peers.delete(id);
  }

  mute(streamId: string | undefined, except: readonly string[]): void {
    for (const publication of this.publications) {
      const { id } = publication.stream;
      if (streamId === undefined ? !except.includes(id) : id === streamId) this.#mute(publication);
    }
  }

  /** Adjusts the outgoing bitrates and resolutions to the number of videos in the session. */
  adapt(): void {
    const videos = [...this.#hooks.streams().values()].filter(({ hasVideo }) => hasVideo).length;
    for (const [id, peer] of this.#peers) {
      for (const [{ sender, receiver }, publication] of peer.outgoing) {
        if (receiver.track.kind !== 'video') {
          void limit(sender, { maxBitrate: publication.bitrate('audio') });
          continue;
        }
        const { height } = publication.track('video')?.getSettings() ?? {};
        void limit(sender, limitsFor(publication.videoType, height, videos, publication.bitrate('video'), publication.large.has(id)));
      }
    }
  }

  close(error: ChattokError, reason: DisconnectReason): void {
    this.#closed = error;
    clearInterval(this.#round);
    this.#peers.forEach((peer) => peer.close());
    this.#peers.clear();
    for (const subscription of [...this.subscriptions.values()]) this.#end(subscription);
    for (const publication of [...this.publications]) this.#drop(publication, reason);
  }

  /** Runs a function once the ICE servers are known. */
  async #ready(call: () => void): Promise<void> {
    try {
      await this.#ice.load();
    } catch (error) {
      this.#hooks.error(asError(error));
    }
    if (this.#ice.configuration && !this.#closed) call();
  }

  #connect(subscription: RemoteSubscription): void {
    void this.#ready(() => {
      const { stream } = subscription;
      if (this.subscriptions.get(stream.id) === subscription) this.#peer(stream.connection.id)?.subscribe(subscription);
    });
  }

  #publication(streamId: string): LocalPublication | undefined {
    return [...this.publications].find(({ stream }) => stream.id === streamId);
  }

  #peer(id: string): Peer | undefined {
    let peer = this.#peers.get(id);
    const me = this.#hooks.me();
    if (!peer && me !== undefined) this.#peers.set(id, (peer = new Peer(id, me, this.#peerHooks())));
    return peer;
  }

  #peerHooks(): PeerHooks {
    return {
      live: () => this.#hooks.link() !== undefined,
      send: (streamId, to, message) => this.#send(streamId, to, message),
      anyStream: (peer) => {
        for (const { stream } of this.publications) if (stream.connection.role === 'PUBLISHER_ONLY') return stream.id; // it may speak of its own alone
        for (const [id, { connection }] of this.#hooks.streams()) if (connection.id === peer) return id;
        for (const { stream } of this.publications) return stream.id;
        return undefined;
      },
      publication: (streamId) => this.#publication(streamId),
      configuration: () => this.#ice.configuration ?? {},
      negotiated: () => this.adapt(),
      idle: (peer) => this.connectionDestroyed(peer),
      error: this.#hooks.error,
    };
  }

  /** Sends a negotiation message at most once. The peer that misses an answer repeats its offer. */
  #send(streamId: string, to: string, message: Message): void {
    this.#hooks
      .link()
      ?.run(negotiateDocument, { streamId, to, ...message })
      .catch((error: ChattokError) => {
        if (error.code !== 'NETWORK' && error.code !== 'NOT_FOUND') this.#hooks.error(error);
      });
  }

  /**
   * Brings the server's list of this page's streams in line with `publications` after a reconnect: unpublishes, republishes
   * or updates.
   */
  #settle(): void {
    const me = this.#hooks.me();
    const ours = new Set([...this.publications].map(({ stream }) => stream.id));
    for (const { id, connection } of this.#hooks.streams().values()) {
      if (connection.id === me && !ours.has(id)) this.#run(unpublishStreamDocument, { streamId: id });
    }
    for (const publication of this.publications) {
      if (publication.stream.connection.id !== me) void this.#republish(publication);
      else if (publication.outdated) void this.#update(publication).catch(() => {}); // repeated after the next reconnect
    }
  }

  /** Runs an operation and ignores its errors. */
  #run<Data, Variables extends object>(query: Document<Data, Variables>, variables: Variables): void {
    this.#hooks.run(query, variables).catch(() => {});
  }

  /** Switches off the audio of a stream that was published muted, since a mute of the session stays on. Its owner knows it by then. */
  #heed(publication: LocalPublication): void {
    setTimeout(() => publication.look().hasAudio && !publication.stream.hasAudio && this.#mute(publication));
  }

  #mute(publication: LocalPublication): void {
    publication.silence();
    this.#shown(publication, { ...publication.stream, hasAudio: false });
    this.#hooks.muted(publication);
  }

  #look(): void {
    if (!this.#hooks.link()) return;
    const me = this.#hooks.me();
    for (const publication of this.publications) {
      if (publication.stream.connection.id !== me) void this.#republish(publication);
      else if (publication.resized) void this.#update(publication).catch(() => {}); // repeated in the next round
    }
    void this.#ready(() => this.#peers.forEach((peer) => peer.refresh()));
  }

  /** Publishes a stream again under the present connection. After a temporary error the next round tries again. */
  async #republish(publication: LocalPublication): Promise<void> {
    if (this.#republishing.has(publication)) return;
    this.#republishing.add(publication);
    try {
      const { publishStream } = await this.#hooks.run(publishStreamDocument, publication.look());
      if (this.publications.has(publication)) {
        this.#shown(publication, publishStream);
        this.#heed(publication);
      } else this.#run(unpublishStreamDocument, { streamId: publishStream.id });
    } catch (error) {
      const { code } = asError(error);
      if (code !== 'FORBIDDEN' && code !== 'BAD_USER_INPUT' && code !== 'ENDED') return;
      this.#drop(publication, 'networkDisconnected');
      this.#hooks.error(asError(error));
    } finally {
      this.#republishing.delete(publication);
    }
  }

  async #update(publication: LocalPublication): Promise<void> {
    if (!this.publications.has(publication)) return;
    const { name: _name, videoType: _type, ...look } = publication.look();
    const { updateStream } = await this.#hooks.run(updateStreamDocument, { streamId: publication.stream.id, ...look });
    this.#shown(publication, { ...publication.stream, ...updateStream });
  }

  #shown(publication: LocalPublication, stream: Stream): void {
    publication.stream = stream;
    this.#hooks.changed('publications');
    publication.tell();
  }

  #carriers(publication: LocalPublication): Carrier[] {
    return [...this.#peers].flatMap(([connectionId, { outgoing }]) =>
      [...outgoing]
        .filter(([, carried]) => carried === publication)
        .map(([{ sender, receiver }]) => ({ connectionId, kind: receiver.track.kind as 'audio' | 'video', sender })),
    );
  }

  #drop(publication: LocalPublication, reason: PublicationEnd): void {
    publication.end(reason);
    this.publications.delete(publication);
    [...this.#peers.values()].forEach((peer) => peer.withdraw(publication));
    this.#hooks.changed('publications');
    publication.tell();
  }

  #end(subscription: RemoteSubscription, gone = false): void {
    if (this.subscriptions.get(subscription.stream.id) !== subscription) return;
    this.subscriptions.delete(subscription.stream.id);
    this.#peers.get(subscription.stream.connection.id)?.unsubscribe(subscription, gone);
    subscription.become('ended');
  }
}

/** Ignores NOT_FOUND when unpublishing: the stream has already ended. */
function ignoreGone(error: ChattokError): void {
  if (error.code !== 'NOT_FOUND') throw error;
}
