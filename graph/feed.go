package graph

import (
	"context"

	"chattok/graph/event"
	"chattok/internal/sequence"
	"chattok/session"
)

func (r queryResolver) FeedCursor(ctx context.Context) (string, error) {
	return r.service.LastFeedCursor(ctx, callerOf(ctx))
}

func (r subscriptionResolver) Feed(ctx context.Context, after, sessionPrefix *string) (<-chan *session.FeedEvent, error) {
	return follow(ctx, func(c session.Caller) (*sequence.Follower[*session.FeedEvent], error) {
		return r.service.FollowFeed(ctx, c, after, orEmpty(sessionPrefix))
	})
}

type feedEventResolver struct{ *Resolver }

func (r feedEventResolver) Cursor(_ context.Context, e *session.FeedEvent) (string, error) {
	return r.service.FeedCursor(e.Place), nil
}

func (feedEventResolver) Event(_ context.Context, e *session.FeedEvent) (event.Feed, error) {
	return event.OfFeed(e), nil
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
