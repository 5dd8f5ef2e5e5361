package graph

import (
	"context"

	"chattok/graph/generated"
	"chattok/graph/transport"
	"chattok/internal/sequence"
	"chattok/rates"
	"chattok/session"
)

func (r queryResolver) Connection(ctx context.Context) (*session.Connection, error) {
	return r.service.Me(callerOf(ctx))
}

func (r queryResolver) Connections(ctx context.Context, first *int64, after, search, sessionID *string) (*generated.ConnectionPage, error) {
	caller, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	sess, page, err := r.service.RosterPage(ctx, caller, session.RosterPageArgs{First: first, After: after, Search: search})
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

func (r queryResolver) SessionPreview(ctx context.Context, token, sessionID, userKey *string) (*session.SessionPreview, error) {
	args := session.ConnectArgs{SessionID: sessionID, UserKey: userKey, Origin: r.origin(ctx)}
	if err := r.admit(ctx, &args, token); err != nil {
		return nil, err
	}
	return r.service.PreviewSession(ctx, args)
}

// admit puts what a session token says into the arguments of connect. Errors: UNAUTHENTICATED, UNAVAILABLE.
func (r *Resolver) admit(ctx context.Context, args *session.ConnectArgs, token *string) error {
	if token == nil {
		return nil
	}
	grant, digest, err := r.sessionToken(ctx, *token)
	if err != nil {
		return err
	}
	args.Grant, args.Token = &grant, digest
	return nil
}

func (r mutationResolver) Connect(ctx context.Context, token, sessionID, data, userKey *string) (*generated.ConnectPayload, error) {
	args := session.ConnectArgs{SessionID: sessionID, Data: data, UserKey: userKey}
	if err := r.admit(ctx, &args, token); err != nil {
		return nil, err
	}
	if networks := rates.Networks(addressOf(ctx)); len(networks) > 0 {
		args.Address = r.tokens.Digest("address", networks[0].String())
	}
	args.Origin = r.origin(ctx)
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
	me, err := r.service.Me(callerOf(ctx)) // fails for a caller whose stay has ended
	if err != nil {
		return nil, err
	}
	return r.access(me)
}

func (r mutationResolver) SetData(ctx context.Context, data *string) (*session.Connection, error) {
	return r.service.SetData(ctx, callerOf(ctx), data)
}

func (r mutationResolver) Disconnect(ctx context.Context) (*session.Connection, error) {
	return r.service.Disconnect(ctx, callerOf(ctx))
}

func (r mutationResolver) SetRole(ctx context.Context, connectionID string, role session.Role, sessionID *string) (*session.Connection, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.SetRole(ctx, c, connectionID, role)
}

func (r mutationResolver) ForceDisconnect(ctx context.Context, connectionID string, sessionID *string) (*session.Connection, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.ForceDisconnect(ctx, c, connectionID)
}

func (r subscriptionResolver) SessionEvents(ctx context.Context, sessionID *string) (<-chan session.SessionEvent, error) {
	return follow(ctx, inSession(ctx, r.service, sessionID, func(c session.Caller) (*sequence.Follower[session.SessionEvent], error) {
		f, err := r.service.FollowEvents(ctx, c)
		if err == nil {
			sees := transport.Sees(ctx, laterKind)
			f.Sees = func(e session.SessionEvent) bool { return sees(e) }
		}
		return f, err
	}))
}

// sessionToken returns the grant of a session token, ChatTok's own or another's, and a number that identifies the token.
func (r *Resolver) sessionToken(ctx context.Context, raw string) (grant session.SessionGrant, digest int64, err error) {
	if r.otherTokens != nil {
		grant, signed, ok, err := r.otherTokens.Session(raw)
		if ok || err != nil {
			return grant, r.tokens.SignedDigest(signed), err
		}
	}
	grant, err = r.tokens.Session(ctx, raw)
	return grant, r.tokens.SessionDigest(raw), err
}

// origin returns the number by which bans know the client's network: an IPv4 address, or an IPv6 network of 64 bits. It is 0
// for loopback and for a trusted proxy's own address, which stand for many people.
func (r *Resolver) origin(ctx context.Context) int64 {
	networks := rates.Networks(addressOf(ctx))
	if len(networks) == 0 || r.proxy != nil && r.proxy(addressOf(ctx).Unmap()) {
		return 0
	}
	return r.service.Origin(networks[0].String())
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
