// Made by `npm run generate` from schema.graphqls and src/operations.graphql; not to be edited.
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
/** The reason why a connection or a stream ended; a stream that ends with its connection does so for the same reason. */
export type DisconnectReason =
  /** The connection ended itself (`disconnect`); of a stream: its publisher did, or unpublished it (`unpublishStream`). */
  | 'clientDisconnected'
  /** A moderator ended it (`forceDisconnect`, `banConnection`). */
  | 'forceDisconnected'
  /** Of a stream alone: a moderator ended it (`forceUnpublish`), or made its publisher a SUBSCRIBER (`setRole`). */
  | 'forceUnpublished'
  /** Its last socket closed and it did not come back within the grace time, or it made no request for too long. */
  | 'networkDisconnected'
  /** All that its user has stored is being erased (`eraseUser`). */
  | 'userErased';

/** A kind of event of the feed: the name of its type in another form. */
export type FeedEventKind =
  /** ConnectionCreated. */
  | 'CONNECTION_CREATED'
  /** ConnectionDestroyed. */
  | 'CONNECTION_DESTROYED'
  /** ConnectionUpdated. */
  | 'CONNECTION_UPDATED'
  /** EntryAdded. */
  | 'ENTRY_ADDED'
  /** EntryChanged. */
  | 'ENTRY_CHANGED'
  /** FeedTruncated. */
  | 'FEED_TRUNCATED'
  /** LogTruncated. */
  | 'LOG_TRUNCATED'
  /** MuteForced. */
  | 'MUTE_FORCED'
  /** SessionChanged. */
  | 'SESSION_CHANGED'
  /** SessionCreated. */
  | 'SESSION_CREATED'
  /** SessionDeleted. */
  | 'SESSION_DELETED'
  /** StreamCreated. */
  | 'STREAM_CREATED'
  /** StreamDestroyed. */
  | 'STREAM_DESTROYED'
  /** StreamUpdated. */
  | 'STREAM_UPDATED'
  /** UserErased. */
  | 'USER_ERASED';

/** The rights of a connection; each role includes the ones before it, save that PUBLISHER_ONLY does not subscribe. */
export type Role =
  /** Also end other connections and streams, mute, ban, delete any entry, and change the session's settings and others' roles. */
  | 'MODERATOR'
  /** Also add entries, send signals and publish streams. */
  | 'PUBLISHER'
  /** As PUBLISHER, but not subscribe to streams. It comes with tokens that say so, and by `setRole`. */
  | 'PUBLISHER_ONLY'
  /** Read and subscribe. */
  | 'SUBSCRIBER';

/** By what sessions are listed, the newest first. */
export type SessionOrder =
  /** By when the session was made. */
  | 'CREATED'
  /**
   * By when the newest entry was added, be it deleted since; a session without entries is as old as it is. A new session comes, and one
   * with a new entry to the front, within about a second.
   */
  | 'LAST_ENTRY';

/** The source of a stream's video. */
export type VideoType =
  /** A camera. */
  | 'CAMERA'
  /** Something else, such as a canvas or a file. */
  | 'CUSTOM'
  /** A screen, or a part of it. */
  | 'SCREEN';

export type CheckQueryVariables = Exact<{ [key: string]: never; }>;


export type CheckQuery = { server: { nodes: Array<{ id: string }> } };

export type ServerStateQueryVariables = Exact<{
  after?: string | null | undefined;
}>;


export type ServerStateQuery = { server: { version: string, nodes: Array<{ id: string, version: string | null, startedAt: string | null, reportedAt: string | null, answering: boolean, sockets: number | null, httpStreams: number | null, subscriptions: number | null, connections: number | null }>, metrics: { nodeId: string, samples: Array<{ at: string, sockets: number, httpStreams: number, subscriptions: number, connections: number, commitsPerSecond: number, entriesPerSecond: number, deliveriesPerSecond: number, commitMs: number | null, slowestCommitMs: number | null, memoryBytes: number, databaseBytes: number | null }> } } };

export type SessionsQueryVariables = Exact<{
  first: number;
  after?: string | null | undefined;
  orderBy: SessionOrder;
  prefix?: string | null | undefined;
}>;


