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

// BenchmarkAppendEntries reports durable entries a second by the size of the group: bodies of 100 bytes, every one with
// an idempotency key, by one sender for every four entries.
func BenchmarkAppendEntries(b *testing.B) {
	for _, size := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("group=%d", size), func(b *testing.B) {
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
						SessionID: "bench", ConnectionID: connections[i/4].ID, Body: body, IdempotencyKey: fmt.Sprintf("key-%018d", n),
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
