package session

import (
	"context"

	"chattok/internal/sequence"
)

// FollowEntries follows the log of the caller's session: the entries after a cursor, or without one those committed from now on.
// Errors: UNAUTHENTICATED, FORBIDDEN; BAD_USER_INPUT with ReasonCursorMismatch; UNAVAILABLE.
func (s *Service) FollowEntries(ctx context.Context, c Caller, after *string) (*sequence.Follower[*ChatEntry], error) {
	if err := c.inSession(); err != nil {
		return nil, err
	}
	r, last, release, err := s.rooms.openCurrent(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	f := &sequence.Follower[*ChatEntry]{Source: r.feed.entries(), Key: r.key("entries"), Release: release,
		None:   func(e *ChatEntry) bool { return e == nil },
		Cursor: func(place int64) string { return Cursor(r.session.Epoch, place) },
		Behind: func(ctx context.Context, after int64) ([]*ChatEntry, int64, error) {
			events, next, err := r.feed.Older(ctx, after)
			entries := make([]*ChatEntry, len(events))
			for i, e := range events {
				entries[i] = e.addition()
			}
			return entries, next, err
		}}
	f.After, err = begin(r, last, after)
	if err != nil {
		f.Close()
		return nil, err
	}
	return ending(s, c, r, f), nil
}

// FollowLog follows the events of the log of the caller's session: those after a cursor, or without one those committed from now
// on. Each has its entry as it is when the event is read. Errors: those of FollowEntries.
func (s *Service) FollowLog(ctx context.Context, c Caller, after *string) (*sequence.Follower[*LogEvent], error) {
	if err := c.inSession(); err != nil {
		return nil, err
	}
	r, last, release, err := s.rooms.openCurrent(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	f := &sequence.Follower[*LogEvent]{Source: r.feed, Key: r.key("log"), Release: release,
		None:   func(e *LogEvent) bool { return e == nil },
		Cursor: func(place int64) string { return Cursor(r.session.Epoch, place) },
		Behind: r.feed.Older}
	f.After, err = begin(r, last, after)
	if err != nil {
		f.Close()
		return nil, err
	}
	return ending(s, c, r, f), nil
}

// begin returns the place after which a reader of the log begins; last is where the sequences ended when the reader came. A reader that
// begins before the log's front is told so first: see NewTruncation.
func begin(r *room, last LastSeqs, after *string) (int64, error) {
	if after == nil {
		return last.Place, nil
	}
	if *after == StartCursor {
		return last.Front.Place, nil
	}
	place, err := ParseCursor("after", r.session.Epoch, *after)
	if err == nil && place > max(last.Place, r.feed.Newest()) {
		err = CursorMismatch("after")
	}
	return place, err
}

// FollowSignals follows the signals to the caller of one type, or of all types where kind is nil. The holder of the API secret is
// no connection, and gets those to all of the session. Errors: UNAUTHENTICATED, FORBIDDEN, BAD_USER_INPUT, UNAVAILABLE.
func (s *Service) FollowSignals(ctx context.Context, c Caller, kind *string) (*sequence.Follower[*Signal], error) {
	me, err := c.listener()
	if err != nil {
		return nil, err
	}
	if kind != nil && *kind != "" {
		if err := validName("type", *kind); err != nil {
			return nil, err
		}
	}
	r, _, release, err := s.rooms.openCurrent(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	sees := func(g *Signal) bool { return (g.To == nil || *g.To == me) && (kind == nil || *kind == g.Type) }
	r.mu.Lock()
	defer r.mu.Unlock()
	return ending(s, c, r, r.signals.follow(r.key("signals"), me, sees, release)), nil
}

// FollowNegotiations follows the negotiations to the caller. Errors: UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) FollowNegotiations(ctx context.Context, c Caller) (*sequence.Follower[*Negotiation], error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	r, _, release, err := s.rooms.openCurrent(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	me := c.Connection.ID
	sees := func(n *Negotiation) bool { return n.To == me }
	r.mu.Lock()
	defer r.mu.Unlock()
	return ending(s, c, r, r.negotiations.follow(r.key("negotiations"), me, sees, release)), nil
}

// FollowEvents follows the connections and streams of the caller's session, from a snapshot on. Errors: UNAUTHENTICATED,
// FORBIDDEN, UNAVAILABLE.
func (s *Service) FollowEvents(ctx context.Context, c Caller) (*sequence.Follower[SessionEvent], error) {
	if err := c.inSession(); err != nil {
		return nil, err
	}
	r, _, release, err := s.rooms.openCurrent(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	state, position := r.roster.snapshot()
	return ending(s, c, r, &sequence.Follower[SessionEvent]{Source: r.roster.events, Key: r.key("events"), After: position, First: []SessionEvent{state},
		Release: release,
		Behind: func(context.Context, int64) ([]SessionEvent, int64, error) {
			state, position := r.roster.snapshot()
			return []SessionEvent{state}, position, nil
		}}), nil
}

// ending makes a follower of a room end with the room's session. Errors of its Behind are then NOT_FOUND, with ReasonSessionDeleted
// where the session was deleted or another one has its id; UNAVAILABLE for a connection, which is told by the end of its sockets.
func ending[T any](s *Service, c Caller, r *room, f *sequence.Follower[T]) *sequence.Follower[T] {
	behind := f.Behind
	f.Behind = func(ctx context.Context, after int64) ([]T, int64, error) {
		if r.over.Load() {
			return nil, after, s.overError(ctx, c, r.session)
		}
		return behind(ctx, after)
	}
	f.Ends = func(err error) bool { return CodeOf(err) == CodeNotFound }
	return f
}

// overError is the error for a follower of a session that was removed.
func (s *Service) overError(ctx context.Context, c Caller, gone *Session) error {
	if c.Kind == Member {
		return Errorf(CodeUnavailable, "the session has ended")
	}
	switch now, err := s.cfg.Store.Session(ctx, gone.ID); {
	case err != nil:
		return err
	case now.Epoch == gone.Epoch:
		return Errorf(CodeUnavailable, "the session is being read anew; try again")
	}
	return SessionDeletedError()
}
