package transport

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"

	"chattok/internal/budget"
)

// answerWait is how long an answer waits for its turn; then the client is asked to come back.
const answerWait = 10 * time.Second

// bytePool is a number of bytes that answers take from; one client's address gets half at most, and an IPv6 site three quarters. An answer
// that asks for more gets it when its client has nothing else, and there is room for what it counts as, so that every answer has its turn.
type bytePool struct {
	budget *budget.Budget
	limit  int64
	most   int64 // the most that one answer counts as, whatever its size, so that a slow client leaves room for others; 0: its size

	mu      sync.Mutex
	used    int64
	clients networkCounts[int64]
	waiting list.List // of *poolWaiter, in the order in which they came
}

type poolWaiter struct {
	client  netip.Prefix
	bytes   int64
	granted chan struct{}
}

func newBytePool(budget *budget.Budget, limit int64) *bytePool {
	return &bytePool{budget: budget, limit: limit, clients: make(networkCounts[int64])}
}

// acquire waits for room and takes it; false where ctx was done first, or answerWait has passed.
func (p *bytePool) acquire(ctx context.Context, client netip.Prefix, n int64) bool {
	p.mu.Lock()
	if p.take(client, n) {
		p.mu.Unlock()
		p.budget.Reserve(n)
		return true
	}
	t := &poolWaiter{client: client, bytes: n, granted: make(chan struct{})}
	place := p.waiting.PushBack(t)
	p.mu.Unlock()
	patience := time.NewTimer(answerWait)
	defer patience.Stop()
	select {
	case <-t.granted:
		p.budget.Reserve(n)
		return true
	case <-ctx.Done():
	case <-patience.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-t.granted: // granted meanwhile
		p.free(client, n)
	default:
		p.waiting.Remove(place)
	}
	return false
}

// tryAcquire is acquire without waiting.
func (p *bytePool) tryAcquire(client netip.Prefix, n int64) bool {
	p.mu.Lock()
	ok := p.take(client, n)
	p.mu.Unlock()
	if ok {
		p.budget.Reserve(n)
	}
	return ok
}

// cost is what an answer counts as.
func (p *bytePool) cost(n int64) int64 {
	if p.most > 0 {
		return min(n, p.most)
	}
	return n
}

// take takes room if there is some; the limit is a quarter higher for small answers. mu is held.
func (p *bytePool) take(client netip.Prefix, n int64) bool {
	limit := p.limit
	if n <= smallTake {
		limit += limit / 4
	}
	n = p.cost(n)
	if p.used > 0 && p.used+n > limit {
		return false
	}
	if mine := p.clients[client]; mine > 0 && mine+n > limit/2 {
		return false
	}
	if all := p.clients[site(client)]; all > 0 && all+n > limit*3/4 {
		return false
	}
	p.clients.add(client, n)
	p.used += n
	return true
}

// release gives bytes back.
func (p *bytePool) release(client netip.Prefix, n int64) {
	if n == 0 {
		return
	}
	p.budget.Reserve(-n)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free(client, n)
}

// free gives bytes back and grants room to every waiter that fits, oldest first; one that does not fit holds up none behind it. mu is
// held.
func (p *bytePool) free(client netip.Prefix, n int64) {
	n = p.cost(n)
	p.used -= n
	p.clients.add(client, -n)
	for place := p.waiting.Front(); place != nil; {
		next := place.Next()
		t := place.Value.(*poolWaiter)
		if p.take(t.client, t.bytes) {
			p.waiting.Remove(place)
			close(t.granted)
		}
		place = next
	}
}
