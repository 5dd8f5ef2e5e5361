// Package graph is the GraphQL edge: it turns operations into calls of the domain service and its results into
// responses. It holds no rule and no SQL: a resolver parses, makes one call, and maps.
package graph

import (
	"time"

	"chattok/graph/generated"
	"chattok/session"
	"chattok/token"
)

// accessLifetime is how long an access token lives.
const accessLifetime = time.Hour

// defaultSessionTokenSeconds and maxSessionTokenSeconds bound a session token's life.
const (
	defaultSessionTokenSeconds = 24 * 60 * 60
	maxSessionTokenSeconds     = 30 * 24 * 60 * 60
)

// Resolver is the root of the resolvers.
type Resolver struct {
	service *session.Service
	tokens  *token.Tokens
	now     func() time.Time
}

type (
	queryResolver        struct{ *Resolver }
	mutationResolver     struct{ *Resolver }
	subscriptionResolver struct{ *Resolver }
	chatEntryResolver    struct{ *Resolver }
	sessionResolver      struct{ *Resolver }
)

var _ generated.ResolverRoot = (*Resolver)(nil)

func (r *Resolver) Query() generated.QueryResolver               { return queryResolver{r} }
func (r *Resolver) Mutation() generated.MutationResolver         { return mutationResolver{r} }
func (r *Resolver) Subscription() generated.SubscriptionResolver { return subscriptionResolver{r} }
func (r *Resolver) ChatEntry() generated.ChatEntryResolver       { return chatEntryResolver{r} }
func (r *Resolver) Session() generated.SessionResolver           { return sessionResolver{r} }
