package graph

import (
	"context"

	"chattok/graph/event"
	"chattok/graph/transport"
	"chattok/internal/sequence"
	"chattok/session"
)

// personal are the fields, of any type, whose value depends on the caller.
var personal = []string{"idempotencyKey", "myReactions", "readCursor", "unread"}

// shared describes the subscription fields whose events are executed once for all readers with the same selection: the
// resolvers of their types depend on the event alone, save those of personal fields. A field that is missing here is executed
// for each subscriber.
func (r *Resolver) shared() map[string]transport.Shared {
	return map[string]transport.Shared{
		"entryAdded": {Position: "after", Personal: personal, Gap: entryGap, Join: func(ctx context.Context, args map[string]any) (transport.Topic, error) {
			return topic(inSession(ctx, r.service, text(args, "sessionId"), func(c session.Caller) (*sequence.Follower[*session.ChatEntry], error) {
				return r.service.FollowEntries(ctx, c, text(args, "after"))
			})(callerOf(ctx)))
		}},
		"logEvents": {Position: "after", Personal: personal, Gap: logGap, GapType: logTruncated, Join: func(ctx context.Context, args map[string]any) (transport.Topic, error) {
			return topicAs(event.OfLog)(inSession(ctx, r.service, text(args, "sessionId"), func(c session.Caller) (*sequence.Follower[*session.LogEvent], error) {
				return r.service.FollowLog(ctx, c, text(args, "after"))
			})(callerOf(ctx)))
		}},
		"feed": {Position: "after", Personal: personal, Join: func(ctx context.Context, args map[string]any) (transport.Topic, error) {
			return topic(r.service.FollowFeed(ctx, callerOf(ctx), text(args, "after"), orEmpty(text(args, "sessionPrefix"))))
		}},
		"userEvents": {Join: func(ctx context.Context, _ map[string]any) (transport.Topic, error) {
			return topicAs(event.OfUser)(r.service.FollowUserEvents(ctx, callerOf(ctx)))
		}},
		"signalReceived": {Join: func(ctx context.Context, args map[string]any) (transport.Topic, error) {
			return topic(inSession(ctx, r.service, text(args, "sessionId"), func(c session.Caller) (*sequence.Follower[*session.Signal], error) {
				return r.service.FollowSignals(ctx, c, text(args, "type"))
			})(callerOf(ctx)))
		}},
		"sessionEvents": {Personal: personal, Later: laterKind, Join: func(ctx context.Context, args map[string]any) (transport.Topic, error) {
			return topic(inSession(ctx, r.service, text(args, "sessionId"), func(c session.Caller) (*sequence.Follower[session.SessionEvent], error) {
				return r.service.FollowEvents(ctx, c)
			})(callerOf(ctx)))
		}},
		"negotiationReceived": {Join: func(ctx context.Context, _ map[string]any) (transport.Topic, error) {
			return topic(r.service.FollowNegotiations(ctx, callerOf(ctx)))
		}},
	}
}

// inSession returns open for the caller in the session that it follows: see session.Service.In.
func inSession[T any](
	ctx context.Context, s *session.Service, sessionID *string, open func(session.Caller) (*sequence.Follower[T], error),
) func(session.Caller) (*sequence.Follower[T], error) {
	return func(c session.Caller) (*sequence.Follower[T], error) {
		c, err := s.In(ctx, c, sessionID)
		if err != nil {
			return nil, err
		}
		return open(c)
	}
}

// laterKind returns the type of a SessionEvent that the union did not have in the first release, or the field that tells an event
// from earlier ones, and "" for every other event. docs/decisions/schema.md says why such events need a fragment. LogTruncated,
// which LogEvent did not have then either, is told by Gap; FeedChange sends every kind.
func laterKind(event any) string {
	switch e := event.(type) {
	case *session.SessionChanged:
		return "SessionChanged"
	case *session.MuteForced:
		if !e.Active { // a client that knows no end of a mute would take it for a mute
			return "MuteForced.active"
		}
	}
	return ""
}

// logTruncated is the type of LogEvent that tells a reader what it misses. It was not in the union at first.
const logTruncated = "LogTruncated"

// logGap returns the error for a subscription of logEvents without a fragment on LogTruncated, where the log's front has passed it.
func logGap(event any) error { return event.(*session.LogEvent).Gap() }

// entryGap is logGap for entryAdded, whose events are entries alone.
func entryGap(event any) error { return event.(*session.ChatEntry).Gap() }

// untilGap returns open for a subscription that is executed by itself: it ends where gap is an error.
func untilGap[T any](
	gap func(event any) error, open func(session.Caller) (*sequence.Follower[T], error),
) func(session.Caller) (*sequence.Follower[T], error) {
	return func(c session.Caller) (*sequence.Follower[T], error) {
		f, err := open(c)
		if err == nil {
			f.Until = func(e T) bool { return gap(e) != nil }
		}
		return f, err
	}
}

func topic[T any](f *sequence.Follower[T], err error) (transport.Topic, error) {
	if err != nil {
		return nil, err
	}
	return transport.NewTopic(f), nil
}

// topicAs is topic for events that the schema has as another type.
func topicAs[T, U any](as func(T) U) func(*sequence.Follower[T], error) (transport.Topic, error) {
	return func(f *sequence.Follower[T], err error) (transport.Topic, error) {
		if err != nil {
			return nil, err
		}
		return transport.NewTopicAs(f, as), nil
	}
}

func text(args map[string]any, name string) *string {
	if s, ok := args[name].(string); ok {
		return &s
	}
	return nil
}

// follow returns the channel of a subscription field: the transport's where the execution is shared, else the events
// that the caller may follow, until ctx is done.
func follow[T any](ctx context.Context, open func(session.Caller) (*sequence.Follower[T], error)) (<-chan T, error) {
	if events, ok := transport.SharedEvents[T](ctx); ok {
		return events, nil
	}
	f, err := open(callerOf(ctx))
	if err != nil {
		return nil, err
	}
	return f.Deliver(ctx), nil
}

// followAs is follow for events that the schema has as another type.
func followAs[T, U any](ctx context.Context, as func(T) U, open func(session.Caller) (*sequence.Follower[T], error)) (<-chan U, error) {
	if events, ok := transport.SharedEvents[U](ctx); ok {
		return events, nil
	}
	events, err := follow(ctx, open)
	if err != nil {
		return nil, err
	}
	out := make(chan U)
	go func() {
		defer close(out)
		for e := range events { // they end with ctx
			select {
			case out <- as(e):
			case <-ctx.Done():
			}
		}
	}()
	return out, nil
}
