type Criteria<Item> = Partial<Item> | ((item: Item) => boolean);
/** OpenTok's lists of objects, which old pages search by properties. */
declare class Collection<Item extends object> {
  #private;
  /** @internal */
  add(id: string, item: Item): void;
  /** @internal */
  remove(id: string): void;
  /** @internal */
  clear(): void;
  get(id: string): Item | undefined;
  has(id: string): boolean;
  length(): number;
  /** Returns the items that have these properties, or for which the function returns true. */
  where(criteria?: Criteria<Item>): Item[];
  find(criteria: Criteria<Item>): Item | undefined;
  filter(fits: (item: Item) => boolean): Item[];
  map<Result>(call: (item: Item) => Result): Result[];
  forEach(call: (item: Item) => void, context?: object): this;
}
/** Called once, with an error where the call failed. */
type Completion<Value = void> = (error?: Error, value?: Value) => void;
/** Error codes: first those of the API, described in its schema, then those of the SDK. */
type ErrorCode = 'UNAUTHENTICATED' | 'FORBIDDEN' | 'NOT_FOUND' | 'BAD_USER_INPUT' | 'RATE_LIMITED' | 'UNAVAILABLE' | 'INTERNAL' |
/** The server can't be reached, or the response is not from a ChatTok server. Usually temporary. */
'NETWORK' |
/**
 * The page or the server has to be configured differently; `reason` names the problem, `cure` the remedy. Retrying is
 * useless.
 */
'MISCONFIGURED' |
/** The session is over: `disconnect()` was called, or a moderator disconnected this page. */
'ENDED' |
/** `drop()` removed a post before the server answered it. */
'DROPPED' |
/** The user, the browser or the page's policy denied access to the camera, the microphone or the screen. */
'PERMISSION_DENIED' |
/** No camera or microphone matches the constraints, or this browser can't share a screen. */
'NO_DEVICE' |
/** The device is in use by another program, or failed. */
'DEVICE_FAILED' |
/** The page is neither served over HTTPS nor from loopback, so the browser offers it no devices. */
'INSECURE_CONTEXT' |
/** The browser blocks sound until the user has clicked or pressed a key on the page. */
'AUTOPLAY_BLOCKED';
interface ErrorDetails {
  reason?: string | undefined;
  retryAfterMs?: number | undefined;
  cure?: string | undefined;
  until?: string | undefined;
  cause?: unknown;
}
/**
 * An error of the SDK. Programs can rely on `code` and `reason`; `message` is for people and may change. A page's token
 * function may throw one as well, to say by its code that another attempt is useless.
 */
