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
	"chattok/rates"
	"chattok/session"
	"chattok/token"
)

// Bytes of documents that are kept, parsed and by hash.
const (
	documentBytes  = 8 << 20
	persistedBytes = 8 << 20
)

// Config is what a Handler is made of.
type Config struct {
	Service       *session.Service
	Tokens        *token.Tokens
	Log           *slog.Logger
	Now           func() time.Time // nil: time.Now
	Introspection bool
	HTTP          transport.HTTP          // Stream aside, which New sets
	Streams       transport.StreamConfig  // Authenticate, Attach and Shared aside, which New sets
	Limits        transport.Limits        // Documents and Weights aside, which New sets
	Answers       transport.AnswersConfig // Limits aside, which New sets
	Rates         *rates.Accounts         // nil: nothing is charged
}

// Handler answers GraphQL operations over HTTP, its streams included, and WebSocket.
type Handler struct {
	http.Handler
	streams *transport.Streams
}

// New returns a Handler that works until Shutdown. The transports are wired here and nowhere else: WebSocket takes the
// upgrades, HTTP everything else.
func New(c Config) *Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Streams.Client == nil {
		c.Streams.Client = func(*http.Request) netip.Addr { return netip.Addr{} }
	}
	auth := authenticator{c.Service, c.Tokens, c.Rates, c.Streams.Client}
	resolver := &Resolver{service: c.Service, tokens: c.Tokens, now: c.Now}
	c.Streams.Authenticate, c.Streams.Attach, c.Streams.Shared = auth.authenticate, auth.attach, resolver.shared()
	c.Streams.Detach = func(ctx context.Context) context.Context { return withAddress(edge.Detach(ctx), addressOf(ctx)) }
	c.Streams.Pace, c.Streams.Decode, c.HTTP.Decode = pace, decode, decode
	c.Streams.Connection = connectionOf
	c.Limits.Weights = weights
	c.Answers.Limits = &c.Limits
	answers := transport.NewAnswers(c.Answers)
	c.Streams.Answers, c.HTTP.Answers, c.HTTP.Client = answers, answers, c.Streams.Client
	streams := transport.NewStreams(c.Streams)
	c.HTTP.Stream = streams.Answer

	schema := generated.NewExecutableSchema(generated.Config{Schema: executed, Resolvers: resolver})
	server := handler.New(plainAdds{schema, resolver.Mutation()})
	documents := transport.NewDocuments(documentBytes)
	server.AddTransport(transport.Coerced(charging{streams.WebSocket(), documents}, executed))
	server.AddTransport(transport.Coerced(charging{c.HTTP, documents}, executed))
	server.SetDisableSuggestion(!c.Introspection)
	server.SetValidationRulesFn(func() *rules.Rules { return transport.ValidationRules(c.Introspection) })
	server.SetErrorPresenter(presenter(c.Log))
	server.SetRecoverFunc(recoverer(c.Log))

	server.SetQueryCache(documents)
	c.Limits.Documents = documents
	transport.Use(server, &c.Limits, transport.NewPersisted(persistedBytes))
	server.Use(answers)
	server.Use(identified{})
	server.Use(loaders{c.Service})
	if c.Introspection {
		server.Use(extension.Introspection{})
	}
	return &Handler{Handler: auth.middleware(server), streams: streams}
}

// Shutdown closes the sockets, with a code that says come back, ends the HTTP streams, and returns when everything on
// them has ended.
func (h *Handler) Shutdown(ctx context.Context) error { return h.streams.Shutdown(ctx) }

// Streams returns what is open and under way.
func (h *Handler) Streams() *transport.Streams { return h.streams }
