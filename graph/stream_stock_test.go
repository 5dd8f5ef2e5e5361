package graph

import (
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/transport"

	"chattok/graph/generated"
	"chattok/session"
	"chattok/token"
)

// Stock serves the same resolvers over gqlgen's own WebSocket transport, which executes each event for each subscriber.
// The upgrade's header identifies the caller.
func Stock(service *session.Service, tokens *token.Tokens) http.Handler {
	server := handler.New(generated.NewExecutableSchema(generated.Config{Resolvers: &Resolver{service: service, tokens: tokens}}))
	server.AddTransport(transport.Websocket{})
	server.SetErrorPresenter(presenter(slog.New(slog.DiscardHandler)))
	server.Use(identified{})
	server.Use(loaders{service})
	return authenticator{service: service, tokens: tokens, address: func(*http.Request) netip.Addr { return netip.Addr{} }}.middleware(server)
}
