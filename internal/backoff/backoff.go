// Package backoff says how long to wait before something is tried again.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Backoff is a wait that doubles with each try, from First up to Longest.
type Backoff struct {
	First, Longest time.Duration
	// Random makes each wait a random part of it, from half to all, so that callers that collided once don't collide again.
	Random bool
}

// Wait returns how long to wait after a try that failed; the first try is 1.
func (b Backoff) Wait(try int) time.Duration {
	d := b.First
	for range try - 1 {
		if d >= b.Longest {
			break
		}
		d *= 2
	}
	d = min(d, b.Longest)
	if !b.Random {
		return d
	}
	return d/2 + rand.N(d/2+1)
}

// Pause waits as long as Wait says. It returns false where stop was closed meanwhile.
func (b Backoff) Pause(try int, stop <-chan struct{}) bool { return Sleep(b.Wait(try), stop) }

// Sleep waits for a time. It returns false where stop was closed meanwhile.
func Sleep(d time.Duration, stop <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
		return false
	}
}
