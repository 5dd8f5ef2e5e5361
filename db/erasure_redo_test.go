package db_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chattok/db"
	"chattok/internal/await"
	"chattok/internal/pgtest"
	"chattok/session"
)

// mustFailToOpen opens a database whose entries can't be changed, as if the first erasure were cut off.
func mustFailToOpen(t *testing.T, config db.Config) {
	t.Helper()
	whileEntriesStay(t, config.Path, func() {
		config.Logger = slog.New(slog.DiscardHandler)
		store, err := db.Open(t.Context(), config)
		if err == nil {
			_ = store.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Fatalf("a start that is cut off: %v", err)
		}
	})
}

// whileEntriesStay calls f while a trigger of the database refuses every change of an entry.
func whileEntriesStay(t *testing.T, path string, f func()) {
	t.Helper()
	if !db.IsPostgres(path) {
		rawExec(t, path, "CREATE TRIGGER cut BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'cut off'); END")
		f()
		rawExec(t, path, "DROP TRIGGER cut")
		return
	}
	rawExec(t, path, "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'cut off'; END $$")
	rawExec(t, path, "CREATE TRIGGER cut BEFORE UPDATE ON entries FOR EACH ROW EXECUTE FUNCTION cut()")
	f()
	rawExec(t, path, "DROP TRIGGER cut ON entries")
	rawExec(t, path, "DROP FUNCTION cut")
}

// wantErasedAtOpen checks that nothing of n users is left when Open returns, whose erasures are running or done.
func wantErasedAtOpen(t *testing.T, config db.Config, n int) {
	t.Helper()
	store := mustOpen(t, config)
	entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "s", Limit: 1000})
	mustBe(t, err)
	var left []int64
	for _, e := range entries {
		if !e.Deleted() || e.Body != "" || e.UserID != nil {
			left = append(left, e.Seq)
		}
	}
	if len(entries) != n || len(left) > 0 {
		t.Errorf("there are %d entries, and those with numbers %v as they were", len(entries), left)
	}
	list, err := store.Erasures(t.Context(), n)
	if err != nil || len(list) != n {
		t.Errorf("%d erasures are known, %v, want %d", len(list), err, n)
	}
	if found := subjectsLeft(t, config.Path); len(found) > 0 {
		t.Errorf("the database has %v", found)
	}
	mustClose(t, store)
}

// subjectsLeft returns where the database has the mark, apart from the erasures themselves, which name their subjects until all nodes
// have noted them.
func subjectsLeft(t *testing.T, path string) []string {
	t.Helper()
	return slices.DeleteFunc(texts(t, path), func(s string) bool { return strings.HasPrefix(s, "erasures.") })
}

