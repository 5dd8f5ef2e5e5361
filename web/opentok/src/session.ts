import { open, type ChattokError, type ConnectOptions, type Publication, type Session as ChattokSession, type SessionState } from '../../sdk/src/index.ts';
import * as chattok from '../../sdk/src/index.ts';
import { Collection } from './collection.ts';
import { quiet, settled, withPromise, type Completion } from './completion.ts';
import { asConnectError, asOTError, codes, notConnected, OTError } from './errors.ts';
import { EventEmitter, later } from './events.ts';
import { warn } from './log.ts';
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

/** How long joining may take, in milliseconds. */
const connectPatience = 30_000;

/** Tokens that are none: in open mode the session's id is enough. */
const noTokens = new Set(['', 'devtoken']);

/** A session of the SDK while it is being joined, and afterwards. */
interface Joined {
  readonly chattok: ChattokSession;
  readonly token: string;
  live: boolean;
  /** It answered a page of any origin, after it had not answered this one. */
  answers: boolean;
  /** What happened while the session was not live, for after it is. */
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
  readonly #waiting: ((error?: OTError) => void)[] = []; // for the session to be joined
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

  /** The SDK's session, for all that OpenTok has not; undefined while there is none. */
  get chattok(): ChattokSession | undefined {
    return this.#joined?.chattok;
  }

  isConnected(): boolean {
    return this.connection !== none;
  }

  readonly connect = withPromise(
    (...from: [token: string, completion?: Completion] | [apiKey: string, token: string, completion?: Completion]): this => {
      const [first, second, third] = from;
      if (typeof second === 'string') this.apiKey = first; // as pages of the first version call it
      const token = typeof second === 'string' ? second : first;
      void quiet(this.#connect(token, typeof second === 'function' ? second : third));
      return this;
    },
    (token: string): Promise<Session> => quiet(this.#connect(token)),
  );

  /** A completion handler has its place directly after sessionConnected, before what follows it. */
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

  /** Tells what happens in the SDK's session, in order: nothing comes before sessionConnected, or before sessionReconnected. */
  #follow(joined: Joined): void {
    const { chattok: session } = joined;
    const told = <Event>(tell: (event: Event) => void) => (event: Event) => {
      if (this.#joined !== joined) return;
      if (joined.live) tell(event);
      else joined.backlog.push(() => tell(event));
    };
    session.on('connectionCreated', told((connection) => this.#connectionCreated(connection)));
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
   * A server that answers everybody's pages, but not this one before and after that, does not list its origin: to wait would
   * be in vain. One that has only just come back is waited for.
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
    const { connection, connections } = session.store.get();
    for (const each of connections) this.connections.add(each.id, new Connection(each));
    this.#become(connection);
    this.dispatch('sessionConnected', { about: { connections: this.connections.where(), streams: [] } });
    this.#waiting.splice(0).forEach((done) => done());
    // A handler or a completion handler may have left again by then.
    this.connections.forEach((each) => this.#told('connectionCreated', { connection: each }));
  }

  #become(connection: chattok.Connection | undefined): void {
    if (!connection) return;
    const own = this.connections.get(connection.id) ?? new Connection(connection);
    this.connections.add(connection.id, own);
    this.connection = own;
    this.capabilities = capabilitiesOf(connection.role);
  }

  /** Comes back as the same connection within the server's grace time; later as another one, which is told as one that came. */
  #reconnected({ chattok: session }: Joined): void {
    this.dispatch('sessionReconnected');
    const { connection } = session.store.get();
    const old = this.connection;
    if (!connection || !old || connection.id === old.connectionId) return;
    this.#connectionDestroyed(old.connectionId, 'networkDisconnected');
    this.#become(connection);
    this.#told('connectionCreated', { connection: this.connection });
  }

  /** Joining was in vain. */
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
    const done = this.#joined?.chattok.disconnect() ?? Promise.resolve(); // the rest is told by its state, at once
    return done;
  }

  #connectionCreated(connection: chattok.Connection): void {
    if (this.connections.has(connection.id)) return;
    const created = new Connection(connection);
    this.connections.add(connection.id, created);
    this.#told('connectionCreated', { connection: created });
  }

  #connectionDestroyed(id: string, reason: string | undefined): void {
    const connection = this.connections.get(id);
    if (!connection) return;
    this.connections.remove(id);
    this.#told('connectionDestroyed', { connection, reason: reason ?? 'networkDisconnected' });
  }

  #told(name: 'connectionCreated' | 'connectionDestroyed', about: object): void {
    if (!this.#options.connectionEventsSuppressed) this.dispatch(name, { about });
  }

  #connectionOf({ id, ...rest }: chattok.Connection): Connection {
    return this.connections.get(id) ?? new Connection({ id, ...rest });
  }

  #streamCreated(stream: chattok.Stream): void {
    const created = new Stream(stream, this.#connectionOf(stream.connection));
    this.streams.add(stream.id, created);
    this.dispatch('streamCreated', { about: { stream: created } });
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

  /** OpenTok tells a typed signal twice: as `signal`, and under its own name. */
  #signalled({ type: wire, data: text, fromConnectionId }: chattok.Signal): void {
    const { type, data } = decode(wire, text);
    const from = this.connections.get(fromConnectionId ?? '') ?? null;
    const name = type === '' ? 'signal' : `signal:${type}`;
    const about = { data, from };
    this.dispatch('signal', { type: name, about });
    if (type !== '') this.dispatch(name, { about });
  }

  signal(signal: Signal, completion?: Completion): Promise<void> {
    return quiet(settled(this.#signal(signal), completion));
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
        gone: (stream) => this.streams.remove(stream.streamId),
      });
      return publisher;
    } catch (cause) {
      throw raise(asOTError(cause, codes.publish), publisher);
    }
  }

  #adopt({ stream }: Publication): Stream {
    const own = new Stream(stream, this.#connectionOf(stream.connection));
    this.streams.add(stream.id, own);
    return own;
  }

  /** One's own stream says something else, or was published again as another one of another connection. */
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

  /** What there is of a stream to subscribe to. */
  #mediaOf(stream: Stream | undefined): Media {
    const session = this.chattok;
    if (!session || !this.isConnected()) return { error: notConnected() };
    if (!stream) return { error: new OTError('OT_STREAM_NOT_FOUND', 'it is no stream of the session', codes.streamNotFound) };
    const own = session.store.get().publications.find((publication) => publication.stream.id === stream.streamId);
    if (own) return { own: own.media };
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

  /** Any number of them, whatever OpenTok's types say. */
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
    return this.#force('forceMute', (session) => session.forceMute(undefined, { except: excluded.map(streamId) }), codes.forceMute);
  }

  /** Nothing has to be lifted: a stream that is published after `forceMuteAll` is not muted. */
  disableForceMute(): Promise<void> {
    return this.#force('forceMute', async () => {}, codes.forceMute);
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

  /** Takes effect when the session is joined the next time. */
  async setIceConfig(config: IceConfig): Promise<void> {
    this.#ice = config;
  }

  async setEncryptionSecret(_secret: string): Promise<void> {
    throw notHere('encryption secrets');
  }
}
