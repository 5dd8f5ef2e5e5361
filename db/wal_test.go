package db

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/session"
)

// The write-ahead log stays short while readers follow one another without a gap.
func TestWriteAheadLogIsBounded(t *testing.T) {
	const groups, size, readers = 20, 40, 2 // 12.5 MiB in all
	path := filepath.Join(t.TempDir(), "test.db")
	store := openInside(t, path)
	group := bigGroup(t, store, size)
	done := make(chan struct{})
	var reading sync.WaitGroup
	for range readers {
		reading.Go(func() {
			for after := int64(0); ; {
				select {
				case <-done:
					return
				default:
				}
				page, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "a", After: after, Limit: 20})
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				after = 0 // begin again
				if len(page) > 0 {
					after = page[len(page)-1].Seq
				}
			}
		})
	}
	for range groups {
		for _, r := range store.AppendEntries(t.Context(), group) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if n := walSize(t, path); n > 16<<20 {
			t.Errorf("the log has %d bytes", n)
		}
	}
	await.True(t, "the log is short after the load", func() bool {
		if err := fileOf(store).shortenWAL(t.Context()); err != nil { // as the maintainer does every second
			t.Fatal(err)
		}
		return walSize(t, path) <= 8<<20
	})
	close(done)
	reading.Wait()
}

func walSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// bigGroup returns entries of 16 KiB each for session a, by a connection that it creates.
func bigGroup(t *testing.T, store *Store, size int) []session.NewEntry {
	t.Helper()
	made := store.CreateConnections(t.Context(), []session.NewConnection{
		{ID: "a1", SessionID: "a", Role: session.RolePublisher, MakeSession: true, NewEpoch: 1},
	}, time.Hour)
	if made[0].Err != nil {
		t.Fatal(made[0].Err)
	}
	var group []session.NewEntry
	for i := range size {
		body := fmt.Sprint(i, strings.Repeat("x", session.MaxBodyBytes-10))
		group = append(group, session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: body})
	}
	return group
}
