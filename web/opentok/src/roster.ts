// Connections and streams as the page sees them: objects that keep their identity while their properties change.
import type * as chattok from '../../sdk/src/index.ts';

export class Connection {
  connectionId!: string;
  /** The same, by its older name. */
  id!: string;
  creationTime!: number;
  data!: string;

  /** @internal */
  constructor(connection: chattok.Connection) {
    this.take(connection);
  }

  /** @internal */
  take({ id, createdAt, data }: chattok.Connection): void {
    this.connectionId = this.id = id;
    this.creationTime = Date.parse(createdAt);
    this.data = data ?? '';
  }
}

export interface Dimensions {
  width: number;
  height: number;
}

export type VideoType = 'camera' | 'screen' | 'custom';

/** A changed property of a stream, as streamPropertyChanged reports it. */
export interface PropertyChange {
  readonly changedProperty: 'hasAudio' | 'hasVideo' | 'videoDimensions';
  readonly oldValue: boolean | Dimensions;
  readonly newValue: boolean | Dimensions;
}

export class Stream {
  connection: Connection;
  streamId!: string;
  /** The same, by its older name. */
  id!: string;
  creationTime!: number;
  frameRate = 30;
  hasAudio!: boolean;
  hasCaptions = false;
  hasVideo!: boolean;
  initials = '';
  name!: string;
  videoDimensions!: Dimensions;
  videoType: VideoType | undefined;
  #stream!: chattok.Stream;

  /** @internal */
  constructor(stream: chattok.Stream, connection: Connection) {
    this.connection = connection;
    this.take(stream);
  }

  /** The SDK's stream. @internal */
  get chattok(): chattok.Stream {
    return this.#stream;
  }

  /** Sets all properties from the SDK's stream. @internal */
  take(stream: chattok.Stream): void {
    this.#stream = stream;
    this.streamId = this.id = stream.id;
    this.creationTime = Date.parse(stream.createdAt);
    this.hasAudio = stream.hasAudio;
    this.hasVideo = stream.hasVideo;
    this.name = stream.name ?? '';
    this.videoDimensions = { width: stream.width ?? 0, height: stream.height ?? 0 };
    this.videoType = stream.videoType.toLowerCase() as VideoType;
  }

  /** Sets all properties from the SDK's stream, and returns those that changed. @internal */
  update(stream: chattok.Stream): PropertyChange[] {
    const { hasAudio, hasVideo, videoDimensions: old } = this;
    this.take(stream);
    const now = this.videoDimensions;
    const changes: PropertyChange[] = [];
    if (hasAudio !== this.hasAudio) changes.push({ changedProperty: 'hasAudio', oldValue: hasAudio, newValue: this.hasAudio });
    if (hasVideo !== this.hasVideo) changes.push({ changedProperty: 'hasVideo', oldValue: hasVideo, newValue: this.hasVideo });
    if (old.width !== now.width || old.height !== now.height) {
      changes.push({ changedProperty: 'videoDimensions', oldValue: old, newValue: now });
    }
    return changes;
  }
}

/** A placeholder for a stream that does not exist. */
export const nobodys: chattok.Stream = {
  id: '',
  connection: { id: '', userId: null, data: null, role: 'PUBLISHER', createdAt: '' },
  name: null,
  hasAudio: false,
  hasVideo: false,
  videoType: 'CAMERA',
  width: null,
  height: null,
  createdAt: '',
};
