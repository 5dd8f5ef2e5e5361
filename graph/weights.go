package graph

import "chattok/session"

// Bytes of text that several fields have.
const (
	idBytes     = session.MaxNameBytes + 2 // an id, or a name
	cursorBytes = 64
	// tokenBytes is a signed token's: the data in it is escaped as JSON, six bytes for one, and then base64.
	tokenBytes = 1024 + session.MaxDataBytes*6*4/3
	urlsBytes  = 16 << 10 // the addresses of one ICE server, which the operator names
)

// weights are the bytes that each field with text has at most, before it is escaped. What an operation may weigh is
// known by them before it is executed; the server does not start where one is missing.
var weights = map[string]int{
	"AccessPayload.accessToken":     tokenBytes,
	"ChatEntry.body":                session.MaxBodyBytes,
	"ChatEntry.connectionId":        idBytes,
	"ChatEntry.cursor":              cursorBytes,
	"ChatEntry.id":                  cursorBytes,
	"ChatEntry.idempotencyKey":      session.MaxIdempotencyKeyBytes,
	"ChatEntryEdge.cursor":          cursorBytes,
	"ConnectPayload.accessToken":    tokenBytes,
	"Connection.data":               session.MaxDataBytes,
	"Connection.id":                 idBytes,
	"ConnectionEdge.cursor":         cursorBytes,
	"IceCandidate.candidate":        session.MaxNegotiationBytes,
	"IceCandidate.sdpMid":           session.MaxNegotiationBytes,
	"IceCandidate.usernameFragment": session.MaxNegotiationBytes,
	"IceServer.credential":          1024,
	"IceServer.urls":                urlsBytes,
	"IceServer.username":            1024,
	"MuteForced.except":             session.MaxListStreams * (idBytes + 1),
	"MuteForced.streamId":           idBytes,
	"Negotiation.fromConnectionId":  idBytes,
	"Negotiation.streamId":          idBytes,
	"Negotiation.to":                idBytes,
	"PageInfo.endCursor":            cursorBytes,
	"PageInfo.startCursor":          cursorBytes,
	"Session.id":                    idBytes,
	"Session.lastCursor":            cursorBytes,
	"SessionDescription.sdp":        session.MaxNegotiationBytes,
	"Signal.data":                   session.MaxSignalDataBytes,
	"Signal.fromConnectionId":       idBytes,
	"Signal.to":                     idBytes,
	"Signal.type":                   idBytes,
	"Stream.id":                     idBytes,
	"Stream.name":                   session.MaxStreamNameBytes,
	"TokenPayload.token":            tokenBytes,
}
