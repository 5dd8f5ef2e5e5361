package transport

import (
	"sync"
	"time"
)

// gathering returns wake such that it is called once in a time at most, for all that came meanwhile; at once where
// nothing came for so long, so that a lone event is never late. A large room then costs fewer writes, for events that
// are up to that much later. Zero is wake as it is.
func gathering(every time.Duration, wake func()) func() {
	if every <= 0 {
		return wake
	}
	g := &gatherer{every: every, wake: wake}
	return g.signal
}

type gatherer struct {
	every time.Duration
	wake  func()

	mu   sync.Mutex
	last time.Time // that wake was called
	due  bool      // that it will be
}

func (g *gatherer) signal() {
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

func (g *gatherer) fire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.due = false
	g.last = time.Now()
	g.wake()
}
