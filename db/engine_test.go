package db

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"chattok/session"
)

func openInside(t *testing.T, path string) *Store {
	t.Helper()
	store, err := Open(t.Context(), Config{Path: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// fileOf returns the backend of a store on a SQLite database.
func fileOf(store *Store) *sqliteFile { return store.backend.(*sqliteFile) }

// Every connection of each pool has the pragmas, also one that replaces an earlier one.
func TestPragmas(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test #1?%41.db")) // a name that is no URI
	for name, pool := range map[string]*bun.DB{"writer": store.writer, "readers": store.readers} {
		for range 2 {
			var taken []bun.Conn
			for range pool.Stats().MaxOpenConnections {
				conn, err := pool.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				taken = append(taken, conn)
			}
			for i, conn := range taken {
				for pragma, want := range map[string]string{
					"busy_timeout": "10000", "foreign_keys": "1", "synchronous": "2", "journal_mode": "wal", "temp_store": "2",
					"query_only": map[string]string{"writer": "0", "readers": "1"}[name], "secure_delete": map[string]string{"writer": "1", "readers": "0"}[name],
				} {
					var got string
					if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
						t.Errorf("%s %d: %s is %q, %v; want %s", name, i, pragma, got, err, want)
					}
				}
				if err := conn.Close(); err != nil {
					t.Fatal(err)
				}
			}
			pool.SetMaxIdleConns(0) // closes the idle connections, so that the next ones are new
			pool.SetMaxIdleConns(len(taken))
		}
	}
	if _, err := store.readers.ExecContext(t.Context(), "DELETE FROM meta"); err == nil {
		t.Error("a reader can write")
	}
}

// Every query of a frequent path uses an index, and none sorts rows that it could read in order.
func TestIndexes(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	entries := func(q session.EntryQuery) string {
		q.SessionID, q.Limit = "a", 50
		var rows []*entryRow
		return selectEntries(store.readers, &rows, q).String()
	}
	const changes = "WHERE session_id = 'a' AND %s > 1 AND %[1]s <= 9"
	for name, query := range map[string]string{
		"entries":           entries(session.EntryQuery{After: 3}),
		"entries backward":  entries(session.EntryQuery{Before: 3, Backward: true}),
		"sender's":          selectSenderForward.text(sqliteEngine, 1),
		"sender's latest":   selectSenderBackward.text(sqliteEngine, 1),
		"heads":             selectLogs.text(sqliteEngine, 4),
		"senders":           selectSenders.text(sqliteEngine, 4),
		"used keys":         strings.Replace(selectUsedKeys.text(sqliteEngine, 2), "(?, ?), (?, ?)", "('a', 'k')", 1),
		"advance":           advanceSeq.text(sqliteEngine, 1),
		"index senders":     strings.Replace(sqlIndexSenders, " ORDER BY connection_id, seq", "", 1), // without the order by which it sorts a run
		"created changes":   "SELECT * FROM connections " + fmt.Sprintf(changes, "created_revision"),
		"destroyed changes": "SELECT * FROM connections " + fmt.Sprintf(changes, "destroyed_revision"),
		"roster":            "SELECT * FROM connections WHERE session_id = 'a' AND " + sqlLive + " ORDER BY created_revision",
		"due":               "SELECT * FROM connections WHERE expires_at <= 5 AND " + sqlLive + " ORDER BY expires_at LIMIT 5",
		"purge":             "SELECT id FROM connections WHERE purge_at <= 5 ORDER BY purge_at LIMIT 5",
		"lapsed nodes":      "SELECT id FROM nodes WHERE lease_until <= 5",
		"destroy":           strings.Replace(sqlDestroy, "?", "('a', 1)", 1),
	} {
		var plan []struct {
			ID, Parent, Notused int
			Detail              string
		}
		if err := store.writer.NewRaw("EXPLAIN QUERY PLAN "+strings.ReplaceAll(query, "?", "1")).Scan(t.Context(), &plan); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, query)
		}
		if len(plan) == 0 {
			t.Errorf("%s: no plan", name)
		}
		for _, step := range plan {
			scans := strings.HasPrefix(step.Detail, "SCAN") && !slices.Contains([]string{"SCAN used", "SCAN grown", "SCAN ended", "SCAN indexed", "SCAN recent", "SCAN 2 CONSTANT ROWS", "SCAN CONSTANT ROW"}, step.Detail)
			if scans || strings.Contains(step.Detail, "TEMP B-TREE") {
				t.Errorf("%s: %s\n%s", name, step.Detail, query)
			}
		}
	}
}
