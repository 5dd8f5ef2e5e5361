package session

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a chat entry, in bytes of UTF-8, and of a page of them.
const (
	MaxBodyBytes           = 16 << 10
	MaxIdempotencyKeyBytes = 128
	MaxPage                = 200
	DefaultPage            = 50
)

// ChatEntry is one stored message of a session's log. It is immutable: readers share one value.
type ChatEntry struct {
	SessionID      string
	Epoch          Epoch // the session's
	Seq            int64 // 1, 2, 3 … in the session, without a hole, in the order of the commits
	ConnectionID   string
	Body           string
	IdempotencyKey string // empty where it was posted without
	CreatedAt      time.Time
}

// ID is unique in all sessions.
func (e *ChatEntry) ID() string { return encodePosition(tagEntry, e.Epoch, e.Seq) }

// Cursor is the entry's place in the log.
func (e *ChatEntry) Cursor() string { return Cursor(e.Epoch, e.Seq) }

// MissingSender stands for the entry's connection where the store no longer has its row: an entry outlives what was said of
// its sender. Nothing is known of that but its id, and it may do nothing any more but have been there.
func (e *ChatEntry) MissingSender() *Connection {
	return &Connection{ID: e.ConnectionID, SessionID: e.SessionID, Role: RoleSubscriber, CreatedAt: e.CreatedAt}
}

// entryOverhead is what an entry counts to its session's quota beside its text: about what a row takes of the disk, so that
// empty ones are bounded too. Migrations reckon with the same number.
const entryOverhead = 128

// QuotaBytes is what the entry counts to its session's quota.
func (e *ChatEntry) QuotaBytes() int64 {
	return int64(entryOverhead + len(e.Body) + len(e.IdempotencyKey))
}

// NewEntry is an entry that is to be stored.
type NewEntry struct {
	SessionID      string
	ConnectionID   string
	Guest          bool // ConnectionID is a guest's name, to be recorded on its first entry
	Body           string
	IdempotencyKey string // empty for none
	// SessionQuota bounds the QuotaBytes of all entries of a session that was made on first use; 0 for no bound.
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
		if e.ConnectionID == Lobby { // clients that keep what they know by id alone would take the two for one
			return Errorf(CodeBadUserInput, "connectionId must not be %q, which is the session's id", Lobby)
		}
	}
	if err := validText("body", e.Body, MaxBodyBytes); err != nil {
		return err
	}
	if strings.TrimSpace(e.Body) == "" {
		return Errorf(CodeBadUserInput, "body must be 1 to %d bytes and not only white space", MaxBodyBytes)
	}
	return validText("idempotencyKey", e.IdempotencyKey, MaxIdempotencyKeyBytes)
}

// validText checks text of at most max bytes of valid UTF-8 without U+0000, which not every store can hold.
func validText(argument, s string, max int) error {
	switch {
	case len(s) > max:
		return Errorf(CodeBadUserInput, "%s must be at most %d bytes, but is %d", argument, max, len(s))
	case !utf8.ValidString(s):
		return Errorf(CodeBadUserInput, "%s must be valid UTF-8", argument)
	case strings.ContainsRune(s, 0):
		return Errorf(CodeBadUserInput, "%s must not contain U+0000", argument)
	}
	return nil
}

// EntryQuery selects a run of one session's log. The zero After and Before are the log's two ends.
type EntryQuery struct {
	SessionID    string
	Epoch        Epoch
	ConnectionID string // only this sender's; empty for all
	After        int64  // seq strictly after
	Before       int64  // seq strictly before; 0 for no bound
	Limit        int    // at most so many
	Backward     bool   // the newest of the run rather than the oldest; the result is ascending either way
}

// AddChatEntry stores an entry of the caller's and returns it, or the first one with the same idempotency key, when it
// is on disk. Where ctx ends first, the entry may be stored or not; a retry with the key tells. Errors:
// UNAUTHENTICATED; FORBIDDEN, with ReasonSessionFull where the session's quota is used up; BAD_USER_INPUT; UNAVAILABLE.
func (s *Service) AddChatEntry(ctx context.Context, c Caller, connectionID, body string, key *string) (*ChatEntry, error) {
	if err := c.inSession(); err != nil {
		return nil, err
	}
	if err := c.canPublish(); err != nil {
		return nil, err
	}
	if c.Kind == Member && connectionID != c.Connection.ID {
		return nil, Errorf(CodeForbidden, "connectionId must be your own connection's")
	}
	e := NewEntry{SessionID: c.SessionID, ConnectionID: connectionID, Guest: c.Kind == Guest, Body: body,
		SessionQuota: s.cfg.SessionBytes}
	if key != nil {
		if *key == "" {
			return nil, Errorf(CodeBadUserInput, "idempotencyKey must be 1 to %d bytes, but is empty", MaxIdempotencyKeyBytes)
		}
		e.IdempotencyKey = *key
	}
	if err := e.Validate(); err != nil {
		return nil, err
	}
	r, err := s.entries.do(ctx, e)
	if err != nil {
		return nil, err
	}
	return r.Entry, r.Err
}

// LatestChatEntry returns the newest entry that a connection posted in the caller's session, or nil. Errors:
// UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE.
func (s *Service) LatestChatEntry(ctx context.Context, c Caller, connectionID string) (*ChatEntry, error) {
	sess, err := s.Session(ctx, c)
	if err != nil {
		return nil, err
	}
	found, err := s.store.Entries(ctx, EntryQuery{SessionID: sess.ID, Epoch: sess.Epoch, ConnectionID: connectionID, Limit: 1, Backward: true})
	if err != nil || len(found) == 0 || connectionID == "" {
		return nil, err
	}
	return found[0], nil
}
