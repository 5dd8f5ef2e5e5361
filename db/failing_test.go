package db_test

import (
	"testing"
	"time"

	"chattok/db"
	"chattok/session"
)

// connected makes connections of session s.
func connected(t *testing.T, store *db.Store, list ...session.NewConnection) {
	t.Helper()
	for i := range list {
		list[i].SessionID, list[i].MakeSession, list[i].NewEpoch = "s", true, 7
	}
	for _, r := range store.CreateConnections(t.Context(), list, time.Hour) {
		mustBe(t, r.Err)
	}
}

// TestEndedModerator: a moderator whose connection was ended deletes nobody's entry, also through a node that has not heard of it.
func TestEndedModerator(t *testing.T) {
	store := mustOpen(t, db.Config{Path: newPath(t)})
	connected(t, store, session.NewConnection{ID: "moderator", Role: session.RoleModerator}, session.NewConnection{ID: "bob", Role: session.RolePublisher})
	for range 2 {
		mustBe(t, store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "s", ConnectionID: "bob", Body: "hi"}})[0].Err)
	}
	remove := func(seq int64) error {
		by := session.Actor{ConnectionID: "moderator", Moderator: true}
		return store.ChangeEntries(t.Context(), []session.NewChange{{SessionID: "s", Seq: seq, Actor: by, Kind: session.EntryDeleted}})[0].Err
	}
	mustBe(t, remove(1))
	_, err := store.DestroyConnection(t.Context(), "moderator", "", session.ForceDisconnected)
	mustBe(t, err)
	if err := remove(2); session.CodeOf(err) != session.CodeForbidden {
		t.Errorf("after its end: %v, want FORBIDDEN", err)
	}
}

// TestRemovalThatFails: where a deleted session can't be removed, nobody is told to go on at once.
func TestRemovalThatFails(t *testing.T) {
	path := newPath(t)
	store := mustOpen(t, db.Config{Path: path})
	connected(t, store, session.NewConnection{ID: "bob", Role: session.RolePublisher})
	mustBe(t, store.AppendEntries(t.Context(), []session.NewEntry{{SessionID: "s", ConnectionID: "bob", Body: "hi"}})[0].Err)
	_, err := store.DeleteSession(t.Context(), "s")
	mustBe(t, err)
	rawExec(t, path, "CREATE TRIGGER cut BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'cut off'); END")
	if more, err := store.RemoveDeleted(t.Context(), 100); more || err == nil {
		t.Errorf("more %v, %v; want an error, and to wait", more, err)
	}
	rawExec(t, path, "DROP TRIGGER cut")
	for more := true; more; {
		more, err = store.RemoveDeleted(t.Context(), 100)
		mustBe(t, err)
	}
	if n := rawCount(t, path, "SELECT count(*) FROM entries"); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

// TestChangeThatCannotBeRead: a change of the roster that can't be read is purged when its time is up, and connections end.
func TestChangeThatCannotBeRead(t *testing.T) {
	path, later := newPath(t), time.Duration(0)
	store := mustOpen(t, db.Config{Path: path, ClockOffset: func() time.Duration { return later }})
	connected(t, store, session.NewConnection{ID: "bob", Role: session.RolePublisher})
	rawExec(t, path, "INSERT INTO stream_changes (session_id, revision, change, purge_at) VALUES ('s', 99, '123', 1)")
	later = 3 * time.Hour
	changes, err := store.Sweep(t.Context(), "", time.Second, time.Second, 100)
	mustBe(t, err)
	if len(changes) != 1 || rawCount(t, path, "SELECT count(*) FROM stream_changes WHERE change = '123'") != 0 {
		t.Errorf("%d connections ended, want 1, and nothing of the change left", len(changes))
	}
}
