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

/** How an entry was changed. */
export type EntryChange =
  /** It was deleted. */
  | 'DELETED'
  /** Its text was changed, by its author or with the API secret. */
  | 'EDITED'
  /** Its reactions changed. */
  | 'REACTED';

/** An RTCIceCandidateInit; its text is up to 65,536 bytes of UTF-8 in all, no U+0000. */
export type IceCandidateInput = {
  /** The candidate attribute; empty where there are no more. */
  candidate: string;
  /** The media section's index, 0 to 65,535. */
  sdpMLineIndex?: number | null | undefined;
  /** The media section's identification tag. */
  sdpMid?: string | null | undefined;
  /** The ICE username fragment that it belongs to. */
  usernameFragment?: string | null | undefined;
};

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

/** An RTCSdpType. */
export type SdpType =
  /** An answer. */
  | 'answer'
  /** An offer. */
  | 'offer'
  /** An answer that may change. */
  | 'pranswer'
  /** An offer that is taken back. */
  | 'rollback';

/** An RTCSessionDescriptionInit. */
export type SessionDescriptionInput = {
  /** The description: up to 65,536 bytes of UTF-8, no U+0000. */
  sdp: string;
  /** Its type. */
  type: SdpType;
};

/** The source of a stream's video. */
export type VideoType =
  /** A camera. */
  | 'CAMERA'
  /** Something else, such as a canvas or a file. */
  | 'CUSTOM'
  /** A screen, or a part of it. */
  | 'SCREEN';

export type MemberFragment = { id: string, userId: string | null, data: string | null, role: Role, createdAt: string };

export type EntryFragment = { id: string, seq: number, cursor: string, connectionId: string, userId: string | null, body: string, data: string | null, createdAt: string, version: number, editedAt: string | null, deletedAt: string | null, deletedBy: string | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, replyTo: { id: string } | null, reactions: Array<{ name: string, count: number }> };

export type ReadEntryFragment = { myReactions: Array<string>, id: string, seq: number, cursor: string, connectionId: string, userId: string | null, body: string, data: string | null, createdAt: string, version: number, editedAt: string | null, deletedAt: string | null, deletedBy: string | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, replyTo: { id: string } | null, reactions: Array<{ name: string, count: number }> };

export type BanFieldsFragment = { id: string, userId: string | null, createdAt: string, until: string, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, moderator: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } };

export type LookFragment = { id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null };

export type VideoFragment = { createdAt: string, id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } };

export type ConnectMutationVariables = Exact<{
  token?: string | null | undefined;
  sessionId?: string | null | undefined;
  data?: string | null | undefined;
  userKey?: string | null | undefined;
}>;


export type ConnectMutation = { connect: { accessToken: string, expiresAt: string, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, session: { id: string, lastCursor: string, slowMode: number, readOnly: boolean } } };

export type SessionPreviewQueryVariables = Exact<{
  token?: string | null | undefined;
  sessionId?: string | null | undefined;
  userKey?: string | null | undefined;
}>;


export type SessionPreviewQuery = { sessionPreview: { connectionCount: number, connections: Array<{ id: string, userId: string | null, data: string | null, role: Role, createdAt: string }> } };

export type RenewAccessMutationVariables = Exact<{ [key: string]: never; }>;


export type RenewAccessMutation = { renewAccess: { accessToken: string, expiresAt: string } };

export type DisconnectMutationVariables = Exact<{ [key: string]: never; }>;


export type DisconnectMutation = { disconnect: { id: string } };

export type AddChatEntryMutationVariables = Exact<{
  connectionId: string;
  body: string;
  key: string;
  replyTo?: string | null | undefined;
  data?: string | null | undefined;
}>;


export type AddChatEntryMutation = { addChatEntry: { myReactions: Array<string>, id: string, seq: number, cursor: string, connectionId: string, userId: string | null, body: string, data: string | null, createdAt: string, version: number, editedAt: string | null, deletedAt: string | null, deletedBy: string | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, replyTo: { id: string } | null, reactions: Array<{ name: string, count: number }> } };

