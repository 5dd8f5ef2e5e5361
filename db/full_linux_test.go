package db

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chattok/session"
)

// full is a way to fill a disk, and to make room again.
type full struct {
	name string
	told bool // Ping notices it, since it is the disk's own space
	// limit prepares the folder; fill takes away nearly all space from the open store, and free gives it back.
	limit func(t *testing.T, folder string)
	fill  func(t *testing.T, folder string, store *Store)
	free  func(t *testing.T, folder string, store *Store)
}

// TestDiskFull fills the disk: writes return UNAVAILABLE and reads go on. When there is space again, writes go on
// without a hole in the numbers. The real disk, a small tmpfs, needs root; SQLite's own page limit stands in for it
// everywhere.
func TestDiskFull(t *testing.T) {
	pages := func(t *testing.T, store *Store, n int) {
		t.Helper()
		if _, err := store.writer.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	ways := []full{{
		name:  "page limit",
		limit: func(*testing.T, string) {},
		fill:  func(t *testing.T, _ string, store *Store) { pages(t, store, 200) },
		free:  func(t *testing.T, _ string, store *Store) { pages(t, store, 1<<30) },
	}}
	if os.Geteuid() == 0 {
		ways = append(ways, full{
			name: "tmpfs",
			told: true,
			limit: func(t *testing.T, folder string) {
				if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=8m"); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := syscall.Unmount(folder, 0); err != nil {
						t.Error(err)
					}
				})
			},
			fill: func(t *testing.T, folder string, _ *Store) {
				if err := os.WriteFile(filepath.Join(folder, "ballast"), make([]byte, 6<<20), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			free: func(t *testing.T, folder string, _ *Store) {
				if err := os.Remove(filepath.Join(folder, "ballast")); err != nil {
					t.Fatal(err)
				}
			},
		})
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) { testDiskFull(t, way) })
	}
}

func testDiskFull(t *testing.T, way full) {
	folder := t.TempDir()
	way.limit(t, folder)
	path := filepath.Join(folder, "test.db")
	store := openInside(t, path)
	group := bigGroup(t, store, 4)
	way.fill(t, folder, store)

	var stored int64
	var refused error
	for refused == nil {
		results := store.AppendEntries(t.Context(), group)
		for _, r := range results {
			if (r.Err == nil) != (results[0].Err == nil) {
				t.Fatalf("half a group was stored: %+v", results)
			}
			if refused = r.Err; refused == nil {
				if stored++; r.Entry.Seq != stored {
					t.Fatalf("entry %d has number %d", stored, r.Entry.Seq)
				}
			}
		}
		if stored > 10_000 {
			t.Fatal("the disk is never full")
		}
	}
	for range 3 {
		for _, r := range store.AppendEntries(t.Context(), group) {
			wantFull(t, r.Err)
		}
		if entries := readAll(t, store); int64(len(entries)) != stored {
			t.Fatalf("%d entries can be read, want %d", len(entries), stored)
		}
	}
	wantFull(t, refused)
	if way.told {
		wantFull(t, store.Ping(t.Context()))
	}

	way.free(t, folder, store)
	for _, r := range store.AppendEntries(t.Context(), group) {
		if stored++; r.Err != nil || r.Entry.Seq != stored {
			t.Fatalf("with room again, entry %d: %+v", stored, r)
		}
	}
	if err := store.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	reopened := openInside(t, path)
	for i, e := range readAll(t, reopened) {
		if e.Seq != int64(i)+1 {
			t.Fatalf("entry %d has number %d", i, e.Seq)
		}
		stored--
	}
	if stored != 0 {
		t.Fatalf("%d entries are lost", stored)
	}
	if err := reopened.Close(); err != nil {
		t.Fatal(err)
	}
}

func readAll(t *testing.T, store *Store) []*session.ChatEntry {
	t.Helper()
	entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "a", Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func wantFull(t *testing.T, err error) {
	t.Helper()
	e, ok := err.(*session.Error)
	if !ok || e.Code != session.CodeUnavailable || strings.Contains(e.Message, "full") || !strings.Contains(e.Err.Error(), "full") {
		t.Fatalf("got %v, want UNAVAILABLE, with the full disk as the cause for the log alone", err)
	}
}
