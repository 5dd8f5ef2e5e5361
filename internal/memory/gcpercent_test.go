package memory

import (
	"testing"
	"time"
)

func TestGCPercent(t *testing.T) {
	var c gcPercent
	for n := range hurried {
		if got, want := c.next(30*time.Millisecond, 5<<20), 100; n < hurried-1 && got != want {
			t.Errorf("after %d collections in a hurry: %d %%, want %d %%", n+1, got, want)
		}
	}
	for live, want := range map[uint64]int{
		0: 100, 1: 400, 4 << 20: 400, 9 << 20: 400, 12 << 20: 300, 15 << 20: 200, 16 << 20: 200, 20 << 20: 100,
		24 << 20: 100, 48 << 20: 100, 64 << 20: 100, 65 << 20: 75, 85 << 20: 75, 86 << 20: 50, 128 << 20: 50, 1 << 40: 50,
	} {
		for _, gap := range []time.Duration{30 * time.Millisecond, 300 * time.Millisecond} { // the larger heap brings the longer gap
			if got := c.next(gap, live); got != want {
				t.Errorf("%v apart, with %d bytes alive: %d %%, want %d %%", gap, live, got, want)
			}
		}
	}
	for n, want := range []int{100, 100, 75} {
		if n == 0 {
			c = gcPercent{}
		}
		if got := c.next(30*time.Millisecond, 80<<20); got != want {
			t.Errorf("with much alive, after %d collections in a hurry: %d %%, want %d %%", n+1, got, want)
		}
	}
	if got := c.next(time.Second, 5<<20); got != 100 {
		t.Errorf("when it is calm: %d %%", got)
	}
	if got := c.next(30*time.Millisecond, 5<<20); got != 100 {
		t.Errorf("after one collection in a hurry: %d %%", got)
	}
}
