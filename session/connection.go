package session

import (
	"context"
	"time"
)

// Limits of a connection.
const (
	MaxDataBytes       = 1024 // of a connection's data
	MaxListConnections = 1000 // in a snapshot or a list
)

// Connection is one participant's membership in a session, however many sockets it has. It is immutable.
type Connection struct {
	ID        string
	SessionID string
	Data      *string
	Role      Role
	Guest     bool // a name that a guest chose: no lease, no token, in no presence list
	CreatedAt time.Time
}

// NewConnection is a connection that is to be stored.
type NewConnection struct {
	ID        string
	SessionID string
	Data      *string
	Role      Role
	// MakeSession has the session made, with NewEpoch, where it does not exist; else that is NOT_FOUND.
	MakeSession bool
	NewEpoch    Epoch
	// TokenPresented says that the caller showed a session token; a session that asks for one refuses others with
	// UNAUTHENTICATED.
	TokenPresented bool
	// Holders are those whom the connection counts to.
	Holders []Holder
}

// Holder is someone whom connections of any session count to, such as the session token that was traded for them, or a
// client's address.
type Holder struct {
	Name  string // for the error: "session token", "address"
	Key   int64  // a digest that nobody can compute back
	Limit int    // live connections at most
}

// ConnectArgs is what a caller asks of Connect.
type ConnectArgs struct {
	Grant     *SessionGrant // what the session token said; nil where none was given
	SessionID *string
	Data      *string
	Token     int64 // a digest of the session token; 0 where none was given
	Address   int64 // a digest of the client's address; 0 where it is not limited
}

// Connect makes a connection. Errors: UNAUTHENTICATED where a token is needed; FORBIDDEN for a sessionId that is not
// the token's; NOT_FOUND for a token's session that does not exist; BAD_USER_INPUT; RATE_LIMITED, with
// ReasonTooManyConnections; UNAVAILABLE.
func (s *Service) Connect(ctx context.Context, a ConnectArgs) (*Connection, *Session, error) {
	n, err := s.newConnection(a)
	if err != nil {
		return nil, nil, err
	}
	if err := s.hasPlace(n.SessionID); err != nil {
		return nil, nil, err
	}
	r, err := s.connections.do(ctx, n)
	if err == nil {
		err = r.Err
	}
	if err != nil {
		return nil, nil, err
	}
	// The room is opened now, and lingers, so that what is sent to the connection before it listens finds a place.
	_, release, err := s.room(ctx, r.Session.ID)
	if err != nil {
		return nil, nil, err
	}
	release()
	return r.Change.Connection, r.Session, nil
}

// hasPlace checks that a session may have one more connection, as far as this node knows: those that are being made now,
// here or on other nodes, are not counted. A session whose room is not open was joined by nobody for a while.
func (s *Service) hasPlace(sessionID string) error {
	r := s.peekRoom(sessionID)
	if r == nil {
		return nil
	}
	if _, live := r.roster.connections(0); live >= s.cfg.SessionConnections {
		return TooManyConnections("session", s.cfg.SessionConnections)
	}
	return nil
}

// TooManyConnections is the error for a connection above a limit of whose it would be.
func TooManyConnections(whose string, limit int) *Error {
	return Errorf(CodeRateLimited, "this %s has %d connections, which is as many as it may; try again when some have ended", whose, limit).
		WithReason(ReasonTooManyConnections).WithRetryAfter(10 * time.Second)
}

