// Made by `npm run generate` from schema.graphqls and src/operations.graphql; not to be edited.
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
/** Why a connection or a stream ended; a stream that ends with its connection does so for the same reason. */
export type DisconnectReason =
  /** It said so itself (`disconnect`); a stream: its publisher did, or unpublished it (`unpublishStream`). */
  | 'clientDisconnected'
  /** A moderator ended it (`forceDisconnect`). */
  | 'forceDisconnected'
  /** Of a stream alone: a moderator ended it (`forceUnpublish`). */
  | 'forceUnpublished'
  /** Its last socket closed and it did not come back within the grace time, or it made no request for too long. */
  | 'networkDisconnected';

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

/** What a connection may do; each role may do all that the ones before it may. */
export type Role =
  /** Also end other connections and streams, and mute. */
  | 'MODERATOR'
  /** Also add entries, send signals and publish streams. */
  | 'PUBLISHER'
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
  /** What it is. */
  type: SdpType;
};

/** What a stream's video shows. */
export type VideoType =
  /** A camera. */
  | 'CAMERA'
  /** Something else, such as a canvas or a file. */
  | 'CUSTOM'
  /** A screen, or a part of it. */
  | 'SCREEN';

export type MemberFragment = { id: string, data: string | null, role: Role, createdAt: string };

export type EntryFragment = { id: string, seq: number, cursor: string, connectionId: string, body: string, createdAt: string, connection: { id: string, data: string | null, role: Role, createdAt: string } };

export type LookFragment = { id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null };

export type VideoFragment = { createdAt: string, id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null, connection: { id: string, data: string | null, role: Role, createdAt: string } };

export type ConnectMutationVariables = Exact<{
  token?: string | null | undefined;
  sessionId?: string | null | undefined;
  data?: string | null | undefined;
}>;


export type ConnectMutation = { connect: { accessToken: string, expiresAt: string, connection: { id: string, data: string | null, role: Role, createdAt: string }, session: { id: string, lastCursor: string } } };

export type RenewAccessMutationVariables = Exact<{ [key: string]: never; }>;


export type RenewAccessMutation = { renewAccess: { accessToken: string, expiresAt: string } };

export type DisconnectMutationVariables = Exact<{ [key: string]: never; }>;


export type DisconnectMutation = { disconnect: { id: string } };

export type AddChatEntryMutationVariables = Exact<{
  connectionId: string;
  body: string;
  key: string;
}>;


export type AddChatEntryMutation = { addChatEntry: { id: string, seq: number, cursor: string, connectionId: string, body: string, createdAt: string, connection: { id: string, data: string | null, role: Role, createdAt: string } } };

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


export type PublishStreamMutation = { publishStream: { createdAt: string, id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null, connection: { id: string, data: string | null, role: Role, createdAt: string } } };

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


export type ChatEntriesQuery = { chatEntries: { nodes: Array<{ id: string, seq: number, cursor: string, connectionId: string, body: string, createdAt: string, connection: { id: string, data: string | null, role: Role, createdAt: string } }>, pageInfo: { hasPreviousPage: boolean } } };

export type MissedEntriesQueryVariables = Exact<{
  first: number;
  after: string;
}>;


export type MissedEntriesQuery = { chatEntries: { nodes: Array<{ id: string, seq: number, cursor: string, connectionId: string, body: string, createdAt: string, connection: { id: string, data: string | null, role: Role, createdAt: string } }> } };

export type LastCursorQueryVariables = Exact<{ [key: string]: never; }>;


export type LastCursorQuery = { session: { lastCursor: string } };

export type IceServersQueryVariables = Exact<{ [key: string]: never; }>;


export type IceServersQuery = { iceServers: Array<{ urls: Array<string>, username: string | null, credential: string | null, expiresAt: string | null }> };

export type EntryAddedSubscriptionVariables = Exact<{
  after: string;
}>;


export type EntryAddedSubscription = { entryAdded: { id: string, seq: number, cursor: string, connectionId: string, body: string, createdAt: string, connection: { id: string, data: string | null, role: Role, createdAt: string } } };

export type SignalReceivedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type SignalReceivedSubscription = { signalReceived: { type: string, data: string | null, fromConnectionId: string | null, to: string | null, missed: number } };

