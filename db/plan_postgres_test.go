package db

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"chattok/internal/pgtest"
	"chattok/session"
)

// On PostgreSQL too, tables that grow without bound are read by an index. The planner prefers to scan the tables of a
// small database, so scans are switched off where there is another way.
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
		" SELECT 'c' || n, 's', 'PUBLISHER', FALSE, n, n, 1000 + n FROM generate_series(1, 2000) AS n; ANALYZE connections;" +
		"INSERT INTO reactions (session_id, seq, reactor, name, connection_id, place, ordinal)" +
		" SELECT 's', 1 + n % 2, 'c' || n, '+' || n % 3, 'c' || n, n, 0 FROM generate_series(1, 4000) AS n; ANALYZE reactions"
	if _, err := store.writer.ExecContext(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	entries := func(q session.EntryQuery) string {
		var rows []*entryRow
		q.SessionID, q.Limit = "s", 50
		return selectEntries(store.readers, &rows, q).String()
	}
	var members []*connectionRow
	var entryRows []*entryRow
	ids, nodes := bun.List([]string{"a", "b"}), bun.List([]int64{1, 2})
	const live = "SELECT * FROM connections WHERE "
	for _, c := range []struct {
		name, query string
		args        []any
		want        string // the index that the plan must use
	}{
		{"page", entries(session.EntryQuery{After: 5}), nil, "entries_pkey"},
		{"newest", entries(session.EntryQuery{Backward: true}), nil, "Scan Backward using entries_pkey"},
		{"sender's page", sqlSenderEntries(postgresEngine, "ASC", ""), []any{"s", "s", "c", 1, 9, 5, "s", "c", 1, 1, "s", 9, 5, 5}, "sender_entries_pkey"},
		{"index of senders", sqlIndexSenders, []any{"s", 1, 9}, "entries_pkey"},
		{"sender's newest that is not deleted", selectUndeletedBackward.text(postgresEngine, 1), []any{"s", "s", "c", 1, 9, 5, "s", "c", 1, 1, "s", 9, 5, 5}, "sender_entries_pkey"},
		{"entries by number", bySeq(store.readers, &entryRows, "s", []int64{1, 2}).String(), nil, "entries_pkey"},
		{"added", selectAdded(store.readers, &entryRows, session.LogQuery{SessionID: "s", Limit: 9}, 3, 9).String(), nil, "entries_pkey"},
		{"changed", selectChanged(store.readers, &entryRows, session.LogQuery{SessionID: "s", Limit: 9}, 9).String(), nil, "entries_changed"},
		{"run before", sqlRunBefore, []any{"s", 5}, "entries_run"},
		{"run after", sqlRunAfter, []any{"s", 5}, "entries_run"},
		{"changed entries", selectBySeq.text(postgresEngine, 2), []any{"s", 1, "s", 2}, "entries_pkey"},
		{"used keys of changes", selectChangeKeys.text(postgresEngine, 2), []any{"s", "k", "s", "l"}, "change_keys_pkey"},
		{"reactions of actors", selectReactions.text(postgresEngine, 2), []any{"s", 1, "c", "s", 2, "c"}, "reactions_pkey"},
		{"reactions of one", sqlReactionsOf, []any{"s", bun.List([]int64{1, 2}), "c"}, "reactions_pkey"},
		{"reactors", sqlReactors, []any{"s", 1, "+1", 9}, "reactions_oldest"},
		{"update of texts", updateEntries.text(postgresEngine, 2), repeated(2, "s", 1, 2, 3, 4, "EDITED", nil, "body", nil, 5, nil, nil), "entries_pkey"},
		{"update of reactions", updateReactions.text(postgresEngine, 2), repeated(2, "s", 1, 2, 3, 4, "REACTED", "[]"), "entries_pkey"},
		{"advance by changes", advanceChanges.text(postgresEngine, 2), []any{"a", 1, 1, "b", 2, 2}, "sessions_pkey"},
		{"end of reactions", deleteReactions.text(postgresEngine, 2), repeated(2, "s", 1, "c", "+1"), "reactions_pkey"},
		{"end of an entry's reactions", clearReactions.text(postgresEngine, 2), repeated(2, "s", 1), "reactions_"},
		{"due keys", dueChangeKeys.sqlSessions(), []any{1, 9}, "change_keys_purge"},
		{"purge of keys", dueChangeKeys.sqlPurge(postgresEngine), []any{1, 9, bun.List([]string{"s"})}, "change_keys_purge"},
		{"undeleted of a connection", sqlUndeletedOfConnection, []any{"s", "c", 1, 9, 9}, "sender_entries_pkey"},
		{"undeleted of a user", sqlUndeletedOfUser, []any{"s", "u", 1, 9, 9}, "connections_user"},
		{"used keys", selectUsedKeys.text(postgresEngine, 2), []any{"s", "k", "s", "l"}, "entries_key"},
		{"stored entry", selectStoredEntry.text(postgresEngine, 1), []any{"s", "k", "l"}, "entries_key"},
		{"stored change", selectStoredChange.text(postgresEngine, 1), []any{"s", "k", 1}, "change_keys_pkey"},
		{"senders", selectSenders.text(postgresEngine, 2), []any{"a", "b"}, "connections_pkey"},
		{"heads", selectLogs.text(postgresEngine, 2), []any{"a", "b"}, "sessions_pkey"},
		{"advance", advanceSeq.text(postgresEngine, 2), []any{"a", 1, 1, 1, "b", 2, 2, 2}, "sessions_pkey"},
		{"roster", live + "session_id = 's' AND " + sqlLive + " ORDER BY created_revision", nil, "connections_live"},
		{"list of those with a socket", selectPart(store.readers, &members, "s", false, 5, 50).String(), nil, "connections_attached"},
		{"list of those without", selectPart(store.readers, &members, "s", true, 5, 50).String(), nil, "connections_detached"},
		{"changes, created", sqlRosterChanges, []any{"s", 1, 9, "s", 1, 9}, "connections_created"},
		{"changes, destroyed", sqlRosterChanges, []any{"s", 1, 9, "s", 1, 9}, "connections_destroyed"},
		{"changes of streams", sqlStreamChanges, []any{"s", 1, 9}, "stream_changes_pkey"},
		{"changes that name a connection", sqlChangesNaming(postgresEngine), []any{"s", 1, 9, "c", 9}, "stream_changes_pkey"},
		{"keys to erase", sqlEraseKeys, []any{"s", "s", "a", "b", 1, 9}, "change_keys_pkey"},
		{"latest of a user, key", sqlLatestOfSubject, []any{"u", "", "uu", "u", "", 1, "u", "a", "b"}, "change_keys_pkey"},
		{"due", live + "expires_at <= 5 AND " + sqlLive + " ORDER BY expires_at, session_id, created_revision LIMIT 5", nil, "connections_expiring"},
		{"destroy", sqlDestroy, []any{revisions{{"c", 2}, {"d", 3}}, 1, "r", 3}, "sender_entries_pkey"},
		{"index of several logs", sqlIndexAll, []any{ids}, "entries_pkey"},
		{"ends too far away", "UPDATE connections SET expires_at = 5 WHERE expires_at > 5 AND " + sqlLive, nil, "connections_expiring"},
		{"count of holders", sqlCountHolders, []any{bun.List([]int64{1, 2})}, "connection_holders_pkey"},
		{"end of a holder", "DELETE FROM connection_holders WHERE connection_id IN (?)", []any{ids}, "connection_holders_connection"},
		{"purge", sqlPurge(postgresEngine), []any{1, 9}, "connections_purge"},
		{"old entries", sqlRetentionDue, []any{1, 1, 1, 1, "a"}, "sessions_pkey"},
		{"old entries, first", sqlRetentionDue, []any{1, 1, 1, 1, "a"}, "entries_pkey"},
		{"old entries behind others", sqlOldBehindAhead, []any{1, ids, 1, 1, 1, 1}, "(seq = ((b_1.low + b_1.high) / 2))"},
		{"old entries behind others, sessions", sqlOldBehindAhead, []any{1, ids, 1, 1, 1, 1}, "sessions_pkey"},
		{"senders that are not indexed", sqlSendersNotIndexed, []any{ids}, "entries_pkey"},
		{"purge of bans", sqlPurgeBans(postgresEngine), []any{1, 9}, "bans_until"},
		{"purge of marks", sqlPurgeMarks(postgresEngine), []any{1, 9}, "read_marks_purge"},
		{"bans", sqlBans, []any{"s", 1, 9}, "bans_session"},
		{"bans of users", sqlBansOfUsers, []any{ids, ids}, "bans_user"},
		{"bans of origins", sqlBansOfOrigins, []any{ids, nodes}, "bans_origin"},
		{"read mark", sqlReadMark, []any{"ua", "s"}, "read_marks_pkey"},
		{"read mark, deleted", sqlReadMark, []any{"ua", "s"}, "entries_deleted"},
		{"newest entries", sqlNewestEntries, []any{ids}, "entries_pkey"},
		{"sizes of rosters, connections", sqlRosterSizes, []any{ids}, "connections_live"},
		{"sizes of rosters, streams", sqlRosterSizes, []any{ids}, "streams_"},
		{"feed", sqlFeed, []any{1, 9, 9}, "feed_pkey"},
		{"feed, session's place", sqlFeed, []any{1, 9, 9}, "feed_sessions_pkey"},
		{"sources of the feed", sqlFeedSources, []any{ids}, "sessions_pkey"},
		{"sources of the feed, entry", sqlFeedSources, []any{ids}, "entries_pkey"},
		{"comparison with the feed", sqlFeedBehind(" AND s.id <= ?", " AND f.session_id <= ?"), []any{"a", "b", "a", "b", "a"}, "sessions_pkey"},
		{"comparison with the feed, known", sqlFeedBehind(" AND s.id <= ?", " AND f.session_id <= ?"), []any{"a", "b", "a", "b", "a"}, "feed_sessions_pkey"},
		{"clearing of the feed", sqlClearFeed, []any{"a", feedDeleted, 9}, "feed_"},
		{"purge of the feed", sqlPurgeFeed(postgresEngine), []any{1, 9}, "feed_purge"},
		{"purge of changes", dueStreamChanges.sqlPurge(postgresEngine), []any{1, 9, bun.List([]string{"s"})}, "stream_changes_purge"},
		{"empty sessions", sqlEmptySessions + sqlOldestSessions, []any{1, "lobby", 1, 1, 9}, "sessions_empty"},
		{"lapsed nodes", "SELECT id FROM nodes WHERE lease_until <= 5", nil, "nodes_lease"},
		{"lapsed attachments", sqlLapsed, []any{nodes, 9}, "attachments_node"},
		{"taking what lapsed", sqlReleaseLapsed, []any{nodes, ids, 1, 1, 1}, "attachments_pkey"},
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

// repeated returns the arguments of several rows.
func repeated(rows int, row ...any) (args []any) {
	for range rows {
		args = append(args, row...)
	}
	return args
}
