package graph

import (
	"context"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport"
	"chattok/session"
	"chattok/token"
)

type identityKey struct{}

// identity is who an operation runs for, or why that could not be told.
type identity struct {
	caller session.Caller
	err    error
}

// callerOf returns who an operation runs for; session.Nobody where nobody said.
func callerOf(ctx context.Context) session.Caller {
	who, _ := ctx.Value(identityKey{}).(identity)
	return who.caller
}

// authenticator tells callers by what they send.
type authenticator struct {
	service *session.Service
	tokens  *token.Tokens
}

// caller returns who sends this Authorization value. One that is sent but refused is an error, never a guest. Errors:
// UNAUTHENTICATED, UNAVAILABLE.
func (a authenticator) caller(ctx context.Context, authorization string) (session.Caller, error) {
	if authorization == "" {
		return a.service.Anonymous(), nil
	}
	scheme, raw, ok := strings.Cut(authorization, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return session.Caller{}, session.Errorf(session.CodeUnauthenticated, "Authorization must be \"Bearer\" and a token").
			WithReason(token.ReasonInvalid)
	}
	raw = strings.TrimSpace(raw)
	if a.tokens.IsSecret(raw) {
		return session.Caller{Kind: session.Operator}, nil
	}
	grant, err := a.tokens.Access(raw)
	if err != nil {
		return session.Caller{}, err
	}
	return a.service.Member(ctx, grant)
}

// stream identifies who opens a stream.
func (a authenticator) stream(ctx context.Context, authorization string) (transport.Identity, error) {
	c, err := a.caller(ctx, authorization)
	if err != nil {
		return transport.Identity{}, err
	}
	return transport.Identity{
		Context: context.WithValue(ctx, identityKey{}, identity{caller: c}),
		Attach: func(ctx context.Context, onEnd func(*session.Error)) (func(), error) {
			attachment, err := a.service.Attach(ctx, c, onEnd)
			return attachment.Detach, err
		}}, nil
}

// middleware identifies the caller of an HTTP request. A failure is answered when the operation is known.
func (a authenticator) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var who identity
		who.caller, who.err = a.caller(r.Context(), r.Header.Get("Authorization"))
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, who)))
	})
}

// identified is a gqlgen extension that refuses operations whose caller could not be told.
type identified struct{}

var _ graphql.OperationContextMutator = identified{}

func (identified) ExtensionName() string                   { return "Identified" }
func (identified) Validate(graphql.ExecutableSchema) error { return nil }

func (identified) MutateOperationContext(ctx context.Context, _ *graphql.OperationContext) *gqlerror.Error {
	who, _ := ctx.Value(identityKey{}).(identity)
	if who.err == nil {
		return nil
	}
	return present(ctx, who.err)
}
