// The chat of a session: follows the log, loads pages of it, and sends posts and changes.
import { asError } from './api.ts';
import type { Emitter } from './emitter.ts';
import { ChattokError } from './errors.ts';
import {
  addChatEntryDocument,
  chatEntriesDocument,
  deleteChatEntryDocument,
  editChatEntryDocument,
  lastCursorDocument,
  logEventsDocument,
  markReadDocument,
  missedEntriesDocument,
  oneEntryDocument,
  reactToChatEntryDocument,
  readStateDocument,
  setDataDocument,
  userEventsDocument,
  type Document,
  type LogEventsSubscription,
  type UpdateSessionMutation,
} from './generated/operations.ts';
import type { Link } from './link.ts';
import { Log, type WireEntry } from './log.ts';
import { Outbox, type Action } from './outbox.ts';
import { Overlay } from './overlay.ts';
import { Reading } from './reading.ts';
import type { Change, ChatEntry, Connection, OutboxItem, SessionEvents, Snapshot } from './types.ts';

const maxPage = 200;

/** The operations that actions are sent by. Each has one field. */
const documents: Record<Action['kind'], string> = {
  post: addChatEntryDocument,
  edit: editChatEntryDocument,
  remove: deleteChatEntryDocument,
  react: reactToChatEntryDocument,
  markRead: markReadDocument,
  setData: setDataDocument,
};

type LogEvent = LogEventsSubscription['logEvents'];

export interface ChatHooks {
  me(): Connection | undefined;
  /** Whether a connection is or was this page's. */
  mine(connectionId: string): boolean;
  /** The WebSocket; undefined while the session is not live. */
  link(): Link | undefined;
  /** Runs an operation once the session is live. */
  run<Data, Variables extends object>(query: Document<Data, Variables>, variables: Variables): Promise<Data>;
  /** Returns a connection with its newest data. */
  sender(connection: Connection): Connection;
  /** `setData` was answered. */
  renamed(connection: Connection): void;
  /** The WebSocket is of no use, since a subscription failed or the server is older than this script. */
  failed(error: ChattokError): void;
  touch(...sections: (keyof Snapshot)[]): void;
  readonly emit: Emitter<SessionEvents>['emit'];
}

/** Settings of the session that decide who may post when. */
export type Settings = Pick<UpdateSessionMutation['updateSession'], 'slowMode' | 'readOnly'>;

export class Chat {
  readonly log: Log;
  readonly outbox: Outbox;
  readonly reading = new Reading();
  readonly #hooks: ChatHooks;
  readonly #overlay = new Overlay();
  readonly #asked = new Set<string>(); // originals that are being loaded, or do not exist
  #originals: ReadonlyMap<string, ChatEntry> = new Map();
  #changes = false; // whether changes were waiting
  #history: Promise<boolean> | undefined;
  #follows = 0;
  settings: Settings = { slowMode: 0, readOnly: false };
  #slowMode: Snapshot['slowMode'] = { seconds: 0, until: undefined };

