package db

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"chattok/session"
)

// appendTo appends an entry of the connection to a session, and returns the error, or one if the entry has another number.
func appendTo(t *testing.T, store *Store, sessionID, connectionID string, seq int64) error {
	t.Helper()
	r := store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: sessionID, ConnectionID: connectionID, Body: "x"}})[0]
	if r.Err == nil && r.Entry.Seq != seq {
		return fmt.Errorf("entry %d, want %d", r.Entry.Seq, seq)
	}
	return r.Err
}

func openWithPoster(t *testing.T) (store *Store, connectionID string) {
	t.Helper()
	store = openInside(t, filepath.Join(t.TempDir(), "test.db"))
	made := store.CreateConnections(t.Context(), []session.NewConnection{{ID: "poster", SessionID: "s", Role: session.RolePublisher, MakeSession: true, NewEpoch: 1}}, time.Hour)
	if made[0].Err != nil {
		t.Fatal(made[0].Err)
	}
	return store, "poster"
}

// TestKeptLogIsForgottenByOtherWrites: a log that was just appended to is not read again, and what another transaction changes holds for
// the next entry.
func TestKeptLogIsForgottenByOtherWrites(t *testing.T) {
	store, poster := openWithPoster(t)
	kept := func() bool {
		found := make(map[string]*logState)
		store.kept.begin()
		defer store.kept.writes.Add(-1)
		return len(store.kept.find([]string{"s"}, found, 0)) == 0 && found["s"] != nil
	}
	for seq := range int64(3) {
		if err := appendTo(t, store, "s", poster, seq+1); err != nil {
			t.Fatal(err)
		}
		if !kept() {
			t.Fatal("an append does not keep its log")
		}
	}
	readOnly := true
	for _, want := range []string{session.ReasonReadOnly, ""} {
		if _, _, err := store.UpdateSession(t.Context(), "s", session.SessionUpdate{ReadOnly: &readOnly}); err != nil {
			t.Fatal(err)
		}
		if kept() {
			t.Fatal("a change of the session leaves its log kept")
		}
		err := appendTo(t, store, "s", poster, 4)
		refused, _ := errors.AsType[*session.Error](err)
		if want == "" && err != nil || want != "" && (refused == nil || refused.Reason != want) {
			t.Errorf("%v, want the reason %q", err, want)
		}
		readOnly = false
	}
	if err := appendTo(t, store, "s", poster, 5); err != nil {
		t.Error(err)
	}
}

// TestKeptLogBesideAnotherProgram: where another program appends to the file though it must not, no entry is lost and no number is given
// twice.
func TestKeptLogBesideAnotherProgram(t *testing.T) {
	store, poster := openWithPoster(t)
	if err := appendTo(t, store, "s", poster, 1); err != nil {
		t.Fatal(err)
	}
	other, err := openWriter(store.path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, query := range []string{
		"INSERT INTO entries (session_id, seq, connection_id, body, created_at, changes_before) VALUES ('s', 2, 'poster', 'from elsewhere', 0, 0)",
		"UPDATE sessions SET last_seq = 2 WHERE id = 's'",
	} {
		if _, err := other.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	for seq := range int64(3) {
		if err := appendTo(t, store, "s", poster, seq+3); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "s", Limit: 10})
	if err != nil || len(entries) != 5 || entries[1].Body != "from elsewhere" {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// TestKeptLogsAreBounded appends to more sessions than are kept.
func TestKeptLogsAreBounded(t *testing.T) {
	k := keptLogs{alone: true}
	for i := range maxKeptLogs + 10 {
		k.begin()
		k.keep(map[string]*logState{fmt.Sprint(i): {}, "not a session": nil})
	}
	if n := len(k.logs); n == 0 || n > maxKeptLogs {
		t.Errorf("%d logs are kept", n)
	}
}
