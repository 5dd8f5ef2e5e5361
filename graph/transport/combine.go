package transport

import (
	"sync"
	"time"
)

// combining wraps wake so that it is called at most once in a time, for all calls that came meanwhile; it is called at
// once where there was no call for that long, so a lone event is never late. A large room then costs fewer writes, for
// events that are later by that time at most. For a time of zero it returns wake itself.
func combining(every time.Duration, wake func()) func() {
	if every <= 0 {
		return wake
	}
	g := &combiner{every: every, wake: wake}
	return g.signal
}

type combiner struct {
	every time.Duration
	wake  func()

	mu   sync.Mutex
	last time.Time // when wake was last called
	due  bool      // a call of wake is scheduled
}

func (g *combiner) signal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.due {
		return
	}
	if wait := g.every - time.Since(g.last); wait > 0 {
		g.due = true
		time.AfterFunc(wait, g.fire)
		return
	}
	g.last = time.Now()
	g.wake()
}

func (g *combiner) fire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.due = false
	g.last = time.Now()
	g.wake()
}
