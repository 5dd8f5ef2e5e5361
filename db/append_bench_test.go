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

// BenchmarkAppendEntries reports durable entries a second for groups of several sizes. Each entry has a body of 100
// bytes and an idempotency key, and each sender posts four entries of a group. Senders with a user have a read mark each.
func BenchmarkAppendEntries(b *testing.B) {
	for _, of := range []struct {
		size  int
		users bool
	}{{1, false}, {8, false}, {64, false}, {256, false}, {1, true}, {64, true}, {256, true}} {
		size := of.size
		b.Run(fmt.Sprintf("group=%d/users=%t", size, of.users), func(b *testing.B) {
			store, err := db.Open(b.Context(), db.Config{Path: filepath.Join(b.TempDir(), "bench.db")})
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			connections := make([]session.NewConnection, (size+3)/4)
			for i := range connections {
				connections[i] = session.NewConnection{
					ID: fmt.Sprintf("c%021d", i), SessionID: "bench", Role: session.RolePublisher, MakeSession: true, NewEpoch: 1,
				}
				if user := fmt.Sprintf("~%023d", i); of.users {
					connections[i].UserID = &user
				}
			}
			for _, r := range store.CreateConnections(b.Context(), connections, time.Hour) {
				if r.Err != nil {
					b.Fatal(r.Err)
				}
			}
			body := strings.Repeat("x", 100)
			entries := make([]session.NewEntry, size)
			seq, n := int64(0), 0
			b.ResetTimer()
			for b.Loop() {
				for i := range entries {
					n++
					entries[i] = session.NewEntry{
						SessionID: "bench", ConnectionID: connections[i/4].ID, UserID: connections[i/4].UserID, Body: body, IdempotencyKey: fmt.Sprintf("key-%018d", n),
					}
				}
				for _, r := range store.AppendEntries(b.Context(), entries) {
					if seq++; r.Err != nil || r.Entry.Seq != seq {
						b.Fatalf("entry %d: %+v", seq, r)
					}
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
