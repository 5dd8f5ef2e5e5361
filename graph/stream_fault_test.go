package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chattok/graph"
	"chattok/graph/edge"
	"chattok/session"
)

// blind is a Store that can't look connections up while it is told so.
type blind struct {
	session.Store
	to atomic.Value // of string: the id of a connection
}

func (b *blind) Connections(ctx context.Context, ids []string) (map[string]session.ConnectionState, error) {
	for _, id := range ids {
		if id == b.to.Load() {
			return nil, errors.New("sql: no such table: connections")
		}
	}
	return b.Store.Connections(ctx, ids)
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

var requestIDs = regexp.MustCompile(`"requestId":"([^"]+)"`)

// TestEventThatFails in a nested field is the response that gqlgen's own transport has, in each framing. It has an id,
// under which the log has the cause, and who asks again when the fault is over gets the event whole.
func TestEventThatFails(t *testing.T) {
	before := newWorld(t, options{grace: time.Minute})
	author, me := before.join(t, "room", "PUBLISHER"), before.join(t, "room", "PUBLISHER")
	before.add(t, author.token, author.id, "fine")
	before.stop()

	store := &blind{}
	var log lockedBuffer
	w := newWorld(t, options{grace: time.Minute, path: before.path, log: slog.New(slog.NewTextHandler(&log, nil)),
		store: func(s session.Store) session.Store { store.Store = s; return store }})
	store.to.Store(author.id)
	const query = `subscription{entryAdded(after:"0"){body connection{id}}}`
	stock := mustDial(t, serve(t, graph.Stock(w.service, w.tokens), 0), me.token)
	if err := stock.subscribe("1", query, nil); err != nil {
		t.Fatal(err)
	}
	payload := stock.next(t, "1")
	if !strings.HasPrefix(payload, `{"errors":[{"message":"internal error","path":[`) || leak.MatchString(payload) {
		t.Fatalf("stock has %s", payload)
	}
	anonymous := func(s string) string { return requestIDs.ReplaceAllString(s, `"requestId":"…"`) }
	address := serve(t, w.handler, 0)
	for _, f := range framings {
		got := mustRespond(t, mustFollow(t, address, f, me.token, query, nil))
		if anonymous(got) != anonymous(payload) {
			t.Errorf("%s:\nours  %s\nstock %s", f, got, payload)
		}
		id := requestIDs.FindStringSubmatch(got)
		if id == nil || !strings.Contains(log.String(), "request="+id[1]) {
			t.Errorf("%s: the log does not have %s", f, got)
		}
	}
	store.to.Store("")
	for _, f := range framings { // of the same group
		same(t, json.RawMessage(mustRespond(t, mustFollow(t, address, f, me.token, query, nil))),
			`{"data":{"entryAdded":{"body":"fine","connection":{"id":"`+author.id+`"}}}}`)
	}
}

// TestFaultsNameTheirRequest: INTERNAL over a socket has the id of the upgrade, and of a stream that of its request.
func TestFaultsNameTheirRequest(t *testing.T) {
	store := &faulty{}
	w := newWorld(t, options{store: func(s session.Store) session.Store { store.Store = s; return store }})
	me := w.join(t, "room", "PUBLISHER")
	e, err := edge.New(edge.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	named := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Header.Set(edge.RequestIDHeader, "the-request")
		e.Handler(w.handler).ServeHTTP(rw, r)
	})
	address := serve(t, named, 0)
	socket := mustDial(t, address, me.token)
	store.mode.Store("error")
	const want = `"extensions":{"code":"INTERNAL","requestId":"the-request"}`
	if err := socket.subscribe("1", `{session{lastCursor}}`, nil); err != nil {
		t.Fatal(err)
	}
	if got := socket.next(t, "1"); !strings.Contains(got, want) {
		t.Errorf("over a socket: %s", got)
	}
	guest := mustOpen(t, address, sse, "", `subscription{sessionEvents{__typename}}`, nil) // of a room that can't be loaded
	if got := mustRespond(t, httpFollower{guest}); !strings.Contains(got, want) {
		t.Errorf("SSE: %s", got)
	}
}

// TestOpenStreamsOutliveTheirToken: what is open stays so; what is opened with the expired token is refused, over a
// socket with the code upon which clients renew and come back.
func TestOpenStreamsOutliveTheirToken(t *testing.T) {
	var later atomic.Int64
	w := newWorld(t, options{now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
	me := w.join(t, "room", "PUBLISHER")
	address := serve(t, w.handler, 0)
	var open []follower
	for _, f := range framings {
		open = append(open, mustFollow(t, address, f, me.token, follow, map[string]any{"a": "0"}))
	}
	renewed := read[struct{ RenewAccess struct{ AccessToken string } }](t, w.mustDo(t, me.token, `mutation{renewAccess{accessToken}}`, nil)).RenewAccess.AccessToken
	w.add(t, me.token, me.id, "before")
	later.Store(int64(time.Hour + 5*time.Minute)) // with room for clocks that differ
	if code := w.code(t, me.token, `{session{id}}`, nil); code != "UNAUTHENTICATED TOKEN_EXPIRED" {
		t.Fatalf("the token after its end: %s", code)
	}
	later.Store(int64(30 * time.Minute))
	w.add(t, renewed, me.id, "after")
	later.Store(int64(time.Hour + 5*time.Minute))
	for i, s := range open {
		if err := expectSeqs(s, 1, 2); err != nil {
			t.Errorf("%s: %v", framings[i], err)
		}
	}
	if _, err := dialStream(address, me.token); err == nil || !strings.HasPrefix(err.Error(), "closed with 4403 TOKEN_EXPIRED") {
		t.Errorf("a new socket: %v", err)
	}
	if got := mustRespond(t, httpFollower{mustOpen(t, address, sse, me.token, follow, nil)}); !strings.Contains(got, `"reason":"TOKEN_EXPIRED"`) {
		t.Errorf("a new stream: %s", got)
	}
}

// TestTwoGroupsOnOneSocket: a socket whose writes are now and then held up by its reader is in two groups, and each wakes
// it for both: no entry waits for the next one.
func TestTwoGroupsOnOneSocket(t *testing.T) {
	const length, sockets = 200, 4
	w := newWorld(t, options{grace: time.Minute})
	me := w.join(t, "room", "PUBLISHER")
	address := serve(t, w.handler, 4<<10)
	queries := []string{`subscription{entryAdded{seq body}}`, `subscription{entryAdded{seq b:body}}`, `subscription{entryAdded{seq c:body}}`}
	var reading sync.WaitGroup
	for i := range sockets {
		s := mustDial(t, address, me.token)
		for n, query := range queries {
			if err := s.subscribe(string(rune('a'+n)), query, nil); err != nil {
				t.Fatal(err)
			}
		}
		reading.Go(func() {
			seen := map[string]int{}
			for range length * len(queries) {
				m, err := s.read()
				if err != nil {
					t.Errorf("socket %d, after %v: %v", i, seen, err)
					return
				}
				var e struct {
					Data struct{ EntryAdded struct{ Seq int } }
				}
				if seen[m.ID]++; json.Unmarshal(m.Payload, &e) != nil || e.Data.EntryAdded.Seq != seen[m.ID] {
					t.Errorf("socket %d: %s in place of %d", i, m.Payload, seen[m.ID])
					return
				}
			}
		})
	}
	eventually(t, "all follow", func() bool { _, n := w.sockets(); return n == sockets*len(queries) })
	w.postBy(t, me, 4, length, strings.Repeat("x", 3<<10))
	reading.Wait()
}
