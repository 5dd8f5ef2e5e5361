package session

import (
	"fmt"
	"runtime"
	"testing"
)

func change(revision int64, id string, reason DisconnectReason) RosterChange {
	return RosterChange{SessionID: "s", Revision: revision, Connection: &Connection{ID: id}, Reason: reason}
}

func TestRosterTakesChangesByNumber(t *testing.T) {
	o := newRoster(NewBudget(0), Roster{Revision: 5, Connections: []*Connection{{ID: "a"}}})
	defer o.close()
	if o.apply([]RosterChange{change(4, "old", ""), change(5, "old", "")}) {
		t.Error("what it has is no gap")
	}
	if !o.apply([]RosterChange{change(7, "c", "")}) || o.head() != 5 {
		t.Error("7 after 5 is a gap, and nothing is taken")
	}
	if o.apply([]RosterChange{change(6, "b", ""), change(7, "c", ""), change(8, "a", ForceDisconnected)}) {
		t.Error("6 to 8 after 5 is no gap")
	}
	state, position := o.snapshot()
	if state.ConnectionCount != 2 || state.Connections[0].ID != "b" || state.Connections[1].ID != "c" || position != 3 {
		t.Errorf("snapshot %+v at %d", state, position)
	}
	events, _ := o.events.Read(nil, 0, 10)
	gone, ok := events[2].(*ConnectionDestroyed)
	if len(events) != 3 || !ok || gone.Connection.ID != "a" || gone.Reason != ForceDisconnected {
		t.Errorf("events %v", events)
	}
	if again, _ := o.snapshot(); again != state {
		t.Error("two who ask at the same moment get one snapshot")
	}
}

// TestLargeRosterGathersChanges has a client of each moment follow snapshot and events: it ends with who is there.
func TestLargeRosterGathersChanges(t *testing.T) {
	o := newRoster(NewBudget(0), Roster{})
	defer o.close()
	const size = 3000
	revision := int64(0)
	for i := range size {
		revision++
		o.apply([]RosterChange{change(revision, fmt.Sprint(i), "")})
	}
	state, position := o.snapshot()
	for i := range 500 {
		revision++
		o.apply([]RosterChange{change(revision, fmt.Sprint(i), NetworkDisconnected)})
		revision++
		o.apply([]RosterChange{change(revision, fmt.Sprint("blip", i), "")})
		revision++
		o.apply([]RosterChange{change(revision, fmt.Sprint("blip", i), NetworkDisconnected)})
	}
	o.snapshot() // publishes what is pending
	if state.ConnectionCount != size || !state.Truncated || len(state.Connections) != MaxListConnections {
		t.Errorf("snapshot of %d, truncated %v, %d listed", state.ConnectionCount, state.Truncated, len(state.Connections))
	}
	eventually(t, func() bool { return o.events.Newest() > position })
	events, gone := o.events.Read(nil, position, 2000)
	if gone || len(events) > 20 {
		t.Fatalf("%d events for 1500 changes, gone %v", len(events), gone)
	}
	destroyed := 0
	for _, e := range events {
		c := e.(*ConnectionsChanged)
		destroyed += len(c.Destroyed)
		for _, n := range c.Created {
			t.Errorf("%s came and went unseen, but is in an event", n.ID)
		}
	}
	if destroyed != 500 {
		t.Errorf("%d destroyed, want 500", destroyed)
	}
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for !holds() {
		select {
		case <-t.Context().Done():
			t.Fatal("gave up waiting")
		default:
			runtime.Gosched()
		}
	}
}
