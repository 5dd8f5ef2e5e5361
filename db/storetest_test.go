package db_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"chattok/db"
	"chattok/db/storetest"
	"chattok/internal/pgtest"
	"chattok/session"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// engines make a new database on each engine, and return its name.
var engines = map[string]func(testing.TB) string{"SQLite": newPath, "PostgreSQL": pgtest.Database}

// onEachEngine runs a test on a new database of each engine.
func onEachEngine(t *testing.T, test func(t *testing.T, path string)) {
	t.Helper()
	for name, database := range engines {
		t.Run(name, func(t *testing.T) { test(t, database(t)) })
	}
}

func TestStore(t *testing.T) {
	for name, database := range engines {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t testing.TB, clock *storetest.Clock) session.Store {
				return mustOpen(t, db.Config{Path: database(t), ClockOffset: clock.Offset})
			})
		})
	}
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "test.db") }

// mustOpen opens a store that is closed when the test ends, unless it was closed before.
func mustOpen(t testing.TB, config db.Config) *db.Store {
	t.Helper()
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	store, err := db.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, store) })
	return store
}

func mustClose(t testing.TB, store *db.Store) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
