//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/internal/natstest"
	"chattok/internal/pgtest"
	"chattok/internal/program"
	"chattok/internal/wsclient"
)

// TestNodes: of two nodes on one database, joined by each kind of bus, entries, signals and ended connections of one reach the
// sockets of the other.
func TestNodes(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{})
	t.Run("NATS", func(t *testing.T) {
		nats := natstest.Start(t)
		a, b := startNodes(t, server.DatabaseT(t), "CHATTOK_BUS="+nats.URL())
		crossNodes(t, a, b)
		outage(t, a, b, nats)
	})
	t.Run("NOTIFY", func(t *testing.T) {
		a, b := startNodes(t, server.DatabaseT(t))
		crossNodes(t, a, b)
		replace(t, a, b)
	})
}

func startNodes(t *testing.T, database string, env ...string) (a, b *program.Server) {
	t.Helper()
	config := program.Config{Database: database, Env: env}
	return program.StartT(t, config), program.StartT(t, config)
}

// guest is a connection to the session.
type guest struct{ id, token string }

func enter(t *testing.T, b *program.Server) guest {
	t.Helper()
	var data struct {
		Connect struct {
			AccessToken string
			Connection  struct{ ID string }
		}
	}
	if err := post(t.Context(), b.Addr, `mutation{connect(sessionId:"nodes"){accessToken connection{id}}}`, nil, &data); err != nil {
		t.Fatal(err)
	}
	return guest{data.Connect.Connection.ID, data.Connect.AccessToken}
}

// listen opens a socket that follows entries, signals and presence. The channel gets each event, and last the socket's error.
// listen returns when all three subscriptions are under way; they begin in their order.
func listen(t *testing.T, b *program.Server, g guest) <-chan any {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	c := wsclient.OpenT(t, b.URL()+"/graphql", g.token)
	c.SubscribeT(t, "e", `subscription{entryAdded{body}}`, nil)
	c.SubscribeT(t, "s", `subscription{signalReceived{type}}`, nil)
	c.SubscribeT(t, "p", `subscription{sessionEvents{__typename}}`, nil)
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
			_ = json.Unmarshal(raw, &m) // an error's payload is a list, and leaves m empty
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

// expect waits for an event, and passes over those of presence.
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
		case <-time.After(2 * time.Minute):
			t.Fatalf("%s did not come", want)
		}
	}
}

// replace gives the database a new identity under both nodes, as a failover does. Both nodes close their sockets with 1012, so
// that clients come back, start again, and reach each other as before.
func replace(t *testing.T, a, b *program.Server) {
	t.Helper()
	nodes := []*program.Server{a, b}
	var streams []<-chan any
	for _, node := range nodes {
		streams = append(streams, listen(t, node, enter(t, node)))
	}
	a.OutputT(t, "migrate", "-restored")
	for _, events := range streams {
		for closed := false; !closed; {
			select {
			case got := <-events:
				var err error
				if err, closed = got.(error); closed && wsclient.CloseCode(err) != 1012 {
					t.Fatalf("a socket ended with %v, want 1012", err)
				}
			case <-time.After(2 * time.Minute):
				t.Fatal("a socket goes on, of a session whose log is another one now")
			}
		}
	}
	for _, node := range nodes {
		await.True(t, "the node is ready again", func() bool { return node.Ready(t.Context()) })
	}
	crossNodes(t, a, b)
}

func addEntry(t *testing.T, b *program.Server, g guest, body string) {
	t.Helper()
	if err := postAs(t.Context(), b.Addr, g.token, `mutation($c:ID!,$b:String!){addChatEntry(connectionId:$c,body:$b){seq}}`,
		map[string]any{"c": g.id, "b": body}, new(any)); err != nil {
		t.Fatal(err)
	}
}

func sendSignal(t *testing.T, b *program.Server, g guest, kind string, to *guest) error {
	t.Helper()
	variables := map[string]any{"t": kind}
	if to != nil {
		variables["to"] = to.id
	}
	return postAs(t.Context(), b.Addr, g.token, `mutation($t:String!,$to:ID){sendSignal(type:$t,to:$to){type}}`, variables, new(any))
}

// crossNodes checks that two guests on two nodes reach each other.
func crossNodes(t *testing.T, a, b *program.Server) {
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
	if err := postAs(t.Context(), a.Addr, moderator.token, `mutation($c:ID!){forceDisconnect(connectionId:$c){id}}`,
		map[string]any{"c": bob.id}, new(any)); err != nil {
		t.Fatal(err)
	}
	for end := time.After(2 * time.Minute); ; {
		select {
		case got := <-toBob:
			if err, ended := got.(error); ended {
				if code := wsclient.CloseCode(err); code != 4401 {
					t.Errorf("the socket of the ended connection was closed with %d (%v), want 4401", code, err)
				}
				return
			}
		case <-end:
			t.Fatal("the socket of the ended connection is still open")
		}
	}
}

// moderate returns a moderator of the session, whose session token the command signs with the database's secret.
func moderate(t *testing.T, b *program.Server) guest {
	t.Helper()
	raw := b.OutputT(t, "token", "-session", "nodes", "-role", "MODERATOR")
	var data struct {
		Connect struct {
			AccessToken string
			Connection  struct{ ID string }
		}
	}
	if err := post(t.Context(), b.Addr, `mutation($t:String!){connect(token:$t){accessToken connection{id}}}`,
		map[string]any{"t": raw}, &data); err != nil {
		t.Fatal(err)
	}
	return guest{data.Connect.Connection.ID, data.Connect.AccessToken}
}

// outage stops the bus and starts it again. Meanwhile entries arrive all the same, signals to the other node are refused, and
// the nodes stay ready and report that they are degraded.
func outage(t *testing.T, a, b *program.Server, nats *natstest.Server) {
	t.Helper()
	ann, bob := enter(t, a), enter(t, b)
	toBob, toAnn := listen(t, b, bob), listen(t, a, ann)
	nats.Kill()
	for _, node := range []*program.Server{a, b} {
		await.True(t, "readyz says degraded", func() bool {
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
		t.Errorf("a signal to a connection of the same node: %v", err)
	}
	expect(t, toAnn, "signal here")

	nats.Start()
	for _, node := range []*program.Server{a, b} {
		await.True(t, "readyz says ok", func() bool { _, body := get(t, node, "/readyz"); return body == "ok\n" })
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
