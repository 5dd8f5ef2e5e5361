package session

import (
	"context"
	"errors"
	"time"
)

// Member returns the caller that an access token's grant makes. Errors: UNAUTHENTICATED, with ReasonConnectionDestroyed where
// its connection has ended, and ReasonStayEnded where it is too old; NOT_FOUND, with ReasonSessionDeleted; UNAVAILABLE.
func (s *Service) Member(ctx context.Context, g AccessGrant) (Caller, error) {
	state, err := s.connections.state(ctx, g.ConnectionID)
	if err != nil {
		return Caller{}, err
	}
	c := state.Connection
	switch {
	case state.SessionDeleted:
		return Caller{}, SessionDeletedError()
	case c == nil:
		return Caller{}, s.unknownMember(ctx, g)
	}
	if state.Destroyed || c.Guest || c.SessionID != g.SessionID {
		return Caller{}, destroyedError()
	}
	if stay := maxStay(s.cfg.MaxStay); stay.ended(c, s.cfg.Now()) {
		return Caller{}, stay.err()
	}
	s.presence.touch(c.ID)
	return Caller{Kind: Member, SessionID: c.SessionID, Connection: c}, nil
}

// unknownMember returns the error for the connection of an access token that the Store does not have: its session may have been
// deleted, with all that it had.
func (s *Service) unknownMember(ctx context.Context, g AccessGrant) error {
	_, err := s.cfg.Store.Session(ctx, g.SessionID)
	if e, ok := errors.AsType[*Error](err); ok && (e.Reason == ReasonSessionDeleted || e.Code == CodeUnavailable) {
		return e
	}
	return destroyedError()
}

// Anonymous returns the caller of an operation without a token.
func (s *Service) Anonymous() Caller {
	if s.cfg.Open {
		return Caller{Kind: Guest, SessionID: Lobby}
	}
	return Caller{}
}

// StayEnd returns when a connection ends for good, whatever it does; the zero Time for never.
func (s *Service) StayEnd(c *Connection) time.Time { return maxStay(s.cfg.MaxStay).end(c) }

// Attach says that the caller's connection has a socket, which keeps it alive until Detach. onEnd is called, once at most and
// on a goroutine of its own, when the connection ends: the socket must be closed then. Callers without a connection get a nil
// Attachment, which may be detached. Errors: UNAUTHENTICATED with ReasonConnectionDestroyed; RATE_LIMITED for a socket over
// Config.SocketLimit; UNAVAILABLE.
func (s *Service) Attach(ctx context.Context, c Caller, onEnd func(*Error)) (*Attachment, error) {
	if c.Kind != Member {
		return nil, nil
	}
	_, release, err := s.rooms.open(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	return s.presence.attach(ctx, c.Connection, onEnd, release)
}
