package db_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chattok/db"
	"chattok/session"
)

func TestSecretIsKept(t *testing.T) {
	path := newPath(t)
	first := mustOpen(t, db.Config{Path: path})
	secret, err := first.Secret(t.Context())
	if err != nil || len(secret) < 32 {
		t.Fatalf("secret of %d bytes: %v", len(secret), err)
	}
	mustClose(t, first)
	again, err := mustOpen(t, db.Config{Path: path}).Secret(t.Context())
	if err != nil || !bytes.Equal(again, secret) {
		t.Fatalf("reopened: got another secret, or %v", err)
	}
	other, err := mustOpen(t, db.Config{Path: newPath(t)}).Secret(t.Context())
	if err != nil || bytes.Equal(other, secret) {
		t.Fatalf("another database has the same secret, or %v", err)
	}
}

// Whatever prevents an Open, the error names the path and says what is wrong, without the driver's words.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	writeFile(t, file, "this is no database, but it is long enough to look like one: "+strings.Repeat("x", 4096))
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path, want string
		readOnly         bool
	}{
		{"empty", "", "must name a file", false},
		{"in memory", ":memory:", "must name a file", false},
		{"URI", "file:x.db?mode=memory", "must name a file", false},
		{"folder", dir, "is a directory", false},
		{"device", os.DevNull, "is not a regular file", false},
		{"no folder", filepath.Join(dir, "none", "x.db"), "does not exist", false},
		{"below a file", filepath.Join(file, "x.db"), "can't be read", false},
		{"unreadable", loop, "can't be read", false},
		{"no database", file, "is not a ChatTok database", false},
		{"no database, reading", file, "is not a ChatTok database", true},
		{"missing, reading", filepath.Join(dir, "x.db"), "does not exist", true},
		{"another program's", foreignDatabase(t), "is not a ChatTok database", false},
		{"another program's, reading", foreignDatabase(t), "is not a ChatTok database", true},
		{"another program's with migrations", foreignDatabase(t, "migrations"), "is not a ChatTok database", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, err := db.Open(t.Context(), db.Config{Path: c.path, ReadOnly: c.readOnly})
			if err == nil {
				mustClose(t, store)
				t.Fatal("opened")
			}
			wantText(t, err.Error(), c.path, c.want)
		})
	}
}

// wantText checks that a message has these parts and none of the driver's words.
func wantText(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("got %q, which lacks %q", text, part)
		}
	}
	for _, word := range []string{"sqlite", "SQLITE", "sql:", "locked", "constraint", "bun"} {
		if strings.Contains(text, word) {
			t.Errorf("got %q, which tells of %q", text, word)
		}
	}
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// foreignDatabase creates a database with these tables and one more, as another program would.
func foreignDatabase(t testing.TB, tables ...string) string {
	t.Helper()
	path := newPath(t)
	for _, table := range append(tables, "bookmarks") {
		rawExec(t, path, "CREATE TABLE "+table+" (id INTEGER)")
	}
	return path
}

