package db

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"chattok/internal/pgtest"
	"chattok/session"
)

// On PostgreSQL too, whatever grows without bound is read by an index. The planner of a small database would rather go
// through its tables, so it is told not to where there is another way.
func TestPlansOnPostgreSQL(t *testing.T) {
	store, err := Open(t.Context(), Config{Path: pgtest.Database(t), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	const many = "INSERT INTO sessions (id, epoch, media_mode, token_required, created_at) VALUES ('s', 1, 'RELAYED', FALSE, 1);" +
		"INSERT INTO connections (id, session_id, role, guest, created_at, created_revision, expires_at)" +
		" SELECT 'c' || n, 's', 'PUBLISHER', FALSE, n, n, 1000 + n FROM generate_series(1, 2000) AS n; ANALYZE connections"
	if _, err := store.writer.ExecContext(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	entries := func(q session.EntryQuery) string {
		var rows []*entryRow
		q.SessionID, q.Limit = "s", 50
		return selectEntries(store.readers, &rows, q).String()
	}
	var members []*connectionRow
	ids, nodes := bun.List([]string{"a", "b"}), bun.List([]int64{1, 2})
	const live = "SELECT * FROM connections WHERE "
	for _, c := range []struct {
		name, query string
		args        []any
		want        string // the index
	}{
		{"page", entries(session.EntryQuery{After: 5}), nil, "entries_pkey"},
		{"newest", entries(session.EntryQuery{Backward: true}), nil, "Scan Backward using entries_pkey"},
		{"sender's page", sqlSenderEntries("ASC"), []any{"s", "s", "c", 1, 9, 5, "s", "c", 1, 1, "s", 9, 5, 5}, "sender_entries_pkey"},
		{"index of senders", sqlIndexSenders, []any{"s", 1, 9}, "entries_pkey"},
		{"used keys", selectUsedKeys.text(postgresEngine, 2), []any{"s", "k", "s", "l"}, "entries_key"},
		{"senders", selectSenders.text(postgresEngine, 2), []any{"a", "b"}, "connections_pkey"},
		{"heads", selectHeads.text(postgresEngine, 2), []any{"a", "b"}, "sessions_pkey"},
		{"advance", advanceSeq.text(postgresEngine, 2), []any{"a", 1, 1, 1, "b", 2, 2, 2}, "sessions_pkey"},
		{"roster", live + "session_id = 's' AND " + sqlLive + " ORDER BY created_revision", nil, "connections_live"},
		{"list of those with a socket", selectPart(store.readers, &members, "s", false, 5, 50).String(), nil, "connections_attached"},
		{"list of those without", selectPart(store.readers, &members, "s", true, 5, 50).String(), nil, "connections_detached"},
		{"changes, created", sqlRosterChanges, []any{"s", 1, 9, "s", 1, 9}, "connections_created"},
		{"changes, destroyed", sqlRosterChanges, []any{"s", 1, 9, "s", 1, 9}, "connections_destroyed"},
		{"changes of streams", sqlStreamChanges, []any{"s", 1, 9}, "stream_changes_pkey"},
		{"due", live + "expires_at <= 5 AND " + sqlLive + " ORDER BY expires_at, session_id, created_revision LIMIT 5", nil, "connections_expiring"},
		{"destroy", sqlDestroy, []any{revisions{{"c", 2}, {"d", 3}}, 1, "r", 3}, "sender_entries_pkey"},
		{"index of several logs", sqlIndexAll, []any{ids}, "entries_pkey"},
		{"ends too far away", "UPDATE connections SET expires_at = 5 WHERE expires_at > 5 AND " + sqlLive, nil, "connections_expiring"},
		{"count of holders", sqlCountHolders, []any{bun.List([]int64{1, 2})}, "connection_holders_pkey"},
		{"end of a holder", "DELETE FROM connection_holders WHERE connection_id IN (?)", []any{ids}, "connection_holders_connection"},
		{"purge", sqlPurge(postgresEngine), []any{1, 9}, "connections_purge"},
		{"purge of changes", sqlPurgeStreamChanges(postgresEngine), []any{1, 9}, "stream_changes_purge"},
		{"empty sessions", sqlEmptySessions + sqlOldestSessions, []any{1, "lobby", 1, 9}, "sessions_empty"},
		{"lapsed nodes", "SELECT id FROM nodes WHERE lease_until <= 5", nil, "nodes_lease"},
		{"lapsed attachments", sqlLapsed, []any{nodes, 9}, "attachments_node"},
		{"taking what lapsed", sqlTakeLapsed, []any{nodes, ids, 1, 1, 1}, "attachments_pkey"},
		{"attached", "SELECT " + sqlAttached + " FROM connections WHERE id = 'c'", []any{1}, "attachments_pkey"},
		{"streams of a connection", "DELETE FROM streams WHERE connection_id IN (?)", []any{ids}, "streams_connection"},
		{"rows to lock", "SELECT id FROM connections WHERE id IN (?) ORDER BY id FOR " + postgresEngine.lockRows, []any{ids}, "connections_pkey"},
	} {
		plan := explainPlan(t, store, c.query, c.args...)
		if !strings.Contains(plan, c.want) {
			t.Errorf("%s: %s is not used:\n%s", c.name, c.want, plan)
		}
		if strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s goes through a table:\n%s", c.name, plan)
		}
	}
	for name, q := range map[string]session.EntryQuery{"page": {After: 5}, "newest": {Backward: true}} {
		if plan := explainPlan(t, store, entries(q)); strings.Contains(plan, "Sort") {
			t.Errorf("%s sorts:\n%s", name, plan)
		}
	}
}

func explainPlan(t *testing.T, store *Store, query string, args ...any) string {
	t.Helper()
	tx, err := store.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"); err != nil {
		t.Fatal(err)
	}
	var plan []string
	if err := tx.NewRaw("EXPLAIN "+query, args...).Scan(t.Context(), &plan); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(plan, "\n")
}
