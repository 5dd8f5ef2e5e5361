package graph

import (
	"context"

	"chattok/graph/transport"
	"chattok/session"
)

// follow returns the events of a subscription field: those that the transport hands in where it executes each event
// once for all who select the same (see shared), else the caller's own.
func follow[T any](ctx context.Context, open func(session.Caller) (*session.Follower[T], error)) (<-chan T, error) {
	if events, ok := transport.SharedEvents[T](ctx); ok {
		return events, nil
	}
	f, err := open(callerOf(ctx))
	if err != nil {
		return nil, err
	}
	return f.Deliver(ctx), nil
}
