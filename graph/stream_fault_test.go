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

	"chattok/graph/edge"
	"chattok/graph/transport/streamtest"
	"chattok/internal/await"
	"chattok/session"
)

// blind is a Store that fails to look up one connection.
type blind struct {
	session.Store
	to atomic.Value // string: the id of the connection
}

func (b *blind) Connections(ctx context.Context, ids []string) (map[string]session.ConnectionState, error) {
	for _, id := range ids {
		if id == b.to.Load() {
			return nil, errors.New("sql: no such table: connections")
		}
	}
	return b.Store.Connections(ctx, ids)
}

// lockedBuffer is a log for several goroutines.
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

// An event that fails ends the subscription in each framing, so that no client goes on as if there had been no event. A
// client that resumes after the fault gets that event and those after it. The error has an id under which its cause is
// logged.
func TestEventThatFails(t *testing.T) {
	before := newWorld(t, options{grace: time.Minute})
	author, me := before.join(t, "room", "PUBLISHER"), before.join(t, "room", "PUBLISHER")
	before.add(t, me.token, me.id, "before")
	before.add(t, author.token, author.id, "fine")
	before.add(t, me.token, me.id, "after")
	before.stop()

	// errs is how a framing writes an error in place of an event; the response that ends an HTTP stream has no data.
	const errs = `[{"message":"internal error","path":["connection"],"extensions":{"code":"INTERNAL","requestId":"…"}}]`
	spelt := map[framing]string{webSocket: errs, sse: `{"errors":` + errs + `,"data":null}`, multipartHTTP: `{"errors":` + errs + `,"data":null}`}
	for name, query := range map[string]string{
		"shared": `subscription($a:String){entryAdded(after:$a){cursor connection{id}}}`,
		"alone":  `subscription($a:String){...F} fragment F on Subscription{entryAdded(after:$a){cursor connection{id}}}`,
	} {
		for _, f := range framings {
			t.Run(name+" "+string(f), func(t *testing.T) {
				store := &blind{}
				var log lockedBuffer
				w := newWorld(t, options{grace: time.Minute, path: before.path, log: slog.New(slog.NewTextHandler(&log, nil)),
					store: func(s session.Store) session.Store { store.Store = s; return store }})
				defer w.stop()
				store.to.Store(author.id)
				address := serve(t, w.handler, 0)
				failing := mustFollow(t, address, f, me.token, query, map[string]any{"a": "0"})
				var first struct{ Data added }
				if err := json.Unmarshal([]byte(mustRespond(t, failing)), &first); err != nil {
					t.Fatal(err)
				}
				got, err := failing.response()
				if s, ok := failing.(socketFollower); ok {
					var m streamMessage
					if jsonErr := json.Unmarshal([]byte(err.Error()), &m); jsonErr != nil || m.Type != "error" {
						t.Fatalf("in place of an error: %s %v", got, err)
					}
					got = string(m.Payload)
					if err := s.subscribe("1", `{__typename}`, nil); err != nil { // the id is free
						t.Fatal(err)
					}
					same(t, json.RawMessage(mustRespond(t, s)), `{"data":{"__typename":"Query"}}`)
				}
				if requestIDs.ReplaceAllString(got, `"requestId":"…"`) != spelt[f] {
					t.Errorf("got  %s\nwant %s", got, spelt[f])
				}
				if id := requestIDs.FindStringSubmatch(got); id == nil || !strings.Contains(log.String(), "request="+id[1]) {
					t.Errorf("the log does not have %s", got)
				}
				expectEnd(t, failing, streamtest.ErrComplete)

				store.to.Store("")
				resumed := mustFollow(t, address, f, me.token, query, map[string]any{"a": first.Data.EntryAdded.Cursor})
				for _, who := range []string{author.id, me.id} {
					if got := mustRespond(t, resumed); !strings.Contains(got, `"connection":{"id":"`+who+`"}`) {
						t.Errorf("resumed with %s, want %s", got, who)
					}
				}
			})
		}
	}
}

// INTERNAL names the id of the upgrade over a socket, and that of the request over a stream.
func TestFaultsNameTheirRequest(t *testing.T) {
	store := &faulty{}
	w := newWorld(t, options{store: func(s session.Store) session.Store { store.Store = s; return store }})
	me := w.join(t, "room", "PUBLISHER")
	e, err := edge.New(edge.Config{Hosts: []string{"*"}, Logger: slog.New(slog.DiscardHandler)})
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
	guest := mustOpen(t, address, sse, "", `subscription{sessionEvents{__typename}}`, nil) // the room can't be loaded
	if got := mustRespond(t, httpFollower{guest}); !strings.Contains(got, want) {
		t.Errorf("SSE: %s", got)
	}
}

// Open sockets and streams outlive their token. New ones with the expired token are refused, over a socket with the
// code that makes clients renew the token.
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
	later.Store(int64(time.Hour + 5*time.Minute)) // more than the tolerance for clocks
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

// Two groups share a socket whose reader holds up writes now and then. The end of a write wakes both groups, so that no
// entry waits for the next one.
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
	await.True(t, "all follow", func() bool { _, n := w.sockets(); return n == sockets*len(queries) })
	w.postBy(t, me, 4, length, strings.Repeat("x", 3<<10))
	reading.Wait()
}
