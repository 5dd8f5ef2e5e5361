import { open, type ChattokError, type ConnectOptions, type Publication, type Session as ChattokSession, type SessionState } from '../../sdk/src/index.ts';
import * as chattok from '../../sdk/src/index.ts';
import { Collection } from './collection.ts';
import { quiet, settled, withPromise, type Completion } from './completion.ts';
import { asConnectError, asOTError, codes, notConnected, OTError } from './errors.ts';
import { EventEmitter, later, type Event } from './events.ts';
import { warn } from './log.ts';
import { endMute, muteAll } from './mutes.ts';
import { none, notHere, Publisher } from './publisher.ts';
import { publishers, raise, sessions, subscribers } from './registry.ts';
import { Connection, nobodys, Stream } from './roster.ts';
import { answersOthers } from './refusal.ts';
import { serverAddress } from './server.ts';
import {
  capabilitiesOf,
  connectionId,
  nothing,
  streamId,
  type Capabilities,
  type ConnectionLike,
  type IceConfig,
  type PublishArguments,
  type SessionOptions,
  type Signal,
  type StreamLike,
  type SubscribeArguments,
} from './session-types.ts';
import { decode, encode } from './signals.ts';
import { SharedSubscription, Subscriber, type Media, type SubscriberProperties } from './subscriber.ts';
import type { Target } from './widget.ts';

/** Milliseconds after which connect fails. */
const connectPatience = 30_000;

/** Values that stand for no token: in open mode the session's id is enough. */
const noTokens = new Set(['', 'devtoken']);

/** A session of the SDK, from the start of connect until it has ended. */
interface Joined {
  readonly chattok: ChattokSession;
  readonly token: string;
  live: boolean;
  /** Whether the server answered a request that any origin may make, after it had not answered this page's. */
  answers: boolean;
  /** Events that arrived while the session was not live, to be told when it is. */
  backlog: (() => void)[];
}

export class Session extends EventEmitter {
  readonly sessionId: string;
  /** The same, by its older name. */
  readonly id: string;
  apiKey: string;
  connection: Connection | undefined = none;
  capabilities: Capabilities = nothing;
  readonly connections = new Collection<Connection>();
  readonly streams = new Collection<Stream>();
  readonly #options: SessionOptions;
  readonly #shared = new Map<string, SharedSubscription>();
  readonly #waiting: ((error?: OTError) => void)[] = []; // calls of connect that are not settled
  #joined: Joined | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #ice: IceConfig | undefined;

  /** @internal */
  constructor(apiKey: string, sessionId: string, options: SessionOptions) {
    super();
    this.apiKey = apiKey;
    this.sessionId = this.id = sessionId;
    this.#options = options;
    this.#ice = options.iceConfig;
    if (options.encryptionSecret !== undefined) warn('media is not encrypted from end to end here beyond what WebRTC does');
    sessions.add(sessionId, this);
  }

  /** The SDK's session, with the features that OpenTok lacks; undefined while there is none. */
  get chattok(): ChattokSession | undefined {
    return this.#joined?.chattok;
  }

  isConnected(): boolean {
    return this.connection !== none;
  }

  readonly connect = withPromise(
    (...from: [token: string, completion?: Completion] | [apiKey: string, token: string, completionOrProperties?: Completion | object]): this => {
      const [first, second] = from;
      if (typeof second === 'string') this.apiKey = first; // the first version's form, which may have properties too
      const token = typeof second === 'string' ? second : first;
      const completion = from.find((each) => typeof each === 'function') as Completion | undefined;
      void quiet(this.#connect(token, completion));
      return this;
    },
    (token: string): Promise<Session> => quiet(this.#connect(token)),
  );

  /** Connects. The completion handler is queued directly after sessionConnected, before the events that follow it. */
  #connect(token: string | null | undefined, completion?: Completion): Promise<Session> {
    if (this.isConnected()) return settled(Promise.resolve(this), completion);
    return new Promise((resolve, reject) => {
      this.#waiting.push((error) => {
        if (completion) later(() => completion(error));
        if (error) reject(error);
        else resolve(this);
      });
      if (this.#joined) return;
      try {
        this.#join(token ?? '');
      } catch (cause) {
        this.#refuse(asConnectError(cause));
      }
    });
  }