// rawExec changes a database without the store.
func rawExec(t testing.TB, path, query string, args ...any) {
	t.Helper()
	if strings.HasPrefix(path, "postgres://") {
		pgExec(t, path, query, args...)
		return
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.ExecContext(t.Context(), "PRAGMA busy_timeout = 5000"); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	path := newPath(t)
	mustClose(t, mustOpen(t, db.Config{Path: path}))
	rawExec(t, path, "INSERT INTO migrations (version, applied_at) VALUES (999, 0)")
	for _, readOnly := range []bool{false, true} {
		_, err := db.Open(t.Context(), db.Config{Path: path, ReadOnly: readOnly})
		if err == nil {
			t.Fatal("opened")
		}
		wantText(t, err.Error(), path, "999", "use a newer chattok")
	}
	rawExec(t, path, "DELETE FROM migrations WHERE version = 999")
	mustOpen(t, db.Config{Path: path}) // it was not changed, and its lock was released
}

func TestSecondServerWaits(t *testing.T) {
	path := newPath(t)
	first := mustOpen(t, db.Config{Path: path})
	connect(t, first, "a", "a1")
	_, err := db.Open(t.Context(), db.Config{Path: path, LockWait: time.Millisecond})
	if err == nil {
		t.Fatal("two servers opened one database")
	}
	wantText(t, err.Error(), path, "in use by another server")
	if seq := mustPost(t, first, "a1", "x", ""); seq != 1 {
		t.Fatalf("the first server's entry has number %d", seq)
	}

	type opened struct {
		store *db.Store
		err   error
	}
	second := make(chan opened, 1)
	go func() {
		store, err := db.Open(t.Context(), db.Config{Path: path})
		second <- opened{store, err}
	}()
	mustClose(t, first)
	o := <-second
	if o.err != nil {
		t.Fatalf("the first server has closed, but: %v", o.err)
	}
	defer mustClose(t, o.store)
	if seq := mustPost(t, o.store, "a1", "y", ""); seq != 2 {
		t.Fatalf("the second server's entry has number %d", seq)
	}
}

func TestReadOnlyBesideServer(t *testing.T) {
	path := newPath(t)
	server := mustOpen(t, db.Config{Path: path})
	connect(t, server, "a", "a1")
	mustPost(t, server, "a1", "x", "")
	secret, err := server.Secret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		beside := mustOpen(t, db.Config{Path: path, ReadOnly: true})
		if got, err := beside.Secret(t.Context()); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("the secret: %v", err)
		}
		entries, err := beside.Entries(t.Context(), session.EntryQuery{SessionID: "a", Limit: 5})
		if err != nil || len(entries) != 1 {
			t.Errorf("entries: %v, %v", entries, err)
		}
		wantUnavailable(t, post(t, beside, "a1", "y", "").Err)
		wantUnavailable(t, beside.Ping(t.Context()))
		mustClose(t, beside)
	}
	check()
	mustClose(t, server)
	check() // without a server too
	if seq := mustPost(t, mustOpen(t, db.Config{Path: path}), "a1", "z", ""); seq != 2 {
		t.Fatalf("the server's next entry has number %d", seq)
	}
}

func TestClosedStore(t *testing.T) {
	store := mustOpen(t, db.Config{Path: newPath(t)})
	connect(t, store, "a", "a1")
	mustClose(t, store)
	mustClose(t, store)
	wantUnavailable(t, post(t, store, "a1", "x", "").Err)
	_, err := store.Session(t.Context(), "a")
	wantUnavailable(t, err)
	_, err = store.Roster(t.Context(), "a")
	wantUnavailable(t, err)
}

// wantUnavailable checks the code, and that the message for the caller reveals nothing of the store.
func wantUnavailable(t testing.TB, err error) {
	t.Helper()
	e, ok := err.(*session.Error)
	if !ok || e.Code != session.CodeUnavailable {
		t.Fatalf("got %v, want UNAVAILABLE", err)
	}
	if e.Err == nil {
		t.Error("the log gets no cause")
	}
	wantText(t, e.Message)
}

// connect creates live connections of a session.
func connect(t testing.TB, store *db.Store, sessionID string, ids ...string) {
	t.Helper()
	var connections []session.NewConnection
	for _, id := range ids {
		connections = append(connections, session.NewConnection{
			ID: id, SessionID: sessionID, Role: session.RolePublisher, MakeSession: true, NewEpoch: 1,
		})
	}
	for _, r := range store.CreateConnections(t.Context(), connections, time.Hour) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// post appends one entry to session a.
func post(t testing.TB, store *db.Store, connectionID, body, key string) session.EntryResult {
	t.Helper()
	return store.AppendEntries(t.Context(), []session.NewEntry{{
		SessionID: "a", ConnectionID: connectionID, Body: body, IdempotencyKey: key,
	}})[0]
}

// mustPost appends one entry to session a, which must succeed, and returns its number.
func mustPost(t testing.TB, store *db.Store, connectionID, body, key string) int64 {
	t.Helper()
	r := post(t, store, connectionID, body, key)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return r.Entry.Seq
}