export type NegotiationReceivedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type NegotiationReceivedSubscription = { negotiationReceived: { streamId: string, fromConnectionId: string, description: { type: SdpType, sdp: string } | null, candidate: { candidate: string, sdpMid: string | null, sdpMLineIndex: number | null, usernameFragment: string | null } | null } };

export type SessionEventsSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type SessionEventsSubscription = { sessionEvents:
    | { __typename: 'ConnectionCreated', connection: { id: string, data: string | null, role: Role, createdAt: string } }
    | { __typename: 'ConnectionDestroyed', reason: DisconnectReason, connection: { id: string } }
    | { __typename: 'ConnectionsChanged', connectionCount: number, created: Array<{ id: string, data: string | null, role: Role, createdAt: string }>, destroyed: Array<{ reason: DisconnectReason, connection: { id: string } }> }
    | { __typename: 'MuteForced', streamId: string | null, except: Array<string>, moderator: { id: string } }
    | { __typename: 'SessionState', connectionCount: number, connections: Array<{ id: string, data: string | null, role: Role, createdAt: string }>, streams: Array<{ createdAt: string, id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null, connection: { id: string, data: string | null, role: Role, createdAt: string } }> }
    | { __typename: 'StreamCreated', stream: { createdAt: string, id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null, connection: { id: string, data: string | null, role: Role, createdAt: string } } }
    | { __typename: 'StreamDestroyed', reason: DisconnectReason, stream: { id: string } }
    | { __typename: 'StreamUpdated', stream: { id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null } }
    | { __typename: 'StreamsChanged', streamsCreated: Array<{ createdAt: string, id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null, connection: { id: string, data: string | null, role: Role, createdAt: string } }>, updated: Array<{ id: string, name: string | null, hasAudio: boolean, hasVideo: boolean, videoType: VideoType, width: number | null, height: number | null }>, streamsDestroyed: Array<{ reason: DisconnectReason, stream: { id: string } }> }
   };


/** An operation, with the types of its data and variables. */
export type Document<Data, Variables> = string & { readonly __types?: (variables: Variables) => Data };

export const connectDocument: Document<ConnectMutation, ConnectMutationVariables> =
  'mutation Connect($token:String$sessionId:ID$data:String){connect(token:$token sessionId:$sessionId data:$data){accessToken expiresAt connection{...Member}session{id lastCursor}}}fragment Member on Connection{id data role createdAt}';

export const renewAccessDocument: Document<RenewAccessMutation, RenewAccessMutationVariables> =
  'mutation RenewAccess{renewAccess{accessToken expiresAt}}';

export const disconnectDocument: Document<DisconnectMutation, DisconnectMutationVariables> =
  'mutation Disconnect{disconnect{id}}';

export const addChatEntryDocument: Document<AddChatEntryMutation, AddChatEntryMutationVariables> =
  'mutation AddChatEntry($connectionId:ID!$body:String!$key:ID!){addChatEntry(connectionId:$connectionId body:$body idempotencyKey:$key){...Entry}}fragment Entry on ChatEntry{id seq cursor connectionId connection{...Member}body createdAt}fragment Member on Connection{id data role createdAt}';

export const sendSignalDocument: Document<SendSignalMutation, SendSignalMutationVariables> =
  'mutation SendSignal($type:String!$data:String$to:ID){sendSignal(type:$type data:$data to:$to){type}}';

export const publishStreamDocument: Document<PublishStreamMutation, PublishStreamMutationVariables> =
  'mutation PublishStream($name:String$hasAudio:Boolean!$hasVideo:Boolean!$videoType:VideoType!$width:Int$height:Int){publishStream(name:$name hasAudio:$hasAudio hasVideo:$hasVideo videoType:$videoType width:$width height:$height){...Video}}fragment Video on Stream{...Look connection{...Member}createdAt}fragment Look on Stream{id name hasAudio hasVideo videoType width height}fragment Member on Connection{id data role createdAt}';

export const updateStreamDocument: Document<UpdateStreamMutation, UpdateStreamMutationVariables> =
  'mutation UpdateStream($streamId:ID!$hasAudio:Boolean$hasVideo:Boolean$width:Int$height:Int){updateStream(streamId:$streamId hasAudio:$hasAudio hasVideo:$hasVideo width:$width height:$height){...Look}}fragment Look on Stream{id name hasAudio hasVideo videoType width height}';

