package db

import (
	"path/filepath"
	"testing"
	"time"

	"chattok/session"
)

// The rows of leases that ran out are removed, so that nodes that come and go don't add up.
func TestSweepForgetsNodes(t *testing.T) {
	store := openInside(t, filepath.Join(t.TempDir(), "test.db"))
	var offset time.Duration
	store.clockOffset = func() time.Duration { return offset }
	for range 3 {
		if _, err := store.RenewNode(t.Context(), "n", time.Hour, session.NodeReport{}); err != nil {
			t.Fatal(err)
		}
		offset += 2 * time.Hour
	}
	wantCount(t, store, "SELECT count(*) FROM nodes", 3)
	if _, err := store.Sweep(t.Context(), "", time.Hour, time.Hour, 10); err != nil {
		t.Fatal(err)
	}
	wantCount(t, store, "SELECT count(*) FROM nodes", 0)
}
