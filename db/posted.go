package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"

	"chattok/session"
)

// usedEntry is an entry that was stored with an idempotency key.
type usedEntry struct {
	*session.ChatEntry
	// postedSum is the postedSum of the body that was posted, where the entry was stored with another one; else nil.
	postedSum *int64
}

// usedEntries are entries by their keys.
type usedEntries map[entryKey]usedEntry

// postedSum returns 16 bits of a digest of a body that is posted with an idempotency key. They tell a retry from another post, all
// but one time in 65,536, and are too few to find out a body that a backend kept from being stored.
func postedSum(sessionID, key, body string) int64 {
	h := sha256.New()
	for _, text := range []string{sessionID, key, body} {
		sum := sha256.Sum256([]byte(text))
		h.Write(sum[:])
	}
	return int64(binary.BigEndian.Uint16(h.Sum(nil)))
}

// postedBody returns the body that e was posted with.
func postedBody(e *session.NewEntry) string {
	if e.PostedBody != "" {
		return e.PostedBody
	}
	return e.Body
}

// replayed returns the entry that was stored with the key of e, if there is one. A key of a sender with a user is also looked
// for among those without a user, as an earlier version stored it; there, an entry that is not the same is somebody else's.
func (used usedEntries) replayed(e *session.NewEntry) (*session.ChatEntry, error) {
	if first, found := used[entryKey{e.SessionID, storeKey(e.UserID, e.IdempotencyKey)}]; found {
		if !first.mayBe(e, e.UserID != nil) {
			return nil, session.Errorf(session.CodeBadUserInput, "idempotencyKey was used with another body").
				WithReason(session.ReasonIdempotencyConflict)
		}
		return first.ChatEntry, nil
	}
	if e.UserID != nil {
		if first, found := used[entryKey{e.SessionID, storeKey(nil, e.IdempotencyKey)}]; found && first.mayBe(e, false) {
			return first.ChatEntry, nil
		}
	}
	return nil, nil
}

// mayBe says whether the entry that was stored with a key may be the one that e is a retry of. Once its text has changed, only its
// sender tells: by the key, where that is a user's own, else by the connection. Somebody who guesses a key could otherwise get another's
// deleted entry, or have an entry of its own taken for another's.
func (u usedEntry) mayBe(e *session.NewEntry, ownKey bool) bool {
	changed := u.EditedAt != nil || u.Deleted()
	return u.hadBody(e) || changed && (ownKey || u.ConnectionID == e.ConnectionID)
}

// hadBody says whether an entry was posted with the body that e was posted with, as far as that is known.
func (u usedEntry) hadBody(e *session.NewEntry) bool {
	if u.postedSum != nil {
		return *u.postedSum == postedSum(e.SessionID, e.IdempotencyKey, postedBody(e))
	}
	return u.Body == postedBody(e)
}

// StoredEntry implements session.Store.
func (s *Store) StoredEntry(ctx context.Context, e session.NewEntry) (*session.ChatEntry, error) {
	if e.IdempotencyKey == "" || !storable(e.SessionID) || !storable(e.IdempotencyKey) {
		return nil, nil
	}
	keys := []any{storeKey(nil, e.IdempotencyKey), storeKey(nil, e.IdempotencyKey)}
	if e.UserID != nil && storable(*e.UserID) {
		keys[1] = storeKey(e.UserID, e.IdempotencyKey)
	}
	used, err := read(ctx, s, "read an entry by its key", func(ctx context.Context) (usedEntries, error) {
		rows, err := s.reading.read(ctx, selectStoredEntry, append([]any{e.SessionID}, keys...)...)
		if err != nil {
			return nil, err
		}
		used := usedEntries{}
		for rows.Next() {
			var epoch int64
			var row entryRow
			var posted *int64
			if err := row.scan(rows, &epoch, &posted); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			used[entryKey{row.SessionID, *row.IdempotencyKey}] = usedEntry{row.toEntry(session.Epoch(epoch)), posted}
		}
		return used, errors.Join(rows.Err(), rows.Close())
	})
	if err != nil {
		return nil, err
	}
	return used.replayed(&e)
}

// StoredChange implements session.Store.
func (s *Store) StoredChange(ctx context.Context, c session.NewChange) (*session.ChatEntry, error) {
	if c.IdempotencyKey == "" || !storableChange(&c) {
		return nil, nil
	}
	var usedFor string
	entry, err := read(ctx, s, "read a change by its key", func(ctx context.Context) (*session.ChatEntry, error) {
		rows, err := s.reading.read(ctx, selectStoredChange, c.SessionID, storeKey(c.Actor.UserID, c.IdempotencyKey), c.Seq)
		if err != nil {
			return nil, err
		}
		return scanStoredChange(rows, &usedFor)
	})
	switch {
	case err != nil || entry == nil:
		return nil, err
	case usedFor != usedForOf(&c):
		return nil, keyUsedForSomethingElse()
	}
	return entry, nil
}

// scanStoredChange reads the one row of selectStoredChange, if there is one, and closes the rows.
func scanStoredChange(rows *sql.Rows, usedFor *string) (entry *session.ChatEntry, err error) {
	if rows.Next() {
		var epoch int64
		var row entryRow
		if err := row.scan(rows, usedFor, &epoch); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		entry = row.toEntry(session.Epoch(epoch))
	}
	return entry, errors.Join(rows.Err(), rows.Close())
}

func keyUsedForSomethingElse() *session.Error {
	return session.Errorf(session.CodeBadUserInput, "idempotencyKey was used for something else").
		WithReason(session.ReasonIdempotencyConflict)
}
