import { endpointOf } from './address.ts';
import { asError } from './api.ts';
import { Chat } from './chat.ts';
import { Connector, type Admission } from './connector.ts';
import { Emitter, guarded } from './emitter.ts';
import { ChattokError } from './errors.ts';
import {
  banConnectionDocument,
  bansDocument,
  forceDisconnectDocument,
  forceMuteDocument,
  forceUnpublishDocument,
  negotiationReceivedDocument,
  reactorsDocument,
  sessionEventsDocument,
  signalReceivedDocument,
  unbanDocument,
  updateSessionDocument,
  type Document,
} from './generated/operations.ts';
import type { Link } from './link.ts';
import type { LocalPublication } from './media/publication.ts';
import { Media } from './media/media.ts';
import type { Action } from './outbox.ts';
import { OutboxStorage } from './outbox-storage.ts';
import { Pause, pauseBefore } from './pause.ts';
import { Roster } from './roster.ts';
import { Signals } from './signals.ts';
import { SectionStore } from './store.ts';
import { Typing, typingType } from './typing.ts';
import type * as types from './types.ts';
import { userKeyOf } from './user-key.ts';

const defaultPage = 50;
const maxPage = 200;

/** The owner of the outbox where the SDK keeps the user's key, of which the storage has one for each server. Else a user's id follows. */
const ownUser = '~';

/** Default of `keep`. */
const defaultKeep = 1_000;

/**
 * Maximum number of this page's earlier connection ids to remember. Each of them was offline for longer than the grace time.
 */
const maxOwn = 100;

/** Implements Session. The connector supplies WebSockets; their events go to the chat, roster, signals and media. */
export class ChatSession implements types.Session {
  id: string | undefined;
  readonly ready: Promise<void>;
  readonly store: SectionStore<types.Snapshot>;
  readonly #options: types.ConnectOptions;
  readonly #events = new Emitter<types.SessionEvents>();
  readonly #emit: Emitter<types.SessionEvents>['emit'] = (name, event) => this.#events.emit(name, event);
  readonly #connector: Connector;
  readonly #chat: Chat;
  readonly #roster: Roster;
  readonly #signals = new Signals();
  readonly #typing: Typing;
  readonly #media: Media;
  readonly #pause = new Pause();
  readonly #early: boolean; // whether the owner of the outbox is known before the connection
  readonly #mine = new Set<string>(); // ids of this page's present and earlier connections
  #me: types.Connection | undefined;
  #over: ChattokError | undefined;
  #waiting: { resolve(link: Link): void; reject(error: ChattokError): void }[] = [];

