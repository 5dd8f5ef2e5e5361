package graph

import "chattok/session"

// Bytes of text in fields that occur in several types.
const (
	idBytes     = session.MaxNameBytes + 2 // an id or a name
	cursorBytes = 64
	// dataBytes is what the data of a connection counts as. One connection may have four times as much, but the domain ends a
	// list, the longest of which has 1,000 connections, where their data exceeds this much for each of 1,000.
	dataBytes = 1024
	// tokenBytes is the size of a signed token: the data in it is escaped as JSON, six bytes for one, and then base64.
	tokenBytes = 1024 + (session.MaxDataBytes+session.MaxUserIDBytes)*6*4/3
	urlsBytes  = 16 << 10 // addresses of one ICE server, which the operator configures
	// versionBytes is the size of a version, which is chosen when the program is built.
	versionBytes       = 128
	webhookErrorBytes  = 256 // the server's own words
	webhookSecretBytes = 128
)

// lists says how many items a list field has at most, or on a page whose size is not given: by name, or by type and name.
var lists = map[string]int{
	"bans":        session.MaxListBans,
	"chatEntries": session.DefaultPage,
	"connections": session.MaxListConnections,
	"created":     session.MaxListConnections,
	"destroyed":   session.MaxListConnections,
	"reactions":   session.MaxReactionNames,
	"sessions":    session.DefaultPage,
	"streams":     session.MaxListStreams,
	"updated":     session.MaxListStreams,
	"users":       defaultReactors,
	"forceMute":   session.MaxListStreams,
	"samples":     session.MaxSamples,
	"webhooks":    session.MaxWebhooks + 1,
	"erasures":    session.MaxListErasures,

	"Server.nodes": session.MaxListNodes,
}

// smallAnswers are the busiest root fields. Their answers are small where only a few scalar fields are selected, so
// they need not be weighed.
var smallAnswers = []string{"addChatEntry", "latestChatEntry"}

// weights are the bytes of each field with text at most, before it is escaped. They bound the memory of an operation
// before it is executed. The server does not start where one is missing.
var weights = map[string]int{
	"AccessPayload.accessToken":      tokenBytes,
	"Ban.id":                         idBytes,
	"Ban.userId":                     session.MaxUserIDBytes,
	"ChatEntry.body":                 session.MaxBodyBytes,
	"ChatEntry.connectionId":         idBytes,
	"ChatEntry.cursor":               cursorBytes,
	"ChatEntry.data":                 session.MaxEntryDataBytes,
	"ChatEntry.deletedBy":            idBytes,
	"ChatEntry.id":                   cursorBytes,
	"ChatEntry.idempotencyKey":       session.MaxIdempotencyKeyBytes,
	"ChatEntry.myReactions":          session.MaxReactionNames * (session.MaxReactionNameBytes + 3),
	"ChatEntry.userId":               session.MaxUserIDBytes,
	"ChatEntryConnection.lastCursor": cursorBytes,
	"ChatEntryEdge.cursor":           cursorBytes,
	"ConnectPayload.accessToken":     tokenBytes,
	"Connection.data":                dataBytes,
	"Connection.id":                  idBytes,
	"Connection.userId":              session.MaxUserIDBytes,
	"ConnectionEdge.cursor":          cursorBytes,
	"EntryAdded.cursor":              cursorBytes,
	"EntryChanged.cursor":            cursorBytes,
	"Erasure.id":                     idBytes,
	"ExportPage.lines":               session.MaxExportPageBytes,
	"ExportPage.next":                session.MaxExportCursorBytes,
	"FeedEvent.cursor":               cursorBytes,
	"FeedEvent.id":                   cursorBytes,
	"FeedEvent.sessionId":            idBytes,
	"IceCandidate.candidate":         session.MaxNegotiationBytes,
	"IceCandidate.sdpMid":            session.MaxNegotiationBytes,
	"IceCandidate.usernameFragment":  session.MaxNegotiationBytes,
	"IceServer.credential":           1024,
	"IceServer.urls":                 urlsBytes,
	"IceServer.username":             1024,
	"LogTruncated.to":                cursorBytes,
	"MuteForced.except":              session.MaxListStreams * (idBytes + 1),
	"MuteForced.streamId":            idBytes,
	"Metrics.nodeId":                 idBytes,
	"Mutation.deleteSession":         idBytes,
	"Negotiation.fromConnectionId":   idBytes,
	"Negotiation.streamId":           idBytes,
	"Negotiation.to":                 idBytes,
	"Node.id":                        idBytes,
	"Node.version":                   versionBytes,
	"Query.feedCursor":               cursorBytes,
	"PageInfo.endCursor":             session.MaxSessionCursorBytes,
	"PageInfo.startCursor":           session.MaxSessionCursorBytes,
	"Reaction.name":                  session.MaxReactionNameBytes,
	"ReactionsChanged.entryId":       cursorBytes,
	"ReactionsChanged.myReactions":   session.MaxReactionNames * (session.MaxReactionNameBytes + 3),
	"ReadMarked.readCursor":          cursorBytes,
	"Session.data":                   session.MaxSessionDataBytes,
	"Server.version":                 versionBytes,
	"Session.id":                     idBytes,
	"Session.firstCursor":            cursorBytes,
	"Session.lastCursor":             cursorBytes,
	"Session.readCursor":             cursorBytes,
	"SessionDeleted.sessionId":       idBytes,
	"SessionEdge.cursor":             session.MaxSessionCursorBytes,
	"SessionDescription.sdp":         session.MaxNegotiationBytes,
	"Signal.data":                    session.MaxSignalDataBytes,
	"Signal.fromConnectionId":        idBytes,
	"Signal.to":                      idBytes,
	"Signal.type":                    idBytes,
	"Stream.id":                      idBytes,
	"Stream.name":                    session.MaxStreamNameBytes,
	"TokenPayload.token":             tokenBytes,
	"Webhook.id":                     idBytes,
	"Webhook.lastError":              webhookErrorBytes,
	"Webhook.sessionPrefix":          idBytes,
	"Webhook.url":                    session.MaxWebhookURLBytes,
	"WebhookPayload.secret":          webhookSecretBytes,
}
