package graph

import (
	"context"

	"chattok/internal/sequence"
	"chattok/session"
)

func (r mutationResolver) SendSignal(ctx context.Context, kind, data, to, sessionID *string, as *session.ActAs) (*session.Signal, error) {
	c, err := r.acting(ctx, sessionID, as)
	if err != nil {
		return nil, err
	}
	g := session.Signal{Data: data, To: to}
	if kind != nil {
		g.Type = *kind
	}
	return r.service.SendSignal(ctx, c, g)
}

func (r subscriptionResolver) SignalReceived(ctx context.Context, kind, sessionID *string) (<-chan *session.Signal, error) {
	return follow(ctx, inSession(ctx, r.service, sessionID, func(c session.Caller) (*sequence.Follower[*session.Signal], error) {
		return r.service.FollowSignals(ctx, c, kind)
	}))
}
