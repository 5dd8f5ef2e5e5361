package graph

import (
	"context"

	"chattok/graph/generated"
	"chattok/rates"
	"chattok/session"
)

func (r queryResolver) Connection(ctx context.Context) (*session.Connection, error) {
	return r.service.Me(callerOf(ctx))
}

func (r queryResolver) Connections(ctx context.Context, first *int64, after, search *string) (*generated.ConnectionPage, error) {
	sess, page, err := r.service.RosterPage(ctx, callerOf(ctx), session.RosterPageArgs{First: first, After: after, Search: search})
	if err != nil {
		return nil, err
	}
	out := &generated.ConnectionPage{Nodes: make([]*session.Connection, len(page.Connections)),
		Edges:    make([]*generated.ConnectionEdge, len(page.Connections)),
		PageInfo: &generated.PageInfo{HasNextPage: page.Next != nil, HasPreviousPage: after != nil && *after != session.StartCursor}}
	for i, c := range page.Connections {
		out.Nodes[i] = c.Connection
		out.Edges[i] = &generated.ConnectionEdge{Cursor: session.ConnectionCursor(sess.Epoch, c.Place), Node: c.Connection, HasSocket: !c.Place.Detached}
	}
	if n := len(out.Edges); n > 0 {
		out.PageInfo.StartCursor, out.PageInfo.EndCursor = &out.Edges[0].Cursor, &out.Edges[n-1].Cursor
	}
	if page.Next != nil && page.Next.Revision > 0 {
		end := session.ConnectionCursor(sess.Epoch, *page.Next)
		out.PageInfo.EndCursor = &end
	}
	return out, nil
}

func (r mutationResolver) Connect(ctx context.Context, token, sessionID, data *string) (*generated.ConnectPayload, error) {
	args := session.ConnectArgs{SessionID: sessionID, Data: data}
	if token != nil {
		grant, err := r.tokens.Session(*token)
		if err != nil {
			return nil, err
		}
		args.Grant, args.Token = &grant, r.tokens.SessionDigest(*token)
	}
	if networks := rates.Networks(addressOf(ctx)); len(networks) > 0 {
		args.Address = r.tokens.Digest("address", networks[0].String())
	}
	connection, sess, err := r.service.Connect(ctx, args)
	if err != nil {
		return nil, err
	}
	access, err := r.access(connection)
	if err != nil {
		return nil, err
	}
	return &generated.ConnectPayload{AccessToken: access.AccessToken, ExpiresAt: access.ExpiresAt, Connection: connection, Session: sess}, nil
}

func (r mutationResolver) RenewAccess(ctx context.Context) (*generated.AccessPayload, error) {
	me, err := r.service.Me(callerOf(ctx)) // a caller whose stay has ended is none
	if err != nil {
		return nil, err
	}
	return r.access(me)
}

func (r mutationResolver) Disconnect(ctx context.Context) (*session.Connection, error) {
	return r.service.Disconnect(ctx, callerOf(ctx))
}

func (r mutationResolver) ForceDisconnect(ctx context.Context, connectionID string) (*session.Connection, error) {
	return r.service.ForceDisconnect(ctx, callerOf(ctx), connectionID)
}

func (r subscriptionResolver) SessionEvents(ctx context.Context) (<-chan session.SessionEvent, error) {
	return follow(ctx, func(c session.Caller) (*session.Follower[session.SessionEvent], error) {
		return r.service.FollowEvents(ctx, c)
	})
}

// access mints a connection's access token.
func (r *Resolver) access(c *session.Connection) (*generated.AccessPayload, error) {
	grant := session.AccessGrant{SessionID: c.SessionID, ConnectionID: c.ID, Role: c.Role, ExpiresAt: r.now().Add(accessLifetime)}
	if end := r.service.StayEnd(c); !end.IsZero() && end.Before(grant.ExpiresAt) {
		grant.ExpiresAt = end
	}
	raw, err := r.tokens.MintAccess(grant)
	if err != nil {
		return nil, err
	}
	return &generated.AccessPayload{AccessToken: raw, ExpiresAt: grant.ExpiresAt}, nil
}
