// What a page sees of the SDK. Names are the schema's; times are RFC 3339 strings as the API sends them, and `since` and
// the like are milliseconds as Date.now() gives them. Everything handed out is to be read, not changed.
import type { ChattokError } from './errors.ts';
import type { DisconnectReason, Role, VideoType } from './generated/operations.ts';

export type { DisconnectReason, Role, VideoType };

/** How to join a session. */
export interface ConnectOptions {
  /**
   * The server's address, such as `https://chat.example/prefix/`; its API is at `graphql` below, and may be given too. Where
   * absent, it is where the script came from, if that was a server's `sdk/chattok.js`.
   */
  url?: string | URL;
  /** The session's id: 1 to 128 of `A-Za-z0-9-_~.`. Needed without a token. */
  session?: string;
  /**
   * A session token, or what fetches one; it is asked again whenever a new connection has to be made, and after it failed. A
   * `ChattokError` of code FORBIDDEN, UNAUTHENTICATED, NOT_FOUND or BAD_USER_INPUT that it throws is final.
   */
  token?: string | (() => string | Promise<string>);
  /**
   * What the others see of me, such as a name: up to 1,024 bytes. A token that carries data decides it: then give none, or the
   * same.
   */
  data?: string;
  /** How many of the newest entries to load into the store before `ready` resolves: 0 to 200; 0 where absent. */
  history?: number;
  /**
   * How many of the newest entries the store keeps as more come: 100 to 100,000; 1,000 where absent. What `loadHistory` has
   * loaded is kept beside them until `trimHistory`. Entries that went are loaded again by `loadHistory`.
   */
  keep?: number;
  /**
   * Whether posts that wait are kept in `localStorage` over a reload, for who joins this session with the same `data`; true
   * where absent. A text says whose they are in place of `data`, for a user who may change a name.
   */
  persist?: boolean | string;
  /** The WebSocket to use where there is none, as in Node before 22: `WebSocket` of the package `ws`. */
  webSocketImpl?: unknown;
  /**
   * How media finds its way: over the server's ICE servers; over `iceServers` in their place where those are given, and
   * over both where `besideServers` is true.
   */
  rtc?: { iceServers?: RTCIceServer[]; besideServers?: boolean; iceTransportPolicy?: RTCIceTransportPolicy };
}

/** One participant's membership in the session. */
export interface Connection {
  readonly id: string;
  /** What it says of itself, such as a name. */
  readonly data: string | null;
  readonly role: Role;
  readonly createdAt: string;
}

/** One stored message of the session's log. */
export interface ChatEntry {
  readonly id: string;
  /** Its number in the log: 1, 2, 3 … without a hole. */
  readonly seq: number;
  readonly cursor: string;
  readonly connectionId: string;
  /** Who posted it, also after that connection has gone. */
  readonly connection: Connection;
  readonly body: string;
  readonly createdAt: string;
}

/** A short message that is not stored. */
export interface Signal {
  readonly type: string;
  readonly data: string | null;
  /** Null where the server sent it. */
  readonly fromConnectionId: string | null;
  readonly to: string | null;
  /** How many signals were lost directly before this one, because this page read too slowly. */
  readonly missed: number;
}

/** What a connection publishes: the description, not the media. */
export interface Stream {
  readonly id: string;
  readonly connection: Connection;
  readonly name: string | null;
  /** Whether its sound is on; false also where it is muted. */
  readonly hasAudio: boolean;
  /** Whether its picture is on. */
  readonly hasVideo: boolean;
  readonly videoType: VideoType;
  readonly width: number | null;
  readonly height: number | null;
  readonly createdAt: string;
}

/** A post that the server has not answered, or has refused. */
export interface OutboxItem {
  /** The post's idempotency key; names it for `retry` and `drop`. */
  readonly key: string;
  readonly body: string;
  /** When it was posted, in milliseconds. */
  readonly createdAt: number;
  readonly state: 'pending' | 'failed';
  /** Why it failed. */
  readonly error?: ChattokError;
}

