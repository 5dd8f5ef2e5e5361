// Who is there, with what streams, as sessionEvents tells it.
import type { LookFragment, SessionEventsSubscription } from './generated/operations.ts';
import type { Connection, DisconnectReason, ForceMute, Stream } from './types.ts';

export type RosterEvent = SessionEventsSubscription['sessionEvents'];

/** What a change means to the session. `reason` is undefined for what went while nobody told us. */
export interface RosterHooks {
  connectionCreated(connection: Connection): void;
  connectionDestroyed(connection: Connection, reason: DisconnectReason | undefined): void;
  streamCreated(stream: Stream): void;
  streamUpdated(stream: Stream): void;
  streamDestroyed(stream: Stream, reason: DisconnectReason | undefined): void;
  muteForced(mute: ForceMute): void;
}

export class Roster {
  readonly connections = new Map<string, Connection>();
  readonly streams = new Map<string, Stream>();
  connectionCount = 0;
  readonly #hooks: RosterHooks;
  #first = true;

  constructor(hooks: RosterHooks) {
    this.#hooks = hooks;
  }

  /** Applies an event. Kinds that are not known are ignored, as the schema asks. */
  apply(event: RosterEvent): void {
    switch (event.__typename) {
      case 'SessionState':
        return this.#replace(event.connections, event.connectionCount, event.streams);
      case 'ConnectionCreated':
        this.connectionCount++;
        return this.#join(event.connection);
      case 'ConnectionDestroyed':
        this.connectionCount--;
        return this.#leave(event.connection.id, event.reason);
      case 'ConnectionsChanged':
        event.destroyed.forEach(({ connection, reason }) => this.#leave(connection.id, reason));
        event.created.forEach((connection) => this.#join(connection));
        this.connectionCount = event.connectionCount;
        return;
      case 'StreamCreated':
        return this.#publish(event.stream);
      case 'StreamUpdated':
        return this.#update(event.stream);
      case 'StreamDestroyed':
        return this.#unpublish(event.stream.id, event.reason);
      case 'StreamsChanged':
        event.streamsDestroyed.forEach(({ stream, reason }) => this.#unpublish(stream.id, reason));
        event.streamsCreated.forEach((stream) => this.#publish(stream));
        event.updated.forEach((stream) => this.#update(stream));
        return;
      case 'MuteForced':
        return this.#hooks.muteForced({ streamId: event.streamId ?? undefined, except: event.except, connectionId: event.moderator.id });
    }
  }

  /** Takes a snapshot: the differences are told as the changes that we missed, streams before who publishes them. */
  #replace(connections: Connection[], count: number, streams: Stream[]): void {
    const announce = !this.#first; // whoever was there before us did not come
    this.#first = false;
    const live = new Set(connections.map(({ id }) => id));
    const playing = new Set(streams.map(({ id }) => id));
    for (const id of [...this.streams.keys()]) if (!playing.has(id)) this.#unpublish(id, undefined);
    for (const id of [...this.connections.keys()]) if (!live.has(id)) this.#leave(id, undefined);
    for (const connection of connections) {
      if (announce) this.#join(connection);
      else this.connections.set(connection.id, connection);
    }
    for (const stream of streams) {
      if (this.streams.has(stream.id)) this.#update(stream);
      else this.#publish(stream);
    }
    this.connectionCount = count;
  }

  #join(connection: Connection): void {
    if (this.connections.has(connection.id)) return;
    this.connections.set(connection.id, connection);
    this.#hooks.connectionCreated(connection);
  }

  #leave(id: string, reason: DisconnectReason | undefined): void {
    const connection = this.connections.get(id);
    if (!connection) return;
    this.connections.delete(id);
    this.#hooks.connectionDestroyed(connection, reason);
  }

  #publish(stream: Stream): void {
    if (this.streams.has(stream.id)) return;
    this.streams.set(stream.id, stream);
    this.#hooks.streamCreated(stream);
  }

  #update(look: LookFragment): void {
    const known = this.streams.get(look.id);
    if (!known) return;
    const stream = { ...known, ...look };
    if (JSON.stringify(stream) === JSON.stringify(known)) return; // a snapshot that says what we knew
    this.streams.set(look.id, stream);
    this.#hooks.streamUpdated(stream);
  }

  #unpublish(id: string, reason: DisconnectReason | undefined): void {
    const stream = this.streams.get(id);
    if (!stream) return;
    this.streams.delete(id);
    this.#hooks.streamDestroyed(stream, reason);
  }
}