export type EditChatEntryMutationVariables = Exact<{
  id: string;
  body: string;
  data?: string | null | undefined;
  key: string;
}>;


export type EditChatEntryMutation = { editChatEntry: { myReactions: Array<string>, id: string, seq: number, cursor: string, connectionId: string, userId: string | null, body: string, data: string | null, createdAt: string, version: number, editedAt: string | null, deletedAt: string | null, deletedBy: string | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, replyTo: { id: string } | null, reactions: Array<{ name: string, count: number }> } };

export type DeleteChatEntryMutationVariables = Exact<{
  id: string;
}>;


export type DeleteChatEntryMutation = { deleteChatEntry: { myReactions: Array<string>, id: string, seq: number, cursor: string, connectionId: string, userId: string | null, body: string, data: string | null, createdAt: string, version: number, editedAt: string | null, deletedAt: string | null, deletedBy: string | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, replyTo: { id: string } | null, reactions: Array<{ name: string, count: number }> } };

export type ReactToChatEntryMutationVariables = Exact<{
  id: string;
  name: string;
  on: boolean;
  key: string;
}>;


export type ReactToChatEntryMutation = { reactToChatEntry: { myReactions: Array<string>, id: string, seq: number, cursor: string, connectionId: string, userId: string | null, body: string, data: string | null, createdAt: string, version: number, editedAt: string | null, deletedAt: string | null, deletedBy: string | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, replyTo: { id: string } | null, reactions: Array<{ name: string, count: number }> } };

export type MarkReadMutationVariables = Exact<{
  cursor: string;
}>;


export type MarkReadMutation = { markRead: { readCursor: string | null } };

export type BanConnectionMutationVariables = Exact<{
  connectionId: string;
  seconds: number;
  deleteEntries: boolean;
}>;


export type BanConnectionMutation = { banConnection: { id: string, userId: string | null, createdAt: string, until: string, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, moderator: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } } };

export type UnbanMutationVariables = Exact<{
  id: string;
}>;


export type UnbanMutation = { unban: { id: string, userId: string | null, createdAt: string, until: string, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, moderator: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } } };

export type UpdateSessionMutationVariables = Exact<{
  slowMode?: number | null | undefined;
  readOnly?: boolean | null | undefined;
}>;


export type UpdateSessionMutation = { updateSession: { slowMode: number, readOnly: boolean } };

export type SendSignalMutationVariables = Exact<{
  type: string;
  data?: string | null | undefined;
  to?: string | null | undefined;
}>;


export type SendSignalMutation = { sendSignal: { type: string } };

export type PublishStreamMutationVariables = Exact<{
  name?: string | null | undefined;
  hasAudio: boolean;
  hasVideo: boolean;
  videoType: VideoType;
  width?: number | null | undefined;
  height?: number | null | undefined;
}>;


export type PublishStreamMutation = { publishStream: { createdAt: string, id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } } };

export type UpdateStreamMutationVariables = Exact<{
  streamId: string;
  hasAudio?: boolean | null | undefined;
  hasVideo?: boolean | null | undefined;
  width?: number | null | undefined;
  height?: number | null | undefined;
}>;


export type UpdateStreamMutation = { updateStream: { id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null } };

export type UnpublishStreamMutationVariables = Exact<{
  streamId: string;
}>;


export type UnpublishStreamMutation = { unpublishStream: { id: string } };

export type SetDataMutationVariables = Exact<{
  data?: string | null | undefined;
}>;


export type SetDataMutation = { setData: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } };

export type ForceDisconnectMutationVariables = Exact<{
  connectionId: string;
}>;


export type ForceDisconnectMutation = { forceDisconnect: { id: string } };

export type ForceUnpublishMutationVariables = Exact<{
  streamId: string;
}>;


export type ForceUnpublishMutation = { forceUnpublish: { id: string } };

export type ForceMuteMutationVariables = Exact<{
  streamId?: string | null | undefined;
  except?: Array<string> | string | null | undefined;
}>;


export type ForceMuteMutation = { forceMute: Array<{ id: string }> };

