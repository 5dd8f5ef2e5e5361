package processors

import (
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	// threads is how many goroutines run at once for each processor while others wait for long.
	threads = 2
	// longWait is the wait of a ready goroutine from which others have held it up: the slice that Go gives to each.
	longWait = 10 * time.Millisecond
	// lookInterval is the time between two looks at the waits.
	lookInterval = 100 * time.Millisecond
	// manyWaits is how many long waits between two looks are more than a busy moment causes. The runtime counts one wait in eight, so these
	// are about sixteen; each processor gives ten slices meanwhile.
	manyWaits = 2
	// raisedFor is how long more goroutines run at once after the last look that found many. While they do, waits are short even if the
	// processors are as busy as before, so a look cannot tell that the load is over.
	raisedFor = time.Minute
)

// latencyMetric is the histogram of how long ready goroutines have waited for a processor.
const latencyMetric = "/sched/latencies:seconds"

// sharing decides whether more goroutines than processors run at once.
type sharing struct {
	waits uint64 // longWait and more, since the start
	until time.Time
}

// next returns the decision until the next look. waits is how many waits of longWait and more the runtime has counted since the start.
func (s *sharing) next(now time.Time, waits uint64) (more bool) {
	if waits-s.waits >= manyWaits {
		s.until = now.Add(raisedFor)
	}
	s.waits = waits
	return now.Before(s.until)
}

// Share lets more goroutines run at once than there are processors while some wait for long. It starts a goroutine that never ends. An
// operator's own GOMAXPROCS stays as it is, and nothing is started.
func Share() {
	if os.Getenv("GOMAXPROCS") != "" {
		return
	}
	go func() {
		var s sharing
		latencies := []metrics.Sample{{Name: latencyMetric}}
		raised := false
		for now := range time.Tick(lookInterval) {
			metrics.Read(latencies)
			more := s.next(now, above(latencies[0].Value.Float64Histogram(), longWait))
			if more == raised {
				continue
			}
			if raised = more; raised {
				runtime.GOMAXPROCS(threads * count)
			} else {
				runtime.SetDefaultGOMAXPROCS()
			}
		}
	}()
}

// above returns how many of the histogram's values, in seconds, are certainly at least as long as wait.
func above(h *metrics.Float64Histogram, wait time.Duration) (n uint64) {
	for i, count := range h.Counts {
		if low := h.Buckets[i]; low >= wait.Seconds() && !math.IsInf(low, 0) {
			n += count
		}
	}
	return n
}
