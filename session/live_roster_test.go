package session

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"chattok/internal/budget"
)

func change(revision int64, id string, reason DisconnectReason) RosterChange {
	return RosterChange{SessionID: "s", Revision: revision, Connection: &Connection{ID: id}, Reason: reason}
}

// TestRosterAppliesChangesByNumber: a change is applied after the one before it, once, and none beyond a gap.
func TestRosterAppliesChangesByNumber(t *testing.T) {
	o := newLiveRoster(budget.New(0), Roster{Revision: 5, Connections: []*Connection{{ID: "a"}}})
	defer o.close()
	if o.apply([]RosterChange{change(4, "old", ""), change(5, "old", "")}) {
		t.Error("changes that were applied are no gap")
	}
	if !o.apply([]RosterChange{change(7, "c", "")}) || o.lastRevision() != 5 {
		t.Error("7 after 5 is a gap, and nothing is to be applied")
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
		t.Error("two callers between two events are to get one snapshot")
	}
}

// TestLargeRosterCombinesChanges: in a large session, the changes of each combinePeriod are one event, and a connection that came
// and went within it is in none.
func TestLargeRosterCombinesChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newLiveRoster(budget.New(0), Roster{})
		defer o.close()
		const size, gone, rounds = 3000, 500, 5
		revision := int64(0)
		apply := func(id string, reason DisconnectReason) {
			revision++
			o.apply([]RosterChange{change(revision, id, reason)})
		}
		for i := range size {
			apply(fmt.Sprint(i), "")
		}
		state, position := o.snapshot()
		if state.ConnectionCount != size || !state.Truncated || len(state.Connections) != MaxListConnections {
			t.Errorf("snapshot of %d, truncated %v, %d listed", state.ConnectionCount, state.Truncated, len(state.Connections))
		}
		for i := range gone {
			if i > 0 && i%(gone/rounds) == 0 {
				time.Sleep(combinePeriod)
				synctest.Wait()
			}
			apply(fmt.Sprint(i), NetworkDisconnected)
			apply(fmt.Sprint("blip", i), "")
			apply(fmt.Sprint("blip", i), NetworkDisconnected)
		}
		time.Sleep(combinePeriod)
		synctest.Wait()
		events, left := o.events.Read(nil, position, 2000)
		if left || len(events) != rounds {
			t.Fatalf("%d events for 1500 changes in %d periods, gone %v", len(events), rounds, left)
		}
		for _, e := range events {
			c := e.(*ConnectionsChanged)
			if len(c.Destroyed) != gone/rounds || len(c.Created) != 0 {
				t.Errorf("an event has %d destroyed and %d created", len(c.Destroyed), len(c.Created))
			}
		}
		time.Sleep(10 * combinePeriod)
		if newest := o.events.Newest(); newest != position+rounds {
			t.Errorf("%d events without changes", newest-position-rounds)
		}
	})
}
