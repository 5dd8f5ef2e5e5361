package db

import (
	"context"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"chattok/session"
)

// purgeChangeKeys removes up to limit idempotency keys of changes whose time is up, and gives their bytes back to their sessions.
func purgeChangeKeys(ctx context.Context, tx bun.Tx, now int64, limit int) error {
	return purgeCounted(ctx, tx, dueChangeKeys, now, limit, func(string) int64 { return session.ChangeKeyQuotaBytes })
}

// purgeCounted removes up to limit rows of a table whose time is up and that count to the quotas of their sessions, each as many bytes as
// bytesOf says by its text. The sessions are locked first, as in every transaction.
func purgeCounted(
	ctx context.Context, tx bun.Tx, due dueRows, now int64, limit int, bytesOf func(text string) int64,
) error {
	var ids []string
	if err := tx.NewRaw(due.sqlSessions(), now, limit).Scan(ctx, &ids); err != nil || len(ids) == 0 {
		return err
	}
	sessions, err := selectSessions(ctx, tx, ids)
	if err != nil {
		return err
	}
	var gone []struct{ SessionID, Text string }
	if err := tx.NewRaw(due.sqlPurge(engineOf(tx)), now, limit, bun.List(ids)).Scan(ctx, &gone); err != nil {
		return err
	}
	freed := make(map[string]int64)
	for _, row := range gone {
		freed[row.SessionID] += bytesOf(row.Text)
	}
	left := make(map[string]int64, len(freed))
	for _, at := range sessions {
		if bytes := freed[at.ID]; bytes > 0 {
			at.addBytes(-bytes)
			left[at.ID] = at.Bytes
		}
	}
	return setBytes(ctx, tx, left)
}

// dueRows are a table's rows whose time is up. key tells those of one session apart, text is a column of theirs.
type dueRows struct{ table, key, text string }

var (
	dueChangeKeys    = dueRows{"change_keys", "change_key", "change_key"}
	dueStreamChanges = dueRows{"stream_changes", "revision", "change"}
)

// sqlSessions selects the sessions of the rows whose time was up first.
func (d dueRows) sqlSessions() string {
	return "SELECT DISTINCT due.session_id FROM (SELECT session_id FROM " + d.table + " WHERE purge_at <= ? ORDER BY purge_at LIMIT ?) AS due"
}

// sqlPurge removes rows of some sessions, and returns each. It leaves out rows that another transaction holds.
func (d dueRows) sqlPurge(e *engine) string {
	return "DELETE FROM " + d.table + " WHERE (session_id, " + d.key + ") IN (SELECT due.session_id, due." + d.key + " FROM" +
		" (SELECT session_id, " + d.key + " FROM " + d.table + " WHERE purge_at <= ? ORDER BY purge_at LIMIT ?" + e.skipLocked + ") AS due" +
		" WHERE due.session_id IN (?)) RETURNING session_id, " + d.text + " AS text"
}

// setBytes stores the bytes that count to the quotas of sessions, whose rows are locked.
func setBytes(ctx context.Context, tx bun.Tx, bySession map[string]int64) error {
	if len(bySession) == 0 {
		return nil
	}
	var rows revisions
	for _, id := range slices.Sorted(maps.Keys(bySession)) {
		rows = append(rows, revision{id, bySession[id]})
	}
	const query = "WITH freed (id, bytes) AS (VALUES ?) UPDATE sessions SET bytes = freed.bytes FROM freed WHERE sessions.id = freed.id"
	_, err := tx.ExecContext(ctx, query, rows)
	return err
}
