package session

import "context"

// SetRole gives a connection of the caller's session another role, and returns it as it is then. The role is the connection's, whatever
// its tokens say, and ends with it. A connection that may not publish any more loses its streams. Errors: UNAUTHENTICATED; FORBIDDEN,
// also for another moderator's connection unless with the API secret; NOT_FOUND where it is not a live connection of the session;
// UNAVAILABLE.
func (s *Service) SetRole(ctx context.Context, c Caller, connectionID string, role Role) (*Connection, error) {
	if err := c.canModerate("setRole"); err != nil {
		return nil, err
	}
	n := NewRole{SessionID: c.SessionID, ConnectionID: connectionID, Role: role, ModeratorID: c.moderatorID()}
	ctx = context.WithoutCancel(ctx)
	connection, changes, err := s.cfg.Store.SetRole(ctx, n)
	if CodeOf(err) == CodeNotFound {
		err = Errorf(CodeNotFound, "connectionId is not a live connection of this session")
	}
	if err != nil {
		return nil, err
	}
	for _, change := range changes {
		s.publisher.change(ctx, change)
	}
	return connection, nil
}

// Current returns the caller with its connection as this node knows it now: a socket's caller is as old as the socket. It does not
// wait.
func (s *Service) Current(c Caller) Caller {
	if c.Kind != Member {
		return c
	}
	if known, ok := s.connections.current(c.Connection); ok {
		c.Connection = known
	}
	return c
}
