package db

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"github.com/uptrace/bun"

	"chattok/session"
)

// A session is deleted by a mark on its row, which every statement that looks for a session passes over. Then its rows are removed
// in small transactions, from any node, and the session's own row last. deleted_sessions has the id from the mark on.

// deletedSessionRow is a row of deleted_sessions.
type deletedSessionRow struct {
	bun.BaseModel `bun:"table:deleted_sessions"`

	ID        string `bun:"id,pk"`
	Epoch     int64  `bun:"epoch"`
	DeletedAt int64  `bun:"deleted_at"`
}

// keyDeletedEvents is the key in meta of how many events the logs of removed sessions had. A database that was put back is recognised
// by having fewer events than were committed, so the number must not fall.
const keyDeletedEvents = "deleted_events"

// sqlEvents selects how many events were committed, those of removed sessions included.
const sqlEvents = "SELECT CAST((SELECT coalesce(sum(last_seq + changes), 0) FROM sessions) +" +
	" (SELECT coalesce(sum(CAST(value AS BIGINT)), 0) FROM meta WHERE key = '" + keyDeletedEvents + "') AS BIGINT)"

// DeleteSession implements session.Store.
func (s *Store) DeleteSession(ctx context.Context, id string) (epoch session.Epoch, err error) {
	err = s.write(ctx, "delete a session", func(ctx context.Context, tx bun.Tx) error {
		at, now, err := s.lockSession(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.requireVersion(ctx, tx, readOnlyVersion); err != nil {
			return err
		}
		epoch = session.Epoch(at.Epoch)
		row := &deletedSessionRow{ID: at.ID, Epoch: at.Epoch, DeletedAt: now}
		_, err = tx.NewInsert().Model(row).On("CONFLICT (id) DO UPDATE").Set("epoch = EXCLUDED.epoch").Set("deleted_at = EXCLUDED.deleted_at").Exec(ctx)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE sessions SET deleted_at = ? WHERE id = ?", now, at.ID)
		return err
	})
	return epoch, err
}

// missingSession returns the error for a session that was not found. Errors: NOT_FOUND, with ReasonSessionDeleted where it was
// deleted.
func missingSession(ctx context.Context, db bun.IDB, id string) error {
	if !storable(id) {
		return sessionNotFound()
	}
	deleted, err := selectDeletedIDs(ctx, db, []string{id})
	if err != nil {
		return err
	}
	if deleted[id] {
		return session.SessionDeletedError()
	}
	return sessionNotFound()
}

// selectDeletedIDs returns which of these ids are those of sessions that were deleted and not made again.
func selectDeletedIDs(ctx context.Context, db bun.IDB, ids []string) (deleted map[string]bool, err error) {
	ids = storableOnly(ids)
	if len(ids) == 0 {
		return nil, nil
	}
	var found []string
	err = db.NewRaw("SELECT id FROM deleted_sessions WHERE id IN (?)", bun.List(ids)).Scan(ctx, &found)
	deleted = make(map[string]bool, len(found))
	for _, id := range found {
		deleted[id] = true
	}
	return deleted, err
}

// makeAgain lets the holder of the API secret make a session whose id was a deleted one's. Errors: UNAVAILABLE while that is being
// removed.
func makeAgain(ctx context.Context, tx bun.Tx, id string) error {
	var removing bool
	const marked = "SELECT EXISTS (SELECT 1 FROM sessions WHERE id = ? AND deleted_at IS NOT NULL)"
	if err := tx.NewRaw(marked, id).Scan(ctx, &removing); err != nil {
		return err
	}
	if removing {
		return session.Errorf(session.CodeUnavailable, "the session with this id was deleted and is still being removed; try again")
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM deleted_sessions WHERE id = ?", id)
	return err
}

// removedTables are the tables with rows of a session, in the order in which they are removed, with their primary keys. The log is
// removed by removeEntries, and connections, with the rows that refer to them, by removeConnections.
var removedTables = []struct{ name, key string }{
	{"reactions", "session_id, seq, reactor, name"},
	{"change_keys", "session_id, change_key"},
	{"read_marks", "session_id, reader"},
	{"sender_entries", "session_id, connection_id, seq"},
	{"stream_changes", "session_id, revision"},
	{"bans", "id"},
	{"streams", "id"},
	{"service_connections", "session_id, actor"},
}

// RemoveDeleted implements session.Store.
func (s *Store) RemoveDeleted(ctx context.Context, limit int) (more bool, err error) {
	more, err = read(ctx, s, "look for deleted sessions", func(ctx context.Context) (some bool, err error) {
		err = s.readers.NewRaw("SELECT EXISTS (SELECT 1 FROM sessions WHERE deleted_at IS NOT NULL)").Scan(ctx, &some)
		return some, err
	})
	if err != nil || !more {
		return false, err
	}
	var at *sessionRow
	err = s.writePrepared(ctx, "remove a deleted session", s.backend.prepareRemoval, func(ctx context.Context, tx bun.Tx) (err error) {
		if at, err = selectDeleted(ctx, tx); err != nil || at == nil {
			return err
		}
		return s.removeSome(ctx, tx, at, limit)
	}, func() {
		if at != nil {
			s.unindexed.forget([]string{at.ID})
			s.backend.erased()
		}
	})
	return at != nil && err == nil, err
}

// selectDeleted locks and returns the session that was deleted first; nil where another node is at work on all that there are.
func selectDeleted(ctx context.Context, tx bun.Tx) (*sessionRow, error) {
	at := new(sessionRow)
	query := "SELECT * FROM sessions WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1" + engineOf(tx).skipLocked
	err := tx.NewRaw(query).Scan(ctx, at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return at, err
}

// removeSome removes up to limit rows of a deleted session, and its own row where there are no others. The session's row is locked.
func (s *Store) removeSome(ctx context.Context, tx bun.Tx, at *sessionRow, limit int) error {
	left := limit
	steps := []func() (int, error){func() (int, error) { return s.removeEntries(ctx, tx, at.ID, left) }}
	for _, table := range removedTables {
		steps = append(steps, func() (int, error) { return removeRows(ctx, tx, table.name, table.key, at.ID, left) })
	}
	steps = append(steps, func() (int, error) { return removeConnections(ctx, tx, at.ID, left) })
	for _, remove := range steps {
		n, err := remove()
		if left -= n; err != nil || left <= 0 {
			return err
		}
	}
	const count = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE" +
		" SET value = CAST(CAST(meta.value AS BIGINT) + CAST(excluded.value AS BIGINT) AS TEXT)"
	if _, err := tx.ExecContext(ctx, count, keyDeletedEvents, strconv.FormatInt(at.LastSeq+at.Changes, 10)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM sessions WHERE id = ?", at.ID)
	return err
}

// removeRows removes up to limit rows of a session from a table, and returns how many.
func removeRows(ctx context.Context, tx bun.Tx, table, key, sessionID string, limit int) (int, error) {
	query := "DELETE FROM " + table + " WHERE (" + key + ") IN (SELECT " + key + " FROM " + table + " WHERE session_id = ? LIMIT ?)"
	result, err := tx.ExecContext(ctx, query, sessionID, limit)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// removeEntries removes up to limit entries of a session, and returns how many. In a file, rows beside them may move: see
// sqlite_moved.go.
func (s *Store) removeEntries(ctx context.Context, tx bun.Tx, sessionID string, limit int) (int, error) {
	if s.engine.locksRows() {
		return removeRows(ctx, tx, "entries", "session_id, seq", sessionID, limit)
	}
	var rows []int64
	err := tx.NewRaw("SELECT rowid FROM entries WHERE session_id = ? ORDER BY seq LIMIT ?", sessionID, limit).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM entries WHERE rowid IN (?)", bun.List(rows)); err != nil {
		return 0, err
	}
	return len(rows), s.backend.clearRemoved(ctx, tx, rows)
}

// removeConnections removes up to limit connections of a session, with the rows that refer to them, and returns how many.
func removeConnections(ctx context.Context, tx bun.Tx, sessionID string, limit int) (int, error) {
	var ids []string
	const some = "SELECT id FROM connections WHERE session_id = ? ORDER BY id LIMIT ?"
	if err := tx.NewRaw(some, sessionID, limit).Scan(ctx, &ids); err != nil || len(ids) == 0 {
		return 0, err
	}
	if err := lockConnections(ctx, tx, "id IN (?)", bun.List(ids)); err != nil {
		return 0, err
	}
	for _, query := range []string{"DELETE FROM attachments WHERE connection_id IN (?)", "DELETE FROM connection_holders WHERE connection_id IN (?)",
		"DELETE FROM connections WHERE id IN (?)"} {
		if _, err := tx.ExecContext(ctx, query, bun.List(ids)); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}
