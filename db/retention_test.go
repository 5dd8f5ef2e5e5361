package db

import (
	"bytes"
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

// Nothing of entries that were too old is in the file or its write-ahead log, neither where they were nor in copies of rows that moved;
// and a backup that is put back, which has them, loses them again.
func TestRetentionErases(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	store := openInside(t, path)
	random := rand.New(rand.NewPCG(7, 8))
	ids := []string{"a", "b", "kept"}
	for _, id := range ids {
		made := store.CreateConnections(t.Context(), []session.NewConnection{
			{ID: id + "1", SessionID: id, Role: session.RolePublisher, MakeSession: true, NewEpoch: 1},
		}, time.Hour)
		if made[0].Err != nil {
			t.Fatal(made[0].Err)
		}
	}
	if r := store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "kept", ConnectionID: "kept1", Body: "kept"}}); r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
	const entries = 5000
	for n := range entries {
		size := 1 + random.IntN(400)
		if random.IntN(40) == 0 {
			size = 3000 + random.IntN(9000) // with overflow pages
		}
		id := ids[random.IntN(2)]
		body := fmt.Sprintf("secret-%s-%d-", id, n) + strings.Repeat("x", size)
		if r := store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: id, ConnectionID: id + "1", Body: body}}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
	time.Sleep(2 * time.Millisecond) // all are older than a millisecond
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := store.writer.NewRaw("VACUUM INTO ?", backup).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	removeAndLook(t, store, path, entries)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	restored := openInside(t, backup)
	last, err := restored.LastSeqs(t.Context(), []string{"a"})
	if err != nil || last["a"].Front.Seq != 0 {
		t.Fatalf("the backup has %+v, %v", last["a"], err)
	}
	removeAndLook(t, restored, backup, entries)
}

// removeAndLook removes 1,000 entries of both sessions, 40 in a transaction, and looks for their texts in the files. The entries of the
// two lie between each other, so that rows move that are removed later.
func removeAndLook(t *testing.T, store *Store, path string, entries int) {
	t.Helper()
	fileOf(store).erasures.after.Store(0)
	was := make(map[string][]*session.ChatEntry)
	for _, id := range []string{"a", "b"} {
		was[id] = mustRead(t, store, session.EntryQuery{SessionID: id, Limit: entries})
	}
	if held, err := store.HoldLease(t.Context(), session.RetentionLease, "n", time.Minute); err != nil || !held {
		t.Fatalf("the lease: %v, %v", held, err)
	}
	const gone = 1000
	for _, id := range []string{"a", "b"} {
		for range gone / 40 {
			removed, _, err := store.RemoveExpired(t.Context(), "n", []string{id}, time.Millisecond, 40)
			if err != nil || len(removed) != 1 || removed[0].Entries != 40 {
				t.Fatalf("%+v was removed: %v", removed, err)
			}
		}
	}
	if err := store.writing.ready(t.Context(), selectEntryRow, 1); err != nil {
		t.Fatal(err)
	}
	wantClear(t, store, "kept")
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
		for id := range was {
			for i, e := range was[id] {
				word := e.Body[:strings.Index(e.Body, "-x")+1]
				if found := bytes.Contains(content, []byte(word)); found && i < gone || !found && i >= gone && name == path {
					t.Fatalf("%s: %q, entry %d, is found: %v", filepath.Base(name), word, e.Seq, found)
				}
			}
		}
	}
	for id := range was {
		left := mustRead(t, store, session.EntryQuery{SessionID: id, Limit: entries})
		if len(left) != len(was[id])-gone {
			t.Fatalf("session %s has %d entries left, and had %d", id, len(left), len(was[id]))
		}
		for i, e := range left {
			if want := was[id][gone+i]; e.Seq != want.Seq || e.Body != want.Body {
				t.Fatalf("entry %d of session %s is another one", e.Seq, id)
			}
		}
	}
}
