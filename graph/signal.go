package graph

import (
	"context"

	"chattok/session"
)

func (r mutationResolver) SendSignal(ctx context.Context, kind string, data, to, sessionID *string) (*session.Signal, error) {
	return r.service.SendSignal(ctx, callerOf(ctx), session.Signal{Type: kind, Data: data, To: to}, sessionID)
}

func (r subscriptionResolver) SignalReceived(ctx context.Context, kind *string) (<-chan *session.Signal, error) {
	return follow(ctx, func(c session.Caller) (*session.Follower[*session.Signal], error) {
		return r.service.FollowSignals(ctx, c, kind)
	})
}
