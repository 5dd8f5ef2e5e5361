package processors

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

func TestSharing(t *testing.T) {
	var s sharing
	start := time.Now()
	for _, look := range []struct {
		after time.Duration
		waits uint64
		more  bool
	}{
		{0, manyWaits - 1, false}, // few
		{1 * time.Second, 2 * (manyWaits - 1), false},
		{2 * time.Second, 3*manyWaits - 2, true},
		{3 * time.Second, 3*manyWaits - 2, true},
		{30 * time.Second, 4*manyWaits - 2, true}, // once more
		{30*time.Second + raisedFor - 1, 4*manyWaits - 2, true},
		{30*time.Second + raisedFor, 4*manyWaits - 2, false},
	} {
		if more := s.next(start.Add(look.after), look.waits); more != look.more {
			t.Errorf("after %v with %d waits: %v", look.after, look.waits, more)
		}
	}
}

// TestWaitsAreSeen keeps every processor busy with several goroutines each, which makes them wait for each other's slices, and looks for
// these waits in the runtime's figures.
func TestWaitsAreSeen(t *testing.T) {
	waits := func() uint64 {
		latencies := []metrics.Sample{{Name: latencyMetric}}
		metrics.Read(latencies)
		return above(latencies[0].Value.Float64Histogram(), longWait)
	}
	before, stop := waits(), make(chan struct{})
	done := make(chan struct{})
	const each = 8
	for range each * runtime.GOMAXPROCS(0) {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	for waits() < before+manyWaits { // within one interval, at one of the looks
		before = waits()
		time.Sleep(lookInterval)
	}
	close(stop)
	for range each * runtime.GOMAXPROCS(0) {
		<-done
	}
}

func TestAbove(t *testing.T) {
	h := &metrics.Float64Histogram{Counts: []uint64{1, 2, 4, 8}, Buckets: []float64{0, 0.005, 0.01, 0.02, 1}}
	if n := above(h, 10*time.Millisecond); n != 12 {
		t.Errorf("%d", n)
	}
}
