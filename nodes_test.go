//go:build unix

package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"chattok/internal/natstest"
	"chattok/internal/pgtest"
)

// TestNodes drives two real nodes on one database, joined by each kind of bus: what is posted, signalled and ended on one
// reaches sockets of the other.
func TestNodes(t *testing.T) {
	path := buildBinary(t)
	server := pgtest.StartT(t, pgtest.Config{})
	t.Run("NATS", func(t *testing.T) {
		nats := natstest.Start(t)
		a, b := startNodes(t, path, server.DatabaseT(t), "CHATTOK_BUS="+nats.URL())
		crossNodes(t, a, b)
		outage(t, a, b, nats)
	})
	t.Run("NOTIFY", func(t *testing.T) {
		a, b := startNodes(t, path, server.DatabaseT(t))
		crossNodes(t, a, b)
		replace(t, a, b)
	})
}

func startNodes(t *testing.T, path, database string, env ...string) (a, b *binary) {
	t.Helper()
	a = &binary{path: path, addr: freeAddr(t), database: database, env: env}
	b = &binary{path: path, addr: freeAddr(t), database: database, env: env}
	a.start(t)
	b.start(t)
	return a, b
}

// guest is somebody with a connection.
type guest struct{ id, token string }

func enter(t *testing.T, b *binary) guest {
	t.Helper()
	var data struct {
		Connect struct {
			AccessToken string
			Connection  struct{ ID string }
		}
	}
	if err := post(t.Context(), b.addr, `mutation{connect(sessionId:"nodes"){accessToken connection{id}}}`, nil, &data); err != nil {
		t.Fatal(err)
	}
	return guest{data.Connect.Connection.ID, data.Connect.AccessToken}
}

