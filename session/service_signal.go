package session

import "context"

// SendSignal sends a signal to the caller's session and returns it. Errors: UNAUTHENTICATED, FORBIDDEN, BAD_USER_INPUT, NOT_FOUND,
// UNAVAILABLE.
func (s *Service) SendSignal(ctx context.Context, c Caller, g Signal) (*Signal, error) {
	if err := c.canSignal(); err != nil {
		return nil, err
	}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if g.To != nil {
		if err := s.connections.checkLive(ctx, "to", *g.To, c.SessionID); err != nil {
			return nil, err
		}
	}
	if c.Connection != nil {
		g.FromConnectionID = &c.Connection.ID
	}
	if err := s.sender.send(ctx, c.SessionID, g.To, Message{SessionID: c.SessionID, Signal: &g}); err != nil {
		return nil, err
	}
	s.cfg.Metrics.SignalSent()
	return &g, nil
}

// Negotiate sends a description or a candidate from the caller to a connection of its session, and returns it; one of
// the two must be the stream's publisher. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BAD_USER_INPUT, UNAVAILABLE.
func (s *Service) Negotiate(ctx context.Context, c Caller, n Negotiation) (*Negotiation, error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	n.FromConnectionID = c.Connection.ID
	if err := n.Validate(); err != nil {
		return nil, err
	}
	stream, err := s.streamInSession(ctx, n.StreamID, c.SessionID)
	if err != nil {
		return nil, err
	}
	publisher := stream.Connection.ID
	switch {
	case n.FromConnectionID != publisher && n.To != publisher:
		return nil, Errorf(CodeForbidden, "to must be the stream's publisher, since you are not")
	case n.FromConnectionID == n.To:
		return nil, Errorf(CodeBadUserInput, "to must be another connection than your own")
	}
	if err := s.checkSubscriber(ctx, c, publisher, n.To); err != nil {
		return nil, err
	}
	if err := s.sender.send(ctx, c.SessionID, &n.To, Message{SessionID: c.SessionID, Negotiation: &n}); err != nil {
		return nil, err
	}
	s.cfg.Metrics.NegotiationSent()
	return &n, nil
}

// checkSubscriber checks that the other end of a negotiation is a live connection of the caller's session, and that the end which
// does not publish the stream may subscribe. Errors: FORBIDDEN, NOT_FOUND, UNAVAILABLE.
func (s *Service) checkSubscriber(ctx context.Context, c Caller, publisher, to string) error {
	state, err := s.connections.live(ctx, "to", to, c.SessionID)
	if err != nil {
		return err
	}
	subscriber := c.Connection
	if subscriber.ID == publisher {
		subscriber = state
	}
	if !subscriber.Role.CanSubscribe() {
		return Errorf(CodeForbidden, "role %s may publish and not subscribe", subscriber.Role)
	}
	return nil
}
