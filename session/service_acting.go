package session

import "context"

// In returns the caller in the session in which its operation is: the holder of the API secret is in none and names one, everybody
// else is in its own and names none. Errors: BAD_USER_INPUT for the API secret without a sessionID; NOT_FOUND for an unknown one;
// FORBIDDEN, or UNAUTHENTICATED without a connection, for a sessionID of anybody else; UNAVAILABLE.
func (s *Service) In(ctx context.Context, c Caller, sessionID *string) (Caller, error) {
	switch {
	case c.Kind != Operator && sessionID == nil:
		return c, nil
	case c.Kind != Operator:
		return Caller{}, c.notOperator("sessionId")
	case sessionID == nil:
		return Caller{}, Errorf(CodeBadUserInput, "sessionId is needed with the API secret")
	}
	if _, err := s.rooms.session(ctx, *sessionID); err != nil {
		return Caller{}, err
	}
	c.SessionID = *sessionID
	return c, nil
}

// As returns the caller, which In returned, as the bot or the user that it acts as; nil leaves it as it is. Errors: BAD_USER_INPUT;
// FORBIDDEN, with ReasonBanned and Until for a user that is banned from the session; FORBIDDEN, or UNAUTHENTICATED without a
// connection, for anybody but the holder of the API secret; UNAVAILABLE.
func (s *Service) As(ctx context.Context, c Caller, as *ActAs) (Caller, error) {
	if as == nil {
		return c, nil
	}
	if c.Kind != Operator {
		return Caller{}, c.notOperator("as")
	}
	actor, err := as.actor()
	if err != nil {
		return Caller{}, err
	}
	c.Connection, err = s.serviceConnection(ctx, c.SessionID, actor)
	return c, err
}

// acting returns the connection by which the caller acts: its own, for the holder of the API secret that of the one that it acts
// as, or else the server's. Errors: NOT_FOUND for a session that is gone; UNAVAILABLE.
func (s *Service) acting(ctx context.Context, c Caller) (*Connection, error) {
	if c.Kind != Operator || c.Connection != nil {
		return c.Connection, nil
	}
	return s.serviceConnection(ctx, c.SessionID, ServiceActor{})
}

// serviceConnection returns an actor's connection in a session. This node knows its newest data from then on.
func (s *Service) serviceConnection(ctx context.Context, sessionID string, actor ServiceActor) (*Connection, error) {
	c, err := s.cfg.Store.ServiceConnection(ctx, sessionID, actor)
	if err != nil {
		return nil, err
	}
	s.connections.noteService(c)
	return c, nil
}
