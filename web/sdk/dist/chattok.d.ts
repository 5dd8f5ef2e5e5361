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
export declare class ChattokError extends Error {
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
type VideoType =
/** A camera. */
'CAMERA' |
/** Something else, such as a canvas or a file. */
'CUSTOM' |
/** A screen, or a part of it. */
'SCREEN';
/** Options of `connect` and `open`. */
interface ConnectOptions {
  /**
   * The server's address, such as `https://chat.example/prefix/`, with or without `graphql` at the end. Default: the server
   * that this script was loaded from, if its path ends with `sdk/chattok.js`.
   */
  url?: string | URL;
  /** The session's id: 1 to 128 characters of `A-Za-z0-9-_~.`. Required unless there is a token. */
  session?: string;
  /**
   * A session token, or a function that fetches one. The function is called for each new connection and again after a
   * failure. To stop the retries it throws a `ChattokError` with code FORBIDDEN, UNAUTHENTICATED, NOT_FOUND or
   * BAD_USER_INPUT.
   */
  token?: string | (() => string | Promise<string>);
  /**
   * A secret of 16 to 128 bytes that makes its holder the same user each time, without a token. Default: the SDK makes a random
   * one for each server and keeps it in `localStorage`; where there is none, for as long as the page lives. Null: no user.
   * Ignored if there is a token, which names the user itself.
   */
  userKey?: string | null;
  /**
   * Data that the other connections see, such as a name: up to 4,096 bytes of UTF-8. If the token carries data, omit it or
   * pass the same.
   */
  data?: string;
  /** Number of the newest entries to load before `ready` resolves: 0 to 200. Default: 0. */
  history?: number;
  /**
   * Number of the newest entries that the store keeps: 100 to 100,000. Default: 1,000. Entries loaded by `loadHistory` are
   * kept as well, until `keep` more have arrived or `trimHistory` is called. Dropped entries can be loaded again by
   * `loadHistory`.
   */
  keep?: number;
  /**
   * Whether posts and changes that wait survive a reload, in `localStorage`. Default: true. They are sent by the next page of
   * the same session and user; where there is no user, of the same `data`. A string identifies their author instead.
   */
  persist?: boolean | string;
  /** A WebSocket class, for runtimes without one such as Node before 22: `WebSocket` of the package `ws`. */
  webSocketImpl?: unknown;
  /**
   * ICE configuration for media. Default: the server's ICE servers. `iceServers` replaces them, or adds to them if
   * `besideServers` is true.
   */
  rtc?: {
    iceServers?: RTCIceServer[];
    besideServers?: boolean;
    iceTransportPolicy?: RTCIceTransportPolicy;
  };
}
/** Options of `preview`: those of `connect` that say which session, and who asks. With a token there is no user key. */
type PreviewOptions = Pick<ConnectOptions, 'url' | 'session' | 'userKey'> & {
  token?: string;
};
/** The people in a session, as somebody sees them who has not joined it. */
interface SessionPreview {
  readonly connectionCount: number;
  /** The first 20, those with an open page in front, each of them oldest first. */
  readonly connections: readonly Connection[];
}
/** A participant's membership in the session. */
interface Connection {
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
  readonly connection: Connection;
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
  readonly users: readonly Connection[];
}
/** Somebody is kept out of the session for a time. */
interface Ban {
  readonly id: string;
  /** The banned user; null if an address is banned. */
  readonly userId: string | null;
  /** The connection that was banned. */
  readonly connection: Connection;
  /** The moderator's connection; the server's own if the API secret made the ban. */
  readonly moderator: Connection;
  readonly createdAt: string;
  readonly until: string;
}
/** A message that is delivered but not stored. */
interface Signal {
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
interface Stream {
  readonly id: string;
  readonly connection: Connection;
  readonly name: string | null;
  /** Whether the audio is on. False also while muted. */
  readonly hasAudio: boolean;
  /** Whether the video is on. */
  readonly hasVideo: boolean;
  readonly videoType: VideoType;
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
  signal: Signal;
  /** A connection joined. Connections that were there before this page are only in the store. */
  connectionCreated: Connection;
  /** A connection, possibly one's own, changed its data by `setData`. */
  connectionUpdated: Connection;
  /** A connection ended. `reason` is undefined if that happened while this page was offline. */
  connectionDestroyed: {
    readonly connection: Connection;
    readonly reason: DisconnectReason | undefined;
  };
  /** Another connection published a stream. Each new listener is also called for the streams that already exist. */
  stream: Stream;
  streamUpdated: Stream;
  /** Another connection's stream ended. `reason` is undefined if that happened while this page was offline. */
  streamDestroyed: {
    readonly stream: Stream;
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
  readonly connection: Connection | undefined;
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
  readonly connections: readonly Connection[];
  readonly connectionCount: number;
  /** Other connections that are typing, those who began first in front. */
  readonly typing: readonly Connection[];
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
  readonly streams: readonly Stream[];
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
  videoType?: VideoType;
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
  readonly stream: Stream;
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
  readonly stream: Stream;
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
/** Measures the audio level of a local stream. */
interface LevelMeter {
  /** Returns the present level: 0 to 1. It is 0 while the browser blocks audio before a user gesture. */
  level(): number;
  /** Releases the audio context. */
  close(): void;
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
interface Session {
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
  subscribe(stream: Stream, element?: HTMLMediaElement, options?: SubscribeOptions): Subscription;
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
/**
 * Opens the camera and the microphone, by default both. Rejects with PERMISSION_DENIED, NO_DEVICE, DEVICE_FAILED,
 * INSECURE_CONTEXT or, for invalid constraints, BAD_USER_INPUT.
 */
export declare function openCamera(constraints?: MediaStreamConstraints): Promise<MediaStream>;
/**
 * Opens the screen, window or tab that the user picks. Rejects like `openCamera`; PERMISSION_DENIED also means that the user
 * cancelled.
 */
export declare function openScreen(options?: DisplayMediaStreamOptions): Promise<MediaStream>;
/** Creates a level meter for a local stream, such as the microphone before it is published. */
export declare function meter(media: MediaStream): LevelMeter;
/** The version of this script. It is that of the server that it comes with, and of this package. */
export declare const version = "0.1.0";
/**
 * Joins a session. Resolves when the session is live and the entries asked for by `history` are loaded. Waits while the
 * server can't be reached. Rejects with a `ChattokError` if the server refuses the session or an option is invalid.
 */
export declare function connect(options: ConnectOptions): Promise<Session>;
/**
 * Joins a session like `connect`, but returns the session at once, so that a view can show its progress. `session.ready` is
 * the promise that `connect` waits for. Throws a `ChattokError` if an option is invalid.
 */
export declare function open(options: ConnectOptions): Session;
/**
 * Tells who is in a session, without joining it: for a page that asks for a name first. Nobody inside sees it. Rejects with a
 * `ChattokError` if the server refuses the session, as it would for `connect`, and with NETWORK if it can't be reached.
 */
export declare function preview({ url, session: sessionId, token, userKey }: PreviewOptions): Promise<SessionPreview>;
export type { Ban, Change, ChatEntry, ConnectOptions, Connection, DisconnectReason, EditOptions, EntryChange, ErrorCode, ForceMute, LevelMeter, MediaReport, MediaStats, OutboxItem, PostOptions, PreviewOptions, Publication, PublicationEnd, PublishOptions, Reaction, Reactors, Role, Session, SessionEvents, SessionPreview, SessionState, Signal, SignalOptions, Snapshot, Store, Stream, SubscribeOptions, Subscription, VideoType };