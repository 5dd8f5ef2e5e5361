package session

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Session returns the caller's session. Errors: UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) Session(ctx context.Context, c Caller) (*Session, error) {
	if err := c.inSession(); err != nil {
		return nil, err
	}
	return s.rooms.session(ctx, c.SessionID)
}

// SessionSizes returns how much these sessions have stored, in one read; unknown ones are absent. Errors: UNAVAILABLE.
func (s *Service) SessionSizes(ctx context.Context, ids []string) (map[string]SessionSize, error) {
	return s.cfg.Store.SessionSizes(ctx, ids)
}

// LastCursor returns where a session's log ends now. Errors: UNAVAILABLE.
func (s *Service) LastCursor(ctx context.Context, sess *Session) (string, error) {
	last, err := pageReader{s.cfg.Store, sess}.last(ctx)
	return Cursor(sess.Epoch, last.Place), err
}

// FirstCursor returns where a session's log begins now: StartCursor while nothing was removed. Errors: UNAVAILABLE.
func (s *Service) FirstCursor(ctx context.Context, sess *Session) (string, error) {
	last, err := pageReader{s.cfg.Store, sess}.last(ctx)
	return Cursor(sess.Epoch, last.Front.Place), err
}

// Roster returns the connections that are in a session now, oldest first, limit at most, and how many there are.
// Errors: NOT_FOUND, UNAVAILABLE.
func (s *Service) Roster(ctx context.Context, sess *Session, limit int) (live []*Connection, count int, err error) {
	err = s.rooms.withRoster(ctx, sess.ID, func(r *liveRoster) { live, count = r.connections(limit) })
	return withinData(live, itself), count, err
}

// RosterPage returns a page of the connections of the caller's session, with the session. A search looks at a bounded number
// of connections, so that its page may be short and still have a next one. Errors: UNAUTHENTICATED, FORBIDDEN;
// BAD_USER_INPUT, with ReasonCursorMismatch for a cursor; UNAVAILABLE.
func (s *Service) RosterPage(ctx context.Context, c Caller, a RosterPageArgs) (*Session, *RosterPage, error) {
	sess, err := s.Session(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	search, err := a.search(sess.Epoch)
	if err != nil {
		return nil, nil, err
	}
	page, err := search.page(ctx, s.cfg.Store, sess.ID)
	return sess, page, err
}

// retentionOf returns a session's Retention that is given in seconds; nil for none. Errors: BAD_USER_INPUT.
func retentionOf(seconds *int64) (*time.Duration, error) {
	if seconds == nil {
		return nil, nil
	}
	if most := int64(MaxRetention / time.Second); *seconds < 0 || *seconds > most {
		return nil, Errorf(CodeBadUserInput, "retention must be 0 to %d seconds", most)
	}
	d := time.Duration(*seconds) * time.Second
	return &d, nil
}

// Sessions returns a page of all sessions, for the holder of the API secret. By last entry a session comes, or comes to the front,
// within about a second. Where more sessions match than a page looks at, the page may be short and still have a next one. Errors:
// UNAUTHENTICATED, FORBIDDEN; BAD_USER_INPUT, with ReasonCursorMismatch for a cursor; UNAVAILABLE.
func (s *Service) Sessions(ctx context.Context, c Caller, a SessionPageArgs) (*ListedSessions, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	end, err := s.feed.end(ctx)
	if err != nil {
		return nil, err
	}
	q, err := a.query(end.Epoch)
	if err != nil {
		return nil, err
	}
	run, err := s.cfg.Store.ListSessions(ctx, q)
	return &ListedSessions{SessionRun: run, order: a.Order, epoch: end.Epoch}, err
}

// LastEntries returns the newest entry that is not deleted of each of these sessions, in one read where the newest of all is not
// deleted; those without such an entry are absent. Errors: UNAVAILABLE.
func (s *Service) LastEntries(ctx context.Context, sessions map[string]Epoch) (map[string]*ChatEntry, error) {
	found, err := s.cfg.Store.NewestEntries(ctx, slices.Collect(maps.Keys(sessions)))
	if err != nil {
		return nil, err
	}
	for id, e := range found {
		switch {
		case e.Epoch != sessions[id]: // the session was made again
			delete(found, id)
		case e.Deleted():
			delete(found, id)
			last, err := s.LastEntry(ctx, &Session{ID: id, Epoch: e.Epoch})
			if err != nil {
				return nil, err
			}
			if last != nil {
				found[id] = last
			}
		}
	}
	return found, nil
}

// RosterSizes returns how many connections and streams are in each of these sessions now; unknown ones are absent. Of a single session
// its room knows, where it is open; else the Store counts them, in one read and without opening rooms. Errors: NOT_FOUND for a single
// one; UNAVAILABLE.
func (s *Service) RosterSizes(ctx context.Context, ids []string) (map[string]RosterSize, error) {
	if len(ids) != 1 || s.rooms.peek(ids[0]) == nil {
		return s.cfg.Store.RosterSizes(ctx, ids)
	}
	var size RosterSize
	err := s.rooms.withRoster(ctx, ids[0], func(r *liveRoster) {
		_, size.Connections = r.connections(0)
		_, size.Streams = r.publishedStreams(0)
	})
	if err != nil {
		return nil, err
	}
	return map[string]RosterSize{ids[0]: size}, nil
}

// CreateSession makes a session that takes tokens, or returns the equal one that has the id; a nil id stands for a new, random
// one. retention is in seconds: nil as the server is set, 0 for as long as the session. A session that was made on first use is
// taken over where nobody is in it. Errors: UNAUTHENTICATED, FORBIDDEN; BAD_USER_INPUT; UNAVAILABLE.
func (s *Service) CreateSession(ctx context.Context, c Caller, id *string, mode MediaMode, retention *int64) (*Session, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if mode == MediaRouted {
		return nil, Errorf(CodeBadUserInput, "mediaMode ROUTED needs a media router, which is not here yet; use RELAYED")
	}
	want := Session{Epoch: newEpoch(), MediaMode: mode, TokenRequired: true}
	var err error
	if want.Retention, err = retentionOf(retention); err != nil {
		return nil, err
	}
	if id == nil {
		want.ID = newID()
	} else {
		want.ID = *id
	}
	if err := validName("id", want.ID); err != nil {
		return nil, err
	}
	got, err := s.cfg.Store.CreateSession(ctx, want)
	if err != nil {
		return nil, err
	}
	s.sequencer.hint(got.ID)
	switch {
	case !got.TokenRequired && got.ID == Lobby:
		return nil, Errorf(CodeBadUserInput, "id is the lobby's, which never asks for tokens")
	case !got.TokenRequired:
		return nil, Errorf(CodeBadUserInput, "id is taken by a session that was made on first use, and somebody is in it; when they have gone, createSession takes it over")
	case got.MediaMode != mode:
		return nil, Errorf(CodeBadUserInput, "id is taken by a session with another mediaMode")
	case want.Retention != nil && (got.Retention == nil || *got.Retention != *want.Retention):
		return nil, Errorf(CodeBadUserInput, "id is taken by a session with another retention; updateSession changes it")
	}
	return got, nil
}

// CanMint checks that the caller may mint a token for a session, and returns the session, of which TokenRequired says
// whether it admits nobody else. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BAD_USER_INPUT, UNAVAILABLE.
func (s *Service) CanMint(ctx context.Context, c Caller, g SessionGrant) (*Session, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	return s.cfg.Store.Session(ctx, g.SessionID) // an open room's session may have been taken over since
}
