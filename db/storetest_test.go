package db_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"chattok/db"
	"chattok/db/storetest"
	"chattok/internal/pgtest"
	"chattok/session"
)

// TestMain fails where a goroutine is left when all tests have ended.
func TestMain(m *testing.M) {
	code := pgtest.Main(m)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// engines create a new database on each engine, and return its name.
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
			t.Parallel()
			storetest.Run(t, func(t testing.TB, clock *storetest.Clock) session.Store {
				return mustOpen(t, db.Config{Path: database(t), ClockOffset: clock.Offset})
			})
		})
	}
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "test.db") }

// mustOpen opens a store that is closed at the end of the test, unless the test has closed it.
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
