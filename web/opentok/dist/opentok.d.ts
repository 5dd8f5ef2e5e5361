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
  /** All that have these properties, or of which this is true. */
  where(criteria?: Criteria<Item>): Item[];
  find(criteria: Criteria<Item>): Item | undefined;
  filter(fits: (item: Item) => boolean): Item[];
  map<Result>(call: (item: Item) => Result): Result[];
  forEach(call: (item: Item) => void, context?: object): this;
}
/** Called with an error, or without one. */
type Completion<Value = void> = (error?: Error, value?: Value) => void;
/** What can go wrong: the API's codes, in its own words, and after them the SDK's. */
type ErrorCode = 'UNAUTHENTICATED' | 'FORBIDDEN' | 'NOT_FOUND' | 'BAD_USER_INPUT' | 'RATE_LIMITED' | 'UNAVAILABLE' | 'INTERNAL' |
/** The server can't be reached, or does not answer as one of ours. */
'NETWORK' |
/** The page or the server is not set up for each other; `reason` says how, and `cure` what to do about it. */
'MISCONFIGURED' |
/** The session is over: `disconnect()` was called, or a moderator ended it. */
'ENDED' |
/** A post was dropped before it was answered. */
'DROPPED' |
/** The user, or the page's policy, does not allow the camera, the microphone or the screen. */
'PERMISSION_DENIED' |
/** There is no camera or microphone as asked for. */
'NO_DEVICE' |
/** Another program uses the device, or it failed. */
'DEVICE_FAILED' |
/** Browsers give cameras to pages over HTTPS or from loopback only. */
'INSECURE_CONTEXT' |
/** The browser plays no sound before the user has touched the page. */
'AUTOPLAY_BLOCKED';
/** What an error may say beyond its code and message. */
interface ErrorDetails {
  reason?: string | undefined;
  retryAfterMs?: number | undefined;
  cure?: string | undefined;
  cause?: unknown;
}
/** Every failure that the SDK hands out. A page's token function may throw one too: its code says whether that is final. */
declare class ChattokError extends Error {
  readonly name = "ChattokError";
  readonly code: ErrorCode;
  /** Tells apart the causes of one code, in the API's words, such as `IDEMPOTENCY_CONFLICT`. */
  readonly reason: string | undefined;
  /** Of RATE_LIMITED: after how many milliseconds the same may be asked again. */
  readonly retryAfterMs: number | undefined;
  /** What to do about it, where that is known; `message` ends with it. */
  readonly cure: string | undefined;
  constructor(code: ErrorCode, message: string, options?: ErrorDetails);
}
/** Why a connection or a stream ended; a stream that ends with its connection does so for the same reason. */
type DisconnectReason =
/** It said so itself (`disconnect`); a stream: its publisher did, or unpublished it (`unpublishStream`). */
'clientDisconnected' |
/** A moderator ended it (`forceDisconnect`). */
'forceDisconnected' |
/** Of a stream alone: a moderator ended it (`forceUnpublish`). */
'forceUnpublished' |
/** Its last socket closed and it did not come back within the grace time, or it made no request for too long. */
'networkDisconnected';
/** What a connection may do; each role may do all that the ones before it may. */
type Role =
/** Also end other connections and streams, and mute. */
'MODERATOR' |
/** Also add entries, send signals and publish streams. */
'PUBLISHER' |
/** Read and subscribe. */
'SUBSCRIBER';
/** What a stream's video shows. */
type VideoType$1 =
/** A camera. */
'CAMERA' |
/** Something else, such as a canvas or a file. */
'CUSTOM' |
/** A screen, or a part of it. */
'SCREEN';
/** One participant's membership in the session. */
interface Connection$1 {
  readonly id: string;
  /** What it says of itself, such as a name. */
  readonly data: string | null;
  readonly role: Role;
  readonly createdAt: string;
}
/** One stored message of the session's log. */
interface ChatEntry {
  readonly id: string;
  /** Its number in the log: 1, 2, 3 … without a hole. */
  readonly seq: number;
  readonly cursor: string;
  readonly connectionId: string;
  /** Who posted it, also after that connection has gone. */
  readonly connection: Connection$1;
  readonly body: string;
  readonly createdAt: string;
}
/** A short message that is not stored. */
interface Signal$1 {
  readonly type: string;
  readonly data: string | null;
  /** Null where the server sent it. */
  readonly fromConnectionId: string | null;
  readonly to: string | null;
  /** How many signals were lost directly before this one, because this page read too slowly. */
  readonly missed: number;
}
/** What a connection publishes: the description, not the media. */
interface Stream$1 {
  readonly id: string;
  readonly connection: Connection$1;
  readonly name: string | null;
  /** Whether its sound is on; false also where it is muted. */
  readonly hasAudio: boolean;
  /** Whether its picture is on. */
  readonly hasVideo: boolean;
  readonly videoType: VideoType$1;
  readonly width: number | null;
  readonly height: number | null;
  readonly createdAt: string;
}
/** A post that the server has not answered, or has refused. */
interface OutboxItem {
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
type SessionState =
/** Never yet live: the server has not answered. */
{
  readonly name: 'connecting';
  readonly since: number;
  readonly attempt: number;
  /** When the next try begins; absent while the first is under way. */
  readonly retryAt?: number;
  /** Why the last try failed, such as RATE_LIMITED. */
  readonly error?: ChattokError;
} | {
  readonly name: 'live';
  readonly since: number;
} |
/** Was live; `since` is when it was lost. `attempt` counts the tries, `retryAt` is when the next begins. */
{
  readonly name: 'reconnecting';
  readonly since: number;
  readonly attempt: number;
  readonly retryAt: number;
  readonly error?: ChattokError;
} |
/** The server does not let us in, and will not: a wrong token, say; or MISCONFIGURED, with a cure. */
{
  readonly name: 'refused';
  readonly since: number;
  readonly error: ChattokError;
} |
/** Over, by `disconnect()` (`clientDisconnected`) or by a moderator (`forceDisconnected`). */
{
  readonly name: 'ended';
  readonly since: number;
  readonly reason: DisconnectReason;
};
/** What happens in a session, by the names that `on` takes. */
interface SessionEvents {
  /** An entry that was stored after this session was joined: each once, in the order of `seq`. */
  entry: ChatEntry;
  /** The log began anew, since the server's database was replaced; the store's entries are gone. */
  logReset: undefined;
  signal: Signal$1;
  /** Somebody came; those that were there before us are in the store alone. */
  connectionCreated: Connection$1;
  /** `reason` is undefined for one that went while this page was away. */
  connectionDestroyed: {
    readonly connection: Connection$1;
    readonly reason: DisconnectReason | undefined;
  };
  /** Another's stream; those that are there already are announced to each new listener. One's own is not. */
  stream: Stream$1;
  streamUpdated: Stream$1;
  /** Another's stream has ended; `reason` as above. */
  streamDestroyed: {
    readonly stream: Stream$1;
    readonly reason: DisconnectReason | undefined;
  };
  /** A moderator muted a publication of ours; its sound is off already. */
  muteForced: {
    readonly publication: Publication;
  };
  /** A moderator muted one stream, or all but some. Everybody is told, also those who publish nothing. */
  forceMute: ForceMute;
  state: SessionState;
  /** Something failed that no promise tells of, such as an event that could not be read. The session goes on. */
  error: ChattokError;
}
/** A moderator's muting. */
interface ForceMute {
  /** The one stream that was muted; undefined where all were, but for those of `except`. */
  readonly streamId: string | undefined;
  readonly except: readonly string[];
  /** The moderator. */
  readonly connectionId: string;
}
/** All that a view needs, at one moment. Each member keeps its identity until it changes. */
interface Snapshot {
  readonly state: SessionState;
  /** The connection I am; undefined until the server said so. */
  readonly connection: Connection$1 | undefined;
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
  readonly connections: readonly Connection$1[];
  readonly connectionCount: number;
  /** The others' streams, oldest first. */
  readonly streams: readonly Stream$1[];
  /** What I publish, oldest first. */
  readonly publications: readonly Publication[];
  /** What I subscribe to. */
  readonly subscriptions: readonly Subscription[];
}
/** A value and those who follow it; the shape that React's `useSyncExternalStore` and others take. */
interface Store<T> {
  /** The value now. */
  get(): T;
  /** Calls after changes, several of them in one call where they come close together. Returns what ends it. */
  subscribe(listener: (value: T) => void): () => void;
}
/** How a stream is published. */
interface PublishOptions {
  name?: string;
  /** `SCREEN` keeps the picture sharp, the others keep it moving. `CAMERA` where absent. */
  videoType?: VideoType$1;
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
type PublicationEnd = DisconnectReason | 'mediaStopped';
/** A stream of ours. It is published again by itself when the session had to make a new connection. */
interface Publication {
  /** As the others see it; its id changes when it was published again. */
  readonly stream: Stream$1;
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
  setBitrates(bitrates: {
    audio?: number | undefined;
    video?: number | undefined;
  }): void;
  /** What is being sent, for each subscriber and kind. */
  stats(): Promise<MediaStats[]>;
  /** The browser's own reports, for each subscriber. */
  reports(): Promise<MediaReport[]>;
}
/** How a stream is subscribed to. */
interface SubscribeOptions {
  /** Whether to receive sound; true where absent. */
  audio?: boolean;
  /** Whether to receive the picture; true where absent. */
  video?: boolean;
}
/** Another's stream as it is received here. It ends with the stream, or by `close`. */
interface Subscription {
  readonly stream: Stream$1;
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
interface MediaReport {
  readonly connectionId: string;
  readonly report: RTCStatsReport;
}
/** One direction of one kind of media between this page and another. */
interface MediaStats {
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
interface SignalOptions {
  /** The one connection to receive it; all of the session, oneself included, where absent. */
  to?: string;
  /**
   * Whether it waits for the session to be live again, and for its turn where the server takes no more at once: in order,
   * 100 at most; true where absent. Else it is refused with `NETWORK` or `RATE_LIMITED`.
   */
  retryAfterReconnect?: boolean;
}
/** A session that this page has joined. */
interface Session$1 {
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
  subscribe(stream: Stream$1, element?: HTMLMediaElement, options?: SubscribeOptions): Subscription;
  /** Ends another connection. Needs role MODERATOR, as the next two do. */
  forceDisconnect(connectionId: string): Promise<void>;
  forceUnpublish(streamId: string): Promise<void>;
  /** Mutes one stream, or all but those named. */
  forceMute(streamId?: string, options?: {
    except?: string[];
  }): Promise<void>;
  /**
   * Tries at once where the next try to reconnect is waited for, and looks whether a socket that is there still lives. It
   * happens by itself when the page comes into view and when the network is back.
   */
  wake(): void;
  /** Leaves: ends the connection and everything of it. */
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
/** What of a stream changed. */
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
  /** Takes what the stream is now. @internal */
  take(stream: Stream$1): void;
  /** Takes what the stream is now, and says what of it changed. @internal */
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
/** Cameras and microphones; their labels are empty until one was opened. */
declare function getDevices(completion?: Completion<Device[]>): Promise<Device[]>;
declare function getUserMedia(properties?: GetUserMediaProperties): Promise<MediaStream>;
declare function getAudioOutputDevices(): Promise<AudioOutputDevice[]>;
declare function setAudioOutputDevice(deviceId: string): Promise<void>;
declare function getActiveAudioOutputDevice(): Promise<AudioOutputDevice>;
/** An error as OpenTok hands it out: `name` says what went wrong, `code` in what. */
declare class OTError extends Error {
  readonly name: string;
  readonly code: number;
  constructor(name: string, message: string, code: number, cause?: unknown);
}
/** Any function of the page. */
type Handler = (event: never) => void;
interface Dispatch {
  /** What of the event is beside its type and target. */
  readonly about?: object;
  /** The event's type, where it is not the name that it is dispatched under. */
  readonly type?: string;
  /** What happens after all handlers, unless one of them prevents it. */
  readonly byDefault?: () => void;
}
declare class EventEmitter {
  #private;
  /** Takes a name, several separated by spaces, or an object of handlers by their names. */
  on(names: string, handler: Handler, context?: object): this;
  on(handlers: object, context?: object): this;
  /** As `on`, for the first event of each name. */
  once(names: string, handler: Handler, context?: object): this;
  once(handlers: object, context?: object): this;
  /** Removes a handler, all of a name, those of an object, or all. */
  off(names?: string, handler?: Handler | object | null, context?: object): this;
  off(handlers: object, context?: object): this;
  addEventListener(names: string, handler: Handler, context?: object): this;
  removeEventListener(names: string, handler: Handler, context?: object): this;
  /** Whether anybody listens. */
  protected listened(name: string): boolean;
  /** Handlers were added or removed. */
  protected handlersChanged(): void;
  /** Dispatches an event to those who listen when its turn comes. @internal */
  dispatch(name: string, { about, type, byDefault }?: Dispatch): void;
}
declare function setLogLevel(to: number): void;
declare function log(message: string): void;
interface SignalProperties {
  type?: string | undefined;
  data?: unknown;
}
/** Calls with a level again and again while somebody wants to know. */
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
  /** The user pressed the button that mutes. */
  muted(): void;
}
declare class Widget {
  #private;
  /** The element with everything in it; undefined where the page wants none. */
  readonly element: HTMLElement | undefined;
  readonly video: HTMLVideoElement;
  constructor(target: Target, options: WidgetOptions);
  /** The element's id in the page. */
  get id(): string | undefined;
  /** Plays media here; what the browser says of that comes to the caller. */
  show(media: MediaStream): Promise<void>;
  /** There is something to see, or nothing to wait for. */
  loaded(): void;
  /** Shows whether there is a picture, and sound that is on. */
  setState({ video, audio }: {
    video: boolean;
    audio: boolean;
  }): void;
  setLevel(level: number): void;
  setName(name: string): void;
  setMirror(on: boolean): void;
  /** Names that are not known are ignored. */
  setStyle(style: Partial<WidgetStyle>): void;
  getStyle(): WidgetStyle;
  /** The picture now, as PNG in base64; null where there is none. */
  image(): string | null;
  /** Takes everything out of the page. */
  destroy(): void;
}
/** A publisher or a subscriber, as far as it is something that a page shows. */
declare abstract class Shown extends EventEmitter {
  #private;
  /** Undefined where the page wants no element. */
  element: HTMLElement | undefined;
  id: string | undefined;
  protected readonly widget: Widget;
  protected readonly levels: Levels;
  /** @internal */
  constructor(target: Target, options: Omit<WidgetOptions, 'muted'>);
  /** How loud it is now: 0 to 1. */
  protected abstract level(): number;
  /** The user pressed the button that mutes. */
  protected abstract toggleSound(): void;
  /** The picture now, as PNG in base64; null where there is none. */
  getImgData(): string | null;
  getStyle(): WidgetStyle;
  /** Takes a name and a value, or an object of them. */
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
/** How the way is, as far as a browser tells. */
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
    /** Bits a second since the last call. */
    bitrate: number;
    totalBitrate: number;
    frameRate: number;
    decodedFrameRate: number;
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
/** One subscription of the SDK for all subscribers of a stream: it receives what any of them wants. */
declare class SharedSubscription {
  #private;
  readonly subscription: Subscription;
  constructor(subscription: Subscription);
  get ended(): boolean;
  get subscribers(): Subscriber[];
  join(subscriber: Subscriber): void;
  /** The last one ends the subscription. */
  leave(subscriber: Subscriber): void;
  /** What is wanted has changed. */
  wants(): void;
}
/** Where the media comes from: another's stream, or one's own publisher's. */
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
  /** Whether it wants this kind. @internal */
  wants(kind: Kind): boolean;
  /** The subscription or its stream is another than it was. @internal */
  changed(): void;
  isAudioBlocked(): boolean;
  /** Plays with sound, from a click. Rejects where the browser still does not allow it. @internal */
  unblock(): Promise<void>;
  /** Ends it, and takes it out of the page. @internal */
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
/** What names a connection, and what a stream. */
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
  /** The SDK's session, for all that OpenTok has not; undefined while there is none. */
  get chattok(): Session$1 | undefined;
  isConnected(): boolean;
  readonly connect: ((...from: [token: string, completion?: Completion] | [apiKey: string, token: string, completion?: Completion]) => this) & {
    promise: (token: string) => Promise<Session>;
  };
  disconnect(): Promise<void>;
  signal(signal: Signal, completion?: Completion): Promise<void>;
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
  /** Any number of them, whatever OpenTok's types say. */
  getSubscribersForStream(stream: StreamLike): [Subscriber];
  forceDisconnect(connection: ConnectionLike, completion?: Completion): Promise<void>;
  forceUnpublish(stream: StreamLike, completion?: Completion): Promise<void>;
  forceMuteStream(stream: StreamLike): Promise<void>;
  forceMuteAll(excluded?: StreamLike[]): Promise<void>;
  /** Nothing has to be lifted: a stream that is published after `forceMuteAll` is not muted. */
  disableForceMute(): Promise<void>;
  /** Takes effect when the session is joined the next time. */
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
}
/** What a publisher needs of the session that it publishes to. */
interface PublishingSession {
  /** The stream as the page sees it. */
  adopt(publication: Publication): Stream;
  /** The publication's stream is another than it was. */
  changed(stream: Stream, publication: Publication): void;
  gone(stream: Stream): void;
}
declare class Publisher extends Shown {
  #private;
  accessAllowed: boolean;
  stream: Stream | undefined;
  session: Session | undefined;
  /** Settles when access was granted or not. @internal */
  readonly ready: Promise<void>;
  /** @internal */
  constructor(target: Target, properties: PublisherProperties, completion: Completion | undefined);
  /** Publishes to a session that is connected. @internal */
  publishTo(session: Session, chattok: Session$1, publishing: PublishingSession): Promise<void>;
  /** Whether this publication of the SDK is ours. @internal */
  publishes(publication: Publication): boolean;
  /** Ends what is published, and with it the publisher, unless the page prevents that. @internal */
  unpublish(reason: PublicationEnd): void;
  /** A moderator has muted it. @internal */
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
  /** Goes on to the next camera. */
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
  /** 0 where the SDK chooses. */
  getMaxVideoBitrate(): number;
  setVideoBitratePreset(preset: 'default' | 'bw_saver' | 'extra_bw_saver'): Promise<void>;
  getVideoBitratePreset(): 'default' | 'bw_saver' | 'extra_bw_saver' | 'custom';
  /** One layer is sent to each subscriber, so there is no mode to choose. */
  setTargetScalabilityMode(_mode: string): void;
  getTargetScalabilityMode(): undefined;
  setPreferredResolution(_resolution: Dimensions): Promise<void>;
  setPreferredFrameRate(_rate: number): Promise<void>;
  applyVideoFilter(_filter: object): Promise<void>;
  clearVideoFilter(): Promise<void>;
  getVideoFilter(): null;
  applyAudioFilter(_filter: object): Promise<void>;
  clearAudioFilter(): Promise<void>;
  getAudioFilter(): null;
  publishCaptions(_on: boolean): Promise<void>;
}
/** Names another server than the one that the script came from. */
declare function configure({ url }: {
  url: string | URL;
}): void;
/** What the browser can do. */
/** 1 where the browser can do video, else 0. */
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
/** No extension is needed, so none is spoken of. */
declare function checkScreenSharingCapability(callback?: (capability: ScreenSharingCapability) => void): Promise<ScreenSharingCapability>;
type Codec = 'H264' | 'VP8' | 'VP9';
declare function getSupportedCodecs(): Promise<{
  videoEncoders: Codec[];
  videoDecoders: Codec[];
}>;
type PublisherArguments = [target?: Target, properties?: PublisherProperties | Completion | null | undefined, completion?: Completion | undefined] | [apiKey: string | number, target: Target, properties?: PublisherProperties | Completion | null | undefined, completion?: Completion | undefined];
declare function initSession(apiKey: string | number, sessionId?: string | SessionOptions, options?: SessionOptions): Session;
declare function unblockAudio(): Promise<undefined>;
/** There is nobody to report to; the number names the moment in the console's log. */
declare function reportIssue(completion?: Completion<string>): Promise<string>;
declare const OT: {
  NONE: 0;
  ERROR: 1;
  WARN: 2;
  INFO: 3;
  LOG: 4;
  DEBUG: 5;
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
  /** Browsers share screens without an extension by now. */
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