// Package graph is the GraphQL edge: it turns operations into calls of the domain service, and results into responses.
// It holds no rule and no SQL: a resolver reads its arguments, makes one call, and maps the result.
package graph

import (
	"context"
	"net/netip"
	"time"

	"chattok/graph/generated"
	"chattok/session"
	"chattok/token"
)

// accessLifetime is the lifetime of an access token.
const accessLifetime = time.Hour

// Lifetimes of a session token, in seconds.
const (
	defaultSessionTokenSeconds = 24 * 60 * 60
	maxSessionTokenSeconds     = 30 * 24 * 60 * 60
)

// Resolver is the root of all resolvers.
type Resolver struct {
	service *session.Service
	tokens  *token.Tokens
	now     func() time.Time
	proxy   func(netip.Addr) bool // whether an address is a trusted proxy's; nil: none is
	version string                // the server's

	otherTokens SessionTokens // nil where connect takes ChatTok's own tokens alone
}

// in returns the caller of ctx's operation in the session in which the operation is: see session.Service.In.
func (r *Resolver) in(ctx context.Context, sessionID *string) (session.Caller, error) {
	return r.service.In(ctx, callerOf(ctx), sessionID)
}

// acting is in for an operation that the holder of the API secret may carry out as somebody.
func (r *Resolver) acting(ctx context.Context, sessionID *string, as *session.ActAs) (session.Caller, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return c, err
	}
	return r.service.As(ctx, c, as)
}

type (
	queryResolver        struct{ *Resolver }
	mutationResolver     struct{ *Resolver }
	subscriptionResolver struct{ *Resolver }
	chatEntryResolver    struct{ *Resolver }
	reactionResolver     struct{ *Resolver }
	sessionResolver      struct{ *Resolver }
	serverResolver       struct{ *Resolver }
)

var _ generated.ResolverRoot = (*Resolver)(nil)

func (r *Resolver) Query() generated.QueryResolver               { return queryResolver{r} }
func (r *Resolver) Mutation() generated.MutationResolver         { return mutationResolver{r} }
func (r *Resolver) Subscription() generated.SubscriptionResolver { return subscriptionResolver{r} }
func (r *Resolver) ChatEntry() generated.ChatEntryResolver       { return chatEntryResolver{r} }
func (r *Resolver) Reaction() generated.ReactionResolver         { return reactionResolver{r} }
func (r *Resolver) FeedEvent() generated.FeedEventResolver       { return feedEventResolver{r} }
func (r *Resolver) Server() generated.ServerResolver             { return serverResolver{r} }
func (r *Resolver) Session() generated.SessionResolver           { return sessionResolver{r} }
