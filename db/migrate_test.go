package db

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"chattok/session"
)

func TestReadMigrations(t *testing.T) {
	file := &fstest.MapFile{Data: []byte("SELECT 1")}
	for _, c := range []struct {
		names []string
		want  string // part of the error
	}{
		{[]string{"0001_a.sql", "0002_b.sql"}, ""},
		{[]string{"0001_a.sql", "0003_c.sql"}, "0003_c.sql must have number 2"},
		{[]string{"0002_b.sql"}, "0002_b.sql must have number 1"},
		{[]string{"first.sql"}, "first.sql must have number 1"},
	} {
		fsys := fstest.MapFS{}
		for _, name := range c.names {
			fsys["migrations/"+name] = file
		}
		steps, err := readMigrations(fsys)
		if c.want == "" {
			if err != nil || len(steps) != len(c.names) {
				t.Errorf("%v: %d steps, %v", c.names, len(steps), err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %q", c.names, err, c.want)
		}
	}
}

func TestMigrate(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	known, err := readMigrations(migrations)
	if err != nil {
		t.Fatal(err)
	}
	next := append(known, migration{len(known) + 1, "CREATE TABLE more (x BIGINT); INSERT INTO more VALUES (1)"})
	for range 2 { // the second time there is nothing to do
		if _, err := store.migrate(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		wantCount(t, store, "SELECT count(*) FROM more", 1)
		wantCount(t, store, "SELECT count(*) FROM migrations", len(next))
	}

	// A step that fails leaves no change behind, and neither do the steps before it.
	broken := append(next,
		migration{len(next) + 1, "CREATE TABLE half (x BIGINT)"},
		migration{len(next) + 2, "CREATE TABLE other (x BIGINT); SELECT nonsense FROM nowhere"})
	if _, err := store.migrate(t.Context(), broken); err == nil {
		t.Fatal("a broken migration passed")
	}
	wantCount(t, store, "SELECT count(*) FROM sqlite_master WHERE name IN ('half', 'other')", 0)
	wantCount(t, store, "SELECT count(*) FROM migrations", len(next))

	// Now the schema is newer than this binary.
	path := store.path
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		_, err := Open(t.Context(), Config{Path: path, ReadOnly: readOnly})
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "use a newer chattok") {
			t.Errorf("newer database, read only %v: %v", readOnly, err)
		}
	}
}

// A reader can't bring a schema up to date, so it refuses an older one too.
func TestOlderDatabaseReadOnly(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	if _, err := store.writer.ExecContext(t.Context(), "DELETE FROM migrations"); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Path: store.path, ReadOnly: true})
	if err == nil || !strings.Contains(err.Error(), store.path) || !strings.Contains(err.Error(), "start the server once") {
		t.Errorf("older database: %v", err)
	}
}

func wantCount(t testing.TB, store *Store, query string, want int) {
	t.Helper()
	var got int
	if err := store.readers.NewRaw(query).Scan(context.Background(), &got); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("%s: got %d, want %d", query, got, want)
	}
}

// TestColumnsOfNewerVersions: a node that runs goes on where a newer version adds columns to the tables that it reads.
func TestColumnsOfNewerVersions(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	made := store.CreateConnections(t.Context(), []session.NewConnection{
		{ID: "a1", SessionID: "a", Role: session.RolePublisher, MakeSession: true, NewEpoch: 7}}, time.Hour)
	if made[0].Err != nil {
		t.Fatal(made[0].Err)
	}
	for _, table := range []string{"connections", "stream_changes", "sessions", "streams", "entries"} {
		if _, err := store.writer.ExecContext(t.Context(), "ALTER TABLE "+table+" ADD COLUMN newer TEXT DEFAULT 'x'"); err != nil {
			t.Fatal(err)
		}
	}
	data := "Ann"
	if _, _, err := store.SetConnectionData(t.Context(), "a1", &data, 0); err != nil {
		t.Error(err)
	}
	changes, err := store.RosterChanges(t.Context(), "a", 0, 10)
	if err != nil || len(changes) != 2 {
		t.Errorf("changes %+v, %v", changes, err)
	}
	if _, err := store.Roster(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}
