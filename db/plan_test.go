package db

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"chattok/session"
)

// Whatever grows without bound, the log and what has ended, is read by an index.
func TestPlans(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	var rows []*entryRow
	var members []*connectionRow
	entries := func(q session.EntryQuery) string {
		q.SessionID, q.Limit = "s", 50
		return selectEntries(store.readers, &rows, q).String()
	}
	const (
		log    = "SEARCH entry_row USING INDEX sqlite_autoindex_entries_1 (session_id=?"
		row    = "SEARCH e USING INDEX sqlite_autoindex_entries_1 (session_id=? AND seq=?)"
		sender = "SEARCH sender_entries USING PRIMARY KEY (session_id=? AND connection_id=? AND seq>? AND seq<?)"
		recent = "SEARCH entries USING INDEX sqlite_autoindex_entries_1 (session_id=? AND seq>? AND seq<?)"
	)
	for _, c := range []struct{ name, query, want string }{
		{"page", entries(session.EntryQuery{After: 5}), log + " AND seq>?)"},
		{"page before", entries(session.EntryQuery{Before: 5, Backward: true}), log + " AND seq<?)"},
		{"newest", entries(session.EntryQuery{Backward: true}), log + ")"},
		{"sender's newest", selectSenderBackward.text(sqliteEngine, 1), sender},
		{"sender's newest, recent", selectSenderBackward.text(sqliteEngine, 1), recent},
		{"sender's newest, row", selectSenderBackward.text(sqliteEngine, 1), row},
		{"sender's page", selectSenderForward.text(sqliteEngine, 1), sender},
		{"sender's page, recent", selectSenderForward.text(sqliteEngine, 1), recent},
		{"used keys", selectUsedKeys.text(sqliteEngine, 4), "SEARCH e USING INDEX entries_key (session_id=? AND idempotency_key=?)"},
		{"senders", selectSenders.text(sqliteEngine, 4), "SEARCH connections USING INDEX sqlite_autoindex_connections_1 (id=?)"},
		{"heads", selectHeads.text(sqliteEngine, 4), "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (id=?)"},
		{"roster", "SELECT * FROM connections WHERE session_id = 's' AND " + sqlLive + " ORDER BY created_revision",
			"SEARCH connections USING INDEX connections_live (session_id=? AND created_revision>?)"},
		{"list of those with a socket", selectPart(store.readers, &members, "s", false, 5, 50).String(),
			"SEARCH connection_row USING INDEX connections_attached (session_id=? AND created_revision>?)"},
		{"list of those without", selectPart(store.readers, &members, "s", true, 5, 50).String(),
			"SEARCH connection_row USING INDEX connections_detached (session_id=? AND created_revision>?)"},
		{"changes, created", sqlRosterChanges,
			"SEARCH connections USING INDEX connections_created (session_id=? AND created_revision>? AND created_revision<?)"},
		{"changes, destroyed", sqlRosterChanges,
			"SEARCH connections USING INDEX connections_destroyed (session_id=? AND destroyed_revision>? AND destroyed_revision<?)"},
		{"due", "SELECT * FROM connections WHERE expires_at <= 5 AND " + sqlLive + " ORDER BY expires_at, session_id, created_revision LIMIT 5",
			"SEARCH connections USING INDEX connections_expiring (expires_at<?)"},
		{"destroy", strings.Replace(sqlDestroy, "?", "(NULL, NULL)", 1), "SEARCH i USING PRIMARY KEY (session_id=? AND connection_id=?)"},
		{"index of several logs", strings.Replace(sqlIndexAll, "(?)", "('a', 'b')", 1),
			"SEARCH e USING INDEX sqlite_autoindex_entries_1 (session_id=? AND seq>? AND seq<?)"},
		{"count of holders", sqlCountHolders, "SEARCH h USING PRIMARY KEY (holder=?)"},
		{"count of holders, live", sqlCountHolders, "SEARCH c USING INDEX sqlite_autoindex_connections_1 (id=?)"},
		{"end of a holder", "DELETE FROM connection_holders WHERE connection_id IN (?)",
			"SEARCH connection_holders USING COVERING INDEX connection_holders_connection (connection_id=?)"},
		{"purge", sqlPurge(sqliteEngine), "SEARCH connections USING INDEX connections_purge (purge_at<?)"},
		{"streams of a roster", "SELECT * FROM streams WHERE session_id = 's' ORDER BY created_revision",
			"SEARCH streams USING INDEX streams_created (session_id=?)"},
		{"streams of a connection", "DELETE FROM streams WHERE connection_id IN (?)", "SEARCH streams USING COVERING INDEX streams_connection (connection_id=?)"},
		{"changes of streams", sqlStreamChanges,
			"SEARCH stream_changes USING INDEX sqlite_autoindex_stream_changes_1 (session_id=? AND revision>? AND revision<?)"},
		{"purge of changes", sqlPurgeStreamChanges(sqliteEngine), "SEARCH stream_changes USING INDEX stream_changes_purge (purge_at<?)"},
		{"empty sessions", sqlEmptySessions, "SEARCH sessions USING INDEX sessions_empty (created_at<?)"},
		{"attached", "SELECT " + sqlAttached + " FROM connections WHERE id = 'c'",
			"SEARCH a USING COVERING INDEX sqlite_autoindex_attachments_1 (connection_id=?)"},
		{"lapsed nodes", "SELECT id FROM nodes WHERE lease_until <= 5", "SEARCH nodes USING INDEX nodes_lease (lease_until<?)"},
		{"lapsed attachments", sqlLapsed, "SEARCH attachments USING INDEX attachments_node (node_id=?)"},
		{"taking what lapsed", sqlTakeLapsed,
			"SEARCH a USING COVERING INDEX sqlite_autoindex_attachments_1 (connection_id=? AND node_id=?)"},
	} {
		plan := explain(t, store, c.query)
		if !strings.Contains(plan, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, plan, c.want)
		}
		for _, table := range []string{"entry_row", "connection_row", "entries", "connections", "streams", "stream_changes"} {
			if strings.Contains(plan, "SCAN "+table) {
				t.Errorf("%s scans %s:\n%s", c.name, table, plan)
			}
		}
	}
	for name, query := range map[string]string{
		"page": entries(session.EntryQuery{After: 5}), "sender": selectSenderBackward.text(sqliteEngine, 1),
	} {
		if plan := explain(t, store, query); strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s sorts:\n%s", name, plan)
		}
	}
}

func explain(t *testing.T, store *Store, query string) string {
	t.Helper()
	query = strings.NewReplacer("(?)", "(NULL, NULL)").Replace(query)
	args := make([]any, strings.Count(query, "?"))
	rows, err := store.readers.DB.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}
