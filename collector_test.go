package main

import (
	"testing"
	"time"
)

func TestCollectorPercent(t *testing.T) {
	var c collector
	for n := range hurried {
		if got, want := c.percent(30*time.Millisecond, 5<<20), 100; n < hurried-1 && got != want {
			t.Errorf("after %d collections in a hurry: %d %%, want %d %%", n+1, got, want)
		}
	}
	for live, want := range map[uint64]int{
		0: 100, 1: 400, 4 << 20: 400, 9 << 20: 400, 12 << 20: 300, 15 << 20: 200, 16 << 20: 200, 20 << 20: 100,
		24 << 20: 100, 48 << 20: 100, 49 << 20: 100, 1 << 40: 100,
	} {
		for _, gap := range []time.Duration{30 * time.Millisecond, 300 * time.Millisecond} { // which the larger heap brings
			if got := c.percent(gap, live); got != want {
				t.Errorf("%v apart, with %d bytes alive: %d %%, want %d %%", gap, live, got, want)
			}
		}
	}
	if got := c.percent(time.Second, 5<<20); got != 100 {
		t.Errorf("when it is calm: %d %%", got)
	}
	if got := c.percent(30*time.Millisecond, 5<<20); got != 100 {
		t.Errorf("after one collection in a hurry: %d %%", got)
	}
}
