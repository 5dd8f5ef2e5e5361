package session

import (
	"strings"
	"time"
)

// Limits of changes of an entry.
const (
	MaxEntryDataBytes    = 4 << 10 // of an entry's data
	MaxReactionNameBytes = 64
	MaxReactionNames     = 32 // of one entry
	MaxReactors          = 50 // of a reaction in one answer
)

// DefaultEditWindow is how long after it was stored an entry can be edited.
const DefaultEditWindow = 24 * time.Hour

// ChangeKeyTime is how long the idempotency key of a change is kept.
const ChangeKeyTime = 7 * 24 * time.Hour

// Actor is the connection that changes an entry, with its user.
type Actor struct {
	ConnectionID string
	UserID       *string // nil where it has no user
	// Moderator says that it may delete any entry.
	Moderator bool
	// Service says that ConnectionID is a service connection: it may edit an entry however old that is.
	Service bool
	// Any says that it may edit any entry: it is the server itself.
	Any bool
}

// Wrote says whether the actor is an entry's author: its connection, or a connection of its user.
func (a Actor) Wrote(e *ChatEntry) bool {
	return a.ConnectionID == e.ConnectionID || a.UserID != nil && e.UserID != nil && *a.UserID == *e.UserID
}

// NewChange is a change of an entry that is to be stored.
type NewChange struct {
	SessionID string
	Epoch     Epoch // of the session whose entry is meant: another one with its id has other entries; 0 for the one that is there
	Seq       int64
	Actor     Actor
	Kind      EntryChange

	// Of an edit.
	Body     string
	SetData  bool // Data replaces the entry's data; else that stays
	Data     *string
	EditedIn time.Duration // how long after it was stored an entry can be edited

	// Of a reaction.
	Name string
	On   bool

	IdempotencyKey string // empty for none
	// SessionQuota bounds the bytes of a session that was made on first use, as quota.go counts them, where the change takes more; 0
	// for no bound.
	SessionQuota int64
}

// Validate checks the limits that need no look at the store. Errors: BAD_USER_INPUT.
func (c NewChange) Validate() error {
	switch c.Kind {
	case EntryEdited:
		if err := validBody(c.Body); err != nil {
			return err
		}
		if c.Data != nil {
			if err := validText("data", *c.Data, MaxEntryDataBytes); err != nil {
				return err
			}
		}
	case EntryReacted:
		if err := validText("name", c.Name, MaxReactionNameBytes); err != nil {
			return err
		}
		if strings.TrimSpace(c.Name) == "" {
			return Errorf(CodeBadUserInput, "name must be 1 to %d bytes and not only white space", MaxReactionNameBytes)
		}
	}
	return validText("idempotencyKey", c.IdempotencyKey, MaxIdempotencyKeyBytes)
}

// ChangeResult is the outcome of storing one NewChange.
type ChangeResult struct {
	Entry *ChatEntry // as it is now; nil where Err is not
	// Event is the change's event; nil where nothing was changed, where the key was used before, and where a later change of the
	// same call supersedes it.
	Event *LogEvent
	// Reactions are the names of the actor's reactions to the entry now, where Kind is EntryReacted.
	Reactions []string
	// Wait is not 0 for a reaction to an entry that was changed less than ReactionPause ago: nothing was stored, and the
	// same may be stored after this time.
	Wait time.Duration
	Err  error
}

// ReactionPause is the least time between two changes of one entry by reactions. Reactions that come in between are stored
// together.
const ReactionPause = 250 * time.Millisecond
