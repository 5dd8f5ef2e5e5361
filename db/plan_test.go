package db

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"chattok/session"
)

// Tables that grow without bound, the log and what has ended, are read by an index.
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
		table  = "SEARCH entries USING COVERING INDEX sqlite_autoindex_entries_1 (session_id=? AND seq=?)"
		sender = "SEARCH sender_entries USING PRIMARY KEY (session_id=? AND connection_id=? AND seq>? AND seq<?)"
		recent = "SEARCH entries USING INDEX sqlite_autoindex_entries_1 (session_id=? AND seq>? AND seq<?)"
	)
	for _, c := range []struct{ name, query, want string }{
		{"page", entries(session.EntryQuery{After: 5}), log + " AND seq>?)"},
		{"page without deleted", entries(session.EntryQuery{After: 5, NotDeleted: true}), log + " AND seq>?)"},
		{"page before", entries(session.EntryQuery{Before: 5, Backward: true}), log + " AND seq<?)"},
		{"newest", entries(session.EntryQuery{Backward: true}), log + ")"},
		{"sender's newest", selectSenderBackward.text(sqliteEngine, 1), sender},
		{"sender's newest, recent", selectSenderBackward.text(sqliteEngine, 1), recent},
		{"sender's newest, row", selectSenderBackward.text(sqliteEngine, 1), row},
		{"sender's newest that is not deleted", selectUndeletedBackward.text(sqliteEngine, 1), sender},
		{"sender's newest that is not deleted, row", selectUndeletedBackward.text(sqliteEngine, 1), row},
		{"sender's page", selectSenderForward.text(sqliteEngine, 1), sender},
		{"sender's page, recent", selectSenderForward.text(sqliteEngine, 1), recent},
		{"entries by number", bySeq(store.readers, &rows, "s", []int64{1, 2}).String(), log + " AND seq=?)"},
		{"added", selectAdded(store.readers, &rows, session.LogQuery{SessionID: "s", Limit: 9}, 3, 9).String(), log + " AND seq>? AND seq<?)"},
		{"changed", selectChanged(store.readers, &rows, session.LogQuery{SessionID: "s", Limit: 9}, 9).String(),
			"SEARCH entry_row USING INDEX entries_changed (session_id=? AND changed_place>? AND changed_place<?)"},
		{"run before", sqlRunBefore, "SEARCH entries USING INDEX entries_run (session_id=? AND run_place<?)"},
		{"run after", sqlRunAfter, "SEARCH entries USING INDEX entries_run (session_id=? AND run_place>?)"},
		{"changed entries", selectBySeq.text(sqliteEngine, 4), row},
		{"used keys of changes", selectChangeKeys.text(sqliteEngine, 4), "SEARCH k USING PRIMARY KEY (session_id=? AND change_key=?)"},
		{"reactions of actors", selectReactions.text(sqliteEngine, 4), "SEARCH r USING PRIMARY KEY (session_id=? AND seq=? AND reactor=?)"},
		{"reactions of one", sqlReactionsOf, "SEARCH r USING PRIMARY KEY (session_id=? AND seq=? AND reactor=?)"},
		{"reactions of one, entry", sqlReactionsOf, row},
		{"reactors", sqlReactors, "SEARCH reactions USING INDEX reactions_oldest (session_id=? AND seq=? AND name=?)"},
		{"update of a text", updateEntries.text(sqliteEngine, 1), table},
		{"update of reactions", updateReactions.text(sqliteEngine, 1), table},
		{"advance by changes", advanceChanges.text(sqliteEngine, 4), "SEARCH sessions USING COVERING INDEX sqlite_autoindex_sessions_1 (id=?)"},
		{"end of reactions", deleteReactions.text(sqliteEngine, 4), "SEARCH reactions USING PRIMARY KEY (session_id=? AND seq=? AND reactor=? AND name=?)"},
		{"end of an entry's reactions", clearReactions.text(sqliteEngine, 4), "SEARCH reactions USING PRIMARY KEY (session_id=? AND seq=?)"},
		{"due keys", dueChangeKeys.sqlSessions(), "SEARCH change_keys USING COVERING INDEX change_keys_purge (purge_at<?)"},
		{"purge of keys", dueChangeKeys.sqlPurge(sqliteEngine), "SEARCH change_keys USING COVERING INDEX change_keys_purge (purge_at<?)"},
		{"sessions of a user", sqlSessionOfUser, "SEARCH c USING INDEX connections_of_user (<expr>=? AND session_id>?)"},
		{"sessions of a user's reactions", sqlSessionOfUser, "INDEX reactions_reactor (<expr>=? AND session_id>?)"},
		{"sessions of a user's marks", sqlSessionOfUser, "INDEX read_marks_reader (<expr>=? AND session_id>?)"},
		{"live sessions of a user", sqlLiveSessionOfUser, "SEARCH c USING INDEX connections_of_user (<expr>=? AND session_id>?)"},
		{"entries to erase", sqlNotErasedEntries, "SEARCH i USING PRIMARY KEY (session_id=? AND connection_id=? AND seq>? AND seq<?)"},
		{"entries to erase, row", sqlNotErasedEntries, row},
		{"erasing", eraseEntries.text(sqliteEngine, 1), table},
		{"undeleted of a connection", sqlUndeletedOfConnection, "SEARCH i USING PRIMARY KEY (session_id=? AND connection_id=? AND seq>? AND seq<?)"},
		{"undeleted of a connection, row", sqlUndeletedOfConnection, row},
		{"undeleted of a user", sqlUndeletedOfUser, "SEARCH c USING INDEX connections_user (session_id=? AND user_id=?)"},
		{"undeleted of a user, sender", sqlUndeletedOfUser, "SEARCH i USING PRIMARY KEY (session_id=? AND connection_id=? AND seq>? AND seq<?)"},
		{"page of a row", selectEntryRow.text(sqliteEngine, 1), table},
		{"used keys", selectUsedKeys.text(sqliteEngine, 4), "SEARCH e USING INDEX entries_key (session_id=? AND idempotency_key=?)"},
		{"stored entry", selectStoredEntry.text(sqliteEngine, 1), "SEARCH e USING INDEX entries_key (session_id=? AND idempotency_key=?)"},
		{"stored change", selectStoredChange.text(sqliteEngine, 1), "SEARCH k USING PRIMARY KEY (session_id=? AND change_key=?)"},
		{"senders", selectSenders.text(sqliteEngine, 4), "SEARCH connections USING INDEX sqlite_autoindex_connections_1 (id=?)"},
		{"heads", selectLogs.text(sqliteEngine, 4), "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (id=?)"},
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
		{"changes that name a connection", sqlChangesNaming(sqliteEngine),
			"SEARCH stream_changes USING INDEX sqlite_autoindex_stream_changes_1 (session_id=? AND revision>? AND revision<?)"},
		{"keys to erase", sqlEraseKeys, "SEARCH change_keys USING PRIMARY KEY (session_id=? AND change_key=?)"},
		{"keys to erase, range", sqlEraseKeys, "SEARCH change_keys USING PRIMARY KEY (session_id=? AND change_key>? AND change_key<?)"},
		{"latest of a user", sqlLatestOfSubject, "SEARCH connections USING INDEX connections_of_user (<expr>=?)"},
		{"latest of a user, mark", sqlLatestOfSubject, "SEARCH read_marks USING INDEX read_marks_reader (<expr>=?)"},
		{"latest of a user, key", sqlLatestOfSubject, "SEARCH change_keys USING PRIMARY KEY (session_id=? AND change_key>? AND change_key<?)"},
		{"old entries", sqlRetentionDue, "SEARCH s USING INDEX sqlite_autoindex_sessions_1 (id>?)"},
		{"old entries, first", sqlRetentionDue, row},
		{"old entries behind others", sqlOldBehindAhead, "SEARCH l USING INDEX sqlite_autoindex_entries_1 (session_id=? AND seq=?)"},
		{"old entries behind others, middle", sqlOldBehindAhead, row},
		{"senders that are not indexed", sqlSendersNotIndexed, "SEARCH e USING INDEX sqlite_autoindex_entries_1 (session_id=? AND seq>?)"},
		{"purge of bans", sqlPurgeBans(sqliteEngine), "SEARCH bans USING INDEX bans_until (until<?)"},
		{"purge of marks", sqlPurgeMarks(sqliteEngine), "SEARCH read_marks USING COVERING INDEX read_marks_purge (purge_at<?)"},
		{"bans", sqlBans, "SEARCH bans USING INDEX bans_session (session_id=?)"},
		{"bans of users", sqlBansOfUsers, "SEARCH bans USING INDEX bans_user (session_id=? AND user_id=?)"},
		{"bans of origins", sqlBansOfOrigins, "SEARCH bans USING INDEX bans_origin (session_id=? AND origin=?)"},
		{"read mark", sqlReadMark, "SEARCH m USING PRIMARY KEY (session_id=? AND reader=?)"},
		{"read mark, deleted", sqlReadMark, "SEARCH e USING COVERING INDEX entries_deleted (session_id=? AND seq>?)"},
		{"newest entries", sqlNewestEntries, row},
		{"newest entries, session", sqlNewestEntries, "SEARCH s USING INDEX sqlite_autoindex_sessions_1 (id=?)"},
		{"sizes of rosters, connections", sqlRosterSizes, "SEARCH c USING INDEX connections_live (session_id=? AND created_revision>?)"},
		{"sizes of rosters, streams", sqlRosterSizes, "SEARCH t USING COVERING INDEX streams_created (session_id=?)"},
		{"feed", sqlFeed, "SEARCH f USING INDEX sqlite_autoindex_feed_1 (first_place>? AND first_place<?)"},
		{"feed, where it begins", sqlFeed, "SEARCH feed USING COVERING INDEX sqlite_autoindex_feed_1 (first_place<?)"},
		{"feed, session", sqlFeed, "SEARCH s USING INDEX sqlite_autoindex_sessions_1 (id=?)"},
		{"feed, session's place", sqlFeed, "SEARCH l USING INDEX sqlite_autoindex_feed_sessions_1 (session_id=?)"},
		{"sources of the feed", sqlFeedSources, "SEARCH s USING INDEX sqlite_autoindex_sessions_1 (id=?)"},
		{"sources of the feed, entry", sqlFeedSources, row},
		{"comparison with the feed", sqlFeedBehind(" AND s.id <= ?", " AND f.session_id <= ?"),
			"SEARCH s USING INDEX sqlite_autoindex_sessions_1 (id>? AND id<?)"},
		{"comparison with the feed, known", sqlFeedBehind(" AND s.id <= ?", " AND f.session_id <= ?"),
			"SEARCH f USING COVERING INDEX sqlite_autoindex_feed_sessions_1 (session_id>? AND session_id<?)"},
		{"clearing of the feed", sqlClearFeed, "SEARCH feed USING INDEX feed_session (session_id=?)"},
		{"purge of the feed", sqlPurgeFeed(sqliteEngine), "SEARCH feed USING INDEX feed_purge (purge_at<?)"},
		{"due changes", dueStreamChanges.sqlSessions(), "SEARCH stream_changes USING INDEX stream_changes_purge (purge_at<?)"},
		{"purge of changes", dueStreamChanges.sqlPurge(sqliteEngine), "SEARCH stream_changes USING INDEX stream_changes_purge (purge_at<?)"},
		{"empty sessions", sqlEmptySessions, "SEARCH sessions USING INDEX sessions_empty (created_at<?)"},
		{"attached", "SELECT " + sqlAttached + " FROM connections WHERE id = 'c'",
			"SEARCH a USING COVERING INDEX sqlite_autoindex_attachments_1 (connection_id=?)"},
		{"lapsed nodes", "SELECT id FROM nodes WHERE lease_until <= 5", "SEARCH nodes USING INDEX nodes_lease (lease_until<?)"},
		{"lapsed attachments", sqlLapsed, "SEARCH attachments USING INDEX attachments_node (node_id=?)"},
		{"taking what lapsed", sqlReleaseLapsed,
			"SEARCH a USING COVERING INDEX sqlite_autoindex_attachments_1 (connection_id=? AND node_id=?)"},
	} {
		plan := explain(t, store, c.query)
		if !strings.Contains(plan, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, plan, c.want)
		}
		for _, table := range []string{"entry_row", "connection_row", "entries", "connections", "streams", "stream_changes", "bans", "read_marks",
			"reactions", "change_keys", "e", "r", "k", "i", "c", "feed", "feed_sessions", "f", "l", "s"} {
			if strings.Contains(plan+"\n", "SCAN "+table+"\n") || strings.Contains(plan, "SCAN "+table+" ") {
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
