package session

import "time"

// ErasureState says how far an Erasure is.
type ErasureState string

const (
	ErasureErasing ErasureState = "ERASING" // some of it is still there
	ErasureDone    ErasureState = "DONE"    // nothing of it is: neither in the database, nor in the memory of a node
)

// Valid says whether s is one of the states.
func (s ErasureState) Valid() bool { return s == ErasureErasing || s == ErasureDone }

// Erasure is the removal of all that one user has stored in all sessions, or one connection without a user. Connections made after
// CreatedAt are none of it: somebody who comes back with the same id is somebody new.
type Erasure struct {
	ID        string
	State     ErasureState
	Entries   int64 // that were erased so far; their numbers and times stay
	CreatedAt time.Time
	DoneAt    *time.Time // nil while it is running
}

// MaxListErasures is how many erasures a list has at most.
const MaxListErasures = 100

// NewErasure names whom an Erasure is about: a user, or a connection or guest. A connection that has a user stands for its user.
type NewErasure struct {
	ID           string
	UserID       *string
	ConnectionID string // empty where UserID is not nil
}

// Validate checks the limits that need no look at the store. Errors: BAD_USER_INPUT.
func (n NewErasure) Validate() error {
	if n.UserID == nil {
		return validName("connectionId", n.ConnectionID)
	}
	return validUserID("userId", *n.UserID)
}

// ErasurePhase is what is left of an erasure to do.
type ErasurePhase string

const (
	PhaseRedo      ErasurePhase = "redo"      // as PhaseErasing, in an older copy of the database: no node begins to serve before its end
	PhaseErasing   ErasurePhase = "erasing"   // the database has something of its subject
	PhaseSpreading ErasurePhase = "spreading" // nodes may have something in memory
	PhaseClearing  ErasurePhase = "clearing"  // files may have texts that no query returns
	PhaseDone      ErasurePhase = "done"
)

// Erasing says whether the database may have something of the subject.
func (p ErasurePhase) Erasing() bool { return p == PhaseRedo || p == PhaseErasing }

// PendingErasure is an Erasure that is running, with its subject.
type PendingErasure struct {
	ID           string
	UserID       *string // nil where it is about a connection without a user
	ConnectionID string  // empty where it is about a user
	CreatedAt    time.Time
	Phase        ErasurePhase
}

// Subject says whether a connection is one that is erased.
func (p PendingErasure) Subject(c *Connection) bool {
	if c == nil || c.CreatedAt.After(p.CreatedAt) {
		return false
	}
	if p.UserID == nil {
		return c.ID == p.ConnectionID
	}
	return c.UserID != nil && *c.UserID == *p.UserID
}

// Anonymous returns a connection without what tells who it was.
func (c *Connection) Anonymous() *Connection {
	if c.UserID == nil && c.Data == nil {
		return c
	}
	nobody := *c
	nobody.UserID, nobody.Data = nil, nil
	return &nobody
}

// ErasurePlace is how far one transaction came in a session: of this connection, the entries up to Seq are erased, and its roster changes
// up to Revision. The zero value is the beginning.
type ErasurePlace struct {
	ConnectionID string
	Seq          int64
	Revision     int64
}

// ErasedPart is what one transaction erased in a session.
type ErasedPart struct {
	Ended []RosterChange // connections, without what told who they were
	Log   LogRun
	Next  ErasurePlace // where the next transaction goes on
	More  bool         // there is more in the session
}
