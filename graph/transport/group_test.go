package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler"

	"chattok/graph/generated"
	"chattok/internal/budget"
	"chattok/internal/sequence"
	"chattok/session"
)

// groupStub is socketStub with shared events, which come from a window, and a count of executions.
type groupStub struct {
	*socketStub
	window   *sequence.Window[*session.ChatEntry]
	executed atomic.Int64 // resolved connection fields
	alone    atomic.Int64 // subscriptions that were not shared
}

func (g *groupStub) ChatEntry() generated.ChatEntryResolver       { return g }
func (g *groupStub) Subscription() generated.SubscriptionResolver { return groupSubscription{g: g} }

func (g *groupStub) IdempotencyKey(ctx context.Context, e *session.ChatEntry) (*string, error) {
	return g.stub.IdempotencyKey(ctx, e)
}

func (g *groupStub) Connection(ctx context.Context, e *session.ChatEntry) (*session.Connection, error) {
	g.executed.Add(1)
	return g.stub.Connection(ctx, e)
}

func (g *groupStub) follower(key string) *sequence.Follower[*session.ChatEntry] {
	return &sequence.Follower[*session.ChatEntry]{Source: g.window, Key: key, After: g.window.Newest(),
		None: func(e *session.ChatEntry) bool { return e == nil },
		Behind: func(context.Context, int64) ([]*session.ChatEntry, int64, error) { // what has left the window is gone
			oldest, _ := g.window.Bounds()
			return nil, oldest - 1, nil
		},
		Cursor: func(position int64) string { return strconv.FormatInt(position, 10) }}
}

type groupSubscription struct {
	generated.SubscriptionResolver
	g *groupStub
}

func (s groupSubscription) EntryAdded(ctx context.Context, _, _ *string) (<-chan *session.ChatEntry, error) {
	if events, ok := SharedEvents[*session.ChatEntry](ctx); ok {
		return events, nil
	}
	s.g.alone.Add(1)
	c := make(chan *session.ChatEntry)
	close(c)
	return c, nil
}

// newGroupWorld starts a server with a shared entryAdded.
func newGroupWorld(t testing.TB) (*groupStub, *socketWorld) {
	t.Helper()
	return newGroupWorldWith(t, StreamConfig{})
}

func newGroupWorldWith(t testing.TB, config StreamConfig) (*groupStub, *socketWorld) {
	t.Helper()
	g := &groupStub{window: sequence.NewWindow(budget.New(0), 0, 256, 1<<20, func(*session.ChatEntry) int { return 1 })}
	config.Shared = map[string]Shared{"entryAdded": {Position: "after",
		Join: func(_ context.Context, args map[string]any) (Topic, error) {
			f := g.follower("room")
			if after, ok := args["after"].(string); ok {
				at, err := strconv.ParseInt(after, 10, 64)
				if err != nil {
					return nil, session.CursorMismatch("after")
				}
				f.After = at
			}
			return releasable(f), nil
		}}}
	w := newSocketWorld(t, config)
	g.socketStub = w.socketStub
	h := handler.New(generated.NewExecutableSchema(generated.Config{Resolvers: g}))
	h.SetErrorPresenter(presentStub)
	h.AddTransport(w.sockets.WebSocket())
	h.AddTransport(HTTP{Stream: w.sockets.Answer})
	w.server.Config.Handler = h
	return g, w
}

func releasable(f *sequence.Follower[*session.ChatEntry]) Topic { return keptTopic{NewTopic(f)} }

// keptTopic is a Topic that holds nothing to release.
type keptTopic struct{ Topic }

func (keptTopic) close() {}

// Each event is executed once, for any number of readers and any operation ids; another document is another group.
func TestEventsAreExecutedOnce(t *testing.T) {
	const members, events = 50, 40
	g, w := newGroupWorld(t)
	sockets := make([]*rawSocket, members)
	for i := range sockets {
		sockets[i] = w.ready(t)
		sockets[i].subscribe(fmt.Sprint("id ", i), `subscription{entryAdded{body connection{id}}}`)
	}
	other := w.ready(t)
	other.subscribe("1", `subscription{entryAdded{connection{id} body}}`)
	until(t, "all follow", func() bool { return w.sockets.Subscriptions() == members+1 })
	for n := range events {
		g.window.Append(w.entry("a", fmt.Sprint("é\"", n)))
	}
	for n := range events {
		body, _ := json.Marshal(fmt.Sprint("é\"", n))
		for i, s := range sockets {
			s.expect(fmt.Sprintf(`{"id":"id %d","type":"next","payload":{"data":{"entryAdded":{"body":%s,"connection":{"id":"alice"}}}}}`, i, body))
		}
		other.expect(fmt.Sprintf(`{"id":"1","type":"next","payload":{"data":{"entryAdded":{"connection":{"id":"alice"},"body":%s}}}}`, body))
	}
	if n := g.executed.Load(); n != 2*events {
		t.Errorf("%d executions of %d events in two groups", n, events)
	}
	if n := g.alone.Load(); n != 0 {
		t.Errorf("%d ran alone", n)
	}
	for i, s := range append(sockets, other) {
		if i%2 == 0 {
			s.text(fmt.Sprintf(`{"id":"id %d","type":"complete"}`, i))
		}
		_ = s.Close()
	}
	until(t, "all have left", func() bool { return w.sockets.Subscriptions() == 0 && w.sockets.Sockets() == 0 })
	w.sockets.groups.mu.Lock()
	defer w.sockets.groups.mu.Unlock()
	if n := len(w.sockets.groups.byKey); n != 0 {
		t.Errorf("%d groups are left", n)
	}
}

// A reader that renders while the last member leaves is not held up by an execution that takes no more events.
func TestPushAfterTheEnd(t *testing.T) {
	g, _ := newGroupWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, push := releasable(g.follower("room")).events(ctx)
	cancel()
	for range 3 { // the channel has room for one
		push(g.entry("a", "x"))
	}
}
