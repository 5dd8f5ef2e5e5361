//go:build unix

package graph_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"chattok/bus/pgbus"
	"chattok/internal/pgtest"
	"chattok/session"
)

// Cursors are answered on PostgreSQL as cursor_test.go demands of SQLite, on one node and on two that share a database.
func TestAnsweredCursorsOnPostgres(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{})
	t.Run("a commit under way", func(t *testing.T) {
		store := newHeldCommits()
		w := newWorld(t, options{path: server.DatabaseT(t), store: func(s session.Store) session.Store { store.Store = s; return store }})
		cursorOfCommitUnderWay(t, w, store)
	})
	for _, n := range []int{1, 16} {
		t.Run(fmt.Sprint(n, " writers"), func(t *testing.T) {
			url := server.DatabaseT(t)
			newWorld(t, options{path: url}).stop() // creates the tables before the bus creates its own
			node := func() *world {
				b, err := pgbus.Open(t.Context(), pgbus.Config{URL: url, Installation: "test", Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := b.Close(); err != nil {
						t.Error(err)
					}
				})
				return newWorld(t, options{path: url, bus: b})
			}
			answeredCursorsUnderWriters(t, node(), node(), n)
		})
	}
}

// TestEntryOfMissingSender on PostgreSQL.
func TestEntryOfMissingSenderOnPostgres(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{})
	w := newWorld(t, options{path: server.DatabaseT(t), grace: time.Minute})
	entryOfMissingSender(t, w, "pgx", w.path)
}