declare class ChattokError extends Error {
  readonly name = "ChattokError";
  readonly code: ErrorCode;
  /** Distinguishes errors of the same code, by the API's or the SDK's name, such as `IDEMPOTENCY_CONFLICT`. */
  readonly reason: string | undefined;
  /** Milliseconds after which the same request may succeed; set with code RATE_LIMITED. */
  readonly retryAfterMs: number | undefined;
  /** A suggested remedy, if one is known. It is also the end of `message`. */
  readonly cure: string | undefined;
  /** When a ban ends, RFC 3339; set with code FORBIDDEN, reason BANNED. */
  readonly until: string | undefined;
  constructor(code: ErrorCode, message: string, options?: ErrorDetails);
}
/** The reason why a connection or a stream ended; a stream that ends with its connection does so for the same reason. */
type DisconnectReason =
/** The connection ended itself (`disconnect`); of a stream: its publisher did, or unpublished it (`unpublishStream`). */
'clientDisconnected' |
/** A moderator ended it (`forceDisconnect`, `banConnection`). */
'forceDisconnected' |
/** Of a stream alone: a moderator ended it (`forceUnpublish`), or made its publisher a SUBSCRIBER (`setRole`). */
'forceUnpublished' |
/** Its last socket closed and it did not come back within the grace time, or it made no request for too long. */
'networkDisconnected' |
/** All that its user has stored is being erased (`eraseUser`). */
'userErased';
/** How an entry was changed. */
type EntryChange =
/** It was deleted. */
'DELETED' |
/** Its text was changed, by its author or with the API secret. */
'EDITED' |
/** Its reactions changed. */
'REACTED';
/** The rights of a connection; each role includes the ones before it, save that PUBLISHER_ONLY does not subscribe. */
type Role =
/** Also end other connections and streams, mute, ban, delete any entry, and change the session's settings and others' roles. */
'MODERATOR' |
/** Also add entries, send signals and publish streams. */
'PUBLISHER' |
/** As PUBLISHER, but not subscribe to streams. It comes with tokens that say so, and by `setRole`. */
'PUBLISHER_ONLY' |
/** Read and subscribe. */
'SUBSCRIBER';
/** The source of a stream's video. */
type VideoType$1 =
/** A camera. */
'CAMERA' |
/** Something else, such as a canvas or a file. */
'CUSTOM' |
/** A screen, or a part of it. */
'SCREEN';
/** A participant's membership in the session. */
interface Connection$1 {
  readonly id: string;
  /** The user that the connection belongs to, in all tabs and on all devices; null without one. */
  readonly userId: string | null;
  /** The participant's own description, such as a name; up to 4,096 bytes. */
  readonly data: string | null;
  readonly role: Role;
  readonly createdAt: string;
}
/** A stored message of the session's log. */
interface ChatEntry {
  readonly id: string;
  /** Position in the log: 1, 2, 3 … without gaps. */
  readonly seq: number;
  /** Opaque position of the entry in the log, for `after` and `before` in the API. */
  readonly cursor: string;
  readonly connectionId: string;
  /** The connection that posted the entry, also after that connection has ended. */
  readonly connection: Connection$1;
  /** The user that posted the entry; null without one. */
  readonly userId: string | null;
  /** The text: 1 to 16,384 bytes of UTF-8; empty if the entry was deleted. */
  readonly body: string;
  /** Data that goes with the text; null without. */
  readonly data: string | null;
  readonly createdAt: string;
  /** 1, and one more with each change. */
  readonly version: number;
  /** When the text was last edited; null if it was not. */
  readonly editedAt: string | null;
  /** When the entry was deleted; null if it was not. */
  readonly deletedAt: string | null;
  /** The connection that deleted the entry. */
  readonly deletedBy: string | null;
  /** Id of the entry that this one answers, to be looked up in `originals` of the snapshot; null if it answers none. */
  readonly replyTo: string | null;
  /** The reactions, in the order of their first use. */
  readonly reactions: readonly Reaction[];
  /** The names of this user's own reactions, in the same order. */
  readonly myReactions: readonly string[];
  /** Whether changes by this page wait to be stored. The entry shows them already. */
  readonly pending: boolean;
}
/** A reaction to an entry. */
interface Reaction {
  /** The reaction, such as an emoji. */
  readonly name: string;
  /** Number of users, and connections without a user, who react so. */
  readonly count: number;
}
/** A reaction with the first 50 who react so, each by the connection that it reacted with. */
interface Reactors extends Reaction {
  readonly users: readonly Connection$1[];
}
/** Somebody is kept out of the session for a time. */
interface Ban {
  readonly id: string;
  /** The banned user; null if an address is banned. */
  readonly userId: string | null;
  /** The connection that was banned. */
  readonly connection: Connection$1;
  /** The moderator's connection; the server's own if the API secret made the ban. */
  readonly moderator: Connection$1;
  readonly createdAt: string;
  readonly until: string;
}
/** A message that is delivered but not stored. */
interface Signal$1 {
  /** Up to 128 characters of `A-Za-z0-9-_~.`; empty if a backend sent the signal without a type. */
  readonly type: string;
  /** Up to 8,192 bytes of UTF-8. */
  readonly data: string | null;
  /** Null if the server sent the signal. */
  readonly fromConnectionId: string | null;
  /** The only connection that received the signal; null if all did. */
  readonly to: string | null;
  /** Number of signals lost immediately before this one because this page read too slowly. */
  readonly missed: number;
}
/** A published stream: its description, not its media. */
interface Stream$1 {
  readonly id: string;
  readonly connection: Connection$1;
  readonly name: string | null;
  /** Whether the audio is on. False also while muted. */
  readonly hasAudio: boolean;
  /** Whether the video is on. */
  readonly hasVideo: boolean;
  readonly videoType: VideoType$1;
  /** Width of the video in pixels; null if unknown. */
  readonly width: number | null;
  /** Height of the video in pixels; null if unknown. */
  readonly height: number | null;
  readonly createdAt: string;
}
/** A post that is not stored yet: pending, or refused by the server. */
interface OutboxItem {
  /** The post's idempotency key, to be passed to `retry`, `drop`, `edit` and `remove`, and to `post` as `replyTo`. */
  readonly key: string;
  readonly body: string;
  /** Data that goes with the text; null without. */
  readonly data: string | null;
  /** Id of the entry that the post answers; null if it answers none, or one that is not stored yet. */
  readonly replyTo: string | null;
  /** Time of the post, in milliseconds since the epoch. */
  readonly createdAt: number;
  readonly state: 'pending' | 'failed';
  /** The reason of the failure; set in state `failed`. */
  readonly error?: ChattokError;
}
/** A change that this page asked for. The members beside `kind` are those of the method. */
interface Change {
  readonly kind: 'edit' | 'remove' | 'react' | 'markRead' | 'setData';
  /** The entry; for `edit`, `remove` and `react`. */
  readonly id?: string;
  readonly body?: string;
  readonly data?: string | null | undefined;
  readonly name?: string;
  readonly on?: boolean;
  readonly cursor?: string;
}
/** State of the session's connection. `since` is when the state began, in milliseconds since the epoch. */
type SessionState =
/** Not connected yet. */
{
  readonly name: 'connecting';
  readonly since: number;
  readonly attempt: number;
  /** Time of the next attempt; undefined during the first. */
  readonly retryAt?: number;
  /** The error of the last attempt, such as RATE_LIMITED. */
  readonly error?: ChattokError;
} | {
  readonly name: 'live';
  readonly since: number;
} |
/** The connection was lost at `since`. `attempt` counts the attempts since then, and the next one begins at `retryAt`. */
{
  readonly name: 'reconnecting';
  readonly since: number;
  readonly attempt: number;
  readonly retryAt: number;
  readonly error?: ChattokError;
} |
/**
 * The server refuses the session permanently, for example because of an invalid token, or the page or server is
 * misconfigured.
 */
{
  readonly name: 'refused';
  readonly since: number;
  readonly error: ChattokError;
} |
/**
 * The session is over: this page left (`clientDisconnected`), a moderator disconnected it (`forceDisconnected`), or all that its user
 * has stored is being erased (`userErased`).
 */
{
  readonly name: 'ended';
  readonly since: number;
  readonly reason: DisconnectReason;
};
/** Events of a session, by the names that `on` takes. */
interface SessionEvents {
  /** An entry was stored after this page joined. Each is emitted once, in the order of `seq`. */
  entry: ChatEntry;
  /** An entry, loaded or not, was edited, deleted or reacted to. Of several changes only the last may be told. */
  entryChanged: {
    readonly entry: ChatEntry;
    readonly change: EntryChange;
  };
  /**
   * The server refused a change that this page, or an earlier one whose changes were waiting, asked for. The store shows the
   * entry without it.
   */
  changeRefused: {
    readonly change: Change;
    readonly error: ChattokError;
  };
  /** The server's database was replaced and the log restarted; the store's entries were removed. */
  logReset: undefined;
  signal: Signal$1;
  /** A connection joined. Connections that were there before this page are only in the store. */
  connectionCreated: Connection$1;
  /** A connection, possibly one's own, changed its data by `setData`. */
  connectionUpdated: Connection$1;
  /** A connection ended. `reason` is undefined if that happened while this page was offline. */
  connectionDestroyed: {
    readonly connection: Connection$1;
    readonly reason: DisconnectReason | undefined;
  };
  /** Another connection published a stream. Each new listener is also called for the streams that already exist. */
  stream: Stream$1;
  streamUpdated: Stream$1;
  /** Another connection's stream ended. `reason` is undefined if that happened while this page was offline. */
  streamDestroyed: {
    readonly stream: Stream$1;
    readonly reason: DisconnectReason | undefined;
  };
  /** A moderator muted a publication of this page. Its audio is already off. */
  muteForced: {
    readonly publication: Publication;
  };
  /** A moderator muted one stream, or all with exceptions. Emitted on every page of the session. */
  forceMute: ForceMute;
  state: SessionState;
  /** An error that no promise reports, such as an event that could not be read. The session continues. */
  error: ChattokError;
}
/** A moderator's mute command. */
interface ForceMute {
  /** The muted stream; undefined if all streams were muted except those of `except`. */
  readonly streamId: string | undefined;
  /** Ids of the streams that were not muted. */
  readonly except: readonly string[];
  /** The moderator's connection. */
  readonly connectionId: string;
}
/** The state of a session at one moment. A member is the same object until it changes. */
interface Snapshot {
  readonly state: SessionState;
  /** This page's connection; undefined until the server has created it. */
  readonly connection: Connection$1 | undefined;
  /**
   * The loaded entries, oldest first. There are no gaps, except briefly when an own post is answered before earlier entries
   * arrive.
   */
  readonly entries: readonly ChatEntry[];
  /**
   * The entries that loaded entries and pending posts answer, by id and as they are now, whether they are loaded themselves or
   * not. One is missing until it has arrived, and if it is no longer kept.
   */
  readonly originals: ReadonlyMap<string, ChatEntry>;
  /** Own posts that are not in `entries` yet, in order. */
  readonly pending: readonly OutboxItem[];
  readonly history: {
    /** Whether the log has entries older than the loaded ones. */
    readonly hasMore: boolean;
    readonly loading: boolean;
  };
  /**
   * The connections, including this page's own, oldest first. Of those that were there before this page, only the first 1,000
   * are in the list; `connectionCount` counts all.
   */
  readonly connections: readonly Connection$1[];
  readonly connectionCount: number;
  /** Other connections that are typing, those who began first in front. */
  readonly typing: readonly Connection$1[];
  /** Number of entries of others that this user has not read, on any device; null without a user, and until it is known. */
  readonly unread: number | null;
  /** Position up to which this user has read; null without a user, and until it is known. */
  readonly readCursor: string | null;
  /**
   * `seq` of the last entry up to which this user has read, 0 if none; null like `readCursor`. It moves while one reads: a view
   * that draws a line before what is new remembers it at the moment when it comes to the front.
   */
  readonly lastRead: number | null;
  readonly slowMode: {
    /** Seconds for which a user can't post again after a post; 0 if slow mode is off. */
    readonly seconds: number;
    /** When the next post of this page is stored, in milliseconds since the epoch; undefined if it need not wait. */
    readonly until: number | undefined;
  };
  /** Whether only moderators may post, edit and react. */
  readonly readOnly: boolean;
  /** The streams of other connections, oldest first. */
  readonly streams: readonly Stream$1[];
  /** This page's publications, oldest first. */
  readonly publications: readonly Publication[];
  /** This page's subscriptions. */
  readonly subscriptions: readonly Subscription[];
}
/** An observable value, compatible with React's `useSyncExternalStore`. */
interface Store<T> {
  /** Returns the current value. */
  get(): T;
  /**
   * Calls `listener` after changes; changes within 16 milliseconds are reported together. Returns a function that
   * unsubscribes.
   */
  subscribe(listener: (value: T) => void): () => void;
}
/** Options of `publish`. */
interface PublishOptions {
  /** A name for the stream, which the other connections see: up to 1,024 bytes of UTF-8. */
  name?: string;
  /** For `SCREEN`, video is sent with full resolution at the cost of the frame rate. Default: `CAMERA`. */
  videoType?: VideoType$1;
  /** Whether the audio is on at the start. Default: true. */
  audio?: boolean;
  /** Whether the video is on at the start. Default: true. */
  video?: boolean;
  /** Audio bitrate in bits per second. Default: chosen by the browser. */
  audioBitrate?: number;
  /**
   * Maximum video bitrate in bits per second. The number of videos in the session sets a limit as well; the lower one
   * applies.
   */
  videoBitrate?: number;
  /** Whether to send stereo audio, for music. Default: false. */
  stereo?: boolean;
  /** `contentHint` of the video track, as for `MediaStreamTrack`: the quality to preserve when bandwidth is short. */
  contentHint?: string;
}
/**
 * Why a publication ended. `mediaStopped`: all its tracks have ended, for example because the user stopped sharing the
 * screen.
 */
