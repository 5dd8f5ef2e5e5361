package session

import (
	"context"
	"errors"
)

// EntryArgs are the arguments of AddChatEntry. Nil is absent.
type EntryArgs struct {
	ConnectionID                  *string // needed for a guest, whose name it is
	Body                          string
	IdempotencyKey, ReplyTo, Data *string
	Origin                        int64 // of a guest; see NewEntry
}

// AddChatEntry stores an entry of the caller's and returns it, or the first one with the same idempotency key, when it
// is on disk. Where ctx ends first, the entry may be stored or not; a retry with the key tells. Errors:
// UNAUTHENTICATED; FORBIDDEN, with ReasonSessionFull where the session's quota is used up, or with ReasonBanned, ReasonReadOnly or
// ReasonRefused; RATE_LIMITED, with ReasonSlowMode; NOT_FOUND for a ReplyTo; BAD_USER_INPUT; UNAVAILABLE, with ReasonNotReviewed where
// it could not be reviewed.
func (s *Service) AddChatEntry(ctx context.Context, c Caller, a EntryArgs) (*ChatEntry, error) {
	if err := c.inSession(); err != nil {
		return nil, err
	}
	if err := c.canPublish(); err != nil {
		return nil, err
	}
	e, err := s.newEntry(ctx, c, a.ConnectionID)
	if err != nil {
		return nil, err
	}
	e.Body, e.Data = a.Body, a.Data
	if e.Guest {
		e.Origin = a.Origin
	}
	if e.IdempotencyKey, err = givenKey(a.IdempotencyKey); err != nil {
		return nil, err
	}
	if err := e.Validate(); err != nil {
		return nil, err
	}
	if a.ReplyTo != nil {
		if e.ReplyTo, e.ReplyEpoch, err = s.seqOf(ctx, c, "replyTo", *a.ReplyTo); err != nil {
			return nil, err
		}
	}
	return s.addEntry(ctx, c, e)
}

// newEntry returns an entry of the caller's, still without its text. Errors: FORBIDDEN, BAD_USER_INPUT, UNAVAILABLE.
func (s *Service) newEntry(ctx context.Context, c Caller, connectionID *string) (NewEntry, error) {
	e := NewEntry{SessionID: c.SessionID, SessionQuota: s.cfg.SessionBytes}
	switch {
	case c.Kind == Guest && connectionID == nil:
		return e, Errorf(CodeBadUserInput, "connectionId is needed without an access token: it is a name of your choice")
	case c.Kind == Guest:
		e.ConnectionID, e.Guest = *connectionID, true
	case c.Kind == Operator && connectionID != nil:
		return e, Errorf(CodeBadUserInput, "connectionId can't be given with the API secret: as says who posts")
	case c.Kind == Operator:
		by, err := s.acting(ctx, c)
		if err != nil {
			return e, err
		}
		e.ConnectionID, e.UserID, e.Service, e.SessionQuota = by.ID, by.UserID, true, 0
	case connectionID != nil && *connectionID != c.Connection.ID:
		return e, Errorf(CodeForbidden, "connectionId must be your own connection's")
	default:
		e.ConnectionID, e.UserID = c.Connection.ID, c.Connection.UserID
	}
	return e, nil
}

// givenKey returns an idempotency key that may be absent. Errors: BAD_USER_INPUT.
func givenKey(key *string) (string, error) {
	switch {
	case key == nil:
		return "", nil
	case *key == "":
		return "", Errorf(CodeBadUserInput, "idempotencyKey must be 1 to %d bytes, but is empty", MaxIdempotencyKeyBytes)
	}
	return *key, nil
}

// seqOf returns the Seq that an id of an entry of the caller's session has, and the Epoch of that session, which may have been deleted
// and made again since this node heard of it. Errors: NOT_FOUND, UNAVAILABLE.
func (s *Service) seqOf(ctx context.Context, c Caller, argument, id string) (int64, Epoch, error) {
	sess, err := s.rooms.session(ctx, c.SessionID)
	if err != nil {
		return 0, 0, err
	}
	seq, err := seqIn(sess, argument, id)
	return seq, sess.Epoch, err
}

