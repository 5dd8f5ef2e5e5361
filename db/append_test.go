package db_test

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"chattok/db"
	"chattok/session"
)

// An entry that the database refuses fails alone: the rest of its group is stored, without a hole in the numbers.
func TestRowThatCannotBeStored(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		store := mustOpen(t, db.Config{Path: path})
		connect(t, store, "a", "a1")
		connect(t, store, "b", "b1")
		unpoison := poison(t, path)
		group := []session.NewEntry{
			{SessionID: "a", ConnectionID: "a1", Body: "1"},
			{SessionID: "a", ConnectionID: "a1", Body: "poison", IdempotencyKey: "k"},
			{SessionID: "b", ConnectionID: "b1", Body: "poison"},
			{SessionID: "a", ConnectionID: "a1", Body: "2", IdempotencyKey: "k"}, // the key is unused, since nothing was stored under it
			{SessionID: session.Lobby, ConnectionID: "mallory", Guest: true, Body: "poison"},
			{SessionID: session.Lobby, ConnectionID: "alice", Guest: true, Body: "hi"},
			{SessionID: "a", ConnectionID: "gone", Body: "3"},
			{SessionID: "a", ConnectionID: "a1", Body: "2", IdempotencyKey: "k"},
			{SessionID: "b", ConnectionID: "b1", Body: "1"},
			{SessionID: session.Lobby, ConnectionID: "bob", Guest: true, Body: "poison"},
			{SessionID: session.Lobby, ConnectionID: "bob", Guest: true, Body: "hi again"}, // bob's first entry that is stored
		}
		want := []struct {
			seq      int64
			replayed bool
			code     session.Code
		}{
			{seq: 1}, {code: session.CodeInternal}, {code: session.CodeInternal}, {seq: 2}, {code: session.CodeInternal},
			{seq: 1}, {code: session.CodeUnauthenticated}, {seq: 2, replayed: true}, {seq: 1},
			{code: session.CodeInternal}, {seq: 2},
		}
		for i, r := range store.AppendEntries(t.Context(), group) {
			if code := session.CodeOf(r.Err); code != want[i].code {
				t.Errorf("entry %d: %v, want code %q", i, r.Err, want[i].code)
			}
			if r.Err == nil && (r.Entry.Seq != want[i].seq || r.Replayed != want[i].replayed) {
				t.Errorf("entry %d: number %d, replayed %v; want %+v", i, r.Entry.Seq, r.Replayed, want[i])
			}
			if e, ok := r.Err.(*session.Error); ok {
				wantText(t, e.Message)
			}
		}
		states, err := store.Connections(t.Context(), []string{"mallory", "alice", "bob"})
		if _, recorded := states["mallory"]; err != nil || recorded || len(states) != 2 {
			t.Errorf("guests recorded: %v, %v", states, err)
		}
		for id, bodies := range map[string][]string{"a": {"1", "2"}, "b": {"1"}, session.Lobby: {"hi", "hi again"}} {
			wantLog(t, store, id, bodies...)
		}

		// The next group is stored in one insertion again.
		unpoison()
		if seq := mustPost(t, store, "a1", "poison", "k2"); seq != 3 {
			t.Errorf("the next number is %d, want 3", seq)
		}
	})
}

// poison makes the database refuse entries whose body begins with a word, until unpoison is called.
func poison(t *testing.T, path string) (unpoison func()) {
	t.Helper()
	if !strings.HasPrefix(path, "postgres://") {
		rawExec(t, path, "CREATE TRIGGER poison BEFORE INSERT ON entries WHEN NEW.body LIKE 'poison%'"+
			" BEGIN SELECT RAISE(ABORT, 'poison'); END")
		return func() { rawExec(t, path, "DROP TRIGGER poison") }
	}
	rawExec(t, path, "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poison'; END $$;"+
		" CREATE TRIGGER poison BEFORE INSERT ON entries FOR EACH ROW WHEN (NEW.body LIKE 'poison%') EXECUTE FUNCTION poison()")
	return func() { rawExec(t, path, "DROP TRIGGER poison ON entries") }
}

// A key is unique among parallel calls, within one group, and after a restart.
func TestKeyOutlivesRestart(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		const callers = 50
		store := mustOpen(t, db.Config{Path: path})
		connect(t, store, "a", "a1", "a2")
		var all sync.WaitGroup
		results := make([]session.EntryResult, callers)
		for i := range callers {
			all.Go(func() { results[i] = post(t, store, "a1", "hi", "k") })
		}
		all.Wait()
		first, replays := results[0].Entry, 0
		for i, r := range results {
			if r.Err != nil || !reflect.DeepEqual(r.Entry, first) {
				t.Fatalf("caller %d: %+v, want %+v", i, r, first)
			}
			if r.Replayed {
				replays++
			}
		}
		if replays != callers-1 {
			t.Errorf("%d of %d are replays", replays, callers)
		}
		mustClose(t, store)

		store = mustOpen(t, db.Config{Path: path})
		for _, sender := range []string{"a1", "a2"} {
			if r := post(t, store, sender, "hi", "k"); r.Err != nil || !r.Replayed || !reflect.DeepEqual(r.Entry, first) {
				t.Errorf("after the restart, by %s: %+v, want %+v", sender, r, first)
			}
		}
		r := post(t, store, "a1", "other", "k")
		if e, ok := r.Err.(*session.Error); !ok || e.Code != session.CodeBadUserInput || e.Reason != session.ReasonIdempotencyConflict {
			t.Errorf("another body: %+v", r)
		}
		wantLog(t, store, "a", "hi")
	})
}

// wantLog checks the whole log of a session, and that its numbers have no hole.
func wantLog(t testing.TB, store *db.Store, sessionID string, bodies ...string) {
	t.Helper()
	entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: sessionID, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, e := range entries {
		got = append(got, fmt.Sprint(e.Seq, " ", e.Body))
	}
	for i, body := range bodies {
		want = append(want, fmt.Sprint(i+1, " ", body))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("log of %s: got %v, want %v", sessionID, got, want)
	}
}
