package graph

import (
	"context"

	"chattok/graph/event"
	"chattok/internal/sequence"
	"chattok/session"
)

func (r mutationResolver) MarkRead(ctx context.Context, upTo string, sessionID *string, as *session.ActAs) (*session.Session, error) {
	c, err := r.acting(ctx, sessionID, as)
	if err != nil {
		return nil, err
	}
	return r.service.MarkRead(ctx, c, upTo)
}

func (r subscriptionResolver) UserEvents(ctx context.Context) (<-chan event.User, error) {
	return followAs(ctx, event.OfUser, func(c session.Caller) (*sequence.Follower[*session.UserEvent], error) {
		return r.service.FollowUserEvents(ctx, c)
	})
}