  constructor(options: types.ConnectOptions, script: string) {
    const { history = 0, keep = defaultKeep } = options;
    within('history', history, 0, maxPage);
    within('keep', keep, 100, 100_000);
    const endpoint = endpointOf(options.url, script);
    const { userKey = options.token === undefined ? userKeyOf(endpoint) : null } = options;
    this.#options = options;
    this.id = options.session;
    this.#connector = new Connector(endpoint, { ...options, userKey }, {
      admitted: (admission) => this.#admitted(admission),
      opened: (link) => this.#follow(link),
      state: (state) => this.#changed(state),
      bad: (error) => this.#emit('error', error),
    });
    this.#roster = this.#newRoster();
    this.#chat = this.#newChat(keep);
    this.#typing = this.#newTyping();
    this.#media = this.#newMedia();
    this.store = new SectionStore<types.Snapshot>({
      state: () => this.#connector.state,
      connection: () => this.#me,
      entries: () => this.#chat.entries(),
      originals: () => this.#chat.originals(),
      pending: () => this.#chat.outbox.list(),
      history: () => this.#chat.history(),
      connections: () => [...this.#roster.connections.values()],
      connectionCount: () => this.#roster.connectionCount,
      typing: () => this.#typing.list(this.#roster.connections),
      unread: () => this.#chat.unread(),
      readCursor: () => this.#chat.reading.cursor,
      lastRead: () => this.#chat.reading.seq,
      slowMode: () => this.#chat.slowMode(),
      readOnly: () => this.#chat.settings.readOnly,
      streams: () => [...this.#roster.streams.values()].filter((stream) => this.#others(stream)),
      publications: () => [...this.#media.publications],
      subscriptions: () => [...this.#media.subscriptions.values()],
    });
    this.#early = options.token === undefined && options.userKey == null;
    if (this.#early) this.#persist(options.session, userKey === null ? options.data : ownUser, options.data);
    this.ready = this.#live().then(() => (history > 0 ? this.#loadFirst(history) : undefined));
    this.ready.catch(() => {}); // avoids an unhandled rejection; the state reports the error
    void this.#connector.run();
  }

  get accessToken(): string | undefined {
    return this.#connector.accessToken;
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

  post(body: string, { replyTo, data }: types.PostOptions = {}): Promise<types.ChatEntry> {
    this.#typing.posted();
    return this.#do({ kind: 'post', body, replyTo, data });
  }

  retry(key: string): void {
    this.#chat.outbox.retry(key);
  }

  drop(key: string): void {
    this.#chat.outbox.drop(key);
  }

  edit(id: string, body: string, { data }: types.EditOptions = {}): Promise<types.ChatEntry> {
    return this.#do({ kind: 'edit', id, body, data });
  }

  remove(id: string): Promise<void> {
    return this.#do({ kind: 'remove', id });
  }

  react(id: string, name: string, on = true): Promise<types.ChatEntry> {
    return this.#do({ kind: 'react', id, name, on });
  }

  async reactors(id: string): Promise<types.Reactors[]> {
    return (await this.#run(reactorsDocument, { id })).chatEntry?.reactions ?? [];
  }

  owns(entry: types.ChatEntry): boolean {
    return this.#chat.owns(entry);
  }

  markRead(cursor?: string): Promise<void> {
    const marked = this.#chat.markRead(cursor);
    marked.catch(() => {}); // avoids an unhandled rejection if the caller ignores the promise
    return marked;
  }

  typing(on = true): void {
    if (this.#connector.link && this.#me?.role !== 'SUBSCRIBER') this.#typing.say(on);
  }

  loadHistory(count = defaultPage): Promise<boolean> {
    return this.#chat.loadHistory(count);
  }

  loadTo(id: string): Promise<boolean> {
    return this.#chat.loadTo(id);
  }

  trimHistory(count?: number): void {
    this.#chat.trim(count);
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

  setData(data: string | null): Promise<void> {
    return this.#do({ kind: 'setData', data });
  }

  async forceDisconnect(connectionId: string): Promise<void> {
    await this.#run(forceDisconnectDocument, { connectionId });
  }

  async forceUnpublish(streamId: string): Promise<void> {
    await this.#run(forceUnpublishDocument, { streamId });
  }

  async forceMute(streamId?: string, { except }: { except?: string[] } = {}): Promise<void> {
    await this.#run(forceMuteDocument, { streamId, except });
  }

  async ban(connectionId: string, seconds: number, { deleteEntries = false } = {}): Promise<types.Ban> {
    return (await this.#run(banConnectionDocument, { connectionId, seconds, deleteEntries })).banConnection;
  }

  async unban(id: string): Promise<types.Ban> {
    return (await this.#run(unbanDocument, { id })).unban;
  }

  async bans(): Promise<types.Ban[]> {
    return (await this.#run(bansDocument, {})).bans;
  }

  async updateSession(settings: { slowMode?: number; readOnly?: boolean }): Promise<void> {
    const asked = this.#chat.settings;
    this.#chat.set((await this.#run(updateSessionDocument, settings)).updateSession, asked);
  }

  wake(): void {
    this.#connector.wake();
  }

  disconnect(): Promise<void> {
    return this.#connector.disconnect();
  }

  #newRoster(): Roster {
    const emit = this.#emit;
    return new Roster({
      connectionCreated: (connection) => this.#mine.has(connection.id) || emit('connectionCreated', connection),
      connectionUpdated: (connection) => {
        this.#updated(connection);
        emit('connectionUpdated', connection);
      },
      connectionDestroyed: (connection, reason) => {
        this.#typing.ended(connection.id);
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

  #newChat(keep: number): Chat {
    return new Chat(keep, {
      me: () => this.#me,
      mine: (connectionId) => this.#mine.has(connectionId),
      link: () => this.#connector.link,
      run: (query, variables) => this.#run(query, variables),
      sender: (connection) => this.#roster.connections.get(connection.id) ?? connection,
      renamed: (connection) => {
        this.#connector.data = connection.data;
        this.#updated(connection);
      },
      failed: (error) => this.#connector.fail(error),
      touch: (...sections) => this.store.touch(...sections),
      emit: (name, event) => {
        if (name === 'entry') this.#typing.ended((event as types.ChatEntry).connectionId);
        this.#emit(name, event);
      },
    });
  }

  #newTyping(): Typing {
    const now = { retryAfterReconnect: false };
    return new Typing(
      (data) => void this.#signals.send(this.#connector.link, typingType, data, now).catch(() => {}),
      () => this.store.touch('typing'),
    );
  }

  #newMedia(): Media {
    return new Media(this.#options.rtc, {
      me: () => this.#me?.id,
      link: () => this.#connector.link,
      run: (query, variables) => this.#run(query, variables),
      streams: () => this.#roster.streams,
      changed: (what) => this.store.touch(what),
      muted: (publication) => this.#emit('muteForced', { publication }),
      error: (error) => this.#emit('error', error),
    });
  }

  /**
   * Keeps the outbox over a reload, separately for each session and owner: the user, or without one the connection's data. By
   * its data every owner was named in the first version.
   */
  #persist(session: string | undefined, owner: string | null | undefined, data: string | null | undefined): void {
    const { persist } = this.#options;
    if (persist === false) return;
    const scope = (name: string | null | undefined) =>
      `${this.#connector.endpoint.href}:${session}:${typeof persist === 'string' ? persist : (name ?? '')}`;
    this.#chat.outbox.persist(new OutboxStorage(scope(owner), scope(data)));
  }

  #do<T>(action: Action): Promise<T> {
    return this.#chat.outbox.do(action) as Promise<T>;
  }

  /** Applies a connection's new data to this page's own connection, if it is that, and to the entries that it posted. */
  #updated(connection: types.Connection): void {
    if (connection.id === this.#me?.id) {
      this.#me = connection;
      this.store.touch('connection');
    }
    if (this.#chat.log.rename(connection)) this.store.touch('entries', 'originals');
  }

  #admitted({ connection, session }: Admission): void {
    const before = this.#me;
    this.id = session.id;
    this.#me = connection;
    this.#mine.add(connection.id);
    if (this.#mine.size > maxOwn) for (const id of [...this.#mine].slice(0, -maxOwn)) this.#mine.delete(id);
    this.#chat.admitted(connection, before, session);
    const { userId, data } = connection;
    if (!before && !this.#early) this.#persist(session.id, userId === null ? data : ownUser + userId, data);
    this.#media.admitted();
    this.store.touch('connection', 'streams');
  }

  /** Starts all subscriptions on a new WebSocket. Resolves with the first snapshot of connections and streams. */
  #follow(link: Link): Promise<void> {
    return new Promise((live) => {
      link.follow(sessionEventsDocument, ({ sessionEvents }) => {
        if (sessionEvents.__typename === 'SessionChanged') return this.#chat.set(sessionEvents.session);
        this.#roster.apply(sessionEvents);
        this.store.touch('connections', 'connectionCount', 'streams');
        if (sessionEvents.__typename === 'SessionState') live();
      });
      link.follow(signalReceivedDocument, ({ signalReceived }) => {
        const { type, fromConnectionId: from, data } = signalReceived;
        if (type !== typingType) this.#emit('signal', signalReceived);
        else if (from !== null && !this.#mine.has(from)) this.#typing.heard(from, data);
      });
      link.follow(negotiationReceivedDocument, ({ negotiationReceived }) => this.#media.receive(negotiationReceived));
      this.#chat.follow(link);
    });
  }

  /** Runs an operation once the session is live. */
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
      this.#chat.live();
      this.#media.live();
      this.#waiting.splice(0).forEach(({ resolve }) => resolve(link));
    } else if (state.name === 'refused') this.#end(state.error, 'networkDisconnected');
    else if (state.name === 'ended') this.#end(new ChattokError('ENDED', `the session is over: ${state.reason}`), state.reason);
    this.#emit('state', state);
  }

  /** Loads the entries asked for by `history`, again after each reconnect until it succeeds. */
  async #loadFirst(count: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.loadHistory(count);
        return;
      } catch (cause) {
        if (this.#over) throw this.#over;
        const error = asError(cause);
        if (error.code !== 'NETWORK') this.#emit('error', error);
        await this.#pause.wait(error.retryAfterMs ?? pauseBefore(attempt));
      }
    }
  }

  #end(error: ChattokError, reason: types.DisconnectReason): void {
    this.#over = error;
    this.#pause.wake();
    this.#chat.outbox.close(error);
    this.#typing.close();
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
