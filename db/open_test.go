package db_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chattok/db"
	"chattok/session"
)

// driverWords are what a message of ours never says.
var driverWords = []string{"sqlite", "sql:", "(1", "(2", "not a database", "unable to open", "locked", "constraint"}

func wantPlain(t *testing.T, text string) {
	t.Helper()
	for _, word := range driverWords {
		if strings.Contains(strings.ToLower(text), word) {
			t.Errorf("message speaks of %q: %s", word, text)
		}
	}
}

func TestOpenRefusesPath(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("this is no database. ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	directory := filepath.Join(dir, "folder.db")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "nowhere", "x.db")
	for _, c := range []struct {
		name, path string
		readOnly   bool
		want       string
	}{
		{"none", "", false, "must name a file"},
		{"memory", ":memory:", false, "must name a file"},
		{"memory by URI", "file::memory:?cache=shared", false, "must name a file"},
		{"directory", directory, false, "is a directory"},
		{"no folder", missing, false, "does not exist"},
		{"file as folder", filepath.Join(garbage, "x.db"), false, "can't be read"},
		{"device", os.DevNull, false, "not a regular file"},
		{"not a database", garbage, false, "is not a ChatTok database"},
		{"not a database, reading", garbage, true, "is not a ChatTok database"},
		{"missing, reading", filepath.Join(dir, "missing.db"), true, "does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, err := db.Open(t.Context(), db.Config{Path: c.path, ReadOnly: c.readOnly})
			if err == nil {
				mustClose(t, store)
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("got %q, want the path and %q", err, c.want)
			}
			wantPlain(t, err.Error())
		})
	}
	for _, path := range []string{missing, filepath.Join(dir, "missing.db")} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was made: %v", path, err)
		}
	}
}

// A path is a file's name, whatever characters it has.
func TestOpenStrangeNames(t *testing.T) {
	for _, name := range []string{"a b.db", "50%.db", "what?mode=memory", "#1.db", "ü&x=1.db"} {
		path := filepath.Join(t.TempDir(), name)
		mustClose(t, mustOpen(t, db.Config{Path: path}))
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
		mustOpen(t, db.Config{Path: path, ReadOnly: true})
	}
}

