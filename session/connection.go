package session

import "time"

// Limits of a connection.
const (
	MaxDataBytes       = 4096 // of a connection's data
	MaxListConnections = 1000 // in a snapshot or a list
)

// Connection is one participant's membership in a session, however many sockets it has. It is immutable: a change of its data or
// its role makes another value with the same ID.
type Connection struct {
	ID        string
	SessionID string
	UserID    *string // nil where it has no user
	Data      *string
	DataFixed bool // Data is a session token's, which its holder can't change
	// DataRevision is the roster's revision at which Data and Role became what they are, and of a service connection the number of its
	// changes; 0 for the connection's first. Of two values with the same ID, the one with the higher DataRevision is the newer.
	DataRevision int64
	Role         Role
	Guest        bool // a name that a guest chose: no lease, no token, in no roster
	Service      bool // the server acts by it for the holder of the API secret: no lease, no token, in no roster
	CreatedAt    time.Time
}

// maxListData bounds the data of all connections in a list, in bytes: as much as MaxListConnections connections with 1,024 bytes
// each have, as was the most of one before. So no list, and no answer with one, is larger than it was then.
const maxListData = MaxListConnections * 1024

// withinData returns the beginning of a list whose connections have no more than maxListData of data.
func withinData[T any](list []T, connectionOf func(T) *Connection) []T {
	size := 0
	for i, item := range list {
		if c := connectionOf(item); c != nil && c.Data != nil {
			size += len(*c.Data)
		}
		if size > maxListData {
			return list[:i]
		}
	}
	return list
}

func itself(c *Connection) *Connection { return c }

// DisconnectReason is why a connection or a stream ended. The values are OpenTok's own spelling.
type DisconnectReason string

const (
	ClientDisconnected  DisconnectReason = "clientDisconnected"  // the client ended it
	NetworkDisconnected DisconnectReason = "networkDisconnected" // it went away and did not come back in time
	ForceDisconnected   DisconnectReason = "forceDisconnected"   // a moderator ended it; a stream: its connection
	ForceUnpublished    DisconnectReason = "forceUnpublished"    // a moderator ended the stream alone
	UserErased          DisconnectReason = "userErased"          // all that its user has stored is being erased
)

// Valid says whether r is one of the reasons.
func (r DisconnectReason) Valid() bool {
	return r == ClientDisconnected || r == NetworkDisconnected || r == ForceDisconnected || r == ForceUnpublished || r == UserErased
}

// NewConnection is a connection that is to be stored.
type NewConnection struct {
	ID        string
	SessionID string
	UserID    *string
	Data      *string
	DataFixed bool
	Role      Role
	// MakeSession makes the session, with NewEpoch, where it does not exist; otherwise an unknown session is NOT_FOUND. TakeTokens says
	// that the session that is made takes tokens from then on.
	MakeSession bool
	TakeTokens  bool
	NewEpoch    Epoch
	// TokenPresented says that the caller showed a session token; a session that takes one refuses others with
	// UNAUTHENTICATED.
	TokenPresented bool
	// Origin is a digest of the client's address that bans of connections without a user go by; 0 where no ban may go by it.
	Origin int64
	// Holders are the token and the address whose limits the connection counts against.
	Holders []Holder
}

// Holder limits the live connections of one session token or one client address, over all sessions.
type Holder struct {
	Name  string // for the error: "session token", "address"
	Key   int64  // a digest that can't be computed back
	Limit int    // live connections at most
}

// NewRole is a change of a connection's role.
type NewRole struct {
	SessionID    string
	ConnectionID string
	Role         Role
	ModeratorID  string // the connection that changes it; empty for the holder of the API secret
}

// ConnectionResult is the outcome of storing one NewConnection.
type ConnectionResult struct {
	Session *Session // nil where Err is not
	Change  RosterChange
	Err     error
}

// ConnectionState is a connection and whether it has ended.
type ConnectionState struct {
	Connection     *Connection
	Destroyed      bool
	SessionDeleted bool // and so Destroyed too
}

