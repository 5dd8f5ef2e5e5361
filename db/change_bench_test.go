package db_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chattok/db"
	"chattok/session"
)

// BenchmarkChangeEntries reports durable edits a second for groups of several sizes, over the entries of a log of 20,000.
func BenchmarkChangeEntries(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprintf("group=%d", size), func(b *testing.B) {
			store := mustOpen(b, db.Config{Path: filepath.Join(b.TempDir(), "bench.db")})
			connect(b, store, "a", "a1")
			entries := make([]session.NewEntry, 200)
			for i := range entries {
				entries[i] = session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: strings.Repeat("x", 100)}
			}
			for range 100 {
				if r := store.AppendEntries(b.Context(), entries); r[0].Err != nil {
					b.Fatal(r[0].Err)
				}
			}
			changes := make([]session.NewChange, size)
			n := 0
			for b.Loop() {
				for i := range changes {
					n++
					changes[i] = session.NewChange{SessionID: "a", Seq: 1 + int64(n)*7919%20000, Kind: session.EntryEdited,
						Actor: session.Actor{ConnectionID: "a1"}, EditedIn: time.Hour, Body: fmt.Sprintf("%0100d", n)}
				}
				for _, r := range store.ChangeEntries(b.Context(), changes) {
					if r.Err != nil || r.Event == nil {
						b.Fatalf("edit %d: %+v", n, r)
					}
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "edits/s")
		})
	}
}