export const unpublishStreamDocument: Document<UnpublishStreamMutation, UnpublishStreamMutationVariables> =
  'mutation UnpublishStream($streamId:ID!){unpublishStream(streamId:$streamId){id}}';

export const forceDisconnectDocument: Document<ForceDisconnectMutation, ForceDisconnectMutationVariables> =
  'mutation ForceDisconnect($connectionId:ID!){forceDisconnect(connectionId:$connectionId){id}}';

export const forceUnpublishDocument: Document<ForceUnpublishMutation, ForceUnpublishMutationVariables> =
  'mutation ForceUnpublish($streamId:ID!){forceUnpublish(streamId:$streamId){id}}';

export const forceMuteDocument: Document<ForceMuteMutation, ForceMuteMutationVariables> =
  'mutation ForceMute($streamId:ID$except:[ID!]){forceMute(streamId:$streamId except:$except){id}}';

export const negotiateDocument: Document<NegotiateMutation, NegotiateMutationVariables> =
  'mutation Negotiate($streamId:ID!$to:ID!$description:SessionDescriptionInput$candidate:IceCandidateInput){negotiate(streamId:$streamId to:$to description:$description candidate:$candidate){streamId}}';

export const chatEntriesDocument: Document<ChatEntriesQuery, ChatEntriesQueryVariables> =
  'query ChatEntries($last:Int!$before:String){chatEntries(last:$last before:$before){nodes{...Entry}pageInfo{hasPreviousPage}}}fragment Entry on ChatEntry{id seq cursor connectionId connection{...Member}body createdAt}fragment Member on Connection{id data role createdAt}';

export const missedEntriesDocument: Document<MissedEntriesQuery, MissedEntriesQueryVariables> =
  'query MissedEntries($first:Int!$after:String!){chatEntries(first:$first after:$after){nodes{...Entry}}}fragment Entry on ChatEntry{id seq cursor connectionId connection{...Member}body createdAt}fragment Member on Connection{id data role createdAt}';

export const lastCursorDocument: Document<LastCursorQuery, LastCursorQueryVariables> =
  'query LastCursor{session{lastCursor}}';

export const iceServersDocument: Document<IceServersQuery, IceServersQueryVariables> =
  'query IceServers{iceServers{urls username credential expiresAt}}';

export const entryAddedDocument: Document<EntryAddedSubscription, EntryAddedSubscriptionVariables> =
  'subscription EntryAdded($after:String!){entryAdded(after:$after){...Entry}}fragment Entry on ChatEntry{id seq cursor connectionId connection{...Member}body createdAt}fragment Member on Connection{id data role createdAt}';

export const signalReceivedDocument: Document<SignalReceivedSubscription, SignalReceivedSubscriptionVariables> =
  'subscription SignalReceived{signalReceived{type data fromConnectionId to missed}}';

export const negotiationReceivedDocument: Document<NegotiationReceivedSubscription, NegotiationReceivedSubscriptionVariables> =
  'subscription NegotiationReceived{negotiationReceived{streamId fromConnectionId description{type sdp}candidate{candidate sdpMid sdpMLineIndex usernameFragment}}}';

export const sessionEventsDocument: Document<SessionEventsSubscription, SessionEventsSubscriptionVariables> =
  'subscription SessionEvents{sessionEvents{__typename ...on SessionState{connections{...Member}connectionCount streams{...Video}}...on ConnectionCreated{connection{...Member}}...on ConnectionDestroyed{connection{id}reason}...on ConnectionsChanged{created{...Member}destroyed{connection{id}reason}connectionCount}...on StreamCreated{stream{...Video}}...on StreamUpdated{stream{...Look}}...on StreamDestroyed{stream{id}reason}...on StreamsChanged{streamsCreated:created{...Video}updated{...Look}streamsDestroyed:destroyed{stream{id}reason}}...on MuteForced{streamId except moderator{id}}}}fragment Member on Connection{id data role createdAt}fragment Video on Stream{...Look connection{...Member}createdAt}fragment Look on Stream{id name hasAudio hasVideo videoType width height}';