// An older copy does not answer before all is erased again, however often its first start is cut off, and however many erasures there
// are: those that it does not know, and those that were running when it was made.
func TestErasedAgainThoughCutOff(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, path string) {
		users := session.MaxListErasures + 3
		if db.IsPostgres(path) {
			users = 5 // how many there may be does not depend on the engine, and each takes long
		}
		records := filepath.Join(t.TempDir(), "erasures")
		store := mustOpen(t, db.Config{Path: path, Erasures: records})
		for n := range users {
			id, user := fmt.Sprint("c", n), fmt.Sprint(mark, n)
			made := store.CreateConnections(t.Context(), []session.NewConnection{
				{ID: id, SessionID: "s", UserID: &user, Role: session.RolePublisher, MakeSession: true, NewEpoch: 7}}, time.Hour)
			mustBe(t, made[0].Err)
			mustBe(t, store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "s", ConnectionID: id, UserID: &user, Body: mark}})[0].Err)
		}
		mustClose(t, store)
		older, exported := copyDatabase(t, path), exportOf(t, path, "")
		store = mustOpen(t, db.Config{Path: path, Erasures: records})
		for n := range users {
			_, err := store.CreateErasure(t.Context(), session.NewErasure{ID: fmt.Sprint("e", n), UserID: text(fmt.Sprint(mark, n))})
			mustBe(t, err)
		}
		mustClose(t, store)
		running := copyDatabase(t, path)
		mustClose(t, mustOpen(t, db.Config{Path: path, Erasures: records})) // writes the records

		t.Run("unknown", func(t *testing.T) {
			for range 2 {
				mustFailToOpen(t, db.Config{Path: older, Erasures: records})
			}
			wantErasedAtOpen(t, db.Config{Path: older, Erasures: records}, users)
		})
		t.Run("running", func(t *testing.T) {
			for range 2 {
				mustFailToOpen(t, db.Config{Path: running})
			}
			wantErasedAtOpen(t, db.Config{Path: running}, users)
		})
		t.Run("import", func(t *testing.T) {
			target := newPath(t)
			if db.IsPostgres(path) {
				target = pgtest.Database(t)
			}
			config := db.Config{Path: target, Erasures: records, Logger: slog.New(slog.DiscardHandler)}
			mustClose(t, mustOpen(t, config))
			whileEntriesStay(t, target, func() {
				_, err := db.Import(t.Context(), db.ImportConfig{To: config, From: strings.NewReader(exported)})
				if err == nil || !strings.Contains(err.Error(), "cut off") {
					t.Fatalf("an import that is cut off: %v", err)
				}
			})
			wantErasedAtOpen(t, config, users)
		})
		t.Run("migrate -restored", func(t *testing.T) {
			// The copy that was served last: nothing within it tells that it was put back.
			_, err := db.Migrate(t.Context(), db.Config{Path: path, Erasures: records, Logger: slog.New(slog.DiscardHandler)}, true)
			mustBe(t, err)
			wantErasedAtOpen(t, db.Config{Path: path, Erasures: records}, users)
		})
	})
}

// Nodes that start at the same time on an older copy all wait until nothing of those who were erased is left, whichever node erases it.
func TestNodesEraseAgainTogether(t *testing.T) {
	path := pgtest.Database(t)
	store := mustOpen(t, db.Config{Path: path})
	fillForErasure(t, store)
	mustClose(t, store)
	older := copyDatabase(t, path)
	store = mustOpen(t, db.Config{Path: path})
	for id, n := range map[string]session.NewErasure{"one": {UserID: &erasedID}, "two": {ConnectionID: mark + "-guest"}} {
		n.ID = id
		_, err := store.CreateErasure(t.Context(), n)
		mustBe(t, err)
	}
	mustClose(t, store)
	running := copyDatabase(t, path)

	for name, at := range map[string]struct{ path, locked string }{
		"unknown, recorded by all": {older, session.Lobby}, "unknown, erased by all": {older, "s0"}, "running": {running, "s0"},
	} {
		t.Run(name, func(t *testing.T) {
			database := copyDatabase(t, at.path)
			const nodes = 3
			opened, records := make(chan *db.Store, nodes), make([]string, nodes)
			for n := range nodes {
				records[n] = filepath.Join(t.TempDir(), "erasures")
				if at.path == older { // each node's file has them
					mustClose(t, mustOpen(t, db.Config{Path: path, Erasures: records[n]}))
				}
			}
			raw, err := sql.Open("pgx", database)
			mustBe(t, err)
			defer raw.Close()
			lock, err := raw.BeginTx(t.Context(), nil)
			mustBe(t, err)
			_, err = lock.ExecContext(t.Context(), "SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE", at.locked)
			mustBe(t, err)
			for n := range nodes {
				go func() {
					store, err := db.Open(t.Context(), db.Config{Path: database, Erasures: records[n], Logger: slog.New(slog.DiscardHandler)})
					if err != nil {
						t.Error(err)
					} else if found := subjectsLeft(t, database); len(found) > 0 {
						t.Errorf("when a node is open, the database has %v", found)
					}
					opened <- store
				}()
			}
			const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
			await.True(t, "all nodes wait", func() bool { return pgCount(t, database, waiting) == nodes || len(opened) > 0 })
			mustBe(t, lock.Rollback())
			for range nodes {
				if store := await.Value(t, "a node is open", opened); store != nil {
					mustClose(t, store)
				}
			}
			if n := pgCount(t, database, "SELECT count(*) FROM connections WHERE guest"); n != 1 {
				t.Errorf("there are %d guests", n)
			}
		})
	}
}