export type NegotiateMutationVariables = Exact<{
  streamId: string;
  to: string;
  description?: SessionDescriptionInput | null | undefined;
  candidate?: IceCandidateInput | null | undefined;
}>;


export type NegotiateMutation = { negotiate: { streamId: string } };

export type ChatEntriesQueryVariables = Exact<{
  last: number;
  before?: string | null | undefined;
}>;


export type ChatEntriesQuery = { chatEntries: { nodes: Array<{ myReactions: Array<string>, id: string, seq: number, cursor: string, connectionId: string, userId: string | null, body: string, data: string | null, createdAt: string, version: number, editedAt: string | null, deletedAt: string | null, deletedBy: string | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, replyTo: { id: string } | null, reactions: Array<{ name: string, count: number }> }>, pageInfo: { hasPreviousPage: boolean } } };

export type MissedEntriesQueryVariables = Exact<{
  first: number;
  after: string;
}>;


export type MissedEntriesQuery = { chatEntries: { nodes: Array<{ myReactions: Array<string>, id: string, seq: number, cursor: string, connectionId: string, userId: string | null, body: string, data: string | null, createdAt: string, version: number, editedAt: string | null, deletedAt: string | null, deletedBy: string | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, replyTo: { id: string } | null, reactions: Array<{ name: string, count: number }> }> } };

export type OneEntryQueryVariables = Exact<{
  id: string;
}>;


export type OneEntryQuery = { chatEntry: { myReactions: Array<string>, id: string, seq: number, cursor: string, connectionId: string, userId: string | null, body: string, data: string | null, createdAt: string, version: number, editedAt: string | null, deletedAt: string | null, deletedBy: string | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, replyTo: { id: string } | null, reactions: Array<{ name: string, count: number }> } | null };

export type ReactorsQueryVariables = Exact<{
  id: string;
}>;


export type ReactorsQuery = { chatEntry: { reactions: Array<{ name: string, count: number, users: Array<{ id: string, userId: string | null, data: string | null, role: Role, createdAt: string }> }> } | null };

export type ReadStateQueryVariables = Exact<{
  last: number;
}>;


export type ReadStateQuery = { session: { readCursor: string | null, unread: number | null, slowMode: number, readOnly: boolean }, chatEntries: { nodes: Array<{ id: string, seq: number, version: number, myReactions: Array<string> }> } };

export type BansQueryVariables = Exact<{ [key: string]: never; }>;


export type BansQuery = { bans: Array<{ id: string, userId: string | null, createdAt: string, until: string, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, moderator: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } }> };

export type LastCursorQueryVariables = Exact<{ [key: string]: never; }>;


export type LastCursorQuery = { session: { lastCursor: string } };

export type IceServersQueryVariables = Exact<{ [key: string]: never; }>;


export type IceServersQuery = { iceServers: Array<{ urls: Array<string>, username: string | null, credential: string | null, expiresAt: string | null }> };

export type LogEventsSubscriptionVariables = Exact<{
  after: string;
}>;


export type LogEventsSubscription = { logEvents:
    | { __typename: 'EntryAdded', cursor: string, entry: { id: string, seq: number, cursor: string, connectionId: string, userId: string | null, body: string, data: string | null, createdAt: string, version: number, editedAt: string | null, deletedAt: string | null, deletedBy: string | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, replyTo: { id: string } | null, reactions: Array<{ name: string, count: number }> } }
    | { __typename: 'EntryChanged', change: EntryChange, cursor: string, entry: { id: string, seq: number, cursor: string, connectionId: string, userId: string | null, body: string, data: string | null, createdAt: string, version: number, editedAt: string | null, deletedAt: string | null, deletedBy: string | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string }, replyTo: { id: string } | null, reactions: Array<{ name: string, count: number }> } }
    | { __typename: 'LogTruncated' }
   };

export type UserEventsSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type UserEventsSubscription = { userEvents:
    | { __typename: 'ReactionsChanged', entryId: string, version: number, myReactions: Array<string> }
    | { __typename: 'ReadMarked', readCursor: string }
   };

