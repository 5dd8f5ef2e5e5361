package transport

import (
	"slices"
	"sync"
	"sync/atomic"
)

// shard is a part of a group's members, served by one worker at a time, and of its HTTP streams, which the worker
// wakes.
type shard struct {
	group  *group
	queued atomic.Bool

	mu      sync.Mutex
	members []*member
	streams []chan<- struct{}
}

func (h *shard) add(m *member) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.members) >= shardMembers {
		return false
	}
	h.members = append(h.members, m)
	return true
}

func (h *shard) remove(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, other := range h.members {
		if other == m {
			h.members[i] = h.members[len(h.members)-1]
			h.members[len(h.members)-1] = nil
			h.members = h.members[:len(h.members)-1]
			return
		}
	}
}

func (h *shard) listen(wake chan<- struct{}) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= shardMembers {
		return false
	}
	h.streams = append(h.streams, wake)
	return true
}

func (h *shard) unlisten(wake chan<- struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.streams, wake); i >= 0 {
		h.streams = slices.Delete(h.streams, i, i+1)
	}
}

// wakeStream puts a value into a channel with room for one, unless there is one in it.
func wakeStream(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// shardQueue holds the shards that have something to do, each once.
type shardQueue struct {
	mu     sync.Mutex
	ready  sync.Cond
	shards []*shard
	closed bool
}

func (q *shardQueue) put(h *shard) {
	if h.queued.Swap(true) {
		return
	}
	q.mu.Lock()
	q.shards = append(q.shards, h)
	q.mu.Unlock()
	q.ready.Signal()
}

// take waits for a shard; nil means that the queue is closed.
func (q *shardQueue) take() *shard {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.shards) == 0 && !q.closed {
		q.ready.Wait()
	}
	if q.closed {
		return nil
	}
	h := q.shards[0]
	q.shards[0] = nil
	q.shards = q.shards[1:]
	h.queued.Store(false) // a wake-up from here on queues the shard again
	return h
}

func (q *shardQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.ready.Broadcast()
}