// newConnection applies the rules to the arguments.
func (s *Service) newConnection(a ConnectArgs) (NewConnection, error) {
	n := NewConnection{ID: newID(), Role: RolePublisher, Data: a.Data, NewEpoch: newEpoch()}
	if a.Token != 0 {
		n.Holders = append(n.Holders, Holder{"session token", a.Token, s.cfg.TokenConnections})
	}
	if a.Address != 0 {
		n.Holders = append(n.Holders, Holder{"address", a.Address, s.cfg.AddressConnections})
	}
	switch g := a.Grant; {
	case g != nil:
		if a.SessionID != nil && *a.SessionID != g.SessionID {
			return n, Errorf(CodeForbidden, "sessionId is not the token's session")
		}
		if g.Data != nil && a.Data != nil && *a.Data != *g.Data {
			return n, Errorf(CodeBadUserInput, "data can't be given with a token that carries data")
		}
		n.SessionID, n.Role, n.TokenPresented = g.SessionID, g.Role, true
		if g.Data != nil {
			n.Data = g.Data
		}
	case !s.cfg.Open:
		return n, Errorf(CodeUnauthenticated, "token is needed: this server admits nobody without a session token")
	case a.SessionID == nil:
		return n, Errorf(CodeBadUserInput, "sessionId is needed where no token is given")
	default:
		n.SessionID, n.MakeSession = *a.SessionID, true
	}
	if err := validName("sessionId", n.SessionID); err != nil {
		return n, err
	}
	if n.Data == nil {
		return n, nil
	}
	return n, validText("data", *n.Data, MaxDataBytes)
}

// Me returns the caller's connection. Errors: UNAUTHENTICATED, FORBIDDEN.
func (s *Service) Me(c Caller) (*Connection, error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	return c.Connection, nil
}

// Disconnect ends the caller's connection. Errors: UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) Disconnect(ctx context.Context, c Caller) (*Connection, error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	gone, err := s.destroy(ctx, c.Connection.ID, ClientDisconnected)
	if CodeOf(err) == CodeNotFound {
		return nil, destroyedError()
	}
	return gone, err
}

// ForceDisconnect ends a connection of the caller's session. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND,
// UNAVAILABLE.
func (s *Service) ForceDisconnect(ctx context.Context, c Caller, connectionID string) (*Connection, error) {
	if err := c.canModerate("forceDisconnect"); err != nil {
		return nil, err
	}
	if err := s.liveInSession(ctx, "connectionId", connectionID, c.SessionID); err != nil {
		return nil, err
	}
	return s.destroy(ctx, connectionID, ForceDisconnected)
}

// destroy ends a connection at once, whatever becomes of the caller meanwhile.
func (s *Service) destroy(ctx context.Context, id string, reason DisconnectReason) (*Connection, error) {
	ctx = context.WithoutCancel(ctx)
	change, err := s.store.DestroyConnection(ctx, id, reason)
	if err != nil {
		return nil, err
	}
	s.publishChange(ctx, change)
	return change.Connection, nil
}

// liveInSession checks that an id is a live connection of a session. Errors: NOT_FOUND, alike for every other id.
func (s *Service) liveInSession(ctx context.Context, argument, id, sessionID string) error {
	state, err := s.committedState(ctx, id)
	if err != nil {
		return err
	}
	if c := state.Connection; c == nil || state.Destroyed || c.Guest || c.SessionID != sessionID {
		return Errorf(CodeNotFound, "%s is not a live connection of this session", argument)
	}
	return nil
}

// Connections returns the connections with these ids, ended ones too, in one read of the Store for all that this node
// does not know. Unknown ids are absent. Errors: UNAVAILABLE.
func (s *Service) Connections(ctx context.Context, ids []string) (map[string]*Connection, error) {
	found := make(map[string]*Connection, len(ids))
	var unknown []string
	for _, id := range ids {
		if state, ok := s.known.get(id); ok {
			found[id] = state.Connection
		} else {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return found, nil
	}
	states, err := s.store.Connections(ctx, unknown)
	if err != nil {
		return nil, err
	}
	for id, state := range states {
		s.known.put(id, state)
		found[id] = state.Connection
	}
	return found, nil
}

// KnownConnection returns a connection that this node remembers.
func (s *Service) KnownConnection(id string) (c *Connection, ok bool) {
	state, ok := s.known.get(id)
	return state.Connection, ok
}
