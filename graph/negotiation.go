package graph

import (
	"context"

	"chattok/internal/sequence"
	"chattok/session"
)

func (r queryResolver) IceServers(ctx context.Context) ([]*session.ICEServer, error) {
	return r.service.ICEServers(callerOf(ctx))
}

func (r mutationResolver) Negotiate(ctx context.Context, streamID, to string, description *session.SessionDescription, candidate *session.ICECandidate) (*session.Negotiation, error) {
	return r.service.Negotiate(ctx, callerOf(ctx),
		session.Negotiation{StreamID: streamID, To: to, Description: description, Candidate: candidate})
}

func (r subscriptionResolver) NegotiationReceived(ctx context.Context) (<-chan *session.Negotiation, error) {
	return follow(ctx, func(c session.Caller) (*sequence.Follower[*session.Negotiation], error) {
		return r.service.FollowNegotiations(ctx, c)
	})
}
