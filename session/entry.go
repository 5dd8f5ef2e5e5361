package session

import (
	"strings"
	"time"
)

// Limits of a chat entry, in bytes of UTF-8.
const (
	MaxBodyBytes           = 16 << 10
	MaxIdempotencyKeyBytes = 128
)

// ChatEntry is one stored message of a session's log, in one of its versions. It is immutable: readers share one value, and a
// change makes another one with the same Seq.
type ChatEntry struct {
	SessionID      string
	Epoch          Epoch // the session's
	Seq            int64 // 1, 2, 3 … in the session, without a hole, in the order of the commits
	Place          int64 // of its addition among the events of the log: at least Seq, and more where changes came before it
	ConnectionID   string
	UserID         *string // nil where its connection had no user
	Body           string  // empty where it is deleted
	Data           *string
	ReplyTo        int64  // the Seq of the entry that it answers; 0 for none
	IdempotencyKey string // empty where it was posted without
	CreatedAt      time.Time

	Version   int64 // 1, and one more with each change
	Changed   int64 // the place of its newest change; 0 where it was never changed
	EditedAt  *time.Time
	DeletedAt *time.Time
	DeletedBy string // the connection that deleted it; empty where it is not deleted
	Reactions []ReactionCount
}

// Gap returns the error for a reader of entries that has come to a truncation: CURSOR_MISMATCH with the cursor of the log's front. It
// is nil for an entry.
func (e *ChatEntry) Gap() error {
	if e.Version > 0 {
		return nil
	}
	return removedCursor("after", e.Epoch, LogFront{Seq: e.Seq, Place: e.Place})
}

// ReactionCount is one reaction to an entry, in the order of their first use.
type ReactionCount struct {
	Name  string
	Count int64 // users, and connections without a user, that react so
}

// Reaction is one reaction to an entry, with the entry.
type Reaction struct {
	ReactionCount
	Entry *ChatEntry
}

// ReactionKey names one reaction among those of a session's entries.
type ReactionKey struct {
	Seq  int64 // of the entry
	Name string
}

// ReactionList returns the entry's reactions, each with the entry.
func (e *ChatEntry) ReactionList() []Reaction {
	list := make([]Reaction, len(e.Reactions))
	for i, r := range e.Reactions {
		list[i] = Reaction{r, e}
	}
	return list
}

// Deleted says whether the entry is deleted.
func (e *ChatEntry) Deleted() bool { return e.DeletedAt != nil }

// Deleter names the connection that deleted the entry; nil where it is not deleted.
func (e *ChatEntry) Deleter() *string {
	if e.DeletedBy == "" {
		return nil
	}
	return &e.DeletedBy
}

// ReplyID is the ID of the entry that it answers; empty for none.
func (e *ChatEntry) ReplyID() string {
	if e.ReplyTo == 0 {
		return ""
	}
	return EntryID(e.Epoch, e.ReplyTo)
}

// EntryID returns the id of the entry with this Seq in the log with this epoch.
func EntryID(epoch Epoch, seq int64) string { return encodePosition(tagEntry, epoch, seq) }

// ParseEntryID returns the Seq of the entry with this id in the log with this epoch; ok is false where it is none.
func ParseEntryID(epoch Epoch, id string) (seq int64, ok bool) {
	at, seq, ok := decodePosition(tagEntry, id)
	return seq, ok && at == epoch
}

// ID is unique over all sessions.
func (e *ChatEntry) ID() string { return EntryID(e.Epoch, e.Seq) }

// Cursor is the place of the entry's addition in the log.
func (e *ChatEntry) Cursor() string { return Cursor(e.Epoch, e.Place) }

// bytes is about the memory that the entry takes.
func (e *ChatEntry) bytes() int {
	n := 320 + len(e.Body)
	if e.Data != nil {
		n += len(*e.Data)
	}
	for _, r := range e.Reactions {
		n += 24 + len(r.Name)
	}
	return n
}

// TextBytes is the length of the entry's text and data.
func (e *ChatEntry) TextBytes() int {
	if e.Data == nil {
		return len(e.Body)
	}
	return len(e.Body) + len(*e.Data)
}

// MissingSender stands for the entry's connection where the store no longer has it: an entry outlives its sender. Only the
// sender's id is known, and it has the least of roles.
func (e *ChatEntry) MissingSender() *Connection {
	return &Connection{ID: e.ConnectionID, SessionID: e.SessionID, Role: RoleSubscriber, CreatedAt: e.CreatedAt}
}

// NewEntry is an entry that is to be stored.
type NewEntry struct {
	SessionID    string
	ConnectionID string
	Guest        bool    // ConnectionID is a guest's name, to be recorded on its first entry
	UserID       *string // of its connection; nil for none
	Service      bool    // ConnectionID is a service connection, for which neither slow mode nor a quota nor ReadOnly holds
	// Origin is a digest of a guest's network, by which bans know it, as that of a NewConnection is; 0 where no ban goes by it.
	Origin         int64
	Body           string
	PostedBody     string // that it was posted with, where a Reviewer replaced it by Body; else empty
	Data           *string
	ReplyTo        int64  // the Seq of an entry of the same session; 0 for none
	ReplyEpoch     Epoch  // of the session whose entry ReplyTo means; 0 for the one that is there
	IdempotencyKey string // empty for none
	// SessionQuota bounds the bytes of a session that was made on first use, as quota.go counts them; 0 for no bound.
	SessionQuota int64
}

// Validate checks the limits that need no look at the store. Errors: BAD_USER_INPUT.
func (e NewEntry) Validate() error {
	if e.Guest {
		if err := validName("connectionId", e.ConnectionID); err != nil {
			return err
		}
		if disguisedID(e.ConnectionID) {
			return Errorf(CodeBadUserInput, "connectionId has the form of a connection's id in other letters; choose another name")
		}
		if e.ConnectionID == Lobby { // clients whose caches go by id alone would take the two for one
			return Errorf(CodeBadUserInput, "connectionId must not be %q, which is the session's id", Lobby)
		}
	}
	if err := validBody(e.Body); err != nil {
		return err
	}
	if e.Data != nil {
		if err := validText("data", *e.Data, MaxEntryDataBytes); err != nil {
			return err
		}
	}
	return validText("idempotencyKey", e.IdempotencyKey, MaxIdempotencyKeyBytes)
}

// validBody checks an entry's text. Errors: BAD_USER_INPUT.
func validBody(body string) error {
	if err := validText("body", body, MaxBodyBytes); err != nil {
		return err
	}
	if strings.TrimSpace(body) == "" {
		return Errorf(CodeBadUserInput, "body must be 1 to %d bytes and not only white space", MaxBodyBytes)
	}
	return nil
}

// EntryResult is the outcome of storing one NewEntry.
type EntryResult struct {
	Entry    *ChatEntry // nil where Err is not
	Replayed bool       // the key was used before with the same body: Entry is the first one
	Err      error
}

// EntryQuery selects a run of one session's log. The zero After and Before are the log's two ends.
type EntryQuery struct {
	SessionID    string
	Epoch        Epoch
	ConnectionID string // only this sender's; empty for all
	NotDeleted   bool   // leaves out deleted entries; the newest, or either end of one sender's, are looked for among 10,000 entries at most
	After        int64  // seq strictly after
	Before       int64  // seq strictly before; 0 for no bound
	Limit        int    // at most so many
	Backward     bool   // the newest of the run rather than the oldest; the result is ascending either way
}