export type SignalReceivedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type SignalReceivedSubscription = { signalReceived: { type: string, data: string | null, fromConnectionId: string | null, to: string | null, missed: number } };

export type NegotiationReceivedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type NegotiationReceivedSubscription = { negotiationReceived: { streamId: string, fromConnectionId: string, description: { type: SdpType, sdp: string } | null, candidate: { candidate: string, sdpMid: string | null, sdpMLineIndex: number | null, usernameFragment: string | null } | null } };

export type SessionEventsSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type SessionEventsSubscription = { sessionEvents:
    | { __typename: 'ConnectionCreated', connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } }
    | { __typename: 'ConnectionDestroyed', reason: DisconnectReason, connection: { id: string } }
    | { __typename: 'ConnectionUpdated', connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } }
    | { __typename: 'ConnectionsChanged', connectionCount: number, created: Array<{ id: string, userId: string | null, data: string | null, role: Role, createdAt: string }>, connectionsUpdated: Array<{ id: string, userId: string | null, data: string | null, role: Role, createdAt: string }>, destroyed: Array<{ reason: DisconnectReason, connection: { id: string } }> }
    | { __typename: 'MuteForced', streamId: string | null, except: Array<string>, moderator: { id: string } }
    | { __typename: 'SessionChanged', session: { slowMode: number, readOnly: boolean } }
    | { __typename: 'SessionState', connectionCount: number, streamCount: number, connections: Array<{ id: string, userId: string | null, data: string | null, role: Role, createdAt: string }>, streams: Array<{ createdAt: string, id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } }> }
    | { __typename: 'StreamCreated', stream: { createdAt: string, id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } } }
    | { __typename: 'StreamDestroyed', reason: DisconnectReason, stream: { id: string } }
    | { __typename: 'StreamUpdated', stream: { id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null } }
    | { __typename: 'StreamsChanged', streamsCreated: Array<{ createdAt: string, id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null, connection: { id: string, userId: string | null, data: string | null, role: Role, createdAt: string } }>, updated: Array<{ id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null }>, streamsDestroyed: Array<{ reason: DisconnectReason, stream: { id: string } }> }
   };


/** An operation, with the types of its data and variables. */
export type Document<Data, Variables> = string & { readonly __types?: (variables: Variables) => Data };

const memberFragment = 'fragment Member on Connection{id userId data role createdAt}';
const entryFragment = 'fragment Entry on ChatEntry{id seq cursor connectionId connection{...Member}userId body data createdAt version editedAt deletedAt deletedBy replyTo{id}reactions{name count}}';
const readEntryFragment = 'fragment ReadEntry on ChatEntry{...Entry myReactions}';
const banFieldsFragment = 'fragment BanFields on Ban{id userId connection{...Member}moderator{...Member}createdAt until}';
const lookFragment = 'fragment Look on Stream{id name hasAudio hasVideo videoType width height}';
const videoFragment = 'fragment Video on Stream{...Look connection{...Member}createdAt}';

export const connectDocument: Document<ConnectMutation, ConnectMutationVariables> =
  `mutation($token:String$sessionId:ID$data:String$userKey:String){connect(token:$token sessionId:$sessionId data:$data userKey:$userKey){accessToken expiresAt connection{...Member}session{id lastCursor slowMode readOnly}}}${memberFragment}`;

export const sessionPreviewDocument: Document<SessionPreviewQuery, SessionPreviewQueryVariables> =
  `query($token:String$sessionId:ID$userKey:String){sessionPreview(token:$token sessionId:$sessionId userKey:$userKey){connectionCount connections{...Member}}}${memberFragment}`;

export const renewAccessDocument: Document<RenewAccessMutation, RenewAccessMutationVariables> =
  'mutation{renewAccess{accessToken expiresAt}}';

export const disconnectDocument: Document<DisconnectMutation, DisconnectMutationVariables> =
  'mutation{disconnect{id}}';

export const addChatEntryDocument: Document<AddChatEntryMutation, AddChatEntryMutationVariables> =
  `mutation($connectionId:ID!$body:String!$key:ID!$replyTo:ID$data:String){addChatEntry(connectionId:$connectionId body:$body idempotencyKey:$key replyTo:$replyTo data:$data){...ReadEntry}}${readEntryFragment}${entryFragment}${memberFragment}`;