type PublicationEnd = DisconnectReason | 'mediaStopped';
/** A stream published by this page. After a reconnect under a new connection it is published again automatically. */
interface Publication {
  /** The stream as the other connections see it. Its id changes when it is published again. */
  readonly stream: Stream$1;
  /** The published media. Use `replaceTrack` to change its tracks. */
  readonly media: MediaStream;
  readonly state: 'live' | 'ended';
  /** Why the publication ended; undefined while live. `networkDisconnected`: it could not be published again. */
  readonly reason: PublicationEnd | undefined;
  /** Calls `listener` when `state` or `stream` changes, including the video's size. Returns a function that removes it. */
  onChange(listener: () => void): () => void;
  /** Mutes or unmutes the audio, and updates the stream for the other connections. */
  setAudio(on: boolean): Promise<void>;
  /** Turns the video on or off, and updates the stream for the other connections. */
  setVideo(on: boolean): Promise<void>;
  /** Replaces the track of this kind without renegotiation, for example to switch cameras. Null removes it. */
  replaceTrack(kind: 'audio' | 'video', track: MediaStreamTrack | null): Promise<void>;
  /** Ends the publication. Its tracks stay open. */
  unpublish(): Promise<void>;
  /** Sets the bitrates, in bits per second. Undefined restores the default. */
  setBitrates(bitrates: {
    audio?: number | undefined;
    video?: number | undefined;
  }): void;
  /** Returns statistics of the outgoing media, for each subscriber and kind. */
  stats(): Promise<MediaStats[]>;
  /** Returns the browser's raw reports, for each subscriber. */
  reports(): Promise<MediaReport[]>;
}
/** Options of `subscribe`. */
interface SubscribeOptions {
  /** Whether to receive audio. Default: true. */
  audio?: boolean;
  /** Whether to receive video. Default: true. */
  video?: boolean;
}
/** A subscription to another connection's stream. It ends with the stream, or by `close`. */
interface Subscription {
  readonly stream: Stream$1;
  /** The received media. It is already the `srcObject` of `element`. */
  readonly media: MediaStream;
  /** The element that plays the media, if one was passed to `subscribe`. */
  readonly element: HTMLMediaElement | undefined;
  /** `interrupted`: no media arrives, and the SDK is restoring the peer connection. */
  readonly state: 'connecting' | 'live' | 'interrupted' | 'ended';
  /** AUTOPLAY_BLOCKED while the browser requires a user gesture to play; call `play` in a click handler. */
  readonly blocked: ChattokError | undefined;
  /**
   * Calls `listener` when `state`, `blocked`, `stream` or the tracks of `media` change. Returns a function that removes it.
   */
  onChange(listener: () => void): () => void;
  /** Starts playback after the browser blocked it. Rejects with AUTOPLAY_BLOCKED if it is still blocked. */
  play(): Promise<void>;
  /** Stops or resumes the audio; while stopped, the publisher sends none. */
  setAudio(on: boolean): void;
  /** Stops or resumes the video; while stopped, the publisher sends none. */
  setVideo(on: boolean): void;
  /**
   * Asks the publisher for the better picture that a large view of it is worth, or for no better one than the others get. In a
   * session of few, all have the best.
   */
  setLarge(on: boolean): void;
  /** Returns the present audio level: 0 to 1. */
  audioLevel(): number;
  /** Returns statistics of the incoming media, for each kind. */
  stats(): Promise<MediaStats[]>;
  /** Returns the browser's raw report, for both kinds together. */
  report(): Promise<RTCStatsReport>;
  /** Ends the subscription. */
  close(): void;
}
/** The browser's raw report about a publication's media to one subscriber. */
interface MediaReport {
  readonly connectionId: string;
  readonly report: RTCStatsReport;
}
/** Statistics of one kind of media, in one direction, between this page and another connection. */
interface MediaStats {
  readonly connectionId: string;
  readonly streamId: string;
  readonly kind: 'audio' | 'video';
  /** Bits per second since the previous call; 0 in the first call. */
  readonly bitrate: number;
  /** Share of lost packets since the beginning: 0 to 1. */
  readonly packetLoss: number;
  /** Milliseconds; undefined if not measured yet. */
  readonly roundTripTime: number | undefined;
  /** Milliseconds; undefined if not measured yet. */
  readonly jitter: number | undefined;
  /** Width of the video in pixels; undefined for audio. */
  readonly width: number | undefined;
  /** Height of the video in pixels; undefined for audio. */
  readonly height: number | undefined;
  readonly framesPerSecond: number | undefined;
  /** Whether media passes through a TURN server; undefined if not known yet. */
  readonly relayed: boolean | undefined;
}
/** Options of `signal`. */
interface SignalOptions {
  /** The connection that receives the signal. Default: all connections of the session, including this page's own. */
  to?: string;
  /**
   * Whether the signal may wait while the session is not live or the rate limit is reached. At most 100 signals wait, and
   * are sent in order. Default: true. If false, `signal` rejects with NETWORK or RATE_LIMITED instead.
   */
  retryAfterReconnect?: boolean;
}
/** Options of `post`. */
interface PostOptions {
  /** Id of the entry that the post answers, or key of a post that is still pending. */
  replyTo?: string;
  /** Data that goes with the text: up to 4,096 bytes of UTF-8. */
  data?: string;
}
/** Options of `edit`. */
interface EditOptions {
  /** The entry's data from now on: up to 4,096 bytes of UTF-8, null for none. Default: it stays. */
  data?: string | null;
}
/** A session that this page has joined. */
interface Session$1 {
  /** The session's id. Undefined before the connection, if only the token names the session. */
  readonly id: string | undefined;
  /**
   * The connection's access token, for the page's own API requests. Undefined before the connection and after the end. The
   * SDK renews it, so read it again for each request.
   */
  readonly accessToken: string | undefined;
  readonly store: Store<Snapshot>;
  /**
   * Resolves when the session is live for the first time and the entries asked for by `history` are in the store. Rejects
   * with the error if the session is refused or ends before.
   */
  readonly ready: Promise<void>;
  /** Adds a listener for an event. Returns a function that removes it. */
  on<Name extends keyof SessionEvents>(name: Name, listener: (event: SessionEvents[Name]) => void): () => void;
  /**
   * Posts an entry: 1 to 16,384 bytes of UTF-8. It appears in the store as pending at once, is sent after earlier posts, and
   * is retried until the server answers. Resolves with the stored entry. Rejects if the server refuses it, with DROPPED
   * after `drop`, and if the session ends; never with NETWORK. In slow mode it waits, and later posts with it.
   */
  post(body: string, options?: PostOptions): Promise<ChatEntry>;
  /** Sends a failed post again. */
  retry(key: string): void;
  /** Removes a failed or pending post. If its request is under way, the server may store it nevertheless. */
  drop(key: string): void;
  /**
   * Changes the text of an entry of this user. Like `remove` and `react` it shows at once, takes its turn after earlier posts
   * and changes, survives a reload, and is retried until the server answers. Rejects if the server refuses it, such as with
   * FORBIDDEN, reason EDIT_WINDOW or ENTRY_DELETED; the store shows the entry unchanged then. `id` may also be the key of a
   * post that is still pending or has failed: the post itself is edited, and a failed one is sent again.
   */
  edit(id: string, body: string, options?: EditOptions): Promise<ChatEntry>;
  /** Deletes an entry of this user; moderators delete any entry. With the key of a pending or failed post, drops the post. */
  remove(id: string): Promise<void>;
  /** Adds a reaction of this user to an entry, or takes it back. `name` has 1 to 64 bytes of UTF-8, such as an emoji. */
  react(id: string, name: string, on?: boolean): Promise<ChatEntry>;
  /** Loads who reacted to an entry. Empty if there is no such entry. */
  reactors(id: string): Promise<Reactors[]>;
  /** Reports whether this user, or this page, posted an entry. */
  owns(entry: ChatEntry): boolean;
  /**
   * Notes for this user that all entries up to a cursor, by default that of the newest loaded entry, have been read. It goes
   * forwards only, and a post does it too. Rejects with FORBIDDEN, reason NO_USER, without a user.
   */
  markRead(cursor?: string): Promise<void>;
  /**
   * Tells the other connections that this one is typing; for six seconds, until it posts, or until `typing(false)`. Call it at
   * each key press: it sends a signal every three seconds at most, and none while the session is not live.
   */
  typing(on?: boolean): void;
  /**
   * Loads `count` entries older than those in the store: 1 to 200, default 50. Resolves with whether there are still older
   * ones. A call during another one returns the same promise.
   */
  loadHistory(count?: number): Promise<boolean>;
  /**
   * Loads history until an entry is in the store, such as the original of a reply. Resolves with false if there is no such
   * entry.
   */
  loadTo(id: string): Promise<boolean>;
  /** Drops all but the newest `count` entries, by default the option `keep`. `loadHistory` loads the others again. */
  trimHistory(count?: number): void;
  /**
   * Sends a signal. `type` has 1 to 128 characters of `A-Za-z0-9-_~.`, `data` up to 8,192 bytes of UTF-8. Resolves when the
   * server has accepted it. Rejects with NOT_FOUND if `to` is not a live connection, with NETWORK if the connection is lost
   * before the answer, and with RATE_LIMITED if 100 signals wait.
   */
  signal(type: string, data?: string, options?: SignalOptions): Promise<void>;
  /**
   * Publishes a media stream. Requires role PUBLISHER or MODERATOR. Rejects with RATE_LIMITED, reason TOO_MANY_STREAMS, if
   * the connection has 8 streams already.
   */
  publish(media: MediaStream, options?: PublishOptions): Promise<Publication>;
  /** Ends a publication; without an argument, all of this page's. */
  unpublish(publication?: Publication): Promise<void>;
  /**
   * Receives a stream, and plays it in `element` if given. A second call for the same stream returns the same subscription
   * and moves it to the new element.
   */
  subscribe(stream: Stream$1, element?: HTMLMediaElement, options?: SubscribeOptions): Subscription;
  /**
   * Changes what the others see of this connection, such as a name: up to 4,096 bytes of UTF-8, null for none. New connections
   * of this session, such as after a long outage, are made with it too. It takes its turn after earlier posts and changes.
   * Rejects with FORBIDDEN, reason DATA_FIXED, if the session token carries data.
   */
  setData(data: string | null): Promise<void>;
  /** Ends another connection. Requires role MODERATOR, as all methods down to `updateSession` do. */
  forceDisconnect(connectionId: string): Promise<void>;
  /** Ends another connection's stream. Its publisher may publish again. */
  forceUnpublish(streamId: string): Promise<void>;
  /** Mutes one stream; without `streamId`, all streams except those of `except` (at most 1,000). */
  forceMute(streamId?: string, options?: {
    except?: string[];
  }): Promise<void>;
  /**
   * Ends a connection and all others of its user in the session, and keeps the user out for 1 to 31,536,000 seconds; without a
   * user, the connection's address. `deleteEntries` deletes the user's entries too. The schema tells at
   * `banConnection` what a ban can't do.
   */
  ban(connectionId: string, seconds: number, options?: {
    deleteEntries?: boolean;
  }): Promise<Ban>;
  /** Ends a ban. */
  unban(id: string): Promise<Ban>;
  /** Loads the bans that have not ended, newest first. */
  bans(): Promise<Ban[]>;
  /**
   * Changes the session. `slowMode`: seconds for which a user can't post again after a post, 0 to 86,400; 0 ends slow mode.
   * `readOnly`: whether only moderators may post, edit and react.
   */
  updateSession(settings: {
    slowMode?: number;
    readOnly?: boolean;
  }): Promise<void>;
  /**
   * Reconnects at once instead of waiting for the next attempt; if a WebSocket is open, checks that it responds. The SDK
   * does this by itself when the page becomes visible and when the network is back.
   */
  wake(): void;
  /** Leaves the session: ends the connection, its publications and its subscriptions. */
  disconnect(): Promise<void>;
}
declare class Connection {
  connectionId: string;
  /** The same, by its older name. */
  id: string;
  creationTime: number;
  data: string;
  /** @internal */
  constructor(connection: Connection$1);
  /** @internal */
  take({ id, createdAt, data }: Connection$1): void;
}
interface Dimensions {
  width: number;
  height: number;
}
type VideoType = 'camera' | 'screen' | 'custom';
/** A changed property of a stream, as streamPropertyChanged reports it. */
interface PropertyChange {
  readonly changedProperty: 'hasAudio' | 'hasVideo' | 'videoDimensions';
  readonly oldValue: boolean | Dimensions;
  readonly newValue: boolean | Dimensions;
}
declare class Stream {
  #private;
  connection: Connection;
  streamId: string;
  /** The same, by its older name. */
  id: string;
  creationTime: number;
  frameRate: number;
  hasAudio: boolean;
  hasCaptions: boolean;
  hasVideo: boolean;
  initials: string;
  name: string;
  videoDimensions: Dimensions;
  videoType: VideoType | undefined;
  /** @internal */
  constructor(stream: Stream$1, connection: Connection);
  /** The SDK's stream. @internal */
  get chattok(): Stream$1;
  /** Sets all properties from the SDK's stream. @internal */
  take(stream: Stream$1): void;
  /** Sets all properties from the SDK's stream, and returns those that changed. @internal */
  update(stream: Stream$1): PropertyChange[];
}
type Source = string | null | boolean | MediaStreamTrack | undefined;
interface LegacyMediaTrackConstraints {
  mandatory?: Record<string, string | number | boolean>;
  optional?: Record<string, string | number | boolean>[];
}
interface LegacyMediaStreamConstraints {
  audio?: boolean | MediaTrackConstraints | LegacyMediaTrackConstraints;
  video?: boolean | MediaTrackConstraints | LegacyMediaTrackConstraints;
}
interface GetUserMediaProperties {
  audioSource?: Source;
  videoSource?: Source;
  disableAudioProcessing?: boolean;
  echoCancellation?: boolean;
  noiseSuppression?: boolean;
  autoGainControl?: boolean;
  enableStereo?: boolean;
  facingMode?: string;
  frameRate?: number;
  maxResolution?: Dimensions;
  resolution?: string;
  constraints?: MediaStreamConstraints | LegacyMediaStreamConstraints;
}
interface Device {
  kind: 'audioInput' | 'videoInput';
  deviceId: string;
  label: string;
}
interface AudioOutputDevice {
  deviceId: string | null | undefined;
  label: string | null;
}
/** Lists cameras and microphones. Browsers leave the labels empty until one of them was opened. */
declare function getDevices(completion?: Completion<Device[]>): Promise<Device[]>;
declare function getUserMedia(properties?: GetUserMediaProperties): Promise<MediaStream>;
declare function getAudioOutputDevices(): Promise<AudioOutputDevice[]>;
declare function setAudioOutputDevice(deviceId: string): Promise<void>;
declare function getActiveAudioOutputDevice(): Promise<AudioOutputDevice>;
/** An error in OpenTok's form: `name` says what went wrong, `code` in which call. */
declare class OTError extends Error {
  readonly name: string;
  readonly code: number;
  constructor(name: string, message: string, code: number, cause?: unknown);
}
/** The event object that a handler receives. */
interface Event<Type extends string = string, Target = unknown> {
  type: Type;
  cancelable: boolean;
  target: Target;
  isDefaultPrevented(): boolean;
  preventDefault(): void;
}
/** Any function of the page. */
type Handler = (event: never) => void;
/** How an event is dispatched. */
interface Dispatch {
  /** Members of the event beside type and target. */
  readonly about?: object;
  /** The event's type; the name it is dispatched under where absent. */
  readonly type?: string;
  /** The default action, which runs after all handlers unless one of them prevents it. */
  readonly byDefault?: () => void;
  /** The version of the API that has the event, where only one has it. */
  readonly version?: 1 | 2;
  /** The names whose handlers are called, one name after the other; the event's own name where absent. */
  readonly names?: readonly string[];
}
declare class EventEmitter {
  #private;
  /** Adds a handler for a name or for several, separated by spaces; or takes an object of handlers by name. */
  on(names: string, handler: Handler, context?: object): this;
  on(handlers: object, context?: object): this;
  /** Like `on`, for the first event of each name only. */
  once(names: string, handler: Handler, context?: object): this;
  once(handlers: object, context?: object): this;
  /** Removes one handler, all of a name, those in an object, or all there are. */
  off(names?: string, handler?: Handler | object | null, context?: object): this;
  off(handlers: object, context?: object): this;
  addEventListener(names: string, handler: Handler, context?: object): this;
  removeEventListener(names: string, handler: Handler, context?: object): this;
  /** Whether the event has a handler. */
  protected listened(name: string): boolean;
  /** Called after handlers were added or removed. */
  protected handlersChanged(): void;
  /** Queues an event for its handlers. Events that only version 1 has are dropped: see TBSession. @internal */
  dispatch(name: string, { about, type, byDefault, version, names }?: Dispatch): Event | undefined;
}
declare function setLogLevel(to: number): void;
declare function log(message: string): void;
interface SignalProperties {
  type?: string | undefined;
  data?: unknown;
}
/** Reports an audio level at a fixed interval while it is switched on. */
declare class Levels {
  #private;
  constructor(read: () => number, tell: (level: number) => void);
  run(on: boolean): void;
}
interface WidgetProperties {
  fitMode?: 'cover' | 'contain';
  insertDefaultUI?: boolean;
  insertMode?: 'replace' | 'after' | 'before' | 'append';
  showControls?: boolean;
  width?: string | number;
  height?: string | number;
}
interface WidgetStyle {
  audioLevelDisplayMode: 'auto' | 'on' | 'off';
  backgroundImageURI: string;
  buttonDisplayMode: 'auto' | 'on' | 'off';
  nameDisplayMode: 'auto' | 'on' | 'off';
  videoDisabledDisplayMode: 'auto' | 'on' | 'off';
  archiveStatusDisplayMode: 'auto' | 'off';
  audioBlockedDisplayMode: 'auto' | 'on' | 'off';
}
type Target = HTMLElement | string | null | undefined;
interface WidgetOptions extends WidgetProperties {
  readonly kind: 'publisher' | 'subscriber';
  readonly name: string;
  readonly mirror: boolean;
  readonly style: Partial<WidgetStyle>;
  /** Called when the user presses the mute button. */
  muted(): void;
}
declare class Widget {
  #private;
  /** The outer element; undefined where the page wants no element. */
  readonly element: HTMLElement | undefined;
  readonly video: HTMLVideoElement;
  constructor(target: Target, options: WidgetOptions);
  /** The id of the outer element. */
  get id(): string | undefined;
  /** Plays media in the video element. Rejects as the browser's play() does. */
  show(media: MediaStream): Promise<void>;
  /** Removes the loading state: there is a picture, or none to wait for. */
  loaded(): void;
  /** Shows whether the picture and the sound are on. */
  setState({ video, audio }: {
    video: boolean;
    audio: boolean;
  }): void;
  setLevel(level: number): void;
  setName(name: string): void;
  setMirror(on: boolean): void;
  /** Sets styles. Unknown names are ignored. */
  setStyle(style: Partial<WidgetStyle>): void;
  getStyle(): WidgetStyle;
  /** Returns the current picture as PNG in base64; null where there is none. */
  image(): string | null;
  /** Removes the outer element from the page. */
  destroy(): void;
}
/** The common part of publishers and subscribers: an element in the page, its video and its audio level. */
declare abstract class Shown extends EventEmitter {
  #private;
  /** Undefined where the page wants no element. */
  element: HTMLElement | undefined;
  id: string | undefined;
  protected readonly widget: Widget;
  protected readonly levels: Levels;
  /** @internal */
  constructor(target: Target, options: Omit<WidgetOptions, 'muted'>);
  /** The audio level now: 0 to 1. */
  protected abstract level(): number;
  /** Called when the user presses the mute button. */
  protected abstract toggleSound(): void;
  /** Returns the current picture as PNG in base64; null where there is none. */
  getImgData(): string | null;
  getStyle(): WidgetStyle;
  /** Sets one style by name and value, or several by an object. */
  setStyle(style: string | Partial<WidgetStyle>, value?: unknown): this;
  videoWidth(): number | undefined;
  videoHeight(): number | undefined;
}
interface IncomingTrackStats {
  bytesReceived: number;
  packetsLost: number;
  packetsReceived: number;
}
interface OutgoingTrackStats {
  bytesSent: number;
  packetsLost: number;
  packetsSent: number;
}
/** The state of the network path, as far as a browser reports it. */
interface TransportStats {
  connectionEstimatedBandwidth: number;
  networkCondition: 'unknown';
  networkConditionReason: 'unknown';
}
interface SubscriberStats {
  audio: IncomingTrackStats;
  video: IncomingTrackStats & {
    codec: string;
    width: number;
    height: number;
    /** Bits per second since the last call. */
    bitrate: number;
    totalBitrate: number;
    frameRate: number;
    decodedFrameRate: number;
    pauseCount: number;
    /** Seconds, as the browser reports them. */
    totalPausesDuration: number;
    freezeCount: number;
    totalFreezesDuration: number;
  };
  mediaLink: {
    transport: TransportStats;
    remotePublisherTransport: TransportStats;
    networkDegradationSource: 'none';
  };
  timestamp: number;
}
interface PublisherStats {
  audio: OutgoingTrackStats;
  video: OutgoingTrackStats & {
    frameRate: number;
  };
  mediaLink: {
    transport: TransportStats;
  };
  transportStats: TransportStats;
  timestamp: number;
}
type Kind = 'audio' | 'video';
type SubscriberStyle = Omit<WidgetStyle, 'archiveStatusDisplayMode'>;
interface SubscriberProperties extends WidgetProperties {
  audioVolume?: number;
  preferredFrameRate?: number;
  preferredResolution?: 'auto' | Dimensions;
  style?: Partial<SubscriberStyle>;
  subscribeToAudio?: boolean;
  subscribeToCaptions?: boolean;
  subscribeToVideo?: boolean;
  testNetwork?: boolean;
}
/** One subscription of the SDK, shared by all subscribers of a stream. It receives each kind that any of them wants. */
declare class SharedSubscription {
  #private;
  readonly subscription: Subscription;
  constructor(subscription: Subscription);
  get ended(): boolean;
  get subscribers(): Subscriber[];
  join(subscriber: Subscriber): void;
  /** Removes a subscriber. The last one to leave closes the subscription. */
  leave(subscriber: Subscriber): void;
  /** Updates what the subscription receives. */
  wants(): void;
}
/** A subscriber's source: a shared subscription, the page's own publisher, or why there is none. */
type Media = {
  readonly shared: SharedSubscription;
} | {
  readonly own: MediaStream;
} | {
  readonly error: OTError;
};
declare class Subscriber extends Shown {
  #private;
  stream: Stream | undefined;
  session: Session | undefined;
  /** @internal */
  constructor(session: Session, stream: Stream, media: Media, target: Target, properties: SubscriberProperties, completion: Completion | undefined);
  /** Whether this subscriber wants media of this kind. @internal */
  wants(kind: Kind): boolean;
  /** Called when the subscription or its stream has changed. @internal */
  changed(): void;
  isAudioBlocked(): boolean;
  /** Plays with sound; call it from a click. Rejects where the browser still blocks sound. @internal */
  unblock(): Promise<void>;
  /** Ends the subscriber and removes its element. @internal */
  destroy(reason: string): void;
  readonly subscribeToAudio: ((on: boolean) => this) & {
    promise: (on: boolean, _reason?: string) => Promise<void>;
  };
  readonly subscribeToVideo: ((on: boolean) => this) & {
    promise: (on: boolean, _reason?: string) => Promise<void>;
  };
  readonly setAudioVolume: ((value: number) => this) & {
    promise: (value: number) => Promise<void>;
  };
  getAudioVolume(): number;
  readonly restrictFrameRate: ((_on: boolean) => this) & {
    promise: (_on: boolean) => Promise<void>;
  };
  setPreferredFrameRate(_rate: number): Promise<void>;
  setPreferredResolution(_resolution: Dimensions): Promise<void>;
  setAudioMediaProcessorConnector(connector: MediaProcessorConnector | null): Promise<void>;
  setVideoMediaProcessorConnector(connector: MediaProcessorConnector | null): Promise<void>;
  getStats(completion?: Completion<SubscriberStats>): Promise<SubscriberStats>;
  getRtcStatsReport(): Promise<Map<string, RTCStats>>;
  subscribeToCaptions(_on: boolean): Promise<void>;
  setCaptionsTranslationLanguage(_language: string | null): Promise<void>;
  getCaptionsTranslationLanguage(): null;
  isSubscribedToCaptions(): boolean;
  protected level(): number;
  protected toggleSound(): void;
  protected handlersChanged(): void;
}
interface IceConfig {
  includeServers: 'all' | 'custom';
  transportPolicy: 'all' | 'relay';
  customServers: {
    urls: string | string[];
    username?: string;
    credential?: string;
  }[];
}
interface SessionOptions {
  connectionEventsSuppressed?: boolean;
  iceConfig?: IceConfig;
  ipWhitelist?: boolean;
  encryptionSecret?: string;
  singlePeerConnection?: boolean;
  sessionMigration?: boolean;
}
interface Capabilities {
  forceDisconnect: number;
  forceUnpublish: number;
  forceMute: number;
  publish: number;
  subscribe: number;
}
/** A connection or a stream, or its id. */
type ConnectionLike = {
  connectionId: string;
} | string;
type StreamLike = {
  streamId: string;
} | string;
interface Signal extends SignalProperties {
  to?: ConnectionLike;
  retryAfterReconnect?: boolean;
}
declare class Session extends EventEmitter {
  #private;
  readonly sessionId: string;
  /** The same, by its older name. */
  readonly id: string;
  apiKey: string;
  connection: Connection | undefined;
  capabilities: Capabilities;
  readonly connections: Collection<Connection>;
  readonly streams: Collection<Stream>;
  /** @internal */
  constructor(apiKey: string, sessionId: string, options: SessionOptions);
  /** The SDK's session, with the features that OpenTok lacks; undefined while there is none. */
  get chattok(): Session$1 | undefined;
  isConnected(): boolean;
  readonly connect: ((...from: [token: string, completion?: Completion] | [apiKey: string, token: string, completionOrProperties?: Completion | object]) => this) & {
    promise: (token: string) => Promise<Session>;
  };
  /** The streams in the sessionConnected event: none, since each has a streamCreated event of its own. */
  protected streamsAtConnect(_streams: readonly Stream$1[]): Stream[];
  disconnect(): Promise<void>;
  /** Adds a stream to those of the session. */
  protected addStream(stream: Stream$1): Stream;
  signal(signal?: Signal | null, completion?: Completion): Promise<void>;
  readonly publish: ((publisher?: {
    stream?: object | undefined;
  } | Target, propertiesOrCompletion?: Completion | PublisherProperties | null | undefined, completion?: Completion | undefined) => Publisher) & {
    promise: (publisher?: {
      stream?: object | undefined;
    } | Target, propertiesOrCompletion?: Completion | PublisherProperties | null | undefined, completion?: Completion | undefined) => Promise<Publisher>;
  };
  unpublish(publisher: {
    stream?: object | undefined;
  }): void;
  readonly subscribe: ((stream: StreamLike, target?: Completion | Target, propertiesOrCompletion?: Completion | SubscriberProperties | null | undefined, completion?: Completion | undefined) => Subscriber) & {
    promise: (stream: StreamLike, target?: HTMLElement | string, properties?: SubscriberProperties) => Promise<Subscriber>;
  };
  unsubscribe(subscriber: {
    stream?: object | undefined;
  }): void;
  getPublisherForStream(stream: StreamLike): Publisher | undefined;
  /** Returns any number of subscribers; the type, a tuple of one, is OpenTok's. */
  getSubscribersForStream(stream: StreamLike): [Subscriber];
  forceDisconnect(connection: ConnectionLike, completion?: Completion): Promise<void>;
  forceUnpublish(stream: StreamLike, completion?: Completion): Promise<void>;
  forceMuteStream(stream: StreamLike): Promise<void>;
  forceMuteAll(excluded?: StreamLike[]): Promise<void>;
  /** Ends what `forceMuteAll` began: streams that are published from now on are not muted. */
  disableForceMute(): Promise<void>;
  /** Takes effect at the next connect. */
  setIceConfig(config: IceConfig): Promise<void>;
  setEncryptionSecret(_secret: string): Promise<void>;
}
interface MediaProcessorConnector {
  setTrack(track: MediaStreamTrack): Promise<MediaStreamTrack>;
  destroy(): Promise<void>;
}
type PublisherStyle = Omit<WidgetStyle, 'audioBlockedDisplayMode'>;
interface PublisherProperties extends WidgetProperties, GetUserMediaProperties {
  audioBitrate?: number;
  initials?: string;
  mirror?: boolean;
  name?: string;
  publishAudio?: boolean;
  publishVideo?: boolean;
  publishCaptions?: boolean;
  style?: Partial<PublisherStyle>;
  videoContentHint?: string;
  videoFilter?: object;
  audioFilter?: object;
  disableAudioInputDeviceManagement?: boolean;
}
/** The part of a session that its publishers call. */
interface PublishingSession {
  /** Adds a publication's stream to the session, and returns it as the page sees it. */
  adopt(publication: Publication): Stream;
  /** Reports that the publication's stream has changed. */
  changed(stream: Stream, publication: Publication): void;
  /** Reports that the stream has ended. Returns the session's event for it, if any: preventing that one keeps the publisher. */
  gone(stream: Stream, reason: PublicationEnd): Event | undefined;
}
declare class Publisher extends Shown {
  #private;
  accessAllowed: boolean;
  stream: Stream | undefined;
  session: Session | undefined;
  /** Resolves when access to the devices is granted, rejects when it is not. @internal */
  readonly ready: Promise<void>;
  /** @internal */
  constructor(target: Target, properties: PublisherProperties, completion: Completion | undefined);
  /** Publishes to a session that is connected. @internal */
  publishTo(session: Session, chattok: Session$1, publishing: PublishingSession): Promise<void>;
  /** Whether this publication of the SDK is ours. @internal */
  publishes(publication: Publication): boolean;
  /** Ends what is published, and with it the publisher, unless the page prevents that. @internal */
  unpublish(reason: PublicationEnd): void;
  /** Called when a moderator has muted this publisher. @internal */
  mutedByForce(): void;
  readonly destroy: (() => this) & {
    promise: () => Promise<void>;
  };
  readonly publishAudio: ((on: boolean) => this) & {
    promise: (on: boolean) => Promise<void>;
  };
  readonly publishVideo: ((on: boolean, completion?: Completion) => this) & {
    promise: (on: boolean) => Promise<void>;
  };
  protected level(): number;
  protected toggleSound(): void;
  protected handlersChanged(): void;
  setAudioSource(source: string | MediaStreamTrack): Promise<undefined>;
  getAudioSource(): MediaStreamTrack;
  setVideoSource(source: string | MediaStreamTrack): Promise<undefined>;
  getVideoSource(): {
    deviceId: string | null;
    type: string | null;
    track: MediaStreamTrack | null;
  };
  /** Switches to the next camera in the browser's list. */
  cycleVideo(): Promise<{
    deviceId: string;
  }>;
  setVideoMediaProcessorConnector(connector: MediaProcessorConnector | null): Promise<void>;
  setAudioMediaProcessorConnector(connector: MediaProcessorConnector | null): Promise<void>;
  getStats(completion?: Completion<{
    connectionId: string;
    subscriberId: string;
    stats: PublisherStats;
  }[]>): Promise<{
    stats: PublisherStats;
    connectionId: string;
    subscriberId: string;
  }[]>;
  getRtcStatsReport(): Promise<{
    connectionId: string;
    subscriberId: string;
    rtcStatsReport: RTCStatsReport;
  }[]>;
  getVideoContentHint(): '' | 'text' | 'detail' | 'motion';
  setVideoContentHint(hint: '' | 'text' | 'detail' | 'motion'): Promise<void>;
  setMaxVideoBitrate(bitrate: number): Promise<void>;
  /** The limit in bits per second; 0 where the SDK chooses. */
  getMaxVideoBitrate(): number;
  setVideoBitratePreset(preset: 'default' | 'bw_saver' | 'extra_bw_saver'): Promise<void>;
  getVideoBitratePreset(): 'default' | 'bw_saver' | 'extra_bw_saver' | 'custom';
  /** Does nothing but warn: each subscriber is sent a single layer. */
  setTargetScalabilityMode(_mode: string): void;
  getTargetScalabilityMode(): undefined;
  setPreferredResolution({ width, height }: Dimensions): Promise<void>;
  setPreferredFrameRate(rate: number): Promise<void>;
  applyVideoFilter(_filter: object): Promise<void>;
  clearVideoFilter(): Promise<void>;
  getVideoFilter(): null;
  applyAudioFilter(_filter: object): Promise<void>;
  clearAudioFilter(): Promise<void>;
  getAudioFilter(): null;
  publishCaptions(_on: boolean): Promise<void>;
}
/** Sets the server's address, in place of the one that the script was loaded from. */
declare function configure({ url }: {
  url: string | URL;
}): void;
/** Returns 1 where the browser supports video calls, else 0. */
declare function checkSystemRequirements(): number;
interface ScreenSharingCapability {
  supported: boolean;
  supportedSources: {
    application?: boolean;
    screen?: boolean;
    window?: boolean;
  };
  extensionInstalled?: boolean;
  extensionRequired?: string;
  extensionRegistered?: boolean;
}
/** Reports support for screen sharing. The members about an extension are absent, since none is needed. */
declare function checkScreenSharingCapability(callback?: (capability: ScreenSharingCapability) => void): Promise<ScreenSharingCapability>;
type Codec = 'H264' | 'VP8' | 'VP9';
declare function getSupportedCodecs(): Promise<{
  videoEncoders: Codec[];
  videoDecoders: Codec[];
}>;
type PublisherArguments = [target?: Target, properties?: PublisherProperties | Completion | null | undefined, completion?: Completion | undefined] | [apiKey: string | number, target: Target, properties?: PublisherProperties | Completion | null | undefined, completion?: Completion | undefined];
declare function initSession(apiKey: string | number, sessionId?: string | SessionOptions, options?: SessionOptions): Session;
declare function unblockAudio(): Promise<undefined>;
/** Writes an id to the console, to find the moment in its log again. There is nobody to report to. */
declare function reportIssue(completion?: Completion<string>): Promise<string>;
declare const OT: {
  NONE: 0;
  ERROR: 1;
  WARN: 2;
  INFO: 3;
  LOG: 4;
  DEBUG: 5;
  /** The two results of checkSystemRequirements. */
  HAS_REQUIREMENTS: number;
  NOT_HAS_REQUIREMENTS: number;
  version: string;
  configure: typeof configure;
  initSession: typeof initSession;
  initPublisher: ((...from: PublisherArguments) => Publisher) & {
    promise: (...from: PublisherArguments) => Promise<Publisher>;
  };
  getUserMedia: typeof getUserMedia;
  getDevices: typeof getDevices;
  getAudioOutputDevices: typeof getAudioOutputDevices;
  getActiveAudioOutputDevice: typeof getActiveAudioOutputDevice;
  setAudioOutputDevice: typeof setAudioOutputDevice;
  unblockAudio: typeof unblockAudio;
  checkSystemRequirements: typeof checkSystemRequirements;
  upgradeSystemRequirements: () => void;
  checkScreenSharingCapability: typeof checkScreenSharingCapability;
  /** Does nothing: browsers share screens without an extension. */
  registerScreenSharingExtension: (_kind: string, _id: string, _version: number) => void;
  hasMediaProcessorSupport: ((_media?: "audio" | "both" | "video") => boolean) & {
    promise: (_media?: "audio" | "both" | "video") => Promise<boolean>;
  };
  hasEndToEndEncryptionSupport: () => boolean;
  getSupportedCodecs: typeof getSupportedCodecs;
  setProxyUrl: (_url: string) => void;
  setLogLevel: typeof setLogLevel;
  log: typeof log;
  reportIssue: typeof reportIssue;
  on: (name: string | object, handler?: Handler, context?: object) => void;
  once: (name: string | object, handler?: Handler, context?: object) => void;
  off: (name?: string | object, handler?: Handler, context?: object) => void;
  addEventListener: (name: string, handler: Handler) => void;
  removeEventListener: (name: string, handler: Handler) => void;
  sessions: Collection<Session>;
  publishers: Collection<Publisher>;
  subscribers: Collection<Subscriber>;
  Session: typeof Session;
  Publisher: typeof Publisher;
  Subscriber: typeof Subscriber;
  Connection: typeof Connection;
  Stream: typeof Stream;
  EventEmitter: typeof EventEmitter;
  Error: typeof OTError;
};
export = OT;