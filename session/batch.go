package session

import (
	"context"
	"runtime"
	"sync"
)

// batch gathers concurrent calls into groups: whoever waits while a group is being committed goes into the next one.
// A lone call is committed at once; there is no timer. In a crowd, whoever is on the way is let in first. A caller that gives up leaves its item in the group.
type batch[Q, R any] struct {
	limit  int // items a group
	commit func(group []Q) []R
	queue  chan batchItem[Q, R]
	spare  sync.Pool // of answer channels that are empty and that nobody will send to

	mu     sync.RWMutex // held for reading while an item is queued, so that none comes after the end
	closed bool
}

type batchItem[Q, R any] struct {
	item   Q
	answer chan R // has room for one, so that answering never blocks
}

// newBatch makes a batch whose queue holds waiting items at most; commit returns a result for each item, in order.
func newBatch[Q, R any](limit, waiting int, commit func(group []Q) []R) *batch[Q, R] {
	return &batch[Q, R]{limit: limit, commit: commit, queue: make(chan batchItem[Q, R], waiting)}
}

// do queues item and waits for its result. Errors: UNAVAILABLE where the queue is full or closed; ctx's own, and then
// the item may have been committed or not.
func (b *batch[Q, R]) do(ctx context.Context, item Q) (R, error) {
	var none R
	answer, ok := b.spare.Get().(chan R)
	if !ok {
		answer = make(chan R, 1)
	}
	if err := b.enqueue(batchItem[Q, R]{item, answer}); err != nil {
		return none, err
	}
	select {
	case r := <-answer:
		b.spare.Put(answer)
		return r, nil
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

func (b *batch[Q, R]) enqueue(i batchItem[Q, R]) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return Errorf(CodeUnavailable, "the server is stopping; try again")
	}
	select {
	case b.queue <- i:
		return nil
	default:
		return Errorf(CodeUnavailable, "the server is too busy: %d writes are waiting; try again", cap(b.queue))
	}
}

// crowd is the size of a group from which on the next one lets those in who are about to come: where so many are at it
// the processors are the limit, and a commit's own cost is better shared by more.
const crowd = 8

// run commits groups until close is called and the queue is empty.
func (b *batch[Q, R]) run() {
	items := make([]batchItem[Q, R], 0, b.limit)
	group := make([]Q, 0, b.limit)
	for first := range b.queue {
		crowded := len(group) >= crowd
		items = b.gather(append(items[:0], first), crowded)
		group = group[:0]
		for i := range items {
			group = append(group, items[i].item)
		}
		for i, r := range b.commit(group) {
			items[i].answer <- r
		}
		clear(items)
		clear(group)
	}
}

// gather adds to items those that wait, up to the limit. In a crowd it lets other goroutines run as long as that brings
// more: callers that are on their way here, and whose requests have been read.
func (b *batch[Q, R]) gather(items []batchItem[Q, R], crowded bool) []batchItem[Q, R] {
	for before := 0; len(items) < b.limit; {
		select {
		case i, open := <-b.queue:
			if !open {
				return items
			}
			items = append(items, i)
		default:
			if !crowded || len(items) == before {
				return items
			}
			before = len(items)
			runtime.Gosched()
		}
	}
	return items
}

// close refuses further items and has run end when those queued are committed.
func (b *batch[Q, R]) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.queue)
	}
}
