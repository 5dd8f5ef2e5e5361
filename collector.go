package main

import (
	"os"
	"runtime"
	"runtime/debug"
	rtmetrics "runtime/metrics"
	"time"
)

// What makes the garbage collector wait for more.
const (
	// heapFloor is the heap, in bytes, up to which garbage may gather under load: a small server would else collect some
	// 20 times a second to keep its heap at a few MiB.
	heapFloor = 48 << 20
	// maxCollectorPercent bounds how much garbage there may be, in percent of what is alive.
	maxCollectorPercent = 400
	// hurry is what two collections must not be apart to count as load, and hurried how many such there must be in a row;
	// a burst of new connections has fewer. It ends with two that are calm apart.
	hurry   = 100 * time.Millisecond
	hurried = 16
	calm    = 500 * time.Millisecond
)

// collector decides how much garbage there may be. It follows the collections one by one.
type collector struct{ inHurry int }

// percent returns GOGC until the next collection. The last one was gap after the one before, and found so many bytes
// alive. Without load, or with a heap of half of heapFloor and more, that is Go's own default.
func (c *collector) percent(gap time.Duration, live uint64) int {
	switch {
	case gap < hurry:
		c.inHurry++
	case gap > calm:
		c.inHurry = 0
	}
	if c.inHurry < hurried || live == 0 {
		return 100
	}
	const step = 50 // since every change stops the world for a moment
	percent := int(min(maxCollectorPercent+100, heapFloor*100/live)) - 100
	return max(100, percent/step*step)
}

// tuneCollector has more garbage gather under load, from now on. An operator's own GOGC stays as it is; GOMEMLIMIT goes
// before either.
func tuneCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	var c collector
	current, last := 100, time.Now()
	var watch func()
	watch = func() {
		// What nothing refers to is finalized once, after a collection.
		runtime.SetFinalizer(new([64]byte), func(*[64]byte) {
			live := []rtmetrics.Sample{{Name: "/gc/heap/live:bytes"}}
			rtmetrics.Read(live)
			now := time.Now()
			percent := c.percent(now.Sub(last), live[0].Value.Uint64())
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
