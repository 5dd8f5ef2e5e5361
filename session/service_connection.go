package session

import "context"

// Connect makes a connection. Errors: UNAUTHENTICATED where a token is needed; FORBIDDEN for a sessionId that is not
// the token's, with ReasonBanned for a user or an address that is banned, and with ReasonRefused for its data; NOT_FOUND for a token's
// session that does not exist; BAD_USER_INPUT; RATE_LIMITED, with ReasonTooManyConnections; UNAVAILABLE, with ReasonNotReviewed where
// its data could not be reviewed.
func (s *Service) Connect(ctx context.Context, a ConnectArgs) (*Connection, *Session, error) {
	n, err := s.connectRules().newConnection(a)
	if err != nil {
		return nil, nil, err
	}
	if err := s.reviewNew(ctx, &n); err != nil {
		return nil, nil, err
	}
	c, sess, err := s.connections.create(ctx, n)
	if err != nil {
		return nil, nil, err
	}
	// The room is opened now, and lingers, so that messages to the connection wait there until it listens. Where that fails, the connection
	// is there all the same: an error would make the client connect once more.
	if _, release, err := s.rooms.open(ctx, sess.ID); err == nil {
		release()
	}
	return c, sess, nil
}

// Origin returns the number by which bans know a client's network; see ConnectArgs.
func (s *Service) Origin(network string) int64 { return userKeys(s.cfg.UserKey).origin(network) }

// Me returns the caller's connection. Errors: UNAUTHENTICATED, FORBIDDEN.
func (s *Service) Me(c Caller) (*Connection, error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	return s.Current(c).Connection, nil
}

// SetData changes what the others see of the caller's connection; nil takes it away. It returns the connection as it is then.
// Errors: UNAUTHENTICATED; FORBIDDEN, with ReasonDataFixed where a session token carried the data, or with ReasonRefused or
// ReasonSessionFull; BAD_USER_INPUT; UNAVAILABLE, with ReasonNotReviewed where it could not be reviewed.
func (s *Service) SetData(ctx context.Context, c Caller, data *string) (*Connection, error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	if c.Connection.DataFixed {
		return nil, Errorf(CodeForbidden, "data is your session token's and can't be changed").WithReason(ReasonDataFixed)
	}
	if data != nil {
		if err := validText("data", *data, MaxDataBytes); err != nil {
			return nil, err
		}
		var err error
		if data, err = s.reviewChosen(ctx, c, *data); err != nil {
			return nil, err
		}
	}
	return s.connections.update(context.WithoutCancel(ctx), c.Connection.ID, data)
}

// Disconnect ends the caller's connection. Errors: UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) Disconnect(ctx context.Context, c Caller) (*Connection, error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	gone, err := s.connections.destroy(ctx, c.Connection.ID, "", ClientDisconnected)
	if CodeOf(err) == CodeNotFound {
		return nil, destroyedError()
	}
	return gone, err
}

// ForceDisconnect ends a connection of the caller's session. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, UNAVAILABLE.
func (s *Service) ForceDisconnect(ctx context.Context, c Caller, connectionID string) (*Connection, error) {
	if err := c.canModerate("forceDisconnect"); err != nil {
		return nil, err
	}
	if err := s.connections.checkLive(ctx, "connectionId", connectionID, c.SessionID); err != nil {
		return nil, err
	}
	return s.connections.destroy(ctx, connectionID, c.moderatorID(), ForceDisconnected)
}

// Connections returns the connections with these ids, ended ones too, in one read of the Store for all that this node
// does not know. Unknown ids are absent. Errors: UNAVAILABLE.
func (s *Service) Connections(ctx context.Context, ids []string) (map[string]*Connection, error) {
	return s.connections.byID(ctx, ids)
}

// KnownConnection returns a connection that this node remembers, where its data is not out of date. It does not wait.
func (s *Service) KnownConnection(id string) (c *Connection, ok bool) {
	state, ok := s.connections.believed(id)
	return state.Connection, ok
}

// Ended says whether this node knows that a connection has ended. It does not wait.
func (s *Service) Ended(connectionID string) bool {
	state, ok := s.connections.cached(connectionID)
	return ok && state.Destroyed
}

// ICEServers returns the ICE servers for the caller. Errors: UNAUTHENTICATED, FORBIDDEN.
func (s *Service) ICEServers(c Caller) ([]*ICEServer, error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	if s.cfg.ICE == nil {
		return nil, nil
	}
	return s.cfg.ICE.Servers(c.Connection), nil
}
