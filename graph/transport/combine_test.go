package transport

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The first event wakes at once, events soon after it wake together, and none is forgotten.
func TestCombining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var woken []time.Duration
		signal := combining(20*time.Millisecond, func() { woken = append(woken, time.Since(start)) })
		for _, at := range []time.Duration{0, 1, 2, 19, 25, 39, 41, 100, 130, 131} {
			time.Sleep(at*time.Millisecond - time.Since(start))
			signal()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		var want []time.Duration
		for _, at := range []time.Duration{0, 20, 40, 60, 100, 130, 150} {
			want = append(want, at*time.Millisecond)
		}
		if !slices.Equal(woken, want) {
			t.Errorf("woken at %v, want %v", woken, want)
		}
	})
	n := 0
	signal := combining(0, func() { n++ })
	for range 3 {
		signal()
	}
	if n != 3 {
		t.Errorf("without gathering, 3 events woke %d times", n)
	}
}