/** How the session is connected. */
export type SessionState =
  /** Never yet live: the server has not answered. */
  | {
      readonly name: 'connecting';
      readonly since: number;
      readonly attempt: number;
      /** When the next try begins; absent while the first is under way. */
      readonly retryAt?: number;
      /** Why the last try failed, such as RATE_LIMITED. */
      readonly error?: ChattokError;
    }
  | { readonly name: 'live'; readonly since: number }
  /** Was live; `since` is when it was lost. `attempt` counts the tries, `retryAt` is when the next begins. */
  | {
      readonly name: 'reconnecting';
      readonly since: number;
      readonly attempt: number;
      readonly retryAt: number;
      readonly error?: ChattokError;
    }
  /** The server does not let us in, and will not: a wrong token, say; or MISCONFIGURED, with a cure. */
  | { readonly name: 'refused'; readonly since: number; readonly error: ChattokError }
  /** Over, by `disconnect()` (`clientDisconnected`) or by a moderator (`forceDisconnected`). */
  | { readonly name: 'ended'; readonly since: number; readonly reason: DisconnectReason };

/** What happens in a session, by the names that `on` takes. */
export interface SessionEvents {
  /** An entry that was stored after this session was joined: each once, in the order of `seq`. */
  entry: ChatEntry;
  /** The log began anew, since the server's database was replaced; the store's entries are gone. */
  logReset: undefined;
  signal: Signal;
  /** Somebody came; those that were there before us are in the store alone. */
  connectionCreated: Connection;
  /** `reason` is undefined for one that went while this page was away. */
  connectionDestroyed: { readonly connection: Connection; readonly reason: DisconnectReason | undefined };
  /** Another's stream; those that are there already are announced to each new listener. One's own is not. */
  stream: Stream;
  streamUpdated: Stream;
  /** Another's stream has ended; `reason` as above. */
  streamDestroyed: { readonly stream: Stream; readonly reason: DisconnectReason | undefined };
  /** A moderator muted a publication of ours; its sound is off already. */
  muteForced: { readonly publication: Publication };
  /** A moderator muted one stream, or all but some. Everybody is told, also those who publish nothing. */
  forceMute: ForceMute;
  state: SessionState;
  /** Something failed that no promise tells of, such as an event that could not be read. The session goes on. */
  error: ChattokError;
}

/** A moderator's muting. */
export interface ForceMute {
  /** The one stream that was muted; undefined where all were, but for those of `except`. */
  readonly streamId: string | undefined;
  readonly except: readonly string[];
  /** The moderator. */
  readonly connectionId: string;
}

/** All that a view needs, at one moment. Each member keeps its identity until it changes. */
export interface Snapshot {
  readonly state: SessionState;
  /** The connection I am; undefined until the server said so. */
  readonly connection: Connection | undefined;
  /** The entries loaded so far, oldest first, without a hole but for the moment before an own post's predecessors come. */
  readonly entries: readonly ChatEntry[];
  /** My posts that are not among `entries` yet, in their order. */
  readonly pending: readonly OutboxItem[];
  readonly history: {
    /** Whether there are older entries than those loaded. */
    readonly hasMore: boolean;
    readonly loading: boolean;
  };
  /** Who is there, myself included, oldest first; 1,000 at most. */
  readonly connections: readonly Connection[];
  readonly connectionCount: number;
  /** The others' streams, oldest first. */
  readonly streams: readonly Stream[];
  /** What I publish, oldest first. */
  readonly publications: readonly Publication[];
  /** What I subscribe to. */
  readonly subscriptions: readonly Subscription[];
}

/** A value and those who follow it; the shape that React's `useSyncExternalStore` and others take. */
export interface Store<T> {
  /** The value now. */
  get(): T;
  /** Calls after changes, several of them in one call where they come close together. Returns what ends it. */
  subscribe(listener: (value: T) => void): () => void;
}

