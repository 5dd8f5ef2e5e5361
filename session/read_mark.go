package session

import "time"

// ReadMarkTime is how long a read mark is kept after its user has posted in the session, or the mark has moved; up to a week longer.
const ReadMarkTime = 365 * 24 * time.Hour

// ReadMark is how far a user has read a session's log.
type ReadMark struct {
	Place  int64 // up to which it has read; 0 for nothing
	Unread int64 // entries of others after it that are not deleted
}

// NewReadMark is a mark that is to be stored.
type NewReadMark struct {
	SessionID, UserID string
	Place             int64
}

// UserEvent is something that a user did on one of its devices, for the others. It is not stored.
type UserEvent struct {
	UserID string
	Epoch  Epoch // the session's
	// Place is what the user has read up to, where the event is that; else 0.
	Place int64
	// Seq, Version and Reactions are the entry, its version and the user's reactions to it, where the event is a reaction.
	Seq       int64
	Version   int64
	Reactions []string
}

func (e *UserEvent) bytes() int {
	n := 96 + len(e.UserID)
	for _, name := range e.Reactions {
		n += 16 + len(name)
	}
	return n
}
