package graph

import (
	"context"

	"chattok/session"
)

// follow returns the events that the caller of a subscription field may follow, until ctx is done.
func follow[T any](ctx context.Context, open func(session.Caller) (*session.Follower[T], error)) (<-chan T, error) {
	f, err := open(callerOf(ctx))
	if err != nil {
		return nil, err
	}
	return f.Deliver(ctx), nil
}