/** How a stream is published. */
export interface PublishOptions {
  name?: string;
  /** `SCREEN` keeps the picture sharp, the others keep it moving. `CAMERA` where absent. */
  videoType?: VideoType;
  /** Whether the sound is on from the start; true where absent. */
  audio?: boolean;
  /** Whether the picture is on from the start; true where absent. */
  video?: boolean;
  /** Bits a second of the sound; the browser's choice where absent. */
  audioBitrate?: number;
  /** Bits a second of the picture at most, below what the number of videos in the session allows. */
  videoBitrate?: number;
  /** Whether both channels of the sound are sent, for music; false where absent. */
  stereo?: boolean;
  /** What the browser keeps of the picture where it can't send all, as `MediaStreamTrack.contentHint`. */
  contentHint?: string;
}

/** Why a publication ended: as its stream did, or because all its tracks have, such as a screen that is no longer shared. */
export type PublicationEnd = DisconnectReason | 'mediaStopped';

/** A stream of ours. It is published again by itself when the session had to make a new connection. */
export interface Publication {
  /** As the others see it; its id changes when it was published again. */
  readonly stream: Stream;
  /** What is published; `replaceTrack` changes its tracks. */
  readonly media: MediaStream;
  readonly state: 'live' | 'ended';
  /** Why it ended; undefined while it is live. `networkDisconnected`: it could not be published again. */
  readonly reason: PublicationEnd | undefined;
  /** Called whenever `state` or `stream` changes, and so when the picture's size does. Returns what ends it. */
  onChange(listener: () => void): () => void;
  /** Mutes or unmutes; the others are told. */
  setAudio(on: boolean): Promise<void>;
  /** Turns the picture off or on; the others are told. */
  setVideo(on: boolean): Promise<void>;
  /** Puts another track of this kind in place, say of another camera, without a break; null takes it out. */
  replaceTrack(kind: 'audio' | 'video', track: MediaStreamTrack | null): Promise<void>;
  unpublish(): Promise<void>;
  /** Sets other bitrates than those of `PublishOptions`; undefined leaves the choice to the SDK and the browser. */
  setBitrates(bitrates: { audio?: number | undefined; video?: number | undefined }): void;
  /** What is being sent, for each subscriber and kind. */
  stats(): Promise<MediaStats[]>;
  /** The browser's own reports, for each subscriber. */
  reports(): Promise<MediaReport[]>;
}

/** How a stream is subscribed to. */
export interface SubscribeOptions {
  /** Whether to receive sound; true where absent. */
  audio?: boolean;
  /** Whether to receive the picture; true where absent. */
  video?: boolean;
}

/** Another's stream as it is received here. It ends with the stream, or by `close`. */
export interface Subscription {
  readonly stream: Stream;
  /** The tracks received; already the `srcObject` of the element that `subscribe` was given. */
  readonly media: MediaStream;
  readonly element: HTMLMediaElement | undefined;
  /** `interrupted`: media stopped to flow and is being restored. */
  readonly state: 'connecting' | 'live' | 'interrupted' | 'ended';
  /** Set while the browser does not play it without a touch: call `play` from a click. */
  readonly blocked: ChattokError | undefined;
  /** Called whenever `state`, `blocked`, `stream` or the tracks of `media` change. Returns what ends it. */
  onChange(listener: () => void): () => void;
  /** Plays after the browser blocked it. Rejects with `AUTOPLAY_BLOCKED` where it still does. */
  play(): Promise<void>;
  /** Stops or goes on to receive sound; the publisher sends none meanwhile. */
  setAudio(on: boolean): void;
  /** Stops or goes on to receive the picture; the publisher sends none meanwhile. */
  setVideo(on: boolean): void;
  /** How loud it is now: 0 to 1. */
  audioLevel(): number;
  /** What is being received, for each kind. */
  stats(): Promise<MediaStats[]>;
  /** The browser's own report of both kinds. */
  report(): Promise<RTCStatsReport>;
  close(): void;
}

