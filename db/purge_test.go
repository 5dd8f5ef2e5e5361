package db_test

import (
	"testing"
	"time"

	"chattok/db"
	"chattok/db/storetest"
	"chattok/session"
)

// An ended connection without entries is removed a day later. A connection with entries stays, since they refer to it.
// A change whose neighbours were removed is not returned: a run of changes has no hole.
func TestPurge(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		var clock storetest.Clock
		store := mustOpen(t, db.Config{Path: path, ClockOffset: clock.Offset})
		connect(t, store, "a", "silent", "spoke", "stays") // 1, 2, 3
		if _, err := store.RenewNode(t.Context(), "n", 1000*time.Hour, session.NodeReport{}); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Attach(t.Context(), "n", []string{"stays"}); err != nil {
			t.Fatal(err)
		}
		mustPost(t, store, "spoke", "x", "")
		for _, id := range []string{"silent", "spoke"} { // 4, 5
			if _, err := store.DestroyConnection(t.Context(), id, "", session.ClientDisconnected); err != nil {
				t.Fatal(err)
			}
		}
		sweep := func(after time.Duration, known, changes int) {
			t.Helper()
			clock.Advance(after)
			if swept, err := store.Sweep(t.Context(), "", time.Hour, time.Hour, 100); err != nil || len(swept) != 0 {
				t.Fatalf("swept %v, %v", swept, err)
			}
			states, err := store.Connections(t.Context(), []string{"silent", "spoke", "stays"})
			if err != nil || len(states) != known {
				t.Errorf("%d connections are known, want %d: %v", len(states), known, err)
			}
			got, err := store.RosterChanges(t.Context(), "a", 0, 100)
			if err != nil || len(got) != changes {
				t.Errorf("%d changes, want %d: %v", len(got), changes, err)
			}
		}
		sweep(session.FeedKept-time.Hour, 3, 5)
		sweep(3*time.Hour, 2, 0) // change 1 was removed with "silent"
		got, err := store.RosterChanges(t.Context(), "a", 4, 100)
		if err != nil || len(got) != 1 || got[0].Revision != 5 || got[0].Connection.ID != "spoke" {
			t.Errorf("changes after 4: %v, %v", got, err)
		}
		if got, err = store.RosterChanges(t.Context(), "a", 1, 100); err != nil || len(got) != 2 {
			t.Errorf("changes after 1, up to the hole at 4: %v, %v", got, err)
		}
		sweep(500*time.Hour, 2, 0)
	})
}
