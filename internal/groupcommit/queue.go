package groupcommit

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// Errors of Do for a write that was not accepted: it is not committed and will not be.
var (
	ErrFull   = errors.New("groupcommit: the queue is full")
	ErrClosed = errors.New("groupcommit: the queue is closed")
)

// Queue commits writes of type Q, one group after the other, and answers each with an R.
type Queue[Q, R any] struct {
	limit  int // writes a group
	commit func(group []Q) []R
	queue  chan write[Q, R]
	spare  sync.Pool // of empty answer channels that nothing will be sent to

	mu     sync.RWMutex // held for reading while a write is queued, so that none is queued after Close
	closed bool
}

type write[Q, R any] struct {
	item   Q
	answer chan R // buffers one, so that answering never blocks
}

// NewQueue returns a Queue that commits up to limit writes at once and lets up to waiting writes wait; above that, Do fails
// with ErrFull. commit returns a result for each write, in order.
func NewQueue[Q, R any](limit, waiting int, commit func(group []Q) []R) *Queue[Q, R] {
	return &Queue[Q, R]{limit: limit, commit: commit, queue: make(chan write[Q, R], waiting)}
}

// Do commits item with others and returns its result. When ctx ends first it returns ctx's cause, and item may be committed
// or not. Other errors: ErrFull, ErrClosed.
func (q *Queue[Q, R]) Do(ctx context.Context, item Q) (R, error) {
	var none R
	answer, ok := q.spare.Get().(chan R)
	if !ok {
		answer = make(chan R, 1)
	}
	if err := q.enqueue(write[Q, R]{item, answer}); err != nil {
		return none, err
	}
	select {
	case r := <-answer:
		q.spare.Put(answer)
		return r, nil
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// Begin queues item and returns the channel on which its result comes, after those of the items that were queued before. Errors:
// ErrFull, ErrClosed.
func (q *Queue[Q, R]) Begin(item Q) (<-chan R, error) {
	answer := make(chan R, 1)
	return answer, q.enqueue(write[Q, R]{item, answer})
}

func (q *Queue[Q, R]) enqueue(w write[Q, R]) error {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return ErrClosed
	}
	select {
	case q.queue <- w:
		return nil
	default:
		return ErrFull
	}
}

// crowd is the size of a group after which the next group also waits for callers that are about to arrive. With so many
// callers the processors are the limit, and a larger group costs less a write; with fewer, waiting only delays.
const crowd = 8

// Run commits groups until Close is called and the queue is empty.
func (q *Queue[Q, R]) Run() {
	writes := make([]write[Q, R], 0, q.limit)
	group := make([]Q, 0, q.limit)
	for first := range q.queue {
		crowded := len(group) >= crowd
		writes = q.combine(append(writes[:0], first), crowded)
		group = group[:0]
		for i := range writes {
			group = append(group, writes[i].item)
		}
		for i, r := range q.commit(group) {
			writes[i].answer <- r
		}
		clear(writes)
		clear(group)
	}
}

// combine adds the waiting writes to a group, up to the limit. When crowded, it yields the processor as long as that brings
// more writes, so that callers whose requests have been read can still join.
func (q *Queue[Q, R]) combine(writes []write[Q, R], crowded bool) []write[Q, R] {
	for before := 0; len(writes) < q.limit; {
		select {
		case w, open := <-q.queue:
			if !open {
				return writes
			}
			writes = append(writes, w)
		default:
			if !crowded || len(writes) == before {
				return writes
			}
			before = len(writes)
			runtime.Gosched()
		}
	}
	return writes
}

// Close refuses further writes; Run returns when those already queued are committed. It may be called more than once.
func (q *Queue[Q, R]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.queue)
	}
}

// Waiting returns how many writes are queued.
func (q *Queue[Q, R]) Waiting() int { return len(q.queue) }
