package session

import (
	"context"
	"errors"
)

// MaxPreviewConnections is how many connections a SessionPreview lists at most.
const MaxPreviewConnections = 20

// SessionPreview is a session as somebody sees it who may connect to it and has not done so.
type SessionPreview struct {
	Connections     []*Connection // with a socket first, and oldest first, MaxPreviewConnections at most
	ConnectionCount int
}

// PreviewSession returns what the holder of a session token, or in open mode anybody, sees of a session before connecting. It
// makes no session: one that does not exist yet is empty. Errors: those of Connect, for the same arguments; so a session that was
// deleted is NOT_FOUND, with ReasonSessionDeleted.
func (s *Service) PreviewSession(ctx context.Context, a ConnectArgs) (*SessionPreview, error) {
	n, err := s.connectRules().newConnection(a)
	if err != nil {
		return nil, err
	}
	sess, err := s.cfg.Store.Session(ctx, n.SessionID) // an open room's session may have been taken over since
	switch {
	case n.MakeSession && isUnknown(err):
		return &SessionPreview{}, nil
	case err != nil:
		return nil, err
	case sess.TokenRequired && !n.TokenPresented:
		return nil, Errorf(CodeUnauthenticated, "this session asks for a session token")
	}
	until, err := s.cfg.Store.BannedUntil(ctx, n)
	switch {
	case err != nil:
		return nil, err
	case !until.IsZero():
		return nil, Banned(until)
	}
	_, count, err := s.Roster(ctx, sess, 0)
	if err != nil {
		return nil, err
	}
	p := &SessionPreview{ConnectionCount: count}
	placed, err := s.cfg.Store.ListConnections(ctx, sess.ID, RosterPlace{}, MaxPreviewConnections)
	for _, c := range placed {
		p.Connections = append(p.Connections, c.Connection)
	}
	return p, err
}

// isUnknown says whether err is that of a session that does not exist, and was not deleted either.
func isUnknown(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == CodeNotFound && e.Reason != ReasonSessionDeleted
}

func (s *Service) connectRules() connectRules {
	return connectRules{open: s.cfg.Open, users: s.cfg.UserKey, tokenConnections: s.cfg.TokenConnections,
		addressConnections: s.cfg.AddressConnections}
}
