package graph

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"

	"chattok/graph/generated"
	"chattok/graph/transport"
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
	HTTP          transport.HTTP
	WebSocket     transport.WebSocketConfig // Authenticate and Shared aside, which New sets
	Limits        transport.Limits          // Documents aside, which New sets
}

// Handler answers GraphQL operations over HTTP and WebSocket.
type Handler struct {
	http.Handler
	sockets *transport.WebSocket
}

// New returns a Handler that works until Shutdown. The transports are wired here and nowhere else: WebSocket takes the
// upgrades, HTTP everything else.
func New(c Config) *Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	auth := authenticator{c.Service, c.Tokens}
	c.WebSocket.Authenticate = auth.stream
	resolver := &Resolver{service: c.Service, tokens: c.Tokens, now: c.Now}
	c.WebSocket.Shared = resolver.shared()
	sockets := transport.NewWebSocket(c.WebSocket)

	server := handler.New(generated.NewExecutableSchema(generated.Config{Resolvers: resolver}))
	server.AddTransport(sockets)
	server.AddTransport(c.HTTP)
	server.SetErrorPresenter(presenter(c.Log))
	server.SetRecoverFunc(recoverer(c.Log))

	documents := transport.NewDocuments(documentBytes)
	server.SetQueryCache(documents)
	c.Limits.Documents = documents
	server.Use(transport.NewPersisted(persistedBytes))
	server.Use(&c.Limits)
	server.Use(identified{})
	server.Use(loaders{c.Service})
	if c.Introspection {
		server.Use(extension.Introspection{})
	}
	return &Handler{Handler: auth.middleware(server), sockets: sockets}
}

// Shutdown closes the sockets, with a code that says come back, and returns when everything on them has ended.
func (h *Handler) Shutdown(ctx context.Context) error { return h.sockets.Shutdown(ctx) }

// Sockets returns how many WebSockets are open, and how many subscriptions are under way on them.
func (h *Handler) Sockets() (sockets, subscriptions int) {
	return h.sockets.Sockets(), h.sockets.Subscriptions()
}