  constructor(keep: number, hooks: ChatHooks) {
    this.#hooks = hooks;
    this.log = new Log(keep, hooks.sender);
    this.outbox = new Outbox({
      sender: () => (hooks.link() ? hooks.me()?.id : undefined),
      send: (sender, action, key) => this.#send(sender, action, key),
      refused: (action, error) => this.#refused(action, error),
      changed: () => {
        const before = this.#changes;
        this.#changes = this.outbox.changes() !== undefined;
        hooks.touch('pending', 'originals', 'slowMode', ...(before || this.#changes ? (['entries'] as const) : []));
      },
    });
  }

  /** Returns the loaded entries with their waiting changes. */
  entries(): readonly ChatEntry[] {
    const changes = this.outbox.changes();
    const entries = this.log.list();
    return changes ? entries.map((entry) => this.#overlay.row(entry, changes.get(entry.id))) : entries;
  }

  /** Returns the originals of replies; the same map until one of them changes. */
  originals(): ReadonlyMap<string, ChatEntry> {
    const changes = this.outbox.changes();
    const found = new Map<string, ChatEntry>();
    for (const { replyTo } of this.#replies()) {
      const original = replyTo === null ? undefined : this.log.find(replyTo);
      if (original) found.set(original.id, this.#overlay.row(original, changes?.get(original.id)));
    }
    const same = found.size === this.#originals.size && [...found].every(([id, entry]) => this.#originals.get(id) === entry);
    return same ? this.#originals : (this.#originals = found);
  }

  slowMode(): Snapshot['slowMode'] {
    const until = this.outbox.slowUntil || undefined;
    const seconds = this.settings.slowMode;
    return this.#slowMode.seconds === seconds && this.#slowMode.until === until ? this.#slowMode : (this.#slowMode = { seconds, until });
  }

  unread(): number | null {
    return this.reading.unread(this.log.list(), this.log.hasMore, this.owns);
  }

  /** Whether the number of unread entries is known. */
  get #counted(): boolean {
    return this.reading.counted(this.log.oldest, this.log.hasMore) !== undefined;
  }

  readonly owns = ({ userId, connectionId }: ChatEntry): boolean =>
    (userId !== null && userId === this.#hooks.me()?.userId) || this.#hooks.mine(connectionId);

  /** The server created a connection for this page; `before` is the one before it. */
  admitted({ userId }: Connection, before: Connection | undefined, session: Settings & { lastCursor: string }): void {
    if (!before) this.log.begin(session.lastCursor);
    else if (userId === null || userId !== before.userId) {
      this.log.forgetMine();
      this.reading.forget();
    }
    this.set(session);
    this.#touch();
  }

  /** Starts the subscriptions on a new WebSocket. */
  follow(link: Link): void {
    this.#followLog(link);
    if (this.#hooks.me()?.userId != null) this.#followUser(link, this.#follows > 0);
    this.#follows++;
  }

  /** The session is live, at first or again. */
  live(): void {
    this.outbox.resume();
    this.#want(this.#replies());
    if (this.#follows > 1 && this.#hooks.me()?.userId == null) void this.#refresh(1);
  }

  history(): Snapshot['history'] {
    return { hasMore: this.log.hasMore, loading: this.log.loading };
  }

  /**
   * Takes the session's settings. `asked` are those that were known when these were asked for: where an event has brought others since,
   * the answer is older than they are. A change of slow mode lets posts that wait try again.
   */
  set(settings: Settings, asked = this.settings): void {
    if (asked !== this.settings) return;
    this.settings = settings;
    this.#hooks.touch('readOnly');
    if (settings.slowMode !== asked.slowMode) this.outbox.slow(0);
  }

  loadHistory(count: number): Promise<boolean> {
    this.#history ??= this.#loadHistory(count).finally(() => {
      this.#history = undefined;
      this.log.loading = false;
      this.#hooks.touch('history');
    });
    return this.#history;
  }

  async loadTo(id: string): Promise<boolean> {
    let entry: ChatEntry | undefined;
    await this.log.read(this.#hooks.run(oneEntryDocument, { id }), ({ chatEntry }) => {
      if (chatEntry) entry = this.log.update(chatEntry);
    });
    while (entry && this.log.hasMore && !(this.log.oldest && this.log.oldest.seq <= entry.seq)) await this.loadHistory(maxPage);
    return entry !== undefined && this.log.has(entry);
  }

  trim(count?: number): void {
    this.log.trim(count);
    this.#touch();
  }

  async markRead(cursor = this.log.newest?.cursor): Promise<void> {
    if (this.#hooks.me()?.userId === null) throw new ChattokError('FORBIDDEN', 'this connection has no user', { reason: 'NO_USER' });
    if (cursor === undefined) return;
    const entry = this.#at(cursor);
    if (entry) {
      if (!this.reading.mark(entry)) return;
      this.#touch();
    }
    await this.outbox.do({ kind: 'markRead', cursor });
    if (!entry) await this.#refresh(1);
  }

  #followLog(link: Link): void {
    const next = ({ logEvents: event }: LogEventsSubscription) => {
      if (event.__typename === 'EntryAdded') this.#added(link, event);
      else if (event.__typename === 'EntryChanged') this.#changed(event);
    };
    const failed = (error: ChattokError) => {
      if (error.reason !== 'CURSOR_MISMATCH') return this.#hooks.failed(error);
      this.#reset(link).catch((cause: unknown) => this.#hooks.failed(asError(cause)));
    };
    link.follow(logEventsDocument, next, () => ({ after: this.log.cursor }), failed);
  }

  #followUser(link: Link, again: boolean): void {
    let first = true;
    link.follow(userEventsDocument, ({ userEvents: event }) => {
      if (event.__typename === 'ReadMarked') {
        // Of reactions by other devices while this one was away nobody has told.
        this.#marked(link, event.readCursor, first && again);
        first = false;
      } else if (event.__typename === 'ReactionsChanged' && this.log.react(event.entryId, event.version, event.myReactions)) {
        this.#touch();
      }
    });
  }

  #added(link: Link, { entry: wire, cursor: place }: LogEvent & { __typename: 'EntryAdded' }): void {
    const { cursor } = this.log;
    const missed = this.log.missedBefore(wire);
    if (!this.log.live(wire, place)) return;
    const entry = this.log.find(wire.id)!;
    if (missed > 0) void this.#fill(link, cursor, missed);
    this.outbox.arrived(entry);
    if (this.owns(entry)) this.#posted(entry);
    if (this.reading.seq !== null && !this.#counted) void this.#refresh(1); // so much is unread that it is no longer loaded
    this.#want([entry]);
    this.#touch();
    this.#hooks.emit('entry', entry);
  }

  #changed({ entry: wire, cursor, change }: LogEvent & { __typename: 'EntryChanged' }): void {
    const entry = this.log.changed(wire, cursor);
    const { seq } = this.reading;
    if (change === 'DELETED' && seq !== null && entry.seq > seq && !this.log.has(entry)) void this.#refresh(1); // one less is unread
    this.#touch();
    this.#hooks.emit('entryChanged', { entry, change });
  }

  /** This user has posted an entry, which marks it as read, and begins the time that slow mode lets pass. */
  #posted(entry: ChatEntry): void {
    const me = this.#hooks.me();
    if (me?.userId != null) this.reading.mark(entry);
    const seconds = this.settings.slowMode;
    if (seconds === 0 || me?.role === 'MODERATOR') return this.outbox.slow(0); // a refusal may have come late
    const age = Math.max(0, Date.now() - Date.parse(entry.createdAt));
    this.outbox.slow(Math.max(this.outbox.slowUntil, Date.now() + seconds * 1_000 - age));
  }

