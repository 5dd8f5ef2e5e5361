package db

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"chattok/session"
)

// A database of each earlier schema, with a log of several senders, guests, keys and ended connections, is upgraded
// when this binary opens it: everything is found as before, and the log goes on.
func TestUpgrade(t *testing.T) {
	steps, err := readMigrations(migrations)
	if err != nil {
		t.Fatal(err)
	}
	for version := 1; version < len(steps); version++ {
		t.Run(fmt.Sprintf("from %d", version), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "old.db")
			makeOld(t, path, steps[:version])
			store, err := Open(t.Context(), Config{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			}()
			if want := (Migrated{From: version, To: len(steps)}); store.migrated != want {
				t.Errorf("migrated %+v, want %+v", store.migrated, want)
			}
			wantUpgraded(t, store)
		})
	}
}

const (
	oldEntries = 1500 // more than two runs of sender_entries
	oldSenders = 7
)

// makeOld creates a database as a binary with these migrations alone left it.
func makeOld(t *testing.T, path string, steps []migration) {
	t.Helper()
	raw, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := raw.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	exec("CREATE TABLE migrations (version BIGINT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)")
	for _, step := range steps {
		exec(sqliteEngine.schema(step.query))
		exec("INSERT INTO migrations VALUES (?, 1)", step.version)
	}
	exec("INSERT INTO meta VALUES ('secret', 'an old secret of thirty-two bytes'), ('life', '0123456789abcdef0123456789abcdef')")
	exec("INSERT INTO sessions (id, epoch, media_mode, token_required, created_at, last_seq, revision) VALUES"+
		" ('lobby', 5, 'RELAYED', FALSE, 1, 1, 0), ('a', 6, 'RELAYED', TRUE, 1, ?, 8), ('empty', 7, 'RELAYED', TRUE, 1, 0, 0)", oldEntries)
	for n := range oldSenders {
		exec("INSERT INTO connections (id, session_id, role, guest, created_at, created_revision, expires_at) VALUES (?, 'a', 'PUBLISHER', FALSE, 1, ?, ?)",
			oldSender(n), n+1, time.Now().Add(time.Hour).UnixMilli())
	}
	exec("UPDATE connections SET expires_at = NULL, destroyed_at = 2, destroyed_revision = 8, reason = 'clientDisconnected' WHERE id = ?", oldSender(0))
	exec("INSERT INTO connections (id, session_id, role, guest, created_at) VALUES ('visitor', 'lobby', 'PUBLISHER', TRUE, 1)")
	exec("INSERT INTO entries (session_id, seq, connection_id, body, idempotency_key, created_at) VALUES ('lobby', 1, 'visitor', 'hello', NULL, 1)")
	for seq := 1; seq <= oldEntries; seq++ {
		exec("INSERT INTO entries (session_id, seq, connection_id, body, idempotency_key, created_at) VALUES ('a', ?, ?, ?, ?, ?)", seq, oldSender(seq%oldSenders), fmt.Sprint("body ", seq), fmt.Sprint("key ", seq), seq)
	}
	if len(steps) >= 5 { // which counts what is stored
		exec("UPDATE sessions SET bytes = (SELECT sum(128 + octet_length(body) + octet_length(idempotency_key)) FROM entries WHERE session_id = 'a') WHERE id = 'a'")
	}
	// The generation record beside the database, as that binary left it.
	record, _, err := readGeneration(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	record.id, record.entries = "0123456789abcdef0123456789abcdef", oldEntries+1
	if err := record.write(); err != nil {
		t.Fatal(err)
	}
	if err := record.close(); err != nil {
		t.Fatal(err)
	}
}

func oldSender(n int) string { return fmt.Sprint("sender", n) }

func wantUpgraded(t *testing.T, store *Store) {
	t.Helper()
	ctx := t.Context()
	if at, err := store.Session(ctx, "a"); err != nil || at.Epoch != 6 || !at.TokenRequired {
		t.Errorf("session %+v, %v: its cursors must stay valid", at, err)
	}
	if secret, err := store.Secret(ctx); err != nil || string(secret) != "an old secret of thirty-two bytes" {
		t.Errorf("secret %q, %v: tokens must stay valid", secret, err)
	}
	wantSenders(t, store, oldEntries)
	if latest := mustRead(t, store, session.EntryQuery{SessionID: "lobby", ConnectionID: "visitor", Limit: 1, Backward: true}); len(latest) != 1 || latest[0].Body != "hello" {
		t.Errorf("the guest's latest is %v", latest)
	}
	all := mustRead(t, store, session.EntryQuery{SessionID: "a", Limit: 2 * oldEntries})
	if len(all) != oldEntries {
		t.Fatalf("the log has %d entries, want %d", len(all), oldEntries)
	}
	for i, e := range all {
		if e.Seq != int64(i+1) || e.Body != fmt.Sprint("body ", i+1) {
			t.Fatalf("entry %d is %+v", i+1, e)
		}
	}

	// Stored entries count to the quota.
	var bytes int64
	if err := store.readers.NewRaw("SELECT bytes FROM sessions WHERE id = 'a'").Scan(ctx, &bytes); err != nil {
		t.Fatal(err)
	}
	var counted int64
	for _, e := range all {
		counted += e.QuotaBytes()
	}
	if bytes != counted {
		t.Errorf("the log counts %d bytes, want %d", bytes, counted)
	}

	// The log goes on: keys are known, numbers have no hole, ended connections may not post, and each sender's entries
	// are found.
	results := store.AppendEntries(ctx, []session.NewEntry{
		{SessionID: "a", ConnectionID: oldSender(1), Body: "body 1", IdempotencyKey: "key 1"},
		{SessionID: "a", ConnectionID: oldSender((oldEntries + 1) % oldSenders), Body: "new"},
		{SessionID: "a", ConnectionID: oldSender(0), Body: "too late"},
		{SessionID: "lobby", ConnectionID: "visitor", Guest: true, Body: "again"},
	})
	if r := results[0]; r.Err != nil || !r.Replayed || r.Entry.Seq != 1 {
		t.Errorf("a retry of an old key: %+v", r)
	}
	if r := results[1]; r.Err != nil || r.Entry.Seq != oldEntries+1 {
		t.Errorf("the next entry: %+v", r)
	}
	if r := results[2]; session.CodeOf(r.Err) != session.CodeUnauthenticated {
		t.Errorf("an entry of who has ended: %+v", r)
	}
	if r := results[3]; r.Err != nil || r.Entry.Seq != 2 {
		t.Errorf("the guest's next entry: %+v", r)
	}
	wantSenders(t, store, oldEntries+1)
	wantOldCursors(t, store, oldEntries+1)
}

// wantOldCursors checks that the numbers of entries are places, and that changes follow them.
func wantOldCursors(t *testing.T, store *Store, entries int64) {
	t.Helper()
	ctx := t.Context()
	for _, place := range []int64{0, 1, entries / 2, entries - 1, entries, entries + 1} {
		seq, err := store.SeqAt(ctx, "a", place)
		if err != nil || seq != min(place, entries) {
			t.Errorf("place %d is entry %d, %v", place, seq, err)
		}
		run, err := store.LogEvents(ctx, session.LogQuery{SessionID: "a", Epoch: 6, After: place, Limit: 2})
		if want := min(max(entries-place, 0), 2); err != nil || len(run.Events) != int(want) {
			t.Fatalf("%d events after %d, %v; want %d", len(run.Events), place, err, want)
		}
		for i, e := range run.Events {
			if e.Place != place+int64(i)+1 || e.Entry.Seq != e.Place || e.Entry.Place != e.Place || e.Entry.Version != 1 || !e.Added() {
				t.Errorf("event %d after %d: %+v of %+v", i, place, e, e.Entry)
			}
		}
	}
	actor := session.Actor{ConnectionID: oldSender(1)}
	changed := store.ChangeEntries(ctx, []session.NewChange{
		{SessionID: "a", Seq: 1, Actor: actor, Kind: session.EntryDeleted},
		{SessionID: "a", Seq: 2, Actor: actor, Kind: session.EntryReacted, Name: "+1", On: true},
	})
	for i, r := range changed {
		if r.Err != nil || r.Event == nil || r.Event.Place != entries+int64(i)+1 {
			t.Errorf("change %d: %+v", i, r)
		}
	}
	next := store.AppendEntries(ctx, []session.NewEntry{{SessionID: "a", ConnectionID: oldSender(1), Body: "after"},
		{SessionID: "a", ConnectionID: oldSender(1), Body: "any", IdempotencyKey: "key 1"}})
	if r := next[0]; r.Err != nil || r.Entry.Seq != entries+1 || r.Entry.Place != entries+3 {
		t.Errorf("an entry after changes: %+v", r)
	}
	if r := next[1]; r.Err != nil || !r.Replayed || !r.Entry.Deleted() {
		t.Errorf("a retry of a deleted entry: %+v", r)
	}
	run, err := store.LogEvents(ctx, session.LogQuery{SessionID: "a", Epoch: 6, After: entries, Limit: 9})
	if err != nil || len(run.Events) != 3 || run.Through != entries+3 {
		t.Errorf("after the old log: %+v, %v", run, err)
	}
}

// wantSenders checks every sender's latest entry and all of its entries, in a log of this length.
func wantSenders(t *testing.T, store *Store, entries int) {
	t.Helper()
	for n := range oldSenders {
		var want []int64
		for seq := 1; seq <= entries; seq++ {
			if seq%oldSenders == n {
				want = append(want, int64(seq))
			}
		}
		q := session.EntryQuery{SessionID: "a", ConnectionID: oldSender(n), Limit: entries}
		got := mustRead(t, store, q)
		q.Limit, q.Backward = 1, true
		latest := mustRead(t, store, q)
		if len(got) != len(want) || len(latest) != 1 || latest[0].Seq != want[len(want)-1] {
			t.Fatalf("sender %d has %d entries, the latest %v; want %d", n, len(got), latest, len(want))
		}
		for i, e := range got {
			if e.Seq != want[i] {
				t.Fatalf("sender %d: its entry %d is %d, want %d", n, i, e.Seq, want[i])
			}
		}
	}
}

func mustRead(t *testing.T, store *Store, q session.EntryQuery) []*session.ChatEntry {
	t.Helper()
	entries, err := store.Entries(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
