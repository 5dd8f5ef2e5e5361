package session_test

import (
	"context"
	"fmt"
	"testing"

	"chattok/bus/bustest"
	"chattok/session"
)

// TestNodesReadAhead: a reader that is behind reads from the Store, which may have changes that its node does not know yet. It gets
// no older version of an entry afterwards, from what its node knows.
func TestNodesReadAhead(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	here, there := c.start(seldom), c.start(quick)
	me := c.connect(there)
	first := c.add(there, me, "first")
	start := session.StartCursor
	f, err := here.FollowLog(t.Context(), c.member(here, me.Connection), &start)
	if err != nil {
		t.Fatal(err)
	}
	const entries = 1500 // the first has left the window, whose events the node has from the bus
	for i := range entries - 1 {
		c.add(there, me, fmt.Sprint(i+2))
	}
	edit := func(body string) *session.ChatEntry {
		t.Helper()
		e, err := there.EditChatEntry(t.Context(), me, session.EditArgs{ID: first.ID(), Body: body})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	edit("known here") // version 2
	c.hub.SetFaults(bustest.Faults{Drop: 1})
	edit("not known here") // version 3
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	events := f.Deliver(ctx)
	version := int64(0) // of the first entry, as the reader has it
	next := func() *session.LogEvent {
		e := <-events
		if e.Entry.Seq == first.Seq {
			if e.Entry.Version < version {
				t.Errorf("version %d at place %d after version %d", e.Entry.Version, e.Place, version)
			}
			version = e.Entry.Version
		}
		return e
	}
	for place := int64(1); place <= entries+1; place++ {
		if e := next(); e.Place != place {
			t.Fatalf("place %d, want %d", e.Place, place)
		}
	}
	if version != 3 {
		t.Errorf("the first entry has version %d, want 3", version)
	}
	c.hub.SetFaults(bustest.Faults{})
	edit("the last") // which brings what was dropped
	for version < 4 {
		next()
	}
}