func TestOpenWaitsForTheOwner(t *testing.T) {
	path := newPath(t)
	first := mustOpen(t, db.Config{Path: path})
	_, err := db.Open(t.Context(), db.Config{Path: path, LockWait: time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "in use by another server") {
		t.Fatalf("second server: %v", err)
	}

	// One that waits takes over as soon as the first lets go.
	type opened struct {
		store *db.Store
		err   error
	}
	second := make(chan opened)
	go func() {
		store, err := db.Open(context.WithoutCancel(t.Context()), db.Config{Path: path, LockWait: time.Minute})
		second <- opened{store, err}
	}()
	add(t, first, session.NewEntry{SessionID: session.Lobby, ConnectionID: "alice", Guest: true, Body: "1"})
	mustClose(t, first)
	got := <-second
	if got.err != nil {
		t.Fatal(got.err)
	}
	defer mustClose(t, got.store)
	if seq := add(t, got.store, session.NewEntry{SessionID: session.Lobby, ConnectionID: "alice", Guest: true, Body: "2"}).Seq; seq != 2 {
		t.Errorf("seq %d after the change of owner, want 2", seq)
	}

	// One that is told to stop waiting stops.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Open(ctx, db.Config{Path: path}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestSecret(t *testing.T) {
	path := newPath(t)
	store := mustOpen(t, db.Config{Path: path})
	secret, err := store.Secret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(secret) != 43 || strings.Trim(string(secret), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("secret of %d bytes is not 32 bytes in base64url", len(secret))
	}
	beside := mustOpen(t, db.Config{Path: path, ReadOnly: true})
	wantSecret(t, beside, secret)
	mustClose(t, beside)
	mustClose(t, store)
	wantSecret(t, mustOpen(t, db.Config{Path: path, ReadOnly: true}), secret) // with no server
	wantSecret(t, mustOpen(t, db.Config{Path: path}), secret)                 // after a restart

	other, err := mustOpen(t, db.Config{Path: newPath(t)}).Secret(t.Context())
	if err != nil || string(other) == string(secret) {
		t.Errorf("another database has the same secret: %v", err)
	}
}

func wantSecret(t *testing.T, store *db.Store, want []byte) {
	t.Helper()
	if got, err := store.Secret(t.Context()); err != nil || string(got) != string(want) {
		t.Errorf("the secret changed: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	path := newPath(t)
	writer := mustOpen(t, db.Config{Path: path})
	reader := mustOpen(t, db.Config{Path: path, ReadOnly: true})
	guest := session.NewEntry{SessionID: session.Lobby, ConnectionID: "alice", Guest: true, Body: "hi"}
	for want := 1; want <= 3; want++ { // it sees each commit of the other
		add(t, writer, guest)
		if got := log(t, reader, session.Lobby); len(got) != want {
			t.Fatalf("reads %d entries, want %d", len(got), want)
		}
	}
	ctx := t.Context()
	_, create := reader.CreateSession(ctx, session.Session{ID: "s"})
	_, destroy := reader.DestroyConnection(ctx, "c", session.ClientDisconnected)
	_, renew := reader.RenewNode(ctx, "n", time.Hour)
	_, attach := reader.Attach(ctx, "n", []string{"c"})
	_, sweep := reader.Sweep(ctx, time.Hour, time.Hour, 10)
	for name, err := range map[string]error{
		"append":  reader.AppendEntries(ctx, []session.NewEntry{guest})[0].Err,
		"connect": reader.CreateConnections(ctx, make([]session.NewConnection, 1), time.Hour)[0].Err,
		"create":  create, "destroy": destroy, "renew": renew, "attach": attach, "sweep": sweep,
		"detach": reader.Detach(ctx, "n", []string{"c"}, time.Hour),
		"touch":  reader.Touch(ctx, []string{"c"}, time.Hour, time.Hour),
		"extend": reader.ExtendAll(ctx, time.Hour),
		"ping":   reader.Ping(ctx),
	} {
		wantUnavailable(t, name, err)
	}
}

func TestClosed(t *testing.T) {
	store := mustOpen(t, db.Config{Path: newPath(t)})
	mustClose(t, store)
	mustClose(t, store)
	ctx := t.Context()
	wantUnavailable(t, "append", store.AppendEntries(ctx, make([]session.NewEntry, 1))[0].Err)
	wantUnavailable(t, "ping", store.Ping(ctx))
	wantUnavailable(t, "extend", store.ExtendAll(ctx, time.Hour))
	_, err := store.Session(ctx, session.Lobby)
	wantUnavailable(t, "session", err)
}

func TestAttachNeedsLease(t *testing.T) {
	_, err := mustOpen(t, db.Config{Path: newPath(t)}).Attach(t.Context(), "n", []string{"c"})
	wantUnavailable(t, "attach", err)
}

// wantUnavailable checks the code, and that the message tells nothing of the cause, which the log has.
func wantUnavailable(t *testing.T, what string, err error) {
	t.Helper()
	e, ok := errors.AsType[*session.Error](err)
	if !ok || e.Code != session.CodeUnavailable || e.Err == nil {
		t.Errorf("%s: %v, want UNAVAILABLE with a cause", what, err)
		return
	}
	wantPlain(t, e.Message)
}

// add appends one entry, which must succeed.
func add(t testing.TB, store *db.Store, e session.NewEntry) *session.ChatEntry {
	t.Helper()
	r := store.AppendEntries(t.Context(), []session.NewEntry{e})
	if r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
	return r[0].Entry
}

// log returns the whole log of a session.
func log(t testing.TB, store *db.Store, sessionID string) []*session.ChatEntry {
	t.Helper()
	s, err := store.Session(t.Context(), sessionID)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: sessionID, Epoch: s.Epoch, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if e.Seq != int64(i)+1 {
			t.Fatalf("entry %d of %s has seq %d", i+1, sessionID, e.Seq)
		}
	}
	return entries
}

// connect makes live connections of a session.
func connect(t testing.TB, store *db.Store, sessionID string, ids ...string) {
	t.Helper()
	wanted := make([]session.NewConnection, len(ids))
	for i, id := range ids {
		wanted[i] = session.NewConnection{ID: id, SessionID: sessionID, Role: session.RolePublisher, MakeSession: true, NewEpoch: 7}
	}
	for _, r := range store.CreateConnections(t.Context(), wanted, time.Hour) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}