export type SessionsQuery = { sessions: { nodes: Array<{ id: string, createdAt: string, entryCount: number, bytes: number, connectionCount: number, streamCount: number, readOnly: boolean }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type OpenSessionsQueryVariables = Exact<{
  after?: string | null | undefined;
  prefix?: string | null | undefined;
}>;


export type OpenSessionsQuery = { sessions: { nodes: Array<{ id: string, connectionCount: number }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type SessionStateQueryVariables = Exact<{
  sessionId: string;
}>;


export type SessionStateQuery = { session: { id: string, createdAt: string, entryCount: number, bytes: number, connectionCount: number, streamCount: number, readOnly: boolean, slowMode: number, muteForced: boolean, data: string | null, streams: Array<{ id: string, hasAudio: boolean, videoType: VideoType, connection: { id: string } }> }, bans: Array<{ id: string, userId: string | null, until: string, connection: { id: string, data: string | null } }> };

export type PeopleQueryVariables = Exact<{
  sessionId: string;
  after?: string | null | undefined;
  search?: string | null | undefined;
}>;


export type PeopleQuery = { connections: { edges: Array<{ hasSocket: boolean, node: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type RowFragment = { id: string, seq: number, version: number, body: string, createdAt: string, editedAt: string | null, deletedAt: string | null, userId: string | null, connection: { id: string, data: string | null } };

export type LogEndQueryVariables = Exact<{
  sessionId: string;
}>;


export type LogEndQuery = { chatEntries: { lastCursor: string, nodes: Array<{ id: string, seq: number, version: number, body: string, createdAt: string, editedAt: string | null, deletedAt: string | null, userId: string | null, connection: { id: string, data: string | null } }> } };

export type LogSubscriptionVariables = Exact<{
  sessionId: string;
  after: string;
}>;


export type LogSubscription = { logEvents:
    | { __typename: 'EntryAdded', cursor: string, entry: { id: string, seq: number, version: number, body: string, createdAt: string, editedAt: string | null, deletedAt: string | null, userId: string | null, connection: { id: string, data: string | null } } }
    | { __typename: 'EntryChanged', cursor: string, entry: { id: string, seq: number, version: number, body: string, createdAt: string, editedAt: string | null, deletedAt: string | null, userId: string | null, connection: { id: string, data: string | null } } }
    | { __typename: 'LogTruncated', to: string }
   };

export type FeedSubscriptionVariables = Exact<{
  after?: string | null | undefined;
  prefix?: string | null | undefined;
}>;


export type FeedSubscription = { feed: { id: string, cursor: string, sessionId: string, at: string, event:
      | { __typename: 'ConnectionCreated', connection: { id: string, data: string | null } }
      | { __typename: 'ConnectionDestroyed', reason: DisconnectReason, connection: { id: string, data: string | null } }
      | { __typename: 'ConnectionUpdated' }
      | { __typename: 'EntryAdded', entry: { id: string, seq: number, version: number, body: string, createdAt: string, editedAt: string | null, deletedAt: string | null, userId: string | null, connection: { id: string, data: string | null } } }
      | { __typename: 'EntryChanged', entry: { id: string, seq: number, version: number, body: string, createdAt: string, editedAt: string | null, deletedAt: string | null, userId: string | null, connection: { id: string, data: string | null } } }
      | { __typename: 'FeedTruncated', keptDays: number }
      | { __typename: 'LogTruncated', to: string }
      | { __typename: 'MuteForced' }
      | { __typename: 'SessionChanged' }
      | { __typename: 'SessionCreated', session: { id: string } }
      | { __typename: 'SessionDeleted', sessionId: string }
      | { __typename: 'StreamCreated' }
      | { __typename: 'StreamDestroyed' }
      | { __typename: 'StreamUpdated' }
      | { __typename: 'UserErased', erasure: { entries: number } }
     } };

export type KickMutationVariables = Exact<{
  sessionId: string;
  connectionId: string;
}>;


export type KickMutation = { forceDisconnect: { id: string } };

export type BanMutationVariables = Exact<{
  sessionId: string;
  connectionId: string;
  seconds: number;
  deleteEntries: boolean;
}>;


export type BanMutation = { banConnection: { until: string } };

export type UnbanMutationVariables = Exact<{
  sessionId: string;
  id: string;
}>;


export type UnbanMutation = { unban: { id: string } };

export type MuteMutationVariables = Exact<{
  sessionId: string;
  streamId?: string | null | undefined;
}>;


export type MuteMutation = { forceMute: Array<{ id: string }> };

export type DeleteEntryMutationVariables = Exact<{
  sessionId: string;
  id: string;
}>;


export type DeleteEntryMutation = { deleteChatEntry: { version: number } };

export type DeleteSessionMutationVariables = Exact<{
  id: string;
}>;


export type DeleteSessionMutation = { deleteSession: string };

export type SetReadOnlyMutationVariables = Exact<{
  sessionId: string;
  readOnly: boolean;
}>;


export type SetReadOnlyMutation = { updateSession: { readOnly: boolean } };

export type PostMutationVariables = Exact<{
  sessionId: string;
  body: string;
  name: string;
  key: string;
}>;


export type PostMutation = { addChatEntry: { id: string } };

export type WebhooksQueryVariables = Exact<{ [key: string]: never; }>;


export type WebhooksQuery = { webhooks: Array<{ id: string, url: string, events: Array<FeedEventKind> | null, sessionPrefix: string, lag: number, lastError: string | null, failingSince: string | null, createdAt: string }> };

export type CreateWebhookMutationVariables = Exact<{
  url: string;
  events?: Array<FeedEventKind> | FeedEventKind | null | undefined;
  sessionPrefix?: string | null | undefined;
}>;


export type CreateWebhookMutation = { createWebhook: { secret: string, webhook: { id: string } } };

export type DeleteWebhookMutationVariables = Exact<{
  id: string;
}>;


export type DeleteWebhookMutation = { deleteWebhook: { id: string } };

export type ReplayWebhookMutationVariables = Exact<{
  id: string;
  after: string;
}>;


export type ReplayWebhookMutation = { replayWebhook: { id: string } };


/** An operation, with the types of its data and variables. */
export type Document<Data, Variables> = string & { readonly __types?: (variables: Variables) => Data };

const rowFragment = 'fragment Row on ChatEntry{id seq version body createdAt editedAt deletedAt userId connection{id data}}';

export const checkDocument: Document<CheckQuery, CheckQueryVariables> =
  '{server{nodes{id}}}';

export const serverStateDocument: Document<ServerStateQuery, ServerStateQueryVariables> =
  'query($after:Time){server{version nodes{id version startedAt reportedAt answering sockets httpStreams subscriptions connections}metrics(after:$after){nodeId samples{at sockets httpStreams subscriptions connections commitsPerSecond entriesPerSecond deliveriesPerSecond commitMs slowestCommitMs memoryBytes databaseBytes}}}}';

export const sessionsDocument: Document<SessionsQuery, SessionsQueryVariables> =
  'query($first:Int!$after:String$orderBy:SessionOrder!$prefix:String){sessions(first:$first after:$after orderBy:$orderBy prefix:$prefix){nodes{id createdAt entryCount bytes connectionCount streamCount readOnly}pageInfo{hasNextPage endCursor}}}';

export const openSessionsDocument: Document<OpenSessionsQuery, OpenSessionsQueryVariables> =
  'query($after:String$prefix:String){sessions(first:200 after:$after orderBy:CREATED prefix:$prefix){nodes{id connectionCount}pageInfo{hasNextPage endCursor}}}';

export const sessionStateDocument: Document<SessionStateQuery, SessionStateQueryVariables> =
  'query($sessionId:ID!){session(sessionId:$sessionId){id createdAt entryCount bytes connectionCount streamCount readOnly slowMode muteForced data streams{id hasAudio videoType connection{id}}}bans(sessionId:$sessionId){id userId until connection{id data}}}';

export const peopleDocument: Document<PeopleQuery, PeopleQueryVariables> =
  'query($sessionId:ID!$after:String$search:String){connections(sessionId:$sessionId first:50 after:$after search:$search){edges{hasSocket node{id userId data role createdAt}}pageInfo{hasNextPage endCursor}}}';

export const logEndDocument: Document<LogEndQuery, LogEndQueryVariables> =
  `query($sessionId:ID!){chatEntries(sessionId:$sessionId last:50){nodes{...Row}lastCursor}}${rowFragment}`;

export const logDocument: Document<LogSubscription, LogSubscriptionVariables> =
  `subscription($sessionId:ID!$after:String!){logEvents(sessionId:$sessionId after:$after){__typename ...on LogTruncated{to}...on EntryAdded{cursor entry{...Row}}...on EntryChanged{cursor entry{...Row}}}}${rowFragment}`;

export const feedDocument: Document<FeedSubscription, FeedSubscriptionVariables> =
  `subscription($after:String$prefix:String){feed(after:$after sessionPrefix:$prefix){id cursor sessionId at event{__typename ...on EntryAdded{entry{...Row}}...on EntryChanged{entry{...Row}}...on ConnectionCreated{connection{id data}}...on ConnectionDestroyed{connection{id data}reason}...on SessionCreated{session{id}}...on SessionDeleted{sessionId}...on UserErased{erasure{entries}}...on LogTruncated{to}...on FeedTruncated{keptDays}}}}${rowFragment}`;

export const kickDocument: Document<KickMutation, KickMutationVariables> =
  'mutation($sessionId:ID!$connectionId:ID!){forceDisconnect(sessionId:$sessionId connectionId:$connectionId){id}}';

export const banDocument: Document<BanMutation, BanMutationVariables> =
  'mutation($sessionId:ID!$connectionId:ID!$seconds:Int!$deleteEntries:Boolean!){banConnection(sessionId:$sessionId connectionId:$connectionId seconds:$seconds deleteEntries:$deleteEntries){until}}';

export const unbanDocument: Document<UnbanMutation, UnbanMutationVariables> =
  'mutation($sessionId:ID!$id:ID!){unban(sessionId:$sessionId id:$id){id}}';

export const muteDocument: Document<MuteMutation, MuteMutationVariables> =
  'mutation($sessionId:ID!$streamId:ID){forceMute(sessionId:$sessionId streamId:$streamId){id}}';

export const deleteEntryDocument: Document<DeleteEntryMutation, DeleteEntryMutationVariables> =
  'mutation($sessionId:ID!$id:ID!){deleteChatEntry(sessionId:$sessionId id:$id){version}}';

export const deleteSessionDocument: Document<DeleteSessionMutation, DeleteSessionMutationVariables> =
  'mutation($id:ID!){deleteSession(id:$id)}';

export const setReadOnlyDocument: Document<SetReadOnlyMutation, SetReadOnlyMutationVariables> =
  'mutation($sessionId:ID!$readOnly:Boolean!){updateSession(sessionId:$sessionId readOnly:$readOnly){readOnly}}';

export const postDocument: Document<PostMutation, PostMutationVariables> =
  'mutation($sessionId:ID!$body:String!$name:String!$key:ID!){addChatEntry(sessionId:$sessionId body:$body idempotencyKey:$key as:{name:$name}){id}}';

export const webhooksDocument: Document<WebhooksQuery, WebhooksQueryVariables> =
  '{webhooks{id url events sessionPrefix lag lastError failingSince createdAt}}';

export const createWebhookDocument: Document<CreateWebhookMutation, CreateWebhookMutationVariables> =
  'mutation($url:String!$events:[FeedEventKind!]$sessionPrefix:String){createWebhook(url:$url events:$events sessionPrefix:$sessionPrefix){webhook{id}secret}}';

export const deleteWebhookDocument: Document<DeleteWebhookMutation, DeleteWebhookMutationVariables> =
  'mutation($id:ID!){deleteWebhook(id:$id){id}}';

export const replayWebhookDocument: Document<ReplayWebhookMutation, ReplayWebhookMutationVariables> =
  'mutation($id:ID!$after:String!){replayWebhook(id:$id after:$after){id}}';