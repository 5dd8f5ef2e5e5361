package graph_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/client"

	"chattok/internal/await"
	"chattok/internal/wsclient"
	"chattok/session"
)

const events = `subscription{sessionEvents{__typename
	...on SessionState{connections{id data} connectionCount truncated}
	...on ConnectionCreated{connection{id data}}
	...on ConnectionDestroyed{connection{id data} reason}}}`

// event is an event of sessionEvents.
type event struct {
	Typename        string `json:"__typename"`
	Connections     []member
	ConnectionCount int
	Truncated       bool
	Connection      member
	Reason          string
}

// nextEvent returns the next event as one line.
func nextEvent(t testing.TB, s *client.Subscription) string {
	t.Helper()
	e := next[struct{ SessionEvents event }](t, s).SessionEvents
	switch e.Typename {
	case "SessionState":
		ids := make([]string, len(e.Connections))
		for i, c := range e.Connections {
			ids[i] = c.ID
		}
		if e.ConnectionCount != len(ids) || e.Truncated {
			t.Errorf("a snapshot of %d says %d, truncated %t", len(ids), e.ConnectionCount, e.Truncated)
		}
		return "state " + strings.Join(ids, " ")
	case "ConnectionCreated":
		return "created " + e.Connection.ID
	case "ConnectionDestroyed":
		return e.Reason + " " + e.Connection.ID
	}
	return e.Typename
}

func wantEvents(t testing.TB, s *client.Subscription, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := nextEvent(t, s); got != w {
			t.Fatalf("got %s, want %s", got, w)
		}
	}
}

// attached waits until n connections have a socket.
func (w *world) attached(t testing.TB, n int) {
	t.Helper()
	await.True(t, "sockets are counted", func() bool { return w.service.Stats().Attached == n })
}

func TestSessionEvents(t *testing.T) {
	w := newWorld(t, options{})
	moderator := w.join(t, "room", "MODERATOR")
	s := w.subscribe(t, moderator.token, events, nil)
	wantEvents(t, s, "state "+moderator.id)
	ann, bob := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "PUBLISHER")
	w.join(t, "elsewhere", "PUBLISHER")
	wantEvents(t, s, "created "+ann.id, "created "+bob.id)
	late := w.subscribe(t, bob.token, events, nil)
	wantEvents(t, late, "state "+moderator.id+" "+ann.id+" "+bob.id)

	w.mustDo(t, ann.token, `mutation{disconnect{id}}`, nil)
	wantEvents(t, s, "clientDisconnected "+ann.id)
	wantEvents(t, late, "clientDisconnected "+ann.id)
	w.mustDo(t, moderator.token, `mutation($c:ID!){forceDisconnect(connectionId:$c){id}}`, map[string]any{"c": bob.id})
	wantEvents(t, s, "forceDisconnected "+bob.id)
	if code := w.code(t, moderator.token, `mutation($c:ID!){forceDisconnect(connectionId:$c){id}}`, map[string]any{"c": bob.id}); code != "NOT_FOUND" {
		t.Errorf("ended twice: %s", code)
	}
}

// A socket that comes back within the grace time causes no event, one that does not causes one.
func TestGrace(t *testing.T) {
	w := newWorld(t, options{grace: 2 * time.Second})
	watcher := w.join(t, "room", "PUBLISHER")
	s := w.subscribe(t, watcher.token, events, nil)
	wantEvents(t, s, "state "+watcher.id)
	blip, gone := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "PUBLISHER")
	wantEvents(t, s, "created "+blip.id, "created "+gone.id)

	first, lost := w.subscribe(t, blip.token, signals, nil), w.subscribe(t, gone.token, signals, nil)
	w.attached(t, 3)
	_ = first.Close()
	w.attached(t, 2)
	back := w.subscribe(t, blip.token, signals, nil)
	w.attached(t, 3)
	_ = lost.Close() // its grace time would end after the other's
	wantEvents(t, s, "networkDisconnected "+gone.id)
	if code := w.code(t, gone.token, `{connection{id}}`, nil); code != "UNAUTHENTICATED CONNECTION_DESTROYED" {
		t.Errorf("the lost one's token: %s", code)
	}
	w.mustDo(t, watcher.token, sendSignal, map[string]any{"t": "still-here", "to": blip.id})
	if got := next[received](t, back).SignalReceived; got.Type != "still-here" {
		t.Errorf("got %+v", got)
	}
}

