package session

import (
	"context"

	"chattok/internal/sequence"
)

// user checks that the caller is a connection with a user, and returns the user's id. Errors: UNAUTHENTICATED; FORBIDDEN, with
// ReasonNoUser for a connection without a user.
func (c Caller) user() (string, error) {
	if err := c.connected(); err != nil {
		return "", err
	}
	if c.Connection.UserID == nil {
		return "", Errorf(CodeForbidden, "your connection has no user: connect with a session token that names one, or with a userKey").
			WithReason(ReasonNoUser)
	}
	return *c.Connection.UserID, nil
}

// marker returns the user whose read mark the caller moves: its own, or for the holder of the API secret the one that it acts as.
// Errors: those of user.
func (c Caller) marker() (string, error) {
	if c.Kind != Operator {
		return c.user()
	}
	if c.Connection == nil || c.Connection.UserID == nil {
		return "", Errorf(CodeForbidden, "the API secret has no user: name one by as.userId").WithReason(ReasonNoUser)
	}
	return *c.Connection.UserID, nil
}

// MarkRead moves the read mark of the caller's user forwards to a cursor, tells the user's other devices, and returns the
// session. Errors: UNAUTHENTICATED; FORBIDDEN, with ReasonNoUser; BAD_USER_INPUT with ReasonCursorMismatch; UNAVAILABLE.
func (s *Service) MarkRead(ctx context.Context, c Caller, upTo string) (*Session, error) {
	user, err := c.marker()
	if err != nil {
		return nil, err
	}
	sess, err := s.Session(ctx, c)
	if err != nil {
		return nil, err
	}
	place, err := ParseCursor("upTo", sess.Epoch, upTo)
	if err != nil || place == 0 {
		return sess, err
	}
	last, _, err := s.rooms.lastSeqs.read(ctx, sess.ID)
	if err != nil {
		return nil, err
	}
	if last.Epoch != sess.Epoch || place > last.Place {
		return nil, CursorMismatch("upTo")
	}
	return sess, s.readMarks.move(ctx, NewReadMark{SessionID: sess.ID, UserID: user, Place: place}, sess.Epoch)
}

// Reader returns the user whose read mark in a session the caller may know: the caller's own user, "" where it has none or is in
// another session; or the user that the holder of the API secret names. Errors: BAD_USER_INPUT; FORBIDDEN, or UNAUTHENTICATED without
// a connection, for a userID of anybody else.
func (s *Service) Reader(c Caller, sess *Session, userID *string) (string, error) {
	switch {
	case userID == nil && (c.Kind != Member || c.Connection.UserID == nil || c.SessionID != sess.ID):
		return "", nil
	case userID == nil:
		return *c.Connection.UserID, nil
	case c.Kind != Operator:
		return "", c.notOperator("userId")
	}
	return *userID, validUserID("userId", *userID)
}

// ReadMark returns how far a user, which Reader returned, has read a session. Errors: UNAVAILABLE.
func (s *Service) ReadMark(ctx context.Context, sessionID, userID string) (ReadMark, error) {
	return s.cfg.Store.ReadMark(ctx, sessionID, userID)
}

// FollowUserEvents follows what the caller's user does in the session, beginning with how far it has read. Errors:
// UNAUTHENTICATED; FORBIDDEN, with ReasonNoUser; UNAVAILABLE.
func (s *Service) FollowUserEvents(ctx context.Context, c Caller) (*sequence.Follower[*UserEvent], error) {
	user, err := c.user()
	if err != nil {
		return nil, err
	}
	r, _, release, err := s.rooms.openCurrent(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	present := func(ctx context.Context) (*UserEvent, error) {
		mark, err := s.cfg.Store.ReadMark(ctx, c.SessionID, user)
		return &UserEvent{UserID: user, Epoch: r.session.Epoch, Place: mark.Place}, err
	}
	w, leave := r.users.follow(user)
	f := &sequence.Follower[*UserEvent]{Source: w, Key: r.key(w.name), After: w.Newest(), Release: func() { leave(); release() }}
	first, err := present(ctx)
	if err != nil {
		f.Close()
		return nil, err
	}
	f.First = []*UserEvent{first}
	f.Sees = func(e *UserEvent) bool { return e.Place == 0 || e.Place > first.Place }
	f.Behind = func(ctx context.Context, _ int64) ([]*UserEvent, int64, error) {
		next := w.Newest()
		e, err := present(ctx)
		return []*UserEvent{e}, next, err
	}
	return f, nil
}
