package db

import (
	"path/filepath"
	"testing"
	"time"

	"chattok/session"
)

// A sender that deletes all its entries does not make a look for one that is not deleted longer than lookBack entries.
func TestLookBack(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	made := store.CreateConnections(t.Context(), []session.NewConnection{{ID: "c", SessionID: "s", Role: session.RolePublisher,
		MakeSession: true, NewEpoch: 1}}, time.Hour)
	if made[0].Err != nil {
		t.Fatal(made[0].Err)
	}
	entries := make([]session.NewEntry, lookBack+indexRun+10)
	for i := range entries {
		entries[i] = session.NewEntry{SessionID: "s", ConnectionID: "c", Body: "x"}
	}
	for _, r := range store.AppendEntries(t.Context(), entries) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	found := func(sender string) []*session.ChatEntry {
		t.Helper()
		got, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "s", ConnectionID: sender, NotDeleted: true, Backward: true, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, c := range []struct {
		kept int // the only entry that is not deleted
		want bool
	}{{1, false}, {len(entries) - lookBack + 5, true}, {len(entries), true}} {
		const query = "UPDATE entries SET deleted_at = CASE WHEN seq = ? THEN NULL ELSE 1 END WHERE session_id = 's'"
		if _, err := store.writer.ExecContext(t.Context(), query, c.kept); err != nil {
			t.Fatal(err)
		}
		for _, sender := range []string{"", "c"} {
			if got := found(sender); (len(got) == 1) != c.want {
				t.Errorf("entry %d, sender %q: %d found", c.kept, sender, len(got))
			}
		}
	}
}
