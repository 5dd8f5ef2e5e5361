import { endpointOf } from './address.ts';
import { asError } from './api.ts';
import { Connector, type Admission } from './connector.ts';
import { Emitter, guarded } from './emitter.ts';
import { ChattokError } from './errors.ts';
import {
  addChatEntryDocument,
  chatEntriesDocument,
  entryAddedDocument,
  forceDisconnectDocument,
  forceMuteDocument,
  forceUnpublishDocument,
  lastCursorDocument,
  missedEntriesDocument,
  negotiationReceivedDocument,
  sessionEventsDocument,
  signalReceivedDocument,
  type Document,
} from './generated/operations.ts';
import type { Link } from './link.ts';
import { Log } from './log.ts';
import type { LocalPublication } from './media/publication.ts';
import { Media } from './media/media.ts';
import { OutboxStorage } from './outbox-storage.ts';
import { Outbox } from './outbox.ts';
import { Pause, pauseBefore } from './pause.ts';
import { Roster } from './roster.ts';
import { Signals } from './signals.ts';
import { SectionStore } from './store.ts';
import type * as types from './types.ts';

const defaultPage = 50;
const maxPage = 200;

/** How many of the newest entries the store keeps where the page does not say. */
const defaultKeep = 1_000;

/** How many of the connections that we were are remembered; each was lost for longer than the grace time. */
const maxOwn = 100;

/** Everything of a session, put together: the connector brings sockets, and what comes over them goes to its place. */
export class ChatSession implements types.Session {
  id: string | undefined;
  readonly ready: Promise<void>;
  readonly store: SectionStore<types.Snapshot>;
  readonly #options: types.ConnectOptions;
  readonly #events = new Emitter<types.SessionEvents>();
  readonly #connector: Connector;
  readonly #log: Log;
  readonly #roster: Roster;
  readonly #outbox: Outbox;
  readonly #signals = new Signals();
  readonly #media: Media;
  readonly #pause = new Pause();
  readonly #mine = new Set<string>(); // the connections that we are and were
  #me: types.Connection | undefined;
  #over: ChattokError | undefined;
  #waiting: { resolve(link: Link): void; reject(error: ChattokError): void }[] = [];
  #history: Promise<boolean> | undefined;