// listen opens a socket on a node that follows entries and signals; the channel gets each event, and at the end the
// error of the socket. It returns when all subscriptions are under way: they begin in their order.
func listen(t *testing.T, b *binary, g guest) <-chan any {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	c, _, err := websocket.Dial(ctx, "ws://"+b.addr+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	write := func(frame string) {
		t.Helper()
		if err := c.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"type":"connection_init","payload":{"Authorization":"Bearer ` + g.token + `"}}`)
	if _, ack, err := c.Read(ctx); err != nil || string(ack) != `{"type":"connection_ack"}` {
		t.Fatalf("%s %v", ack, err)
	}
	write(`{"id":"e","type":"subscribe","payload":{"query":"subscription{entryAdded{body}}"}}`)
	write(`{"id":"s","type":"subscribe","payload":{"query":"subscription{signalReceived{type}}"}}`)
	write(`{"id":"p","type":"subscribe","payload":{"query":"subscription{sessionEvents{__typename}}"}}`)
	events := make(chan any, 1000)
	go func() {
		for {
			_, raw, err := c.Read(ctx)
			if err != nil {
				events <- err
				return
			}
			var m struct {
				Type    string
				Payload struct {
					Data struct {
						EntryAdded     *struct{ Body string }
						SignalReceived *struct{ Type string }
						SessionEvents  *struct{}
					}
				}
			}
			_ = json.Unmarshal(raw, &m) // an error's payload is a list, and no event
			switch d := m.Payload.Data; {
			case m.Type != "next":
			case d.EntryAdded != nil:
				events <- "entry " + d.EntryAdded.Body
			case d.SignalReceived != nil:
				events <- "signal " + d.SignalReceived.Type
			case d.SessionEvents != nil:
				events <- "presence"
			}
		}
	}()
	expect(t, events, "presence")
	return events
}

// expect waits for an event, past those of presence.
func expect(t *testing.T, events <-chan any, want string) {
	t.Helper()
	for {
		select {
		case got := <-events:
			if got == want {
				return
			}
			if got != "presence" {
				t.Fatalf("got %v, want %s", got, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s did not come", want)
		}
	}
}

// replace gives the database a new life under both nodes, as the first start of a third node after a failover does: both
// send their clients away with a code that has them come back, begin again, and reach each other as before.
func replace(t *testing.T, a, b *binary) {
	t.Helper()
	nodes := []*binary{a, b}
	var streams []<-chan any
	for _, node := range nodes {
		streams = append(streams, listen(t, node, enter(t, node)))
	}
	output(t, a, "migrate", "-restored")
	for _, events := range streams {
		for closed := false; !closed; {
			select {
			case got := <-events:
				var err error
				if err, closed = got.(error); closed && websocket.CloseStatus(err) != websocket.StatusServiceRestart {
					t.Fatalf("a socket ended with %v, want 1012", err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("a socket goes on, of a session whose log is another one now")
			}
		}
	}
	for _, node := range nodes {
		eventually(t, 30*time.Second, "the node is ready again", func() bool {
			resp, err := http.Get("http://" + node.addr + "/readyz")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
	}
	crossNodes(t, a, b)
}

func addEntry(t *testing.T, b *binary, g guest, body string) {
	t.Helper()
	if err := postAs(t.Context(), b.addr, g.token, `mutation($c:ID!,$b:String!){addChatEntry(connectionId:$c,body:$b){seq}}`,
		map[string]any{"c": g.id, "b": body}, new(any)); err != nil {
		t.Fatal(err)
	}
}

func sendSignal(t *testing.T, b *binary, g guest, kind string, to *guest) error {
	t.Helper()
	variables := map[string]any{"t": kind}
	if to != nil {
		variables["to"] = to.id
	}
	return postAs(t.Context(), b.addr, g.token, `mutation($t:String!,$to:ID){sendSignal(type:$t,to:$to){type}}`, variables, new(any))
}

// crossNodes has one on node a and one on node b.
func crossNodes(t *testing.T, a, b *binary) {
	t.Helper()
	ann, bob := enter(t, a), enter(t, a)
	toBob, toAnn := listen(t, b, bob), listen(t, a, ann)
	addEntry(t, a, ann, "from-a")
	expect(t, toBob, "entry from-a")
	expect(t, toAnn, "entry from-a")
	addEntry(t, a, bob, "from-b")
	expect(t, toBob, "entry from-b")
	expect(t, toAnn, "entry from-b")
	if err := sendSignal(t, a, ann, "direct", &bob); err != nil {
		t.Fatal(err)
	}
	expect(t, toBob, "signal direct")

	moderator := moderate(t, a)
	if err := postAs(t.Context(), a.addr, moderator.token, `mutation($c:ID!){forceDisconnect(connectionId:$c){id}}`,
		map[string]any{"c": bob.id}, new(any)); err != nil {
		t.Fatal(err)
	}
	for end := time.After(30 * time.Second); ; {
		select {
		case got := <-toBob:
			if err, ended := got.(error); ended {
				if code := websocket.CloseStatus(err); code != 4401 {
					t.Errorf("the socket of who was ended was closed with %d (%v), want 4401", code, err)
				}
				return
			}
		case <-end:
			t.Fatal("the socket of who was ended is open")
		}
	}
}

// moderate makes a moderator of the session, by a session token that the database's secret signs.
func moderate(t *testing.T, b *binary) guest {
	t.Helper()
	raw := output(t, b, "token", "-session", "nodes", "-role", "MODERATOR")
	var data struct {
		Connect struct {
			AccessToken string
			Connection  struct{ ID string }
		}
	}
	if err := post(t.Context(), b.addr, `mutation($t:String!){connect(token:$t){accessToken connection{id}}}`,
		map[string]any{"t": raw}, &data); err != nil {
		t.Fatal(err)
	}
	return guest{data.Connect.Connection.ID, data.Connect.AccessToken}
}

// get returns the status and body of a page.
func get(t *testing.T, b *binary, page string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + b.addr + page)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// outage has the bus die and come back: entries arrive all the same, signals to the other node are refused, and the
// nodes stay ready and say that they are degraded.
func outage(t *testing.T, a, b *binary, nats *natstest.Server) {
	t.Helper()
	ann, bob := enter(t, a), enter(t, b)
	toBob, toAnn := listen(t, b, bob), listen(t, a, ann)
	nats.Kill()
	for _, node := range []*binary{a, b} {
		eventually(t, 30*time.Second, "readyz says degraded", func() bool {
			status, body := get(t, node, "/readyz")
			if status != http.StatusOK {
				t.Errorf("readyz is %d %q: a node whose bus is away can serve", status, body)
			}
			return strings.HasPrefix(body, "degraded: other nodes can't be reached")
		})
		if _, metrics := get(t, node, "/metrics"); !strings.Contains(metrics, "\nchattok_bus_up 0\n") {
			t.Error("the metrics don't say that the bus is down")
		}
	}
	addEntry(t, a, ann, "meanwhile")
	expect(t, toAnn, "entry meanwhile")
	expect(t, toBob, "entry meanwhile")
	if err := sendSignal(t, a, ann, "refused", &bob); err == nil || !strings.Contains(err.Error(), "UNAVAILABLE") {
		t.Errorf("a signal to the other node: %v, want UNAVAILABLE", err)
	}
	if err := sendSignal(t, a, ann, "here", &ann); err != nil {
		t.Errorf("a signal to who is on the same node: %v", err)
	}
	expect(t, toAnn, "signal here")

	nats.Start()
	for _, node := range []*binary{a, b} {
		eventually(t, 30*time.Second, "readyz says ok", func() bool { _, body := get(t, node, "/readyz"); return body == "ok\n" })
	}
	if err := sendSignal(t, a, ann, "after", nil); err != nil {
		t.Fatal(err)
	}
	expect(t, toBob, "signal after")
	addEntry(t, b, bob, "after")
	expect(t, toBob, "entry after")
	expect(t, toAnn, "signal after")
	expect(t, toAnn, "entry after")
}
