package graph

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/rates"
	"chattok/session"
	"chattok/token"
)

type identityKey struct{}

// identity is the caller of an operation, or the reason why there is none.
type identity struct {
	service *session.Service
	caller  session.Caller // as it was when it was identified
	err     error
	payer   *rates.Payer // nil where nothing is charged
}

// callerOf returns the caller of an operation, with its connection as this node knows it now; the zero Caller, session.Nobody, where
// it has none.
func callerOf(ctx context.Context) session.Caller {
	who, _ := ctx.Value(identityKey{}).(identity)
	if who.service == nil {
		return who.caller
	}
	return who.service.Current(who.caller)
}

// connectionOf names the caller's connection; "" where there is none.
func connectionOf(ctx context.Context) string {
	if c := callerOf(ctx).Connection; c != nil {
		return c.ID
	}
	return ""
}

// holdsSecret says whether the caller holds the API secret.
func holdsSecret(ctx context.Context) bool { return callerOf(ctx).Kind == session.Operator }

// authenticator identifies callers by their tokens.
type authenticator struct {
	service *session.Service
	tokens  *token.Tokens
	rates   *rates.Accounts                // nil: nothing is charged
	address func(*http.Request) netip.Addr // the address that a request comes from
}

// caller returns the caller that an Authorization value identifies. A value that is refused is an error and never makes
// a guest. Errors: UNAUTHENTICATED, UNAVAILABLE.
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
	grant, secret, err := a.tokens.Bearer(raw)
	switch {
	case err != nil:
		return session.Caller{}, err
	case secret:
		return session.Caller{Kind: session.Operator}, nil
	}
	return a.service.Member(ctx, grant)
}

// authenticate identifies the caller of a WebSocket.
func (a authenticator) authenticate(ctx context.Context, authorization string) (context.Context, error) {
	c, err := a.caller(ctx, authorization)
	if err != nil {
		return nil, err
	}
	payer := a.payer(ctx, c)
	c.Turns = payer
	return context.WithValue(ctx, identityKey{}, identity{service: a.service, caller: c, payer: payer}), nil
}

// attach keeps the connection of ctx's caller alive while a socket or stream of it is open.
func (a authenticator) attach(ctx context.Context, onEnd func(*session.Error)) (detach func(), err error) {
	attachment, err := a.service.Attach(ctx, callerOf(ctx), onEnd)
	return attachment.Detach, err
}

// middleware identifies the caller of an HTTP request. A failure is answered later, when the operation is known.
func (a authenticator) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := identity{service: a.service}
		ctx := withAddress(r.Context(), a.address(r))
		who.caller, who.err = a.sender(r.WithContext(ctx))
		who.payer = a.payer(ctx, who.caller)
		who.caller.Turns = who.payer
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, identityKey{}, who)))
	})
}

// sender returns the caller of a request. Two Authorization headers that differ are refused: proxies and servers do not
// agree which of them counts.
func (a authenticator) sender(r *http.Request) (session.Caller, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return a.service.Anonymous(), nil
	}
	for _, other := range values[1:] {
		if other != values[0] {
			return session.Caller{}, session.Errorf(session.CodeUnauthenticated, "two Authorization headers were sent that differ").
				WithReason(token.ReasonInvalid)
		}
	}
	return a.caller(r.Context(), values[0])
}

// identified is a gqlgen extension that refuses operations whose caller could not be identified.
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