  /** Sends an action and applies the server's answer. */
  async #send(connectionId: string, action: Action, key: string): Promise<ChatEntry | undefined> {
    const link = this.#hooks.link();
    if (!link) throw new ChattokError('NETWORK', 'the session is not live');
    if (action.kind === 'react') action.since ??= this.log.find(action.id)?.version;
    const { kind, ...rest } = plain(action);
    const variables = { ...rest, key, ...(kind === 'post' && { connectionId }) };
    const [answer] = Object.values(await link.once<object, object>(documents[kind], variables)) as [unknown];
    this.#touch();
    if (kind === 'markRead') return undefined;
    if (kind === 'setData') return void this.#hooks.renamed(answer as Connection);
    if (kind !== 'post') return this.log.update(answer as WireEntry);
    const entry = this.log.add(answer as WireEntry);
    this.outbox.arrived(entry); // not shown twice until the post is removed
    this.#posted(entry);
    this.#want([entry]);
    return entry;
  }

  #refused(action: Action, error: ChattokError): void {
    if (action.kind === 'markRead') {
      this.reading.forget();
      void this.#refresh(1);
    }
    this.#touch();
    this.#hooks.emit('changeRefused', { change: plain(action) as Change, error });
  }

  /** Another device has read up to a cursor, or this one has. */
  #marked(link: Link, cursor: string, reactions: boolean): void {
    const entry = this.#at(cursor);
    if (entry) this.reading.mark(entry);
    if (reactions || (!entry && cursor !== this.reading.cursor) || !this.#counted) void this.#refresh(reactions ? maxPage : 1, link);
    this.#touch();
  }

  /** Asks the server what this user has read, and for its reactions to the newest entries. Never rejects. */
  async #refresh(last: number, link = this.#hooks.link()): Promise<void> {
    if (link) await this.#readState(link, last).catch(() => {}); // asked again after the next connection
  }

  async #readState(link: Link, last: number): Promise<void> {
    const { generation } = this.log;
    const { settings } = this;
    const { session, chatEntries } = await link.run(readStateDocument, { last });
    const { readCursor, unread } = session;
    const upTo = chatEntries.nodes.at(-1)?.seq ?? 0;
    const next =
      readCursor === null || this.#at(readCursor) ? undefined : await link.run(missedEntriesDocument, { first: 1, after: readCursor });
    if (this.log.generation !== generation) return;
    for (const { id, version, myReactions } of chatEntries.nodes) this.log.react(id, version, myReactions);
    this.set(session, settings);
    if (readCursor !== null && unread !== null) {
      const seq = next ? (next.chatEntries.nodes[0]?.seq ?? upTo + 1) - 1 : this.#at(readCursor)!.seq;
      if (seq >= (this.reading.seq ?? 0)) this.reading.replace(readCursor, seq, { unread, upTo });
    }
    this.#touch();
  }

  /** Loads entries that the subscription skipped, for example because an event could not be parsed. */
  async #fill(link: Link, after: string, missed: number): Promise<void> {
    const page = link.run(missedEntriesDocument, { first: Math.min(missed, maxPage), after });
    await this.log
      .read(page, ({ chatEntries }) => {
        for (const entry of chatEntries.nodes) this.#want([this.log.merge(entry)]);
        this.#touch();
      })
      .catch((error: unknown) => this.#hooks.emit('error', asError(error)));
  }

  /** Restarts the log after the server's database was replaced. */
  async #reset(link: Link): Promise<void> {
    const { session } = await link.run(lastCursorDocument, {});
    this.log.begin(session.lastCursor);
    this.reading.forget();
    this.#asked.clear();
    this.#touch();
    this.#hooks.emit('logReset', undefined);
    this.#followLog(link);
    void this.#refresh(1, link);
  }

  async #loadHistory(count: number): Promise<boolean> {
    this.log.loading = true;
    this.#hooks.touch('history');
    const before = this.log.oldest?.cursor;
    const page = this.#hooks.run(chatEntriesDocument, { last: count, before });
    await this.log.read(page, ({ chatEntries: { nodes, pageInfo } }) => {
      this.log.page(nodes, pageInfo.hasPreviousPage);
      this.#want(this.#replies());
      this.#touch();
    });
    return this.log.hasMore;
  }

  /** Loads the originals of replies that are not known, each once. */
  #want(replies: Iterable<Pick<OutboxItem, 'replyTo'>>): void {
    const link = this.#hooks.link();
    for (const { replyTo: id } of replies) {
      if (id === null || this.log.find(id) || this.#asked.has(id) || !link) continue;
      this.#asked.add(id);
      this.log
        .read(link.run(oneEntryDocument, { id }), ({ chatEntry }) => {
          if (!chatEntry) return; // it is not asked for again
          this.#asked.delete(id);
          this.log.update(chatEntry);
          this.#touch();
        })
        .catch(() => this.#asked.delete(id)); // asked again after the next connection
    }
  }

  *#replies(): Iterable<Pick<OutboxItem, 'replyTo'>> {
    yield* this.log.list();
    yield* this.outbox.list();
  }

  /** Returns the loaded entry with this cursor. */
  #at(cursor: string): Pick<ChatEntry, 'cursor' | 'seq'> | undefined {
    return cursor === '0' ? { cursor, seq: 0 } : this.log.list().findLast((entry) => entry.cursor === cursor);
  }

  #touch(): void {
    this.#hooks.touch('entries', 'originals', 'unread', 'readCursor', 'lastRead', 'history');
  }
}

/** Returns an action without what the SDK notes in it. */
function plain(action: Action): Action {
  const { since: _, ...rest } = action as Action & { since?: number };
  return rest;
}
