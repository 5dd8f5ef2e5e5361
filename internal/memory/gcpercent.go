package memory

import (
	"os"
	"runtime"
	"runtime/debug"
	rtmetrics "runtime/metrics"
	"time"
)

const (
	// heapFloor is the heap, in bytes, that garbage may fill under load. With Go's own default a small server would collect
	// some 20 times a second to keep its heap at a few MiB.
	heapFloor = 48 << 20
	// maxPercent bounds the garbage, in percent of the live heap.
	maxPercent = 400
	// garbageCeiling is the garbage, in bytes, above which a server that makes hundreds of megabytes of it a second collects earlier than
	// Go would: answers that are large at once, which the budget bounds, would take twice their memory. minPercent bounds that.
	garbageCeiling = 64 << 20
	minPercent     = 50
	rushed         = 3 // collections less than hurry apart, in a row, after which garbageCeiling applies
	// Collections less than hurry apart, hurried of them in a row, count as load; a burst of new connections causes fewer.
	// The load ends with two collections that are more than calm apart.
	hurry   = 100 * time.Millisecond
	hurried = 16
	calm    = 500 * time.Millisecond
)

// gcPercent decides from the times of the collections how much garbage may gather before the next one.
type gcPercent struct{ inHurry int }

// next returns GOGC until the next collection. gap is the time between the last two collections, live the bytes that the last
// one found in use. It returns Go's default, 100, without load, and under load for a live heap between half of heapFloor and
// garbageCeiling.
func (c *gcPercent) next(gap time.Duration, live uint64) int {
	switch {
	case gap < hurry:
		c.inHurry++
	case gap > calm:
		c.inHurry = 0
	}
	if c.inHurry >= rushed && live > garbageCeiling {
		const step = 25 // since each change stops the world for a moment
		return max(minPercent, int(garbageCeiling*100/live)/step*step)
	}
	if c.inHurry < hurried || live == 0 {
		return 100
	}
	const step = 50
	percent := int(min(maxPercent+100, heapFloor*100/live)) - 100
	return max(100, percent/step*step)
}

// TuneGC lets more garbage gather while the server is under load. An operator's own GOGC stays as it is; GOMEMLIMIT takes
// precedence over both.
func TuneGC() {
	if os.Getenv("GOGC") != "" {
		return
	}
	var c gcPercent
	current, last := 100, time.Now()
	var watch func()
	watch = func() {
		// An object that nothing refers to is finalized once, after a collection.
		runtime.SetFinalizer(new([64]byte), func(*[64]byte) {
			live := []rtmetrics.Sample{{Name: "/gc/heap/live:bytes"}}
			rtmetrics.Read(live)
			now := time.Now()
			percent := c.next(now.Sub(last), live[0].Value.Uint64())
			last = now
			if percent != current {
				current = percent
				debug.SetGCPercent(percent)
			}
			watch()
		})
	}
	watch()
}