  #join(token: string): void {
    const rtc = this.#ice && ({
      iceServers: this.#ice.customServers,
      besideServers: this.#ice.includeServers === 'all',
      iceTransportPolicy: this.#ice.transportPolicy,
    } satisfies ConnectOptions['rtc']);
    const session = open({
      url: serverAddress(),
      session: this.sessionId,
      ...(!noTokens.has(token) && { token }),
      ...(rtc && { rtc }),
    });
    const joined: Joined = { chattok: session, token, live: false, answers: false, backlog: [] };
    this.#joined = joined;
    this.#patience = setTimeout(() => this.#refuse(new OTError('OT_CONNECT_FAILED', this.#tooLate(joined), codes.connect)), connectPatience);
    this.#follow(joined);
  }

  #tooLate({ chattok: { store } }: Joined): string {
    const { state } = store.get();
    const cause = 'error' in state && state.error ? `: ${state.error.message}` : '';
    return `the session could not be joined within ${connectPatience / 1000} seconds${cause}`;
  }

  /** Turns the SDK's events into OpenTok's, in order. Those of an outage are told after sessionConnected or sessionReconnected. */
  #follow(joined: Joined): void {
    const { chattok: session } = joined;
    const told = <Event>(tell: (event: Event) => void) => (event: Event) => {
      if (this.#joined !== joined) return;
      if (joined.live) tell(event);
      else joined.backlog.push(() => tell(event));
    };
    session.on('connectionCreated', told((connection) => this.#connectionCreated(connection)));
    session.on('connectionUpdated', told((connection) => this.#connectionUpdated(connection)));
    session.on('connectionDestroyed', told(({ connection, reason }) => this.#connectionDestroyed(connection.id, reason)));
    session.on('stream', told((stream) => this.#streamCreated(stream)));
    session.on('streamUpdated', told((stream) => this.#streamUpdated(stream)));
    session.on('streamDestroyed', told(({ stream, reason }) => this.#streamDestroyed(stream.id, reason)));
    session.on('signal', told((signal) => this.#signalled(signal)));
    session.on('forceMute', told(({ streamId: one }) => one === undefined && this.dispatch('muteForced', { about: { active: true } })));
    session.on('muteForced', ({ publication }) => publishers.find((each) => each.publishes(publication))?.mutedByForce());
    session.on('state', (state) => this.#joined === joined && this.#changed(joined, state));
  }

  #changed(joined: Joined, state: SessionState): void {
    switch (state.name) {
      case 'connecting':
        if (state.error?.code === 'NETWORK') void this.#diagnose(joined, state.error);
        return;
      case 'live':
        joined.live = true;
        if (this.isConnected()) this.#reconnected(joined);
        else this.#connected(joined);
        joined.backlog.splice(0).forEach((tell) => tell());
        return;
      case 'reconnecting':
        if (joined.live) this.dispatch('sessionReconnecting');
        joined.live = false;
        return;
      case 'refused':
        if (this.isConnected()) this.#ended('networkDisconnected');
        else this.#refuse(asConnectError(state.error));
        return;
      case 'ended':
        if (this.isConnected()) this.#ended(state.reason);
        else this.#refuse(notConnected());
    }
  }

  /**
   * Finds out whether the server refuses pages of this origin. It does where it answers a request that any origin may make, but
   * does not answer this page before and after that. A server that was only away is waited for.
   */
  async #diagnose(joined: Joined, error: ChattokError): Promise<void> {
    if (!joined.answers) {
      joined.answers = await answersOthers(serverAddress());
      return;
    }
    const message = `${error.message}: pages of ${location.origin} may not use the server unless its CHATTOK_ORIGINS lists that origin`;
    this.#refuse(new OTError('OT_CONNECT_FAILED', message, codes.connect, error));
  }

  #connected({ chattok: session }: Joined): void {
    clearTimeout(this.#patience);
    const { connections, streams } = session.store.get();
    for (const each of connections) this.connections.add(each.id, new Connection(each));
    this.#become(session);
    this.dispatch('sessionConnected', { about: { connections: this.connections.where(), streams: this.streamsAtConnect(streams) } });
    this.#waiting.splice(0).forEach((done) => done());
    // Queued one by one: a handler may disconnect in between.
    this.connections.forEach((each) => this.#told('connectionCreated', { connection: each }, 2));
  }

  /** The streams in the sessionConnected event: none, since each has a streamCreated event of its own. */
  protected streamsAtConnect(_streams: readonly chattok.Stream[]): Stream[] {
    return [];
  }

  /** Takes the session's connection as the page's own. Where its role was changed already, the roster is the first to say so. */
  #become({ store }: ChattokSession): void {
    const { connection: admitted, connections } = store.get();
    if (!admitted) return;
    const connection = connections.find(({ id }) => id === admitted.id) ?? admitted;
    const own = this.connections.get(connection.id) ?? new Connection(connection);
    this.connections.add(connection.id, own);
    this.connection = own;
    this.capabilities = capabilitiesOf(connection.role);
  }

  /** Handles a session that is live again. After the server's grace time the connection is a new one, and told as such. */
  #reconnected({ chattok: session }: Joined): void {
    this.dispatch('sessionReconnected');
    const { connection } = session.store.get();
    const old = this.connection;
    if (!connection || !old || connection.id === old.connectionId) return;
    this.#connectionDestroyed(old.connectionId, 'networkDisconnected');
    this.#become(session);
    this.#told('connectionCreated', { connection: this.connection });
  }

  /** Fails all pending calls of connect. */
  #refuse(error: OTError): void {
    clearTimeout(this.#patience);
    const joined = this.#joined;
    this.#joined = undefined;
    void joined?.chattok.disconnect();
    raise(error, this);
    this.#waiting.splice(0).forEach((done) => done(error));
  }

  #ended(reason: string): void {
    this.#joined = undefined;
    this.connection = none;
    this.capabilities = nothing;
    const left = subscribers.filter(({ session }) => session === this);
    this.connections.clear();
    this.streams.clear();
    this.#shared.clear();
    this.dispatch('sessionDisconnected', {
      about: { reason },
      byDefault: () => left.forEach((subscriber) => subscriber.destroy(reason)),
    });
  }

  disconnect(): Promise<void> {
    const done = this.#joined?.chattok.disconnect() ?? Promise.resolve(); // its state changes at once, which does the rest
    return done;
  }

  #connectionCreated(connection: chattok.Connection): void {
    if (this.connections.has(connection.id)) return;
    const created = new Connection(connection);
    this.connections.add(connection.id, created);
    this.#told('connectionCreated', { connection: created });
  }

  /** Takes a connection's new data, and of the page's own one what its new role allows. */
  #connectionUpdated(connection: chattok.Connection): void {
    this.connections.get(connection.id)?.take(connection);
    if (connection.id === this.connection?.connectionId) this.capabilities = capabilitiesOf(connection.role);
  }

  #connectionDestroyed(id: string, reason: string | undefined): void {
    const connection = this.connections.get(id);
    if (!connection) return;
    this.connections.remove(id);
    this.#told('connectionDestroyed', { connection, reason: reason ?? 'networkDisconnected' });
  }

  #told(name: 'connectionCreated' | 'connectionDestroyed', about: object, version?: 2): void {
    if (!this.#options.connectionEventsSuppressed) this.dispatch(name, { about, ...(version && { version }) });
  }

  #connectionOf({ id, ...rest }: chattok.Connection): Connection {
    return this.connections.get(id) ?? new Connection({ id, ...rest });
  }

  /** Adds a stream to those of the session. */
  protected addStream(stream: chattok.Stream): Stream {
    const added = new Stream(stream, this.#connectionOf(stream.connection));
    this.streams.add(stream.id, added);
    return added;
  }

  #streamCreated(stream: chattok.Stream): void {
    const named = this.streams.get(stream.id); // already named in sessionConnected
    const created = named ?? this.addStream(stream);
    this.dispatch('streamCreated', { about: { stream: created }, ...(named && { version: 2 }) });
  }

  #streamUpdated(stream: chattok.Stream): void {
    const known = this.streams.get(stream.id);
    if (known) this.#tellChanges(known, stream);
  }

  #tellChanges(known: Stream, stream: chattok.Stream): void {
    for (const change of known.update(stream)) this.dispatch('streamPropertyChanged', { about: { stream: known, ...change } });
  }

  #streamDestroyed(id: string, given: string | undefined): void {
    const stream = this.streams.get(id);
    if (!stream) return;
    const reason = given ?? 'networkDisconnected';
    this.streams.remove(id);
    const left = this.getSubscribersForStream(stream);
    this.#shared.delete(id);
    this.dispatch('streamDestroyed', {
      about: { stream, reason },
      byDefault: () => left.forEach((subscriber) => subscriber.destroy(reason)),
    });
  }

  /** Dispatches a signal: as `signal`, and one with a type also as `signal:type`. */
  #signalled({ type: wire, data: text, fromConnectionId }: chattok.Signal): void {
    const { type, data } = decode(wire, text);
    const from = this.connections.get(fromConnectionId ?? '') ?? null;
    const name = type === '' ? 'signal' : `signal:${type}`;
    const about = { data, from };
    this.dispatch('signal', { type: name, about });
    if (type !== '') this.dispatch(name, { about });
  }

  signal(signal?: Signal | null, completion?: Completion): Promise<void> {
    return quiet(settled(this.#signal(signal ?? {}), completion));
  }

  async #signal({ to, retryAfterReconnect, ...properties }: Signal): Promise<void> {
    const { type, data } = encode(properties);
    const session = this.chattok;
    if (!session || !this.isConnected()) throw notConnected(codes.signalNotConnected);
    try {
      await session.signal(type, data, {
        ...(to !== undefined && to !== null && { to: connectionId(to) }),
        ...(retryAfterReconnect !== undefined && { retryAfterReconnect }),
      });
    } catch (cause) {
      const { code } = cause as ChattokError;
      if (code === 'NETWORK' || code === 'ENDED') throw notConnected(codes.signalNotConnected);
      throw asOTError(cause, code === 'NOT_FOUND' ? codes.signalNotFound : codes.signalInvalid);
    }
  }

  readonly publish = withPromise(
    (...from: PublishArguments): Publisher => {
      const { publisher, completion } = this.#publisherOf(from);
      void settled(this.#publish(publisher), completion).catch(() => {});
      return publisher;
    },
    (...from: PublishArguments): Promise<Publisher> => quiet(this.#publish(this.#publisherOf(from).publisher)),
  );

  #publisherOf([first, second, third]: PublishArguments): { publisher: Publisher; completion: Completion | undefined } {
    const completion = typeof second === 'function' ? second : third;
    if (first instanceof Publisher) return { publisher: first, completion };
    const properties = typeof second === 'object' && second !== null ? second : {};
    return { publisher: new Publisher(first as Target, properties, undefined), completion };
  }

  async #publish(publisher: Publisher): Promise<Publisher> {
    try {
      const session = this.chattok;
      if (!session || !this.isConnected()) throw notConnected();
      if (!this.capabilities.publish) throw new OTError('OT_PERMISSION_DENIED', 'the role of the token does not allow to publish', codes.publish);
      if (publisher.session === this) return publisher;
      await publisher.publishTo(this, session, {
        adopt: (publication) => this.#adopt(publication),
        changed: (stream, publication) => this.#ownChanged(stream, publication),
        gone: (stream, reason) => this.#ownGone(stream, reason),
      });
      return publisher;
    } catch (cause) {
      throw raise(asOTError(cause, codes.publish), publisher);
    }
  }

  #adopt({ stream }: Publication): Stream {
    const own = this.addStream(stream);
    this.dispatch('streamCreated', { about: { stream: own }, version: 1 });
    return own;
  }

  #ownGone(stream: Stream, reason: string): Event | undefined {
    this.streams.remove(stream.streamId);
    return this.dispatch('streamDestroyed', { about: { stream, reason }, version: 1, byDefault: () => {} }); // the default action is the publisher's
  }

  /** Handles a change of an own stream. It has another id after it was published again by a new connection. */
  #ownChanged(own: Stream, { stream }: Publication): void {
    if (own.streamId !== stream.id) {
      this.streams.remove(own.streamId);
      this.streams.add(stream.id, own);
      own.connection = this.#connectionOf(stream.connection);
    }
    this.#tellChanges(own, stream);
  }

  unpublish(publisher: { stream?: object | undefined }): void {
    if (publisher instanceof Publisher && publisher.session === this) publisher.unpublish('clientDisconnected');
  }

  readonly subscribe = withPromise(
    (...from: SubscribeArguments): Subscriber => this.#subscribe(from),
    (stream: StreamLike, target?: HTMLElement | string, properties?: SubscriberProperties): Promise<Subscriber> =>
      quiet(
        new Promise((resolve, reject) => {
          const subscriber = this.#subscribe([stream, target, properties, (error) => (error ? reject(error) : resolve(subscriber))]);
        }),
      ),
  );

  #subscribe([stream, target, ...rest]: SubscribeArguments): Subscriber {
    const properties = rest.find((each): each is SubscriberProperties => typeof each === 'object' && each !== null) ?? {};
    const completion = [target, ...rest].find((each) => typeof each === 'function') as Completion | undefined;
    const known = this.streams.get(streamId(stream ?? ''));
    const place = typeof target === 'function' ? undefined : target;
    const shown = known ?? (stream instanceof Stream ? stream : new Stream(nobodys, new Connection(nobodys.connection)));
    return new Subscriber(this, shown, this.#mediaOf(known), place, properties, completion);
  }

  /** Returns the media for a subscriber of a stream, or why there is none. */
  #mediaOf(stream: Stream | undefined): Media {
    const session = this.chattok;
    if (!session || !this.isConnected()) return { error: notConnected() };
    if (!stream) return { error: new OTError('OT_STREAM_NOT_FOUND', 'it is no stream of the session', codes.streamNotFound) };
    const own = session.store.get().publications.find((publication) => publication.stream.id === stream.streamId);
    if (own) return { own: own.media };
    if (!this.capabilities.subscribe) return { error: new OTError('OT_PERMISSION_DENIED', 'the role of the token does not allow to subscribe', codes.subscribe) };
    let shared = this.#shared.get(stream.streamId);
    if (!shared || shared.ended) this.#shared.set(stream.streamId, (shared = new SharedSubscription(session.subscribe(stream.chattok))));
    return { shared };
  }

  unsubscribe(subscriber: { stream?: object | undefined }): void {
    if (subscriber instanceof Subscriber && subscriber.session === this) subscriber.destroy('clientDisconnected');
  }

  getPublisherForStream(stream: StreamLike): Publisher | undefined {
    return publishers.find(({ session, stream: own }) => session === this && own?.streamId === streamId(stream));
  }

  /** Returns any number of subscribers; the type, a tuple of one, is OpenTok's. */
  getSubscribersForStream(stream: StreamLike): [Subscriber] {
    return subscribers.filter(({ session, stream: shown }) => session === this && shown?.streamId === streamId(stream)) as [Subscriber];
  }

  forceDisconnect(connection: ConnectionLike, completion?: Completion): Promise<void> {
    return this.#force('forceDisconnect', (session) => session.forceDisconnect(connectionId(connection)), codes.forceDisconnect, completion);
  }

  forceUnpublish(stream: StreamLike, completion?: Completion): Promise<void> {
    return this.#force('forceUnpublish', (session) => session.forceUnpublish(streamId(stream)), codes.forceUnpublish, completion);
  }

  forceMuteStream(stream: StreamLike): Promise<void> {
    return this.#force('forceMute', (session) => session.forceMute(streamId(stream)), codes.forceMute);
  }

  forceMuteAll(excluded: StreamLike[] = []): Promise<void> {
    return this.#force('forceMute', (session) => muteAll(session, excluded.map(streamId)), codes.forceMute);
  }

  /** Ends what `forceMuteAll` began: streams that are published from now on are not muted. */
  disableForceMute(): Promise<void> {
    return this.#force('forceMute', endMute, codes.forceMute);
  }

  #force(capability: keyof Capabilities, run: (session: ChattokSession) => Promise<void>, code: number, completion?: Completion): Promise<void> {
    const forced = async () => {
      try {
        const session = this.chattok;
        if (!session || !this.isConnected()) throw notConnected();
        if (!this.capabilities[capability]) throw new OTError('OT_PERMISSION_DENIED', `the role of the token does not allow ${capability}`, code);
        await run(session);
      } catch (cause) {
        const gone = code === codes.forceUnpublish && (cause as ChattokError).code === 'NOT_FOUND';
        throw raise(asOTError(cause, gone ? codes.forceUnpublishInvalidStream : code), this);
      }
    };
    return quiet(settled(forced(), completion));
  }

  /** Takes effect at the next connect. */
  async setIceConfig(config: IceConfig): Promise<void> {
    this.#ice = config;
  }

  async setEncryptionSecret(_secret: string): Promise<void> {
    throw notHere('encryption secrets');
  }
}