func seqIn(sess *Session, argument, id string) (int64, error) {
	seq, ok := ParseEntryID(sess.Epoch, id)
	if !ok {
		return 0, Errorf(CodeNotFound, "%s is no entry of this session", argument)
	}
	return seq, nil
}

// LatestChatEntry returns the newest entry that a connection posted in the caller's session, or nil. Errors:
// UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) LatestChatEntry(ctx context.Context, c Caller, connectionID string) (*ChatEntry, error) {
	sess, err := s.Session(ctx, c)
	if err != nil {
		return nil, err
	}
	if connectionID == "" {
		return nil, nil // no connection has this id
	}
	return s.lastEntry(ctx, sess, connectionID)
}

// LastEntry returns the newest entry of a session that is not deleted, or nil. Errors: UNAVAILABLE.
func (s *Service) LastEntry(ctx context.Context, sess *Session) (*ChatEntry, error) {
	return s.lastEntry(ctx, sess, "")
}

func (s *Service) lastEntry(ctx context.Context, sess *Session, connectionID string) (*ChatEntry, error) {
	found, err := s.cfg.Store.Entries(ctx, EntryQuery{SessionID: sess.ID, Epoch: sess.Epoch, ConnectionID: connectionID, NotDeleted: true,
		Limit: 1, Backward: true})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// ChatEntry returns an entry of the caller's session as it is now, or nil. Errors: UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) ChatEntry(ctx context.Context, c Caller, id string) (*ChatEntry, error) {
	sess, err := s.Session(ctx, c)
	if err != nil {
		return nil, err
	}
	seq, ok := ParseEntryID(sess.Epoch, id)
	if !ok {
		return nil, nil
	}
	found, err := s.EntriesBySeq(ctx, sess.ID, sess.Epoch, []int64{seq})
	return found[seq], err
}

// EntriesBySeq returns the entries with these numbers as they are now, in one read; those that are not kept are absent. Errors:
// UNAVAILABLE.
func (s *Service) EntriesBySeq(ctx context.Context, sessionID string, epoch Epoch, seqs []int64) (map[int64]*ChatEntry, error) {
	return s.cfg.Store.EntriesBySeq(ctx, sessionID, epoch, seqs)
}

// KnownEntry returns an entry of a session that is open here, where it is among the newest, as this node knows it: a change on
// another node may not be known yet. It does not wait.
func (s *Service) KnownEntry(sessionID string, epoch Epoch, seq int64) (e *ChatEntry, ok bool) {
	r := s.rooms.peek(sessionID)
	if r == nil || r.session.Epoch != epoch {
		return nil, false
	}
	e = r.feed.entry(seq)
	return e, e != nil
}

// Keeps says whether an entry of a session that is open here is still kept, as far as this node knows: false also where it can't tell.
// It does not wait.
func (s *Service) Keeps(sessionID string, epoch Epoch, seq int64) bool {
	r := s.rooms.peek(sessionID)
	return r != nil && r.session.Epoch == epoch && seq > r.feed.removed.Load() // a log has no holes
}

// ChatEntries returns a page of the caller's session's log. Errors: UNAUTHENTICATED, FORBIDDEN; NOT_FOUND, with ReasonSessionDeleted;
// BAD_USER_INPUT, with ReasonCursorMismatch for a cursor; UNAVAILABLE.
func (s *Service) ChatEntries(ctx context.Context, c Caller, a PageArgs) (*EntryPage, error) {
	for {
		sess, err := s.Session(ctx, c)
		if err != nil {
			return nil, err
		}
		page, err := pageReader{s.cfg.Store, sess}.read(ctx, a)
		if !errors.Is(err, errRemoved) {
			return page, err
		}
		if r := s.rooms.peek(sess.ID); r != nil && r.session.Epoch == sess.Epoch {
			s.rooms.removed(r)
		}
		if c.Kind == Member { // who has nothing to do with another session that has the id now
			return nil, s.unknownMember(ctx, AccessGrant{SessionID: sess.ID})
		}
	}
}
