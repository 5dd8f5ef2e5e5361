package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"

	"chattok/graph/transport/gqlerr"
	"chattok/graph/transport/streamtest"
	"chattok/session"
)

// A panic in a shared execution where gqlgen does not recover ends the subscriptions with an error, and not the
// process. The next subscriptions get the event.
func TestPanicInASharedExecution(t *testing.T) {
	g, w := newGroupWorld(t)
	var calm atomic.Bool
	server := w.server.Config.Handler.(*handler.Server)
	server.SetRecoverFunc(func(context.Context, any) error { return gqlerr.New(session.CodeInternal, "", "internal error") })
	server.AroundResponses(func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		if !calm.Load() && graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription {
			panic("boom")
		}
		return next(ctx)
	})
	const query = `subscription{entryAdded(after:"0"){body}}`
	g.window.Append(w.entry("a", "x"), w.entry("a", "y"))
	for range 2 {
		s := w.ready(t)
		s.subscribe("1", query)
		s.expect(`{"id":"1","type":"error","payload":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}`)
		_ = s.Close()
	}
	h, err := streamtest.Open(t.Context(), streamtest.Request{URL: w.server.URL, Accept: streamtest.SSE, Query: query})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if got, err := h.NextResponse(); got != `{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}` {
		t.Errorf("got %s %v", got, err)
	}
	until(t, "all have ended", func() bool { return w.sockets.Subscriptions() == 0 })
	calm.Store(true)
	s := w.ready(t)
	s.subscribe("1", query)
	s.expect(`{"id":"1","type":"next","payload":{"data":{"entryAdded":{"body":"x"}}}}`)
	s.expect(`{"id":"1","type":"next","payload":{"data":{"entryAdded":{"body":"y"}}}}`)
}

// An error within an event is told from an error in place of an event.
func TestNothingButErrors(t *testing.T) {
	errs := graphql.Response{}.Errors
	errs = append(errs, gqlerr.New(session.CodeInternal, "", "no"))
	for data, want := range map[string]bool{
		"": true, "null": true, `{"e":null}`: true, `{"a":{"b":null}}`: false, `{"a":"\"b\":null"}`: false,
		`{"a":"x","b":null}`: false, `{}`: false, `{"a":1}`: false,
	} {
		if got := nothingBut(&graphql.Response{Data: json.RawMessage(data), Errors: errs}); got != want {
			t.Errorf("%s: %t", data, got)
		}
		if nothingBut(&graphql.Response{Data: json.RawMessage(data)}) {
			t.Errorf("%s without errors", data)
		}
	}
}

// The source wakes a few streams itself, and workers wake the others; all get every event.
func TestManyHTTPStreams(t *testing.T) {
	const members, events = directStreams + 2*shardMembers + 3, 5
	g, w := newGroupWorld(t)
	streams := make([]*streamtest.Stream, members)
	for i := range streams {
		var err error
		streams[i], err = streamtest.Open(t.Context(), streamtest.Request{URL: w.server.URL, Accept: streamtest.SSE, Query: entryQuery})
		if err != nil {
			t.Fatal(err)
		}
		defer streams[i].Close()
	}
	only := w.group(t)
	if direct, shards := len(*only.direct.Load()), len(*only.shards.Load()); direct != directStreams || shards != 3 {
		t.Errorf("a publisher wakes %d streams and %d shards", direct, shards)
	}
	for n := range events {
		g.window.Append(w.entry("a", fmt.Sprint(n)))
	}
	for i, s := range streams {
		for n := range events {
			if got, err := s.NextResponse(); got != fmt.Sprintf(`{"data":{"entryAdded":{"body":"%d"}}}`, n) {
				t.Fatalf("stream %d: %s %v", i, got, err)
			}
		}
	}
	for _, s := range streams[1:] {
		s.Close()
	}
	until(t, "the others have left", func() bool { return w.sockets.HTTPStreams() == 1 })
	left := len(*only.direct.Load())
	for _, h := range *only.shards.Load() {
		h.mu.Lock()
		left += len(h.streams)
		h.mu.Unlock()
	}
	if left != 1 {
		t.Errorf("%d are still woken", left)
	}
}

// group returns the only group.
func (w *socketWorld) group(t testing.TB) *group {
	t.Helper()
	groups := w.sockets.groups
	groups.mu.Lock()
	defer groups.mu.Unlock()
	if len(groups.byKey) != 1 {
		t.Fatalf("%d groups", len(groups.byKey))
	}
	for _, only := range groups.byKey {
		return only
	}
	return nil
}

// A frame that only announces a large payload takes no memory until the payload comes.
func TestSaidToBeLarge(t *testing.T) {
	const sockets = 64
	w := newSocketWorld(t, StreamConfig{})
	all := make([]*rawSocket, sockets)
	for i := range all {
		all[i] = w.ready(t)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, s := range all {
		_, _ = s.Write([]byte{0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0x0f, 0, 0, 1, 2, 3, 4, 5}) // announces 983,040 bytes and brings one
	}
	for _, s := range all {
		_ = s.Close()
	}
	until(t, "all have been read and closed", func() bool { return w.sockets.Sockets() == 0 })
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > sockets*(128<<10) {
		t.Errorf("%d bytes for frames that have not come", took)
	}
}