// A connection that never had a socket and makes no request ends; one with a socket does not.
func TestIdle(t *testing.T) {
	w := newWorld(t, options{grace: 200 * time.Millisecond, idle: time.Second})
	s := w.subscribe(t, "", events, nil) // a guest, who needs no socket
	wantEvents(t, s, "state ")
	idle := w.connect(t, map[string]any{"s": "lobby", "d": "idle"})
	busy := w.connect(t, map[string]any{"s": "lobby"})
	socket := w.subscribe(t, busy.token, signals, nil)
	wantEvents(t, s, "created "+idle.id, "created "+busy.id)
	wantEvents(t, s, "networkDisconnected "+idle.id)
	_ = socket.Close()
	wantEvents(t, s, "networkDisconnected "+busy.id)
}

// dial opens an initialised socket of graphql-transport-ws.
func (w *world) dial(t testing.TB, raw string) *wsclient.Conn {
	t.Helper()
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	return wsclient.OpenT(t, server.URL, raw)
}

// A forced disconnect closes all sockets of that connection with 4401, and no other socket.
func TestForceDisconnectClosesSockets(t *testing.T) {
	w := newWorld(t, options{})
	moderator, ann := w.join(t, "room", "MODERATOR"), w.join(t, "room", "PUBLISHER")
	sockets := []*wsclient.Conn{w.dial(t, ann.token), w.dial(t, ann.token)}
	for i, query := range []string{`subscription{entryAdded(after:"0"){seq}}`, `subscription{signalReceived{type}}`} {
		sockets[i].SubscribeT(t, "1", query, nil)
	}
	own := w.subscribe(t, moderator.token, `subscription{entryAdded(after:"0"){seq}}`, nil)
	same(t, w.mustDo(t, moderator.token, `mutation($c:ID!){forceDisconnect(connectionId:$c){id}}`, map[string]any{"c": ann.id}),
		`{"forceDisconnect":{"id":"`+ann.id+`"}}`)
	for i, c := range sockets {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, message, err := c.Read(ctx)
		cancel()
		if wsclient.CloseCode(err) != 4401 || wsclient.CloseReason(err) != "CONNECTION_DESTROYED: this connection has ended (forceDisconnected); connect again" {
			t.Errorf("socket %d: %s, %v", i, message, err)
		}
	}
	for _, query := range []string{`{session{id}}`, `mutation{renewAccess{expiresAt}}`} {
		if code := w.code(t, ann.token, query, nil); code != "UNAUTHENTICATED CONNECTION_DESTROYED" {
			t.Errorf("%s: %s", query, code)
		}
	}
	w.add(t, moderator.token, moderator.id, "x")
	if got := next[added](t, own).EntryAdded.Seq; got != 1 {
		t.Errorf("the moderator got %d", got)
	}
}

// A socket above a connection's limit is asked to come back later; one that ends makes room; other connections have
// limits of their own.
func TestSocketsOfAConnection(t *testing.T) {
	w := newWorld(t, options{sockets: 2})
	address := serve(t, w.handler, 0)
	ann, bob := w.join(t, "crowd", session.RolePublisher), w.join(t, "crowd", session.RolePublisher)
	first := mustDial(t, address, ann.token)
	mustDial(t, address, ann.token)
	if _, err := dialStream(address, ann.token); err == nil || err.Error() != "closed with 1013 RATE_LIMITED: a connection has at most 2 sockets and streams open on a server" {
		t.Errorf("a third socket: %v", err)
	}
	mustDial(t, address, bob.token)
	_ = first.Close()
	await.True(t, "the place is free", func() bool {
		s, err := dialStream(address, ann.token)
		if err == nil {
			_ = s.Close()
		}
		return err == nil
	})
}
