package db

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/session"
)

// removeDeleted removes all that deleted sessions have stored.
func removeDeleted(t *testing.T, store *Store, limit int) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = store.RemoveDeleted(t.Context(), limit); err != nil {
			t.Fatal(err)
		}
	}
}

// Nothing of a deleted session's texts is in the file or its write-ahead log, and the removal of its rows leaves no copies of others,
// which moved meanwhile and are deleted later.
func TestDeletedSessionIsErased(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	store := openInside(t, path)
	fileOf(store).erasures.after.Store(0)
	random := rand.New(rand.NewPCG(5, 6))
	connected := map[string]string{"a": "a1", "b": "b1"}
	for sessionID, id := range connected {
		made := store.CreateConnections(t.Context(), []session.NewConnection{
			{ID: id, SessionID: sessionID, Role: session.RolePublisher, MakeSession: true, NewEpoch: 1},
		}, time.Hour)
		if made[0].Err != nil {
			t.Fatal(made[0].Err)
		}
	}
	const entries = 3000
	for n := range entries {
		size := 1 + random.IntN(400)
		if random.IntN(40) == 0 {
			size = 3000 + random.IntN(9000) // with overflow pages
		}
		id := []string{"a", "b"}[random.IntN(2)]
		body := fmt.Sprintf("secret-%s-%d-", id, n) + strings.Repeat("x", size)
		if r := store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: id, ConnectionID: connected[id], Body: body}}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
	kept := mustRead(t, store, session.EntryQuery{SessionID: "b", Limit: entries})
	if _, err := store.DeleteSession(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	removeDeleted(t, store, 50)
	if err := store.writing.ready(t.Context(), selectEntryRow, 1); err != nil {
		t.Fatal(err)
	}
	wantClear(t, store, "b")
	for i, e := range mustRead(t, store, session.EntryQuery{SessionID: "b", Limit: entries}) {
		if e.Seq != kept[i].Seq || e.Body != kept[i].Body {
			t.Fatalf("entry %d of the other session is another one", e.Seq)
		}
	}
	deletions := make([]session.NewChange, 0, 20)
	for i, e := range kept { // half of the others, whose rows have moved
		if i%2 == 0 {
			deletions = append(deletions, session.NewChange{SessionID: "b", Seq: e.Seq, Actor: session.Actor{ConnectionID: "b1"}, Kind: session.EntryDeleted})
		}
		if len(deletions) == cap(deletions) {
			eraseChange(t, store, deletions)
			deletions = deletions[:0]
		}
	}
	eraseChange(t, store, deletions)
	await.True(t, "the log is truncated", func() bool { return walSize(t, path) == 0 })
	var intact string
	if err := store.readers.NewRaw("PRAGMA integrity_check").Scan(t.Context(), &intact); err != nil || intact != "ok" {
		t.Errorf("the database is damaged: %s, %v", intact, err)
	}
	for _, name := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(content, []byte("secret-a-")); n > 0 {
			t.Errorf("%s has %d texts of the deleted session", filepath.Base(name), n)
		}
		for i, e := range kept {
			word := e.Body[:strings.Index(e.Body, "-x")+1]
			if found := bytes.Contains(content, []byte(word)); found && i%2 == 0 || !found && i%2 == 1 && name == path {
				t.Fatalf("%s: %q is found: %v", filepath.Base(name), word, found)
			}
		}
	}
}

// A database from which sessions were deleted does not look like an older copy when it is opened again, and a removal that was cut off
// goes on.
func TestDeletedSessionIsNoRestoredDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	store := openInside(t, path)
	epochOf := func(id string) session.Epoch {
		t.Helper()
		at, err := store.Session(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return at.Epoch
	}
	lobby := epochOf(session.Lobby)
	reopen := func() {
		t.Helper()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		store = openInside(t, path)
		if epochOf(session.Lobby) != lobby {
			t.Fatal("the database is taken for another one")
		}
	}
	for round := range 2 {
		id := fmt.Sprint("a", round)
		made := store.CreateConnections(t.Context(), []session.NewConnection{
			{ID: id, SessionID: id, Role: session.RolePublisher, MakeSession: true, NewEpoch: 1},
		}, time.Hour)
		if made[0].Err != nil {
			t.Fatal(made[0].Err)
		}
		for range 20 {
			if r := store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: id, ConnectionID: id, Body: "x"}}); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
		}
		eraseChange(t, store, []session.NewChange{{SessionID: id, Seq: 1, Actor: session.Actor{ConnectionID: id}, Kind: session.EntryDeleted}})
		if _, err := store.DeleteSession(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		reopen()
		if more, err := store.RemoveDeleted(t.Context(), 7); err != nil || !more {
			t.Fatalf("the first step: %v, %v", more, err)
		}
		reopen()
		removeDeleted(t, store, 7)
		reopen()
		if _, err := store.Session(t.Context(), id); session.CodeOf(err) != session.CodeNotFound {
			t.Errorf("the session: %v", err)
		}
	}
	for _, table := range []string{"entries", "sender_entries", "connections", "stream_changes", "sessions"} {
		var rows int
		if err := store.readers.NewRaw("SELECT count(*) FROM "+table).Scan(context.Background(), &rows); err != nil {
			t.Fatal(err)
		}
		if want := map[string]int{"sessions": 1}[table]; rows != want {
			t.Errorf("%s has %d rows, want %d", table, rows, want)
		}
	}
}