  constructor(options: types.ConnectOptions, script: string) {
    this.#options = options;
    this.id = options.session;
    const { history = 0, keep = defaultKeep } = options;
    within('history', history, 0, maxPage);
    within('keep', keep, 100, 100_000);
    this.#log = new Log(keep);
    this.#connector = new Connector(endpointOf(options.url, script), options, {
      admitted: (admission) => this.#admitted(admission),
      opened: (link) => this.#follow(link),
      lost: () => {},
      state: (state) => this.#changed(state),
    });
    this.#roster = this.#newRoster();
    this.#outbox = this.#newOutbox();
    this.#media = this.#newMedia();
    this.store = new SectionStore<types.Snapshot>({
      state: () => this.#connector.state,
      connection: () => this.#me,
      entries: () => this.#log.list(),
      pending: () => this.#outbox.list(),
      history: () => ({ hasMore: this.#log.hasMore, loading: this.#log.loading }),
      connections: () => [...this.#roster.connections.values()],
      connectionCount: () => this.#roster.connectionCount,
      streams: () => [...this.#roster.streams.values()].filter((stream) => this.#others(stream)),
      publications: () => [...this.#media.publications],
      subscriptions: () => [...this.#media.subscriptions.values()],
    });
    if (options.token === undefined && options.session !== undefined) this.#persist(options.session, options.data);
    this.ready = this.#live().then(() => (history > 0 ? this.#loadFirst(history) : undefined));
    this.ready.catch(() => {}); // the state says it too
    void this.#connector.run();
  }

  on<Name extends keyof types.SessionEvents>(
    name: Name,
    listener: (event: types.SessionEvents[Name]) => void,
  ): () => void {
    const off = this.#events.on(name, listener);
    if (name !== 'stream') return off;
    let on = true;
    const there = [...this.#roster.streams.keys()];
    queueMicrotask(() => {
      for (const id of there) {
        const stream = this.#roster.streams.get(id);
        if (on && stream && this.#others(stream)) guarded(listener as (event: types.Stream) => void, stream);
      }
    });
    return () => {
      on = false;
      off();
    };
  }

  post(body: string): Promise<types.ChatEntry> {
    return this.#outbox.post(body);
  }

  retry(key: string): void {
    this.#outbox.retry(key);
  }

  drop(key: string): void {
    this.#outbox.drop(key);
  }

  loadHistory(count = defaultPage): Promise<boolean> {
    this.#history ??= this.#loadHistory(count).finally(() => {
      this.#history = undefined;
      this.#log.loading = false;
      this.store.touch('history');
    });
    return this.#history;
  }

  trimHistory(count?: number): void {
    this.#log.trim(count);
    this.store.touch('entries', 'history');
  }

  signal(type: string, data?: string, options: types.SignalOptions = {}): Promise<void> {
    return this.#signals.send(this.#connector.link, type, data, options);
  }

  publish(media: MediaStream, options: types.PublishOptions = {}): Promise<types.Publication> {
    return this.#media.publish(media, options);
  }

  async unpublish(publication?: types.Publication): Promise<void> {
    const ending = publication ? [publication as LocalPublication] : [...this.#media.publications];
    await Promise.all(ending.map((each) => this.#media.unpublish(each)));
  }

  subscribe(stream: types.Stream, element?: HTMLMediaElement, options: types.SubscribeOptions = {}): types.Subscription {
    return this.#media.subscribe(stream, element, options);
  }

  async forceDisconnect(connectionId: string): Promise<void> {
    await this.#run(forceDisconnectDocument, { connectionId });
  }

  async forceUnpublish(streamId: string): Promise<void> {
    await this.#run(forceUnpublishDocument, { streamId });
  }

  async forceMute(streamId?: string, { except }: { except?: string[] } = {}): Promise<void> {
    await this.#run(forceMuteDocument, { ...(streamId !== undefined && { streamId }), ...(except && { except }) });
  }

  wake(): void {
    this.#connector.wake();
  }

  disconnect(): Promise<void> {
    return this.#connector.disconnect();
  }

  #newRoster(): Roster {
    const emit = this.#events.emit.bind(this.#events) as Emitter<types.SessionEvents>['emit'];
    return new Roster({
      connectionCreated: (connection) => this.#mine.has(connection.id) || emit('connectionCreated', connection),
      connectionDestroyed: (connection, reason) => {
        this.#media.connectionDestroyed(connection.id);
        if (!this.#mine.has(connection.id)) emit('connectionDestroyed', { connection, reason });
      },
      streamCreated: (stream) => {
        if (this.#others(stream)) emit('stream', stream);
        this.#media.adapt();
      },
      streamUpdated: (stream) => {
        this.#media.streamUpdated(stream);
        if (this.#others(stream)) emit('streamUpdated', stream);
        this.#media.adapt();
      },
      streamDestroyed: (stream, reason) => {
        this.#media.streamDestroyed(stream, reason);
        if (this.#others(stream)) emit('streamDestroyed', { stream, reason });
        this.#media.adapt();
      },
      muteForced: (mute) => {
        emit('forceMute', mute);
        this.#media.mute(mute.streamId, mute.except);
      },
    });
  }

  #newOutbox(): Outbox {
    return new Outbox({
      sender: () => (this.#connector.link ? this.#me?.id : undefined),
      send: async (connectionId, body, key) => {
        const { link } = this.#connector;
        if (!link) throw new ChattokError('NETWORK', 'the session is not live');
        return (await link.once(addChatEntryDocument, { connectionId, body, key })).addChatEntry;
      },
      stored: (entry) => {
        this.#log.merge(entry);
        this.store.touch('entries');
      },
      changed: () => this.store.touch('pending'),
    });
  }

  #newMedia(): Media {
    return new Media(this.#options.rtc, {
      me: () => this.#me?.id,
      link: () => this.#connector.link,
      run: (query, variables) => this.#run(query, variables),
      streams: () => this.#roster.streams,
      changed: (what) => this.store.touch(what),
      muted: (publication) => this.#events.emit('muteForced', { publication }),
      error: (error) => this.#events.emit('error', error),
    });
  }

  /** Keeps posts over a reload, for this session and these words' author alone. */
  #persist(session: string, data: string | null | undefined): void {
    const { persist } = this.#options;
    if (persist === false) return;
    const owner = typeof persist === 'string' ? persist : (data ?? '');
    this.#outbox.persist(new OutboxStorage(`${this.#connector.endpoint.href}:${session}:${owner}`));
  }

  #admitted({ connection, session }: Admission): void {
    const first = this.#me === undefined;
    this.id = session.id;
    this.#me = connection;
    this.#mine.add(connection.id);
    if (this.#mine.size > maxOwn) for (const id of [...this.#mine].slice(0, -maxOwn)) this.#mine.delete(id);
    if (first) {
      this.#log.begin(session.lastCursor);
      if (this.#options.token !== undefined) this.#persist(session.id, connection.data);
    }
    this.#media.admitted();
    this.store.touch('connection', 'history', 'streams');
  }

  /** Follows all there is on a new socket. Resolves with the first snapshot of who is there. */
  #follow(link: Link): Promise<void> {
    const bad = (error: ChattokError) => this.#events.emit('error', error);
    const failed = (error: ChattokError) => this.#connector.fail(error);
    const live = new Promise<void>((resolve) => {
      link.follow(sessionEventsDocument, () => ({}), {
        next: ({ sessionEvents }) => {
          this.#roster.apply(sessionEvents);
          this.store.touch('connections', 'connectionCount', 'streams');
          if (sessionEvents.__typename === 'SessionState') resolve();
        },
        bad,
        failed,
      });
    });
    link.follow(signalReceivedDocument, () => ({}), {
      next: ({ signalReceived }) => this.#events.emit('signal', signalReceived),
      bad,
      failed,
    });
    link.follow(negotiationReceivedDocument, () => ({}), {
      next: ({ negotiationReceived }) => this.#media.receive(negotiationReceived),
      bad,
      failed,
    });
    this.#followEntries(link);
    return live;
  }

  #followEntries(link: Link): void {
    link.follow(entryAddedDocument, () => ({ after: this.#log.cursor }), {
      next: ({ entryAdded }) => {
        const { cursor } = this.#log;
        const missed = this.#log.missedBefore(entryAdded);
        if (!this.#log.live(entryAdded)) return;
        if (missed > 0) void this.#fill(link, cursor, missed);
        this.#outbox.arrived(entryAdded);
        this.store.touch('entries', 'history');
        this.#events.emit('entry', entryAdded);
      },
      bad: (error) => this.#events.emit('error', error),
      failed: (error) => {
        if (error.reason !== 'CURSOR_MISMATCH') return this.#connector.fail(error);
        this.#resetLog(link).catch((cause: unknown) => this.#connector.fail(asError(cause)));
      },
    });
  }

  /** Loads what did not come live, such as an event that could not be read; it shows in the store, in its place. */
  async #fill(link: Link, after: string, missed: number): Promise<void> {
    const { life } = this.#log;
    try {
      const { chatEntries } = await link.run(missedEntriesDocument, { first: Math.min(missed, maxPage), after });
      if (this.#log.life !== life) return;
      for (const entry of chatEntries.nodes) this.#log.merge(entry);
      this.store.touch('entries');
    } catch (error) {
      this.#events.emit('error', asError(error));
    }
  }

  /** The server's database is another one than it was: what we have of the log is of the past. */
  async #resetLog(link: Link): Promise<void> {
    const { session } = await link.run(lastCursorDocument, {});
    this.#log.begin(session.lastCursor);
    this.store.touch('entries', 'history');
    this.#events.emit('logReset', undefined);
    this.#followEntries(link);
  }

  async #loadHistory(count: number): Promise<boolean> {
    this.#log.loading = true;
    this.store.touch('history');
    const before = this.#log.oldest?.cursor;
    const { life } = this.#log;
    const { chatEntries } = await this.#run(chatEntriesDocument, { last: count, ...(before !== undefined && { before }) });
    if (this.#log.life !== life) return this.#log.hasMore;
    this.#log.page(chatEntries.nodes, chatEntries.pageInfo.hasPreviousPage);
    this.store.touch('entries');
    return this.#log.hasMore;
  }

  /** Runs an operation as soon as the session is live. */
  async #run<Data, Variables extends object>(query: Document<Data, Variables>, variables: Variables): Promise<Data> {
    const link = await this.#live();
    return link.run(query, variables);
  }

  #live(): Promise<Link> {
    const { link } = this.#connector;
    if (link) return Promise.resolve(link);
    if (this.#over) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #changed(state: types.SessionState): void {
    this.store.touch('state');
    const { link } = this.#connector;
    if (state.name === 'live' && link) {
      this.#signals.flush(link);
      this.#outbox.resume();
      this.#media.live();
      this.#waiting.splice(0).forEach(({ resolve }) => resolve(link));
    } else if (state.name === 'refused') this.#end(state.error, 'networkDisconnected');
    else if (state.name === 'ended') this.#end(new ChattokError('ENDED', `the session is over: ${state.reason}`), state.reason);
    this.#events.emit('state', state);
  }

  /** Loads what `history` asks for, however often the session has to come back for it. */
  async #loadFirst(count: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.loadHistory(count);
        return;
      } catch (cause) {
        if (this.#over) throw this.#over;
        const error = asError(cause);
        if (error.code !== 'NETWORK') this.#events.emit('error', error);
        await this.#pause.wait(error.retryAfterMs ?? pauseBefore(attempt));
      }
    }
  }

  #end(error: ChattokError, reason: types.DisconnectReason): void {
    this.#over = error;
    this.#pause.wake();
    this.#outbox.close(error);
    this.#signals.close(error);
    this.#media.close(error, reason);
    this.#waiting.splice(0).forEach(({ reject }) => reject(error));
  }

  #others({ connection }: types.Stream): boolean {
    return !this.#mine.has(connection.id);
  }
}

function within(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new ChattokError('BAD_USER_INPUT', `${name} is ${value}`, { cure: `give a whole number from ${least} to ${most}` });
}
