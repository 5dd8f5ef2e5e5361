package groupcommit

import (
	"context"
	"hash/maphash"
	"sync"
)

// Queues are several Queues that commit at the same time. Writes with the same key always go through the same one, so they
// are committed in the order in which they were queued.
type Queues[Q, R any] struct {
	queues []*Queue[Q, R]
	key    func(Q) string
	seed   maphash.Seed
}

// NewQueues returns n Queues, at least one, each with limit and waiting as NewQueue has them. key returns the key of a
// write.
func NewQueues[Q, R any](n, limit, waiting int, key func(Q) string, commit func(group []Q) []R) *Queues[Q, R] {
	q := &Queues[Q, R]{key: key, seed: maphash.MakeSeed()}
	for range max(1, n) {
		q.queues = append(q.queues, NewQueue(limit, waiting, commit))
	}
	return q
}

// Do is Queue.Do in the queue of item's key.
func (q *Queues[Q, R]) Do(ctx context.Context, item Q) (R, error) { return q.of(item).Do(ctx, item) }

// Begin is Queue.Begin in the queue of item's key.
func (q *Queues[Q, R]) Begin(item Q) (<-chan R, error) { return q.of(item).Begin(item) }

// of returns the queue of item's key.
func (q *Queues[Q, R]) of(item Q) *Queue[Q, R] {
	at := uint64(0)
	if n := uint64(len(q.queues)); n > 1 {
		at = maphash.String(q.seed, q.key(item)) % n
	}
	return q.queues[at]
}

// Run commits groups until Close is called and every queue is empty.
func (q *Queues[Q, R]) Run() {
	var running sync.WaitGroup
	for _, queue := range q.queues {
		running.Go(queue.Run)
	}
	running.Wait()
}

// Close closes every queue.
func (q *Queues[Q, R]) Close() {
	for _, queue := range q.queues {
		queue.Close()
	}
}

// Waiting returns how many writes are queued in all.
func (q *Queues[Q, R]) Waiting() (n int) {
	for _, queue := range q.queues {
		n += queue.Waiting()
	}
	return n
}
