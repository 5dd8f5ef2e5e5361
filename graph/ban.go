package graph

import (
	"context"

	"chattok/session"
)

func (r queryResolver) Bans(ctx context.Context, sessionID *string) ([]*session.Ban, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.Bans(ctx, c)
}

func (r mutationResolver) BanConnection(ctx context.Context, connectionID string, seconds int64, deleteEntries *bool, sessionID *string) (*session.Ban, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.BanConnection(ctx, c, session.BanArgs{ConnectionID: connectionID, Seconds: seconds,
		DeleteEntries: deleteEntries != nil && *deleteEntries})
}

func (r mutationResolver) Unban(ctx context.Context, id string, sessionID *string) (*session.Ban, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.Unban(ctx, c, id)
}
