package session

import (
	"context"
	"time"
)

// CallerKind says how a caller identified itself.
type CallerKind uint8

const (
	Nobody   CallerKind = iota // without a token, in closed mode
	Guest                      // without a token, in open mode: confined to the lobby
	Member                     // with a connection's access token
	Operator                   // with the API secret
)

// Caller is who an operation runs for. Its zero value is Nobody.
type Caller struct {
	Kind       CallerKind
	SessionID  string // of a Member, or Lobby for a Guest
	Connection *Connection
}

// AccessGrant is what an access token says: its holder is this connection.
type AccessGrant struct {
	SessionID    string
	ConnectionID string
	Role         Role
	ExpiresAt    time.Time
}

// SessionGrant is what a session token says: its holder may connect to this session.
type SessionGrant struct {
	SessionID string
	Role      Role
	Data      *string
	ExpiresAt time.Time
}

// Member returns the caller that an access token's grant makes. Errors: UNAUTHENTICATED, with
// ReasonConnectionDestroyed where its connection has ended, and ReasonStayEnded where it is too old; UNAVAILABLE.
func (s *Service) Member(ctx context.Context, g AccessGrant) (Caller, error) {
	state, err := s.connectionState(ctx, g.ConnectionID)
	if err != nil {
		return Caller{}, err
	}
	c := state.Connection
	if c == nil || state.Destroyed || c.Guest || c.SessionID != g.SessionID {
		return Caller{}, destroyedError()
	}
	if s.stayEnded(c) {
		return Caller{}, s.stayEndedError()
	}
	s.presence.touch(c.ID)
	return Caller{Kind: Member, SessionID: c.SessionID, Connection: c}, nil
}

// Anonymous returns the caller of an operation without a token.
func (s *Service) Anonymous() Caller {
	if s.cfg.Open {
		return Caller{Kind: Guest, SessionID: Lobby}
	}
	return Caller{}
}

// connectionState returns what is known of a connection; a zero state for an unknown id.
func (s *Service) connectionState(ctx context.Context, id string) (ConnectionState, error) {
	if state, ok := s.known.current(id); ok {
		return state, nil
	}
	return s.readState(ctx, id)
}

// committedState is connectionState that also knows what another node has done before the call.
func (s *Service) committedState(ctx context.Context, id string) (ConnectionState, error) {
	if !s.shared {
		return s.connectionState(ctx, id)
	}
	return s.readState(ctx, id)
}

func (s *Service) readState(ctx context.Context, id string) (ConnectionState, error) {
	found, err := s.store.Connections(ctx, []string{id})
	if err != nil {
		return ConnectionState{}, err
	}
	state, ok := found[id]
	if ok {
		s.known.put(id, state)
	}
	return state, nil
}

// inSession checks that the caller may read its session. Errors: UNAUTHENTICATED; FORBIDDEN for the API secret.
func (c Caller) inSession() error {
	switch c.Kind {
	case Member, Guest:
		return nil
	case Operator:
		return Errorf(CodeForbidden, "the API secret is in no session; connect, and send the access token")
	default:
		return Errorf(CodeUnauthenticated, "send an access token: call connect with a session token first")
	}
}

// connected checks that the caller is a connection. Errors as inSession, and UNAUTHENTICATED for a guest.
func (c Caller) connected() error {
	if c.Kind == Guest {
		return Errorf(CodeUnauthenticated, "this needs a connection of your own: call connect(sessionId: \"lobby\") and send its accessToken as \"Authorization: Bearer …\"")
	}
	return c.inSession()
}

// canPublish checks that a connected caller may add entries and send signals. Errors: FORBIDDEN.
func (c Caller) canPublish() error {
	if c.Kind == Member && !c.Connection.Role.CanPublish() {
		return Errorf(CodeForbidden, "role %s may only read and subscribe", c.Connection.Role)
	}
	return nil
}

// canModerate checks that the caller is a connection that may moderate. Errors as connected, and FORBIDDEN.
func (c Caller) canModerate(operation string) error {
	if err := c.connected(); err != nil {
		return err
	}
	if !c.Connection.Role.CanModerate() {
		return Errorf(CodeForbidden, "%s needs role MODERATOR", operation)
	}
	return nil
}

// operator checks that the caller holds the API secret. Errors: UNAUTHENTICATED, FORBIDDEN.
func (c Caller) operator() error {
	switch c.Kind {
	case Operator:
		return nil
	case Member:
		return Errorf(CodeForbidden, "this is for the holder of the API secret")
	default:
		return Errorf(CodeUnauthenticated, "send the API secret as \"Authorization: Bearer …\"")
	}
}
