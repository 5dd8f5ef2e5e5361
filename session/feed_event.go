package session

import "time"

// FeedKind is the kind of a FeedEvent.
type FeedKind uint8

const (
	_                  FeedKind = iota
	FeedLog                     // an entry was added or changed
	FeedRoster                  // a connection, a stream or the session's settings changed
	FeedSessionCreated          // a session was made; it comes before all events of the session
	FeedSessionDeleted          // a session was deleted, or removed because it was empty; it comes after all of them
	// FeedTruncated comes first to a reader that begins before the oldest roster changes and deletions that are kept: some may be
	// missing. It is in no place of the feed.
	FeedTruncated
	FeedUserErased // an erasure is done; it is about no one session
	// FeedLogTruncated says that all that was before in a session's log was removed. It is in the feed where the log begins, and moves
	// with that.
	FeedLogTruncated
)

// FeedEvent is one event of the feed, which has the events of all sessions in one order. It is immutable.
type FeedEvent struct {
	// Place is the event's place in the feed: 1, 2, 3 … Within a session log events come in the log's order, and roster changes in the
	// roster's.
	Place     int64
	Kind      FeedKind
	SessionID string // empty where it is FeedTruncated or FeedUserErased
	Epoch     Epoch  // of the session; of the database where it is FeedTruncated; the event's own where it is FeedUserErased
	Log       *LogEvent
	Roster    *RosterChange
	Session   *Session  // of FeedSessionCreated, as it is when the event is read
	Erasure   *Erasure  // of FeedUserErased
	At        time.Time // when it came into the feed; where it is FeedTruncated, when it was read
}

// FeedKept is how long roster changes, deletions of sessions and erasures are kept in the feed. Events of a log are kept as long as the
// log.
const FeedKept = 7 * 24 * time.Hour

// FeedPurgeAfter is when they are removed. From FeedKept on readers that begin before them are told of a FeedTruncated, so one that
// began earlier, and was not told, has the time in between to read them.
const FeedPurgeAfter = FeedKept + 30*time.Minute

// ID is the same whenever the event is read, and no other event's.
func (e *FeedEvent) ID() string {
	number := int64(1)
	switch e.Kind {
	case FeedLog, FeedLogTruncated:
		number = e.Log.Place
	case FeedRoster:
		number = e.Roster.Revision
	case FeedTruncated:
		number = e.Place + 1 // a reader may begin at 0
	}
	return encodePosition(tagFeedEvent+byte(e.Kind), e.Epoch, number)
}

// SessionCreated says that a session was made.
type SessionCreated struct{ Session *Session }

// SessionDeleted says that a session was deleted, or removed because it was empty.
type SessionDeleted struct{ SessionID string }

// UserErasure says that an erasure is done.
type UserErasure struct{ Erasure *Erasure }

// Truncation says that events before the ones that come next may be missing: roster changes and deletions of sessions are kept for
// KeptDays.
type Truncation struct{ KeptDays int64 }

// Change returns what has happened: a *LogEvent, *ConnectionCreated, *ConnectionUpdated, *ConnectionDestroyed, *StreamCreated,
// *StreamUpdated, *StreamDestroyed, *MuteForced, *SessionChanged, *SessionCreated, *SessionDeleted, *UserErasure or *Truncation. The
// streams of a connection that is destroyed end with it, without a change of their own.
func (e *FeedEvent) Change() any {
	switch e.Kind {
	case FeedLog, FeedLogTruncated:
		return e.Log
	case FeedRoster:
		return e.Roster.event()
	case FeedSessionCreated:
		return &SessionCreated{e.Session}
	case FeedSessionDeleted:
		return &SessionDeleted{e.SessionID}
	case FeedUserErased:
		return &UserErasure{e.Erasure}
	default:
		return &Truncation{int64(FeedKept / (24 * time.Hour))}
	}
}

// event returns the change as an event of its own.
func (c *RosterChange) event() SessionEvent {
	switch {
	case c.Session != nil:
		return &SessionChanged{c.Session}
	case c.Stream != nil:
		return c.Stream.event()
	case c.Updated:
		return &ConnectionUpdated{c.Connection}
	case c.Destroyed():
		return &ConnectionDestroyed{c.Connection, c.Reason}
	default:
		return &ConnectionCreated{c.Connection}
	}
}

// event returns the change as an event of its own.
func (c *StreamChange) event() SessionEvent {
	switch c.Kind {
	case StreamPublished:
		return &StreamCreated{c.Stream}
	case StreamChanged:
		return &StreamUpdated{c.Stream}
	case StreamEnded:
		return &StreamDestroyed{c.Stream, c.Reason}
	}
	return c.forced()
}

// bytes is about the memory that the event takes.
func (e *FeedEvent) bytes() int {
	if e == nil {
		return 8
	}
	n := 160 + e.Log.bytes()
	if e.Roster != nil {
		n += e.Roster.bytes()
	}
	return n
}

// FeedRun is the events of the feed at the places after one and up to another. Places in between that no event has were
// superseded by later ones, purged, or are a deleted session's.
type FeedRun struct {
	After, Through int64
	Events         []*FeedEvent // ascending by Place
}

// dense returns the events after After up to Through, one element a place: nil where there is none.
func (r FeedRun) dense() []*FeedEvent {
	events := make([]*FeedEvent, max(0, r.Through-r.After))
	for _, e := range r.Events {
		events[e.Place-r.After-1] = e
	}
	return events
}

// FeedEnd is where the feed ends.
type FeedEnd struct {
	Epoch     Epoch // the database's
	Place     int64 // of its newest event; 0 for none
	Truncated int64 // up to this place roster changes and deletions may have been purged
}

// FeedLease is the name of the lease of the node that gives places in the feed.
const FeedLease = "feed"
