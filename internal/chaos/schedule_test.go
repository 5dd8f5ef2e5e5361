package chaos

import (
	"reflect"
	"testing"
	"time"
)

// TestSchedule: a schedule follows from its seed, ends in time, attacks nothing twice at once, and has each kind.
func TestSchedule(t *testing.T) {
	const duration = time.Minute
	for seed := range uint64(200) {
		events := Schedule(seed, duration, Targets{Nodes: 3})
		if again := Schedule(seed, duration, Targets{Nodes: 3}); !reflect.DeepEqual(events, again) {
			t.Fatalf("seed %d: another schedule the second time", seed)
		}
		busy := map[string]time.Duration{}
		kinds := map[Kind]int{}
		for _, e := range events {
			kinds[e.Kind]++
			if e.At < busy[e.target()] {
				t.Errorf("seed %d: %s while it was attacked", seed, e)
			}
			if busy[e.target()] = e.At + e.For; busy[e.target()] > duration {
				t.Errorf("seed %d: %s, beyond the end", seed, e)
			}
			if (e.Way != "") == (e.Kind == KillNode || e.Kind == TerminateNode || e.Kind == PauseNode || e.Kind == KillNATS || e.Kind == KillPostgres) {
				t.Errorf("seed %d: %s has the way %q", seed, e, e.Way)
			}
		}
		for _, kind := range []Kind{KillNode, TerminateNode, PauseNode, KillNATS, KillPostgres, Cut, HalfClose, Blackhole, Delay, Refuse} {
			if kinds[kind] == 0 {
				t.Errorf("seed %d: no %s", seed, kind)
			}
		}
	}
	if reflect.DeepEqual(Schedule(1, duration, Targets{Nodes: 3}), Schedule(2, duration, Targets{Nodes: 3})) {
		t.Error("two seeds have one schedule")
	}
	for _, e := range Schedule(1, duration, Targets{Nodes: 1, Alone: true}) {
		if e.Kind != KillNode && e.Kind != TerminateNode {
			t.Errorf("a node that is alone: %s", e)
		}
	}
}