// settled says that the connection's data can't change any more.
func (s ConnectionState) settled() bool {
	return s.Connection.Guest || s.Destroyed && !s.Connection.Service
}

// ConnectArgs are the arguments of Connect.
type ConnectArgs struct {
	Grant     *SessionGrant // the session token's content; nil where none was given
	SessionID *string
	Data      *string
	UserKey   *string // a secret of the client's, by which it is a user; nil for none
	Token     int64   // a digest of the session token; 0 where none was given
	Address   int64   // a digest of the client's address; 0 where it is not limited
	Origin    int64   // a digest of the client's address for bans; 0 where bans don't go by it, as for loopback and proxies
}

// connectRules are the settings that newConnection applies.
type connectRules struct {
	open               bool // connect without a token
	users              userKeys
	tokenConnections   int // live connections of one session token
	addressConnections int // live connections of one client address
}

// newConnection applies the rules to the arguments. Errors: UNAUTHENTICATED, FORBIDDEN, BAD_USER_INPUT.
func (rules connectRules) newConnection(a ConnectArgs) (NewConnection, error) {
	n := NewConnection{ID: newID(), Role: RolePublisher, Data: a.Data, NewEpoch: newEpoch(), Origin: a.Origin}
	if a.Token != 0 {
		n.Holders = append(n.Holders, Holder{"session token", a.Token, rules.tokenConnections})
	}
	if a.Address != 0 {
		n.Holders = append(n.Holders, Holder{"address", a.Address, rules.addressConnections})
	}
	switch g := a.Grant; {
	case g != nil:
		if a.SessionID != nil && *a.SessionID != g.SessionID {
			return n, Errorf(CodeForbidden, "sessionId is not the token's session")
		}
		if g.Data != nil && a.Data != nil && *a.Data != *g.Data {
			return n, Errorf(CodeBadUserInput, "data can't be given with a token that carries data")
		}
		if a.UserKey != nil {
			return n, Errorf(CodeBadUserInput, "userKey can't be given with a token: the token says who the user is")
		}
		n.SessionID, n.Role, n.TokenPresented, n.UserID = g.SessionID, g.Role, true, g.UserID
		n.MakeSession, n.TakeTokens = g.MakeSession, g.MakeSession
		if g.Data != nil {
			n.Data, n.DataFixed = g.Data, true
		}
	case !rules.open:
		return n, Errorf(CodeUnauthenticated, "token is needed: this server admits nobody without a session token")
	case a.SessionID == nil:
		return n, Errorf(CodeBadUserInput, "sessionId is needed where no token is given")
	default:
		n.SessionID, n.MakeSession = *a.SessionID, true
		if a.UserKey != nil {
			id, err := rules.users.id(*a.UserKey)
			if err != nil {
				return n, err
			}
			n.UserID = &id
		}
	}
	if err := validName("sessionId", n.SessionID); err != nil {
		return n, err
	}
	if n.Data == nil {
		return n, nil
	}
	return n, validText("data", *n.Data, MaxDataBytes)
}

// TooManyConnections is the error for a connection above a limit of its session, token or address.
func TooManyConnections(whose string, limit int) *Error {
	return Errorf(CodeRateLimited, "this %s has %d connections, which is as many as it may; try again when some have ended", whose, limit).
		WithReason(ReasonTooManyConnections).WithRetryAfter(10 * time.Second)
}

// destroyedError is the error for the access token of a connection that has ended.
func destroyedError() *Error {
	return Errorf(CodeUnauthenticated, "this connection has ended; connect again").WithReason(ReasonConnectionDestroyed)
}

// endedError is destroyedError with why the connection ended, where that is known. Clients need the reason: they do not
// connect again where a moderator ended the connection.
func endedError(reason DisconnectReason) *Error {
	if reason == "" {
		return destroyedError()
	}
	return Errorf(CodeUnauthenticated, "this connection has ended (%s); connect again", reason).
		WithReason(ReasonConnectionDestroyed)
}
