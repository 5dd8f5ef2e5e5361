package transport

import (
	"net/netip"
	"sync"
)

// shardQueue holds the shards that have something to do, each once. Workers take them from one bucket after the other, so that
// one address, whose groups share a bucket, takes no more turns than others.
type shardQueue struct {
	mu          sync.Mutex
	ready       sync.Cond
	first, last *bucket // the buckets that have shards, in the order of their turns
	closed      bool
}

// bucket is the shards that wait for the same turn: of the groups whose members are all of one address, or of one other group.
type bucket struct {
	groups int // of its address; guarded by groups.mu

	first, last *shard  // those that wait, the oldest first; guarded by shardQueue.mu
	next        *bucket // whose turn is after it; guarded by shardQueue.mu
}

func (q *shardQueue) put(h *shard) {
	if h.queued.Swap(true) {
		return
	}
	b := h.group.bucket.Load()
	q.mu.Lock()
	if b.first == nil {
		b.first = h
		q.append(b)
	} else {
		b.last.next = h
	}
	b.last = h
	q.mu.Unlock()
	q.ready.Signal()
}

// append gives a bucket the last turn. q.mu is held.
func (q *shardQueue) append(b *bucket) {
	if q.first == nil {
		q.first = b
	} else {
		q.last.next = b
	}
	q.last = b
}

// take waits for a shard; nil means that the queue is closed.
func (q *shardQueue) take() *shard {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.first == nil && !q.closed {
		q.ready.Wait()
	}
	if q.closed {
		return nil
	}
	b := q.first
	q.first, b.next = b.next, nil
	h := b.first
	b.first, h.next = h.next, nil
	if b.first != nil {
		q.append(b)
	}
	h.queued.Store(false) // a wake-up from here on queues the shard again
	return h
}

func (q *shardQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.ready.Broadcast()
}

// bucketOf returns a bucket for another group whose members are of this address; one of the group's own where the address is not
// known. g.mu is held.
func (g *groups) bucketOf(client netip.Prefix) *bucket {
	if !client.IsValid() {
		return new(bucket)
	}
	b := g.buckets[client]
	if b == nil {
		b = new(bucket)
		g.buckets[client] = b
	}
	b.groups++
	return b
}

// leaveBucket takes a group off the count of its address's bucket. all.mu is held.
func (g *group) leaveBucket() {
	if !g.client.IsValid() {
		return
	}
	b := g.bucket.Load()
	if b.groups--; b.groups == 0 {
		delete(g.all.buckets, g.client)
	}
}

// mix gives a group a bucket of its own where a member comes from another address. all.mu is held.
func (g *group) mix(client netip.Prefix) {
	if g.client == client || !g.client.IsValid() {
		return
	}
	g.leaveBucket()
	g.client = netip.Prefix{}
	g.bucket.Store(new(bucket))
}
