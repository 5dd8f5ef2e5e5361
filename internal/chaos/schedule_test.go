//go:build unix

package chaos

import (
	"reflect"
	"testing"
	"time"
)

// TestSchedule: a schedule follows from its seed, ends in time, attacks no target twice at once, and has each kind.
func TestSchedule(t *testing.T) {
	everything := Targets{Nodes: 3, Database: true, Bus: true}
	const duration = time.Minute
	for seed := range uint64(200) {
		events := Schedule(seed, duration, everything)
		if again := Schedule(seed, duration, everything); !reflect.DeepEqual(events, again) {
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
		for _, kind := range []Kind{KillNode, TerminateNode, PauseNode, KillNATS, KillPostgres, Cut, HalfClose, Blackhole, Lose, Delay, Refuse} {
			if kinds[kind] == 0 {
				t.Errorf("seed %d: no %s", seed, kind)
			}
		}
	}
	if reflect.DeepEqual(Schedule(1, duration, everything), Schedule(2, duration, everything)) {
		t.Error("two seeds have one schedule")
	}
	for _, e := range Schedule(1, duration, Targets{Nodes: 1}) {
		if e.Kind != KillNode && e.Kind != TerminateNode {
			t.Errorf("a node that needs nothing: %s", e)
		}
	}
	for _, e := range Schedule(1, duration, Targets{Nodes: 3, Database: true}) {
		if e.Kind == KillNATS || e.Way == ToBus {
			t.Errorf("nodes without NATS: %s", e)
		}
	}
}
