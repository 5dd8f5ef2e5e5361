package graph

import (
	"context"
	"errors"

	"github.com/vikstrous/dataloadgen"

	"chattok/graph/generated"
	"chattok/session"
)

func (r mutationResolver) AddChatEntry(ctx context.Context, connectionID, body string, idempotencyKey *string) (*session.ChatEntry, error) {
	return r.service.AddChatEntry(ctx, callerOf(ctx), connectionID, body, idempotencyKey)
}

func (r queryResolver) LatestChatEntry(ctx context.Context, connectionID string) (*session.ChatEntry, error) {
	return r.service.LatestChatEntry(ctx, callerOf(ctx), connectionID)
}

func (r queryResolver) ChatEntries(ctx context.Context, first *int64, after *string, last *int64, before, connectionID *string) (*generated.ChatEntryConnection, error) {
	page, err := r.service.ChatEntries(ctx, callerOf(ctx), session.PageArgs{First: first, After: after, Last: last, Before: before, ConnectionID: connectionID})
	if err != nil {
		return nil, err
	}
	c := &generated.ChatEntryConnection{Nodes: page.Entries,
		Edges:    make([]*generated.ChatEntryEdge, len(page.Entries)),
		PageInfo: &generated.PageInfo{HasNextPage: page.HasNextPage, HasPreviousPage: page.HasPreviousPage}}
	for i, e := range page.Entries {
		c.Edges[i] = &generated.ChatEntryEdge{Cursor: e.Cursor(), Node: e}
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[n-1].Cursor
	}
	return c, nil
}

func (r subscriptionResolver) EntryAdded(ctx context.Context, after *string) (<-chan *session.ChatEntry, error) {
	return follow(ctx, func(c session.Caller) (*session.Follower[*session.ChatEntry], error) {
		return r.service.FollowEntries(ctx, c, after)
	})
}

// IdempotencyKey is for the connection that posted the entry; a guest's name is nobody's in particular.
func (r chatEntryResolver) IdempotencyKey(ctx context.Context, e *session.ChatEntry) (*string, error) {
	c := callerOf(ctx)
	if e.IdempotencyKey == "" || c.Kind != session.Member || c.Connection.ID != e.ConnectionID {
		return nil, nil
	}
	return &e.IdempotencyKey, nil
}

func (r chatEntryResolver) Connection(ctx context.Context, e *session.ChatEntry) (*session.Connection, error) {
	c, err := connectionByID(ctx, e.ConnectionID)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return e.MissingSender(), nil
	}
	return c, err
}
