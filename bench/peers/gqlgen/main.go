// Command gqlgen is a chat on stock gqlgen, as its documentation has it: the library's own transports, entries in memory
// alone, and a channel for each subscriber. It is what ChatTok's fan-out is measured beside.
//
// GraphQL at /graphql; GET /subscribers says how many subscribe. The port that CHATTOK_ADDR leaves open is printed.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"

	"chattok/bench/peers/gqlgen/generated"
)

//go:generate go tool -modfile=../../../tools/go.mod gqlgen generate

// waiting is how many entries a subscriber may be behind before the room waits for it.
const waiting = 256

// room is the one session.
type room struct {
	mu          sync.Mutex
	seq         int
	subscribers map[chan *generated.ChatEntry]context.Context
}

func (r *room) Query() generated.QueryResolver               { return r }
func (r *room) Mutation() generated.MutationResolver         { return r }
func (r *room) Subscription() generated.SubscriptionResolver { return r }

// Subscribers says how many subscribe.
func (r *room) Subscribers(context.Context) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.subscribers), nil
}

// AddChatEntry numbers an entry and hands it to every subscriber, waiting for those that are behind.
func (r *room) AddChatEntry(_ context.Context, connectionID, body string) (*generated.ChatEntry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	entry := &generated.ChatEntry{Seq: r.seq, ConnectionID: connectionID, Body: body,
		CreatedAt: time.Now().UTC().Format("2006-01-02T15:04:05.000Z")}
	for entries, ctx := range r.subscribers {
		select {
		case entries <- entry:
		case <-ctx.Done():
		}
	}
	return entry, nil
}

// EntryAdded gives every entry from now on.
func (r *room) EntryAdded(ctx context.Context) (<-chan *generated.ChatEntry, error) {
	entries := make(chan *generated.ChatEntry, waiting)
	r.mu.Lock()
	r.subscribers[entries] = ctx
	r.mu.Unlock()
	context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.subscribers, entries)
		close(entries)
	})
	return entries, nil
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	r := &room{subscribers: make(map[chan *generated.ChatEntry]context.Context)}
	server := handler.New(generated.NewExecutableSchema(generated.Config{Resolvers: r}))
	server.AddTransport(transport.Websocket{KeepAlivePingInterval: 10 * time.Second})
	server.AddTransport(transport.GET{})
	server.AddTransport(transport.POST{})
	server.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	http.Handle("/graphql", server)
	http.HandleFunc("/subscribers", func(w http.ResponseWriter, req *http.Request) {
		n, _ := r.Subscribers(req.Context()) // it has no error
		fmt.Fprint(w, n)
	})
	listener, err := net.Listen("tcp", os.Getenv("CHATTOK_ADDR"))
	if err != nil {
		return err
	}
	fmt.Printf("gqlgen: http://%s\n", listener.Addr())
	return http.Serve(listener, nil)
}
