package graph

import (
	"context"

	"chattok/session"
)

func (r mutationResolver) EraseUser(ctx context.Context, userID, connectionID *string) (*session.Erasure, error) {
	return r.service.EraseUser(ctx, callerOf(ctx), userID, connectionID)
}

func (r queryResolver) Erasure(ctx context.Context, id string) (*session.Erasure, error) {
	return r.service.Erasure(ctx, callerOf(ctx), id)
}

func (r queryResolver) Erasures(ctx context.Context) ([]*session.Erasure, error) {
	return r.service.Erasures(ctx, callerOf(ctx))
}
