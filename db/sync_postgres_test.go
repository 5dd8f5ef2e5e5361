package db

import (
	"fmt"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"chattok/internal/pgtest"
	"chattok/session"
)

// TestGroupIsFlushed asks a server with fsync on how far its write-ahead log is on disk when a group of entries is
// answered: up to the group. Without synchronous_commit the server would sync the log at its next round, ten seconds
// later here.
func TestGroupIsFlushed(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{Fsync: true, Settings: map[string]string{
		"wal_writer_delay": "10s", "wal_writer_flush_after": "0", "autovacuum": "off", "checkpoint_timeout": "1h",
		"wal_level": "minimal", "max_wal_senders": "0", "synchronous_commit": "off", // the store asks for syncs itself
	}})
	store, err := Open(t.Context(), Config{Path: server.DatabaseT(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	connectOne(t, store)
	for _, size := range []int{1, 2, 64, 256} {
		began := walPosition(t, store.readers, "pg_current_wal_insert_lsn()")
		appendGroupOf(t, store, size)
		flushed := walPosition(t, store.readers, "pg_current_wal_flush_lsn()")
		inserted := walPosition(t, store.readers, "pg_current_wal_insert_lsn()")
		if inserted <= began || flushed < inserted {
			t.Errorf("a group of %d was answered with %d of %d bytes of its log on disk", size, flushed-began, inserted-began)
		}
	}
}

// walPosition returns a position in the server's write-ahead log, in bytes.
func walPosition(t *testing.T, db *bun.DB, function string) (bytes int64) {
	t.Helper()
	if err := db.NewRaw("SELECT CAST("+function+" - '0/0'::pg_lsn AS BIGINT)").Scan(t.Context(), &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes
}

// connectOne creates the connection a1 of session a.
func connectOne(t *testing.T, store *Store) {
	t.Helper()
	made := store.CreateConnections(t.Context(), []session.NewConnection{
		{ID: "a1", SessionID: "a", Role: session.RolePublisher, MakeSession: true, NewEpoch: 1},
	}, time.Hour)
	if made[0].Err != nil {
		t.Fatal(made[0].Err)
	}
}

// appendGroupOf appends a group of so many entries by a1.
func appendGroupOf(t *testing.T, store *Store, size int) {
	t.Helper()
	group := make([]session.NewEntry, size)
	for i := range group {
		group[i] = session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: fmt.Sprint("body ", i)}
	}
	for _, r := range store.AppendEntries(t.Context(), group) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}
