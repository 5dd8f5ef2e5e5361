package graph

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"chattok/graph/edge"
	"chattok/graph/generated"
	"chattok/graph/transport"
	"chattok/graph/transport/document"
	"chattok/rates"
	"chattok/session"
	"chattok/token"
)

// Bytes of the documents that are kept, in parsed form and by hash.
const (
	documentBytes  = 8 << 20
	persistedBytes = 8 << 20
)

// Config configures a Handler.
type Config struct {
	Service       *session.Service
	Tokens        *token.Tokens
	OtherTokens   SessionTokens // that connect takes beside them; nil for none
	Log           *slog.Logger
	Now           func() time.Time // nil: time.Now
	Introspection bool
	Version       string                  // the server's, for everybody who asks
	TrustedProxy  func(netip.Addr) bool   // whether an address is a trusted proxy's; nil: none is
	HTTP          transport.HTTP          // without Stream, which New sets
	Streams       transport.StreamConfig  // without Authenticate, Attach and Shared, which New sets
	Limits        document.Limits         // without Documents, Lists and Weights, which New sets
	Answers       transport.AnswersConfig // without Limits and Small, which New sets
	Rates         *rates.Accounts         // nil: nothing is charged
	Metrics       Metrics                 // nil: nothing is counted
	Tracer        Tracer                  // nil: nothing is traced
}

// SessionTokens reads session tokens of a form that is not ChatTok's own.
type SessionTokens interface {
	// Session returns a token's grant and the part of it that is signed. ok is false for a token of another form. Errors:
	// UNAUTHENTICATED.
	Session(raw string) (grant session.SessionGrant, signed string, ok bool, err error)
}

// Handler answers GraphQL operations over HTTP, including streams, and over WebSocket.
type Handler struct {
	http.Handler
	streams *transport.Streams
}

// New returns a Handler that works until Shutdown. It wires the transports, which happens nowhere else: WebSocket takes
// the upgrades, HTTP everything else.
func New(c Config) *Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Streams.Client == nil {
		c.Streams.Client = func(*http.Request) netip.Addr { return netip.Addr{} }
	}
	auth := authenticator{c.Service, c.Tokens, c.Rates, c.Streams.Client}
	resolver := &Resolver{service: c.Service, tokens: c.Tokens, now: c.Now, proxy: c.TrustedProxy, otherTokens: c.OtherTokens, version: c.Version}
	c.Streams.Authenticate, c.Streams.Attach, c.Streams.Shared = auth.authenticate, auth.attach, resolver.shared()
	c.Streams.Detach = func(ctx context.Context) context.Context { return withAddress(edge.Detach(ctx), addressOf(ctx)) }
	c.Streams.Pace, c.Streams.Decode, c.HTTP.Decode, c.Streams.Render = auth.pace, auth.decode, auth.decode, render
	c.Streams.Parse = auth.parse
	c.Streams.Connection, c.Streams.Uncounted = connectionOf, holdsSecret
	c.Limits.Weights, c.Limits.Lists, c.Limits.MaxItems = weights, lists, session.MaxPage
	c.Streams.Answered = answered(c.Metrics)
	c.Streams.Begin, c.Streams.Delivered = begun(c.Tracer), delivered(c.Tracer)
	c.HTTP.Answered, c.HTTP.Begin = c.Streams.Answered, c.Streams.Begin
	c.Answers.Limits, c.Answers.Small = &c.Limits, smallAnswers
	answers := transport.NewAnswers(c.Answers)
	c.Streams.Answers, c.HTTP.Answers, c.HTTP.Client = answers, answers, c.Streams.Client
	streams := transport.NewStreams(c.Streams)
	c.HTTP.Stream = streams.Answer

	schema := generated.NewExecutableSchema(generated.Config{Schema: executed, Resolvers: resolver})
	server := handler.New(fastAdds{schema, resolver.Mutation()})
	documents := document.NewCache(documentBytes)
	server.AddTransport(document.Coerced(charging{streams.WebSocket(), documents}, executed))
	server.AddTransport(document.Coerced(charging{c.HTTP, documents}, executed))
	server.SetDisableSuggestion(!c.Introspection)
	server.SetValidationRulesFn(func() *rules.Rules { return document.ValidationRules(c.Introspection) })
	server.SetErrorPresenter(presenter(c.Log))
	server.SetRecoverFunc(recoverer(c.Log))

	server.SetQueryCache(documents)
	c.Limits.Documents = documents
	document.Use(server, &c.Limits, document.NewPersisted(persistedBytes))
	server.Use(answers)
	server.Use(identified{})
	server.Use(loaders{c.Service})
	if c.Introspection {
		server.Use(extension.Introspection{})
	}
	return &Handler{Handler: auth.middleware(server), streams: streams}
}

// Shutdown closes the sockets with a code that asks clients to come back, cuts the HTTP streams, and returns when
// everything on them has ended.
func (h *Handler) Shutdown(ctx context.Context) error { return h.streams.Shutdown(ctx) }

// Streams returns the sockets and streams that are open.
func (h *Handler) Streams() *transport.Streams { return h.streams }