/** What the browser reports of a publication to one subscriber. */
export interface MediaReport {
  readonly connectionId: string;
  readonly report: RTCStatsReport;
}

/** How loud a local stream is. */
export interface LevelMeter {
  /** 0 to 1, now; 0 while the browser holds audio back until a click. */
  level(): number;
  close(): void;
}

/** One direction of one kind of media between this page and another. */
export interface MediaStats {
  readonly connectionId: string;
  readonly streamId: string;
  readonly kind: 'audio' | 'video';
  /** Bits a second since the last call. 0 at the first. */
  readonly bitrate: number;
  /** Of those sent or expected since the beginning: 0 to 1. */
  readonly packetLoss: number;
  /** Milliseconds; undefined until measured. */
  readonly roundTripTime: number | undefined;
  /** Milliseconds. */
  readonly jitter: number | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly framesPerSecond: number | undefined;
  /** Whether media takes the way over a TURN server. */
  readonly relayed: boolean | undefined;
}

/** How a signal is sent. */
export interface SignalOptions {
  /** The one connection to receive it; all of the session, oneself included, where absent. */
  to?: string;
  /**
   * Whether it waits for the session to be live again, and for its turn where the server takes no more at once: in order,
   * 100 at most; true where absent. Else it is refused with `NETWORK` or `RATE_LIMITED`.
   */
  retryAfterReconnect?: boolean;
}

/** A session that this page has joined. */
export interface Session {
  /** The session's id; undefined until known, where only a token says it. */
  readonly id: string | undefined;
  readonly store: Store<Snapshot>;
  /**
   * Resolves when the session is live for the first time and what `history` asks for is in the store; rejects where it is
   * refused or ended before.
   */
  readonly ready: Promise<void>;
  /** Calls for every event of this name. Returns what ends it. */
  on<Name extends keyof SessionEvents>(name: Name, listener: (event: SessionEvents[Name]) => void): () => void;

  /**
   * Posts an entry: 1 to 16,384 bytes. It shows in the store as pending at once and is tried until the server answers,
   * after the posts before it. Resolves with the stored entry; rejects where it is refused, `NETWORK` never.
   */
  post(body: string): Promise<ChatEntry>;
  /** Tries a failed post again. */
  retry(key: string): void;
  /** Forgets a failed or pending post, which may have been stored all the same if it was under way. */
  drop(key: string): void;
  /** Loads a page of entries before those in the store: 1 to 200, 50 where absent. Resolves with whether there are more. */
  loadHistory(count?: number): Promise<boolean>;
  /** Lets go of all but the newest entries, `keep` of the options where absent; `loadHistory` loads the others again. */
  trimHistory(count?: number): void;
  /**
   * Sends a signal: up to 8,192 bytes. Resolves when the server has passed it on. What comes too fast for the server waits,
   * in order, as it does while the session is not live.
   */
  signal(type: string, data?: string, options?: SignalOptions): Promise<void>;

  /** Publishes any stream of media. Needs role PUBLISHER; 8 at a time. */
  publish(media: MediaStream, options?: PublishOptions): Promise<Publication>;
  /** Ends a publication, or all of ours. */
  unpublish(publication?: Publication): Promise<void>;
  /** Receives a stream and, where an element is given, plays it there. A second call for the same stream moves it. */
  subscribe(stream: Stream, element?: HTMLMediaElement, options?: SubscribeOptions): Subscription;

  /** Ends another connection. Needs role MODERATOR, as the next two do. */
  forceDisconnect(connectionId: string): Promise<void>;
  forceUnpublish(streamId: string): Promise<void>;
  /** Mutes one stream, or all but those named. */
  forceMute(streamId?: string, options?: { except?: string[] }): Promise<void>;

  /**
   * Tries at once where the next try to reconnect is waited for, and looks whether a socket that is there still lives. It
   * happens by itself when the page comes into view and when the network is back.
   */
  wake(): void;

  /** Leaves: ends the connection and everything of it. */
  disconnect(): Promise<void>;
}