export const editChatEntryDocument: Document<EditChatEntryMutation, EditChatEntryMutationVariables> =
  `mutation($id:ID!$body:String!$data:String$key:ID!){editChatEntry(id:$id body:$body data:$data idempotencyKey:$key){...ReadEntry}}${readEntryFragment}${entryFragment}${memberFragment}`;

export const deleteChatEntryDocument: Document<DeleteChatEntryMutation, DeleteChatEntryMutationVariables> =
  `mutation($id:ID!){deleteChatEntry(id:$id){...ReadEntry}}${readEntryFragment}${entryFragment}${memberFragment}`;

export const reactToChatEntryDocument: Document<ReactToChatEntryMutation, ReactToChatEntryMutationVariables> =
  `mutation($id:ID!$name:String!$on:Boolean!$key:ID!){reactToChatEntry(id:$id name:$name on:$on idempotencyKey:$key){...ReadEntry}}${readEntryFragment}${entryFragment}${memberFragment}`;

export const markReadDocument: Document<MarkReadMutation, MarkReadMutationVariables> =
  'mutation($cursor:String!){markRead(upTo:$cursor){readCursor}}';

export const banConnectionDocument: Document<BanConnectionMutation, BanConnectionMutationVariables> =
  `mutation($connectionId:ID!$seconds:Int!$deleteEntries:Boolean!){banConnection(connectionId:$connectionId seconds:$seconds deleteEntries:$deleteEntries){...BanFields}}${banFieldsFragment}${memberFragment}`;

export const unbanDocument: Document<UnbanMutation, UnbanMutationVariables> =
  `mutation($id:ID!){unban(id:$id){...BanFields}}${banFieldsFragment}${memberFragment}`;

export const updateSessionDocument: Document<UpdateSessionMutation, UpdateSessionMutationVariables> =
  'mutation($slowMode:Int$readOnly:Boolean){updateSession(slowMode:$slowMode readOnly:$readOnly){slowMode readOnly}}';

export const sendSignalDocument: Document<SendSignalMutation, SendSignalMutationVariables> =
  'mutation($type:String!$data:String$to:ID){sendSignal(type:$type data:$data to:$to){type}}';

export const publishStreamDocument: Document<PublishStreamMutation, PublishStreamMutationVariables> =
  `mutation($name:String$hasAudio:Boolean!$hasVideo:Boolean!$videoType:VideoType!$width:Int$height:Int){publishStream(name:$name hasAudio:$hasAudio hasVideo:$hasVideo videoType:$videoType width:$width height:$height){...Video}}${videoFragment}${lookFragment}${memberFragment}`;

export const updateStreamDocument: Document<UpdateStreamMutation, UpdateStreamMutationVariables> =
  `mutation($streamId:ID!$hasAudio:Boolean$hasVideo:Boolean$width:Int$height:Int){updateStream(streamId:$streamId hasAudio:$hasAudio hasVideo:$hasVideo width:$width height:$height){...Look}}${lookFragment}`;

export const unpublishStreamDocument: Document<UnpublishStreamMutation, UnpublishStreamMutationVariables> =
  'mutation($streamId:ID!){unpublishStream(streamId:$streamId){id}}';

export const setDataDocument: Document<SetDataMutation, SetDataMutationVariables> =
  `mutation($data:String){setData(data:$data){...Member}}${memberFragment}`;

export const forceDisconnectDocument: Document<ForceDisconnectMutation, ForceDisconnectMutationVariables> =
  'mutation($connectionId:ID!){forceDisconnect(connectionId:$connectionId){id}}';

export const forceUnpublishDocument: Document<ForceUnpublishMutation, ForceUnpublishMutationVariables> =
  'mutation($streamId:ID!){forceUnpublish(streamId:$streamId){id}}';

export const forceMuteDocument: Document<ForceMuteMutation, ForceMuteMutationVariables> =
  'mutation($streamId:ID$except:[ID!]){forceMute(streamId:$streamId except:$except){id}}';

