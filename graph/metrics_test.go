package graph_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"chattok/internal/await"
	"chattok/internal/wsclient"
)

// answers counts what was answered.
type answers struct {
	mu    sync.Mutex
	count map[string]int
}

func (a *answers) Answered(field, code string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count == nil {
		a.count = map[string]int{}
	}
	a.count[field+" "+code]++
}

// take returns the counts as text, and begins anew.
func (a *answers) take() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := fmt.Sprint(a.count)
	a.count = nil
	return text
}

func (a *answers) copy() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.count)
}

// Every operation is counted once for each of its root fields, by the schema's names alone, whatever a client calls them or sends.
func TestRequestsAreCounted(t *testing.T) {
	counted := &answers{}
	w := newWorld(t, options{metrics: counted})
	me := w.join(t, "room", "PUBLISHER")
	counted.take()
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	socket := wsclient.OpenT(t, server.URL+"/graphql", me.token)
	n := 0
	for _, c := range []struct{ operation, want string }{
		{`mutation mine($c:ID!){mine:addChatEntry(connectionId:$c,body:"x"){seq}}`, "map[addChatEntry OK:1]"},
		{`mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){connection{id}} b:addChatEntry(connectionId:$c,body:"y"){seq} sendSignal(type:"t"){type}}`, "map[addChatEntry OK:1 sendSignal OK:1]"},
		{`mutation{addChatEntry(body:""){seq}}`, "map[addChatEntry BAD_USER_INPUT:1]"},
		{`query{s:session{id} w:webhooks{id}}`, "map[session OK:1 webhooks FORBIDDEN:1]"},
		{`query{...F} fragment F on Query{session{id} ...{server{version}}}`, "map[server OK:1 session OK:1]"},
		{`{__schema{queryType{name}} __typename}`, "map[__schema OK:1 __typename OK:1]"},
		{`{planted{id}}`, "map[invalid GRAPHQL_VALIDATION_FAILED:1]"},
		{`{planted`, "map[invalid GRAPHQL_PARSE_FAILED:1]"},
	} {
		variables := map[string]any{}
		if strings.Contains(c.operation, "$c") {
			variables["c"] = me.id
		}
		w.do(t, me.token, c.operation, variables)
		if got := counted.take(); got != c.want {
			t.Errorf("%s over HTTP: %s, want %s", c.operation, got, c.want)
		}
		n++
		socket.SubscribeT(t, fmt.Sprint(n), c.operation, variables)
		for m := socket.NextT(t); m.Type != "complete" && m.Type != "error"; {
			m = socket.NextT(t)
		}
		if got := counted.take(); got != c.want {
			t.Errorf("%s over WebSocket: %s, want %s", c.operation, got, c.want)
		}
	}

	response, err := http.Post(server.URL+"/graphql", "application/json", strings.NewReader("{planted"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := counted.take(); got != "map[invalid BAD_USER_INPUT:1]" {
		t.Errorf("a body that is no JSON: %s", got)
	}

	for _, f := range framings {
		for operation, want := range map[string]string{`subscription{e:entryAdded(after:"0"){seq}}`: "entryAdded OK", `subscription{entryAdded(after:"nonsense"){seq}}`: "entryAdded BAD_USER_INPUT",
			`subscription{signalReceived(sessionId:"room"){type}}`: "signalReceived FORBIDDEN"} {
			delivered := w.streams.Deliveries()
			s := mustFollow(t, server.Listener.Addr().String(), f, me.token, operation, nil)
			_, _ = s.response()
			await.True(t, want, func() bool { return counted.copy()[want] == 1 && len(counted.copy()) == 1 })
			if strings.HasSuffix(want, "OK") {
				for range 5 { // the log has six entries

					if _, err := s.response(); err != nil {
						t.Fatal(err)
					}
				}
				await.True(t, "six deliveries are counted", func() bool { return w.streams.Deliveries() == delivered+6 })
			}
			s.stop()
			counted.take()
		}
	}
}
