// The session's connections and streams, as the subscription sessionEvents reports them.
import type { LookFragment, SessionEventsSubscription } from './generated/operations.ts';
import type { Connection, DisconnectReason, ForceMute, Stream } from './types.ts';

export type RosterEvent = SessionEventsSubscription['sessionEvents'];

/** Called for each change. `reason` is undefined for changes that happened while this page was offline. */
export interface RosterHooks {
  connectionCreated(connection: Connection): void;
  connectionUpdated(connection: Connection): void;
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

  /** Applies an event. Unknown kinds are ignored, as the schema demands. */
  apply(event: RosterEvent): void {
    switch (event.__typename) {
      case 'SessionState':
        return this.#replace(event);
      case 'ConnectionCreated':
        this.connectionCount++;
        return this.#join(event.connection);
      case 'ConnectionUpdated':
        return this.#rename(event.connection);
      case 'ConnectionDestroyed':
        this.connectionCount--;
        return this.#leave(event);
      case 'ConnectionsChanged':
        event.destroyed.forEach((end) => this.#leave(end));
        event.created.forEach((connection) => this.#join(connection));
        event.connectionsUpdated.forEach((connection) => this.#rename(connection));
        this.connectionCount = event.connectionCount;
        return;
      case 'StreamCreated':
        return this.#publish(event.stream);
      case 'StreamUpdated':
        return this.#update(event.stream);
      case 'StreamDestroyed':
        return this.#unpublish(event);
      case 'StreamsChanged':
        event.streamsDestroyed.forEach((end) => this.#unpublish(end));
        event.streamsCreated.forEach((stream) => this.#publish(stream));
        event.updated.forEach((stream) => this.#update(stream));
        return;
      case 'MuteForced':
        return this.#hooks.muteForced({ streamId: event.streamId ?? undefined, except: event.except, connectionId: event.moderator.id });
    }
  }

  /** Applies a snapshot. Differences to the previous one are reported as events; streams end before their connections. */
  #replace({ connections, connectionCount: count, streams, streamCount }: Extract<RosterEvent, { __typename: 'SessionState' }>): void {
    const announce = !this.#first; // the first snapshot is not reported as events
    this.#first = false;
    const live = new Set(connections.map(({ id }) => id));
    const playing = new Set(streams.map(({ id }) => id));
    const streamLeftOut = leftOut(streams, streamCount);
    for (const stream of [...this.streams.values()]) {
      if (!playing.has(stream.id) && !streamLeftOut(stream)) this.#unpublish({ stream });
    }
    const connectionLeftOut = leftOut(connections, count);
    for (const connection of [...this.connections.values()]) {
      if (!live.has(connection.id) && !connectionLeftOut(connection)) this.#leave({ connection });
    }
    for (const connection of connections) {
      this.#rename(connection);
      if (announce) this.#join(connection);
      else this.connections.set(connection.id, connection);
    }
    for (const stream of streams) {
      this.#update(stream);
      this.#publish(stream);
    }
    this.connectionCount = count;
  }

  #join(connection: Connection): void {
    if (this.connections.has(connection.id)) return;
    this.connections.set(connection.id, connection);
    this.#hooks.connectionCreated(connection);
  }

  /** Replaces a connection whose data or role has changed, also as the publisher of its streams. */
  #rename(connection: Connection): void {
    const known = this.connections.get(connection.id);
    if (!known || (known.data === connection.data && known.role === connection.role)) return;
    this.connections.set(connection.id, connection);
    for (const stream of this.streams.values()) {
      if (stream.connection.id === connection.id) this.streams.set(stream.id, { ...stream, connection });
    }
    this.#hooks.connectionUpdated(connection);
  }

  #leave({ connection: { id }, reason }: { connection: { id: string }; reason?: DisconnectReason }): void {
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
    if (JSON.stringify(stream) === JSON.stringify(known)) return; // an unchanged stream in a snapshot
    this.streams.set(look.id, stream);
    this.#hooks.streamUpdated(stream);
  }

  #unpublish({ stream: { id }, reason }: { stream: { id: string }; reason?: DisconnectReason }): void {
    const stream = this.streams.get(id);
    if (!stream) return;
    this.streams.delete(id);
    this.#hooks.streamDestroyed(stream, reason);
  }
}

interface Created {
  readonly createdAt: string;
}

/** Returns whether a list, oldest first, of less than all `count` members may lack one because it is newer than the last. */
function leftOut(list: readonly Created[], count: number): (member: Created) => boolean {
  const last = list.at(-1);
  if (last === undefined || list.length >= count) return () => false;
  const end = Date.parse(last.createdAt);
  return ({ createdAt }) => Date.parse(createdAt) >= end;
}
