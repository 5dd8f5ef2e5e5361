package db_test

import (
	"os"
	"testing"
	"time"

	"chattok/db"
	"chattok/session"
)

// A database that was replaced gets new epochs, which make older cursors invalid. A database that was not replaced
// keeps its epochs.
func TestEpochs(t *testing.T) {
	path := newPath(t)
	epoch := func(entries int) session.Epoch {
		t.Helper()
		store := mustOpen(t, db.Config{Path: path})
		for range entries {
			mustPost(t, store, "a1", "x", "")
		}
		at, err := store.Session(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		mustClose(t, store)
		return at.Epoch
	}
	store := mustOpen(t, db.Config{Path: path})
	connect(t, store, "a", "a1")
	mustClose(t, store)

	first := epoch(3)
	if again := epoch(0); again != first {
		t.Fatalf("a restart changed the epoch")
	}
	older := readFile(t, path)
	if again := epoch(2); again != first {
		t.Fatalf("a restart with entries changed the epoch")
	}

	writeFile(t, path, older)
	second := epoch(2) // has the numbers 4 and 5 again
	if second == first {
		t.Fatal("an older copy was put back: the epoch is the same")
	}
	if again := epoch(1); again != second {
		t.Fatal("a restart after that changed the epoch again")
	}

	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	third := epoch(0)
	if third == second || third == first {
		t.Fatal("the generation record is gone: the epoch is the same")
	}
	writeFile(t, path+".lock", "nonsense")
	if epoch(0) == third {
		t.Fatal("the generation record is nonsense: the epoch is the same")
	}
}

// A copy that is put back after the server died has the generation of the record, and fewer entries, or fewer changes.
func TestEpochAfterCopyOfSameLife(t *testing.T) {
	t.Run("entries", func(t *testing.T) {
		testEpochAfterCopy(t, func(store *db.Store) { mustPost(t, store, "a1", "y", "") })
	})
	t.Run("changes", func(t *testing.T) {
		testEpochAfterCopy(t, func(store *db.Store) { mustChange(t, store, session.EntryEdited, 1, "y") })
	})
}

// mustChange makes a change by a1 in session a, which must succeed.
func mustChange(t testing.TB, store *db.Store, kind session.EntryChange, seq int64, text string) {
	t.Helper()
	r := store.ChangeEntries(t.Context(), []session.NewChange{{SessionID: "a", Seq: seq, Actor: session.Actor{ConnectionID: "a1"},
		Kind: kind, Body: text, EditedIn: time.Hour, Name: text, On: true}})[0]
	if r.Err != nil || r.Event == nil {
		t.Fatalf("%s of entry %d: %+v", kind, seq, r)
	}
}

func testEpochAfterCopy(t *testing.T, write func(store *db.Store)) {
	path := newPath(t)
	store := mustOpen(t, db.Config{Path: path})
	connect(t, store, "a", "a1")
	mustPost(t, store, "a1", "x", "")
	before, err := store.Session(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	rawExec(t, path, "VACUUM INTO ?", path+".copy")
	write(store)
	mustClose(t, store)
	if err := os.Rename(path+".copy", path); err != nil {
		t.Fatal(err)
	}
	after, err := mustOpen(t, db.Config{Path: path}).Session(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if after.Epoch == before.Epoch {
		t.Fatal("the epoch is the same")
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
