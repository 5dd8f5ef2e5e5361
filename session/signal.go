package session

import "context"

// Limits of a signal.
const MaxSignalDataBytes = 8 << 10

// Signal is a short message to the connections that are there now. It is not stored.
type Signal struct {
	Type             string
	Data             *string
	FromConnectionID *string // nil where the server sent it
	To               *string // nil where it went to all of the session
	Missed           int     // how many signals this reader lost directly before this one
}

func (g *Signal) bytes() int {
	n := 128 + len(g.Type)
	if g.Data != nil {
		n += len(*g.Data)
	}
	return n
}

func (g *Signal) afterMissing(count int) *Signal {
	marked := *g
	marked.Missed = count
	return &marked
}

// SendSignal sends a signal to the caller's session, or with the API secret to sessionID, and returns it. Errors:
// UNAUTHENTICATED, FORBIDDEN, BAD_USER_INPUT, NOT_FOUND, UNAVAILABLE.
func (s *Service) SendSignal(ctx context.Context, c Caller, g Signal, sessionID *string) (*Signal, error) {
	target, err := s.signalTarget(ctx, c, sessionID)
	if err != nil {
		return nil, err
	}
	if err := validName("type", g.Type); err != nil {
		return nil, err
	}
	if g.Data != nil {
		if err := validText("data", *g.Data, MaxSignalDataBytes); err != nil {
			return nil, err
		}
	}
	if g.To != nil {
		if err := s.liveInSession(ctx, "to", *g.To, target); err != nil {
			return nil, err
		}
	}
	if c.Kind == Member {
		g.FromConnectionID = &c.Connection.ID
	}
	if err := s.send(ctx, target, g.To, Message{SessionID: target, Signal: &g}); err != nil {
		return nil, err
	}
	s.metrics.SignalSent()
	return &g, nil
}

// signalTarget returns the session that the caller may signal.
func (s *Service) signalTarget(ctx context.Context, c Caller, sessionID *string) (string, error) {
	if c.Kind == Operator {
		if sessionID == nil {
			return "", Errorf(CodeBadUserInput, "sessionId is needed with the API secret")
		}
		_, err := s.sessionByID(ctx, *sessionID)
		return *sessionID, err
	}
	if err := c.connected(); err != nil {
		return "", err
	}
	if sessionID != nil {
		return "", Errorf(CodeForbidden, "sessionId is for the holder of the API secret")
	}
	return c.SessionID, c.canPublish()
}
