package graph

import (
	"context"
	"errors"

	"github.com/vikstrous/dataloadgen"

	"chattok/graph/event"
	"chattok/graph/generated"
	"chattok/graph/transport"
	"chattok/internal/sequence"
	"chattok/session"
)

func (r mutationResolver) AddChatEntry(ctx context.Context, connectionID *string, body string, idempotencyKey, replyTo, data, sessionID *string, as *session.ActAs) (*session.ChatEntry, error) {
	c, err := r.acting(ctx, sessionID, as)
	if err != nil {
		return nil, err
	}
	args := session.EntryArgs{ConnectionID: connectionID, Body: body, IdempotencyKey: idempotencyKey, ReplyTo: replyTo, Data: data}
	if c.Kind == session.Guest {
		args.Origin = r.origin(ctx)
	}
	return r.service.AddChatEntry(ctx, c, args)
}

func (r queryResolver) ChatEntry(ctx context.Context, id string, sessionID *string) (*session.ChatEntry, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.ChatEntry(ctx, c, id)
}

func (r queryResolver) LatestChatEntry(ctx context.Context, connectionID string, sessionID *string) (*session.ChatEntry, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.LatestChatEntry(ctx, c, connectionID)
}

func (r queryResolver) ChatEntries(ctx context.Context, first *int64, after *string, last *int64, before, connectionID, sessionID *string) (*generated.ChatEntryConnection, error) {
	caller, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	page, err := r.service.ChatEntries(ctx, caller, session.PageArgs{First: first, After: after, Last: last, Before: before, ConnectionID: connectionID})
	if err != nil {
		return nil, err
	}
	c := &generated.ChatEntryConnection{Nodes: page.Entries, LastCursor: page.LastCursor,
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

func (r subscriptionResolver) EntryAdded(ctx context.Context, after, sessionID *string) (<-chan *session.ChatEntry, error) {
	return follow(ctx, untilGap(entryGap, inSession(ctx, r.service, sessionID, func(c session.Caller) (*sequence.Follower[*session.ChatEntry], error) {
		return r.service.FollowEntries(ctx, c, after)
	})))
}

func (r subscriptionResolver) LogEvents(ctx context.Context, after, sessionID *string) (<-chan event.Log, error) {
	open := inSession(ctx, r.service, sessionID, func(c session.Caller) (*sequence.Follower[*session.LogEvent], error) {
		return r.service.FollowLog(ctx, c, after)
	})
	if !transport.HasFragment(ctx, logTruncated) {
		open = untilGap(logGap, open)
	}
	return followAs(ctx, event.OfLog, open)
}

// IdempotencyKey is told to the entry's author alone: its connection, and the other connections of its user. A guest is told
// none, as a guest's name belongs to nobody.
func (r chatEntryResolver) IdempotencyKey(ctx context.Context, e *session.ChatEntry) (*string, error) {
	c := callerOf(ctx)
	if e.IdempotencyKey == "" || c.Kind != session.Member ||
		!(session.Actor{ConnectionID: c.Connection.ID, UserID: c.Connection.UserID}).Wrote(e) {
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
