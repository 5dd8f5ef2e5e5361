// Types of a session's arguments and properties.
import type { Role } from '../../sdk/src/index.ts';
import type { Completion } from './completion.ts';
import type { PublisherProperties } from './publisher.ts';
import type { SignalProperties } from './signals.ts';
import type { SubscriberProperties } from './subscriber.ts';
import type { Target } from './widget.ts';

export interface IceConfig {
  includeServers: 'all' | 'custom';
  transportPolicy: 'all' | 'relay';
  customServers: { urls: string | string[]; username?: string; credential?: string }[];
}

export interface SessionOptions {
  connectionEventsSuppressed?: boolean;
  iceConfig?: IceConfig;
  ipWhitelist?: boolean;
  encryptionSecret?: string;
  singlePeerConnection?: boolean;
  sessionMigration?: boolean;
}

export interface Capabilities {
  forceDisconnect: number;
  forceUnpublish: number;
  forceMute: number;
  publish: number;
  subscribe: number;
}

/** A connection or a stream, or its id. */
export type ConnectionLike = { connectionId: string } | string;
export type StreamLike = { streamId: string } | string;

export interface Signal extends SignalProperties {
  to?: ConnectionLike;
  retryAfterReconnect?: boolean;
}

/** The capabilities of a session that is not connected. */
export const nothing: Capabilities = { forceDisconnect: 0, forceUnpublish: 0, forceMute: 0, publish: 0, subscribe: 0 };

export function capabilitiesOf(role: Role): Capabilities {
  const moderates = Number(role === 'MODERATOR');
  return { forceDisconnect: moderates, forceUnpublish: moderates, forceMute: moderates, publish: Number(role !== 'SUBSCRIBER'), subscribe: Number(role !== 'PUBLISHER_ONLY') };
}

export const streamId = (stream: StreamLike): string => (typeof stream === 'string' ? stream : stream.streamId);
export const connectionId = (connection: ConnectionLike): string => (typeof connection === 'string' ? connection : connection.connectionId);

export type PublishArguments = [
  publisher?: { stream?: object | undefined } | Target,
  propertiesOrCompletion?: PublisherProperties | Completion | null | undefined,
  completion?: Completion | undefined,
];

export type SubscribeArguments = [
  stream: StreamLike,
  target?: Target | Completion,
  propertiesOrCompletion?: SubscriberProperties | Completion | null | undefined,
  completion?: Completion | undefined,
];
