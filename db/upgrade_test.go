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

// A database of each earlier schema, with a log of several senders, guests, keys and ended connections in it, is carried
// over at the start of this binary: what was stored is found as before, and the log goes on.
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

// makeOld makes a database as a binary with these steps alone left it.
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
	exec("INSERT INTO entries VALUES ('lobby', 1, 'visitor', 'hello', NULL, 1)")
	for seq := 1; seq <= oldEntries; seq++ {
		exec("INSERT INTO entries VALUES ('a', ?, ?, ?, ?, ?)", seq, oldSender(seq%oldSenders), fmt.Sprint("body ", seq), fmt.Sprint("key ", seq), seq)
	}
	// The life record beside it, as that binary left it.
	record, _, err := readLife(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	record.life, record.mark = "0123456789abcdef0123456789abcdef", oldEntries+1
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

	// What is stored counts to the quota.
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

	// It goes on: keys are known, numbers have no hole, who has ended may not post, and each sender's are found still.
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
}

// wantSenders checks every sender's latest entry and history in a log of so many.
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
