package session

import (
	"context"
	"errors"

	"chattok/internal/groupcommit"
)

// writeQueue commits writes of type Q in groups, as many groups at once as the Store commits in parallel; a session's writes
// stay in order.
type writeQueue[Q, R any] struct {
	*groupcommit.Queues[Q, R]
	limit int // writes that may wait
}

// newWriteQueue returns a queue for a Store that commits parallel groups at once, of up to groupLimit writes each. session
// returns the id of a write's session.
func newWriteQueue[Q, R any](parallel, groupLimit, queueLimit int, session func(Q) string, commit func(group []Q) []R) writeQueue[Q, R] {
	return writeQueue[Q, R]{groupcommit.NewQueues(parallel, groupLimit, queueLimit, session, commit), queueLimit}
}

// do commits item with others and returns its result. Errors: UNAVAILABLE where the queue is full or closed; ctx's own, and
// then item may be committed or not.
func (w writeQueue[Q, R]) do(ctx context.Context, item Q) (R, error) {
	r, err := w.Do(ctx, item)
	return r, w.explain(err)
}

// begin is do for a caller that does not wait yet: its result comes on the channel. Errors: UNAVAILABLE where the queue is full or
// closed.
func (w writeQueue[Q, R]) begin(item Q) (<-chan R, error) {
	result, err := w.Begin(item)
	return result, w.explain(err)
}

// explain returns an error of the queue as callers may see it.
func (w writeQueue[Q, R]) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, groupcommit.ErrClosed):
		return errStopping()
	case errors.Is(err, groupcommit.ErrFull):
		return Errorf(CodeUnavailable, "the server is too busy: %d writes are waiting; try again", w.limit)
	}
	return err
}

// resultOf waits for the result of a write that has begun. Errors: ctx's own, and then it may be stored or not.
func resultOf[R any](ctx context.Context, begun <-chan R) (result R, err error) {
	select {
	case result = <-begun:
		return result, nil
	case <-ctx.Done():
		return result, context.Cause(ctx)
	}
}