export const negotiateDocument: Document<NegotiateMutation, NegotiateMutationVariables> =
  'mutation($streamId:ID!$to:ID!$description:SessionDescriptionInput$candidate:IceCandidateInput){negotiate(streamId:$streamId to:$to description:$description candidate:$candidate){streamId}}';

export const chatEntriesDocument: Document<ChatEntriesQuery, ChatEntriesQueryVariables> =
  `query($last:Int!$before:String){chatEntries(last:$last before:$before){nodes{...ReadEntry}pageInfo{hasPreviousPage}}}${readEntryFragment}${entryFragment}${memberFragment}`;

export const missedEntriesDocument: Document<MissedEntriesQuery, MissedEntriesQueryVariables> =
  `query($first:Int!$after:String!){chatEntries(first:$first after:$after){nodes{...ReadEntry}}}${readEntryFragment}${entryFragment}${memberFragment}`;

export const oneEntryDocument: Document<OneEntryQuery, OneEntryQueryVariables> =
  `query($id:ID!){chatEntry(id:$id){...ReadEntry}}${readEntryFragment}${entryFragment}${memberFragment}`;

export const reactorsDocument: Document<ReactorsQuery, ReactorsQueryVariables> =
  `query($id:ID!){chatEntry(id:$id){reactions{name count users(first:50){...Member}}}}${memberFragment}`;

export const readStateDocument: Document<ReadStateQuery, ReadStateQueryVariables> =
  'query($last:Int!){session{readCursor unread slowMode readOnly}chatEntries(last:$last){nodes{id seq version myReactions}}}';

export const bansDocument: Document<BansQuery, BansQueryVariables> =
  `{bans{...BanFields}}${banFieldsFragment}${memberFragment}`;

export const lastCursorDocument: Document<LastCursorQuery, LastCursorQueryVariables> =
  '{session{lastCursor}}';

export const iceServersDocument: Document<IceServersQuery, IceServersQueryVariables> =
  '{iceServers{urls username credential expiresAt}}';

export const logEventsDocument: Document<LogEventsSubscription, LogEventsSubscriptionVariables> =
  `subscription($after:String!){logEvents(after:$after){__typename ...on EntryAdded{entry{...Entry}cursor}...on EntryChanged{entry{...Entry}change cursor}}}${entryFragment}${memberFragment}`;

export const userEventsDocument: Document<UserEventsSubscription, UserEventsSubscriptionVariables> =
  'subscription{userEvents{__typename ...on ReadMarked{readCursor}...on ReactionsChanged{entryId version myReactions}}}';

export const signalReceivedDocument: Document<SignalReceivedSubscription, SignalReceivedSubscriptionVariables> =
  'subscription{signalReceived{type data fromConnectionId to missed}}';

export const negotiationReceivedDocument: Document<NegotiationReceivedSubscription, NegotiationReceivedSubscriptionVariables> =
  'subscription{negotiationReceived{streamId fromConnectionId description{type sdp}candidate{candidate sdpMid sdpMLineIndex usernameFragment}}}';

export const sessionEventsDocument: Document<SessionEventsSubscription, SessionEventsSubscriptionVariables> =
  `subscription{sessionEvents{__typename ...on SessionState{connections{...Member}connectionCount streams{...Video}streamCount}...on ConnectionCreated{connection{...Member}}...on ConnectionUpdated{connection{...Member}}...on ConnectionDestroyed{connection{id}reason}...on ConnectionsChanged{created{...Member}connectionsUpdated:updated{...Member}destroyed{connection{id}reason}connectionCount}...on StreamCreated{stream{...Video}}...on StreamUpdated{stream{...Look}}...on StreamDestroyed{stream{id}reason}...on StreamsChanged{streamsCreated:created{...Video}updated{...Look}streamsDestroyed:destroyed{stream{id}reason}}...on MuteForced{streamId except moderator{id}}...on SessionChanged{session{slowMode readOnly}}}}${memberFragment}${videoFragment}${lookFragment}`;