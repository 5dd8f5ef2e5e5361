package media

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// minBurst is how many bytes a connection may always relay at once: some packets.
const minBurst = 16 << 10

// quotas are what each connection may have.
type quotas struct {
	allocations int        // of one connection
	bandwidth   rate.Limit // of one connection in both directions, bytes a second

	mu    sync.Mutex
	users map[string]*user
	swept time.Time
}

// user is a connection that relays, or did until a moment ago.
type user struct {
	allocations int // guarded by quotas.mu
	limiter     *rate.Limiter
}

func newQuotas(allocations int, bitsPerSecond int) *quotas {
	return &quotas{allocations: allocations, bandwidth: rate.Limit(bitsPerSecond) / 8, users: make(map[string]*user)}
}

// room says whether a connection may have one more allocation.
func (q *quotas) room(connectionID string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.users[connectionID]
	return u == nil || u.allocations < q.allocations
}

// take counts an allocation in; nil where there may be none.
func (q *quotas) take(connectionID string) *user {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sweep()
	u := q.users[connectionID]
	if u == nil {
		u = &user{limiter: rate.NewLimiter(q.bandwidth, max(minBurst, int(q.bandwidth/4)))}
		q.users[connectionID] = u
	}
	if u.allocations >= q.allocations {
		return nil
	}
	u.allocations++
	return u
}

func (q *quotas) give(u *user) {
	q.mu.Lock()
	defer q.mu.Unlock()
	u.allocations--
}

// sweep forgets, once a second, who has no allocation and has used nothing lately, so that to allocate anew brings no
// bandwidth.
func (q *quotas) sweep() {
	now := time.Now()
	if now.Sub(q.swept) < time.Second {
		return
	}
	q.swept = now
	for id, u := range q.users {
		if u.allocations == 0 && u.limiter.TokensAt(now) >= float64(u.limiter.Burst()) {
			delete(q.users, id)
		}
	}
}
