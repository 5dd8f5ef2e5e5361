package graph

import (
	"context"

	"chattok/graph/transport"
	"chattok/session"
)

// shared declares the subscription fields whose events are executed once for all who select the same: what their types'
// resolvers make of an event depends on the event alone. A field that is not here is executed for each subscriber.
func (r *Resolver) shared() map[string]transport.Shared {
	return map[string]transport.Shared{
		"entryAdded": {Position: "after", Personal: []string{"idempotencyKey"}, Join: func(ctx context.Context, args map[string]any) (*transport.Topic, error) {
			return topic(r.service.FollowEntries(ctx, callerOf(ctx), text(args, "after")))
		}},
		"signalReceived": {Join: func(ctx context.Context, args map[string]any) (*transport.Topic, error) {
			return topic(r.service.FollowSignals(ctx, callerOf(ctx), text(args, "type")))
		}},
		"sessionEvents": {Join: func(ctx context.Context, _ map[string]any) (*transport.Topic, error) {
			return topic(r.service.FollowEvents(ctx, callerOf(ctx)))
		}},
		"negotiationReceived": {Join: func(ctx context.Context, _ map[string]any) (*transport.Topic, error) {
			return topic(r.service.FollowNegotiations(ctx, callerOf(ctx)))
		}},
	}
}

func topic[T any](f *session.Follower[T], err error) (*transport.Topic, error) {
	if err != nil {
		return nil, err
	}
	return transport.NewTopic(f), nil
}

func text(args map[string]any, name string) *string {
	if s, ok := args[name].(string); ok {
		return &s
	}
	return nil
}

// follow returns the events of a subscription field: those that the transport hands in where the execution is shared,
// else what the caller may follow, until ctx is done.
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
