package tracing

import (
	"sync"
	"sync/atomic"
	"time"

	"chattok/session"
)

// Limits of deliveries that are waited for. Events that nobody on this node reads are dropped by them.
const (
	pendingLimit = 1024
	pendingTime  = 10 * time.Second
)

// delivery is the way of a commit's newest event to its first reader on this node.
type delivery struct {
	commit  session.Trace
	arrived time.Time
}

// pending are the deliveries that are waited for.
type pending struct {
	count atomic.Int64 // of them, to be read without the lock

	mu sync.Mutex
	at map[session.LogPlace]delivery
}

func newPending() pending { return pending{at: make(map[session.LogPlace]delivery)} }

// add waits for a delivery. Where as many are waited for as may be, those that took too long are dropped, or else this one.
func (p *pending) add(at session.LogPlace, d delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.at) >= pendingLimit {
		for place, old := range p.at {
			if d.arrived.Sub(old.arrived) > pendingTime {
				delete(p.at, place)
			}
		}
	}
	if len(p.at) < pendingLimit {
		p.at[at] = d
	}
	p.count.Store(int64(len(p.at)))
}

// take ends the wait for a delivery; ok is false for one that is not waited for, or took too long.
func (p *pending) take(at session.LogPlace, now time.Time) (d delivery, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d, ok = p.at[at]; ok {
		delete(p.at, at)
		p.count.Store(int64(len(p.at)))
	}
	return d, ok && now.Sub(d.arrived) <= pendingTime
}
