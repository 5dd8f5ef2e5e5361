package session

import "context"

// EraseUser begins to erase all that a user has stored in all sessions, or a connection or guest without a user, and returns the erasure as
// it is then. It goes on by itself, on any node, and over restarts. A connection that has a user stands for its user. Errors:
// UNAUTHENTICATED, FORBIDDEN, BAD_USER_INPUT; UNAVAILABLE.
func (s *Service) EraseUser(ctx context.Context, c Caller, userID, connectionID *string) (*Erasure, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if (userID == nil) == (connectionID == nil) {
		return nil, Errorf(CodeBadUserInput, "exactly one of userId and connectionId must be given")
	}
	n := NewErasure{ID: newID(), UserID: userID}
	if connectionID != nil {
		n.ConnectionID = *connectionID
	}
	if err := n.Validate(); err != nil {
		return nil, err
	}
	e, err := s.cfg.Store.CreateErasure(context.WithoutCancel(ctx), n)
	if err == nil {
		s.eraser.wake()
	}
	return e, err
}

// Erasure returns an erasure. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, UNAVAILABLE.
func (s *Service) Erasure(ctx context.Context, c Caller, id string) (*Erasure, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	e, err := s.cfg.Store.Erasure(ctx, id)
	if CodeOf(err) == CodeNotFound {
		err = Errorf(CodeNotFound, "id is not an erasure")
	}
	return e, err
}

// Erasures returns the newest erasures, MaxListErasures at most, the newest first. Errors: UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) Erasures(ctx context.Context, c Caller) ([]*Erasure, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	return s.cfg.Store.Erasures(ctx, MaxListErasures)
}
