package backoff

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWait(t *testing.T) {
	exact := Backoff{First: 10 * time.Millisecond, Longest: 100 * time.Millisecond}
	random := exact
	random.Random = true
	for try, most := range map[int]time.Duration{1: 10 * time.Millisecond, 2: 20 * time.Millisecond, 3: 40 * time.Millisecond,
		4: 80 * time.Millisecond, 5: 100 * time.Millisecond, 6: 100 * time.Millisecond, 1 << 40: 100 * time.Millisecond} {
		if got := exact.Wait(try); got != most {
			t.Errorf("try %d: %v, want %v", try, got, most)
		}
		for range 1000 {
			if got := random.Wait(try); got < most/2 || got > most {
				t.Fatalf("try %d: %v, want %v to %v", try, got, most/2, most)
			}
		}
	}
}

// TestPause: a pause lasts as long as it should, and ends early where it is stopped.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := Backoff{First: time.Hour, Longest: time.Hour}
		stop := make(chan struct{})
		begun := time.Now()
		if !b.Pause(1, stop) || time.Since(begun) != time.Hour {
			t.Errorf("paused for %v", time.Since(begun))
		}
		close(stop)
		begun = time.Now()
		if b.Pause(1, stop) || time.Since(begun) != 0 {
			t.Errorf("a stopped pause took %v", time.Since(begun))
		}
	})
}
