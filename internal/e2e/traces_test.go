//go:build unix

package e2e

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/internal/otlptest"
	"chattok/internal/pgtest"
	"chattok/internal/program"
	"chattok/internal/wsclient"
)

const (
	clientTrace = "0af7651916cd43dd8448eb211c80319c"
	clientSpan  = "b7ad6b7169203331"
)

// TestTraces: an entry is followed from its client's span by its operation and its commit to the first delivery on each of two nodes,
// and nothing that people wrote, are called or hold is sent to the collector.
func TestTraces(t *testing.T) {
	const secret = "planted-secret-planted-secret-planted-secret"
	c := otlptest.Start(t)
	a, b := startNodes(t, pgtest.StartT(t, pgtest.Config{}).DatabaseT(t), "CHATTOK_API_SECRET="+secret, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL,
		"OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_SERVICE_NAME=chat")
	var in struct{ Connect struct{ AccessToken string } }
	if err := post(t.Context(), a.Addr, `mutation{connect(sessionId:"planted-session",data:"planted-data",userKey:"planted-user-key"){accessToken}}`, nil, &in); err != nil {
		t.Fatal(err)
	}
	token := in.Connect.AccessToken
	var follow []*wsclient.Conn
	for _, node := range []*program.Server{a, b} {
		socket := wsclient.OpenT(t, node.URL()+"/graphql", token)
		socket.SubscribeT(t, "1", `subscription{plantedAlias:logEvents(after:"0"){...on EntryAdded{entry{body}} ...on EntryChanged{entry{body}}}}`, nil)
		follow = append(follow, socket)
	}
	// add posts an entry on the first node as a client with a span does, and returns its id.
	add := func(body, span string) (id string) {
		t.Helper()
		document, _ := json.Marshal(map[string]any{"query": `mutation planted_name($b:String!){planted_alias:addChatEntry(body:$b,idempotencyKey:"planted-` + body + `"){id}}`,
			"variables": map[string]any{"b": body}, "operationName": "planted_name"})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+"/graphql", bytes.NewReader(document))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + token, "traceparent": "00-" + clientTrace + "-" + span + "-01",
			"tracestate": "planted=state", "baggage": "planted=baggage", "X-Request-Id": "planted-request"} {
			r.Header.Set(name, value)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var answer struct {
			Data struct {
				Entry struct{ ID string } `json:"planted_alias"`
			}
		}
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Data.Entry.ID == "" {
			t.Fatal(err, answer)
		}
		return answer.Data.Entry.ID
	}
	receive := func() {
		t.Helper()
		for _, socket := range follow {
			socket.NextT(t)
		}
	}
	// The subscriptions are under way once they bring the first entry; the spans of the second are looked at.
	add("planted-body-1", "00f067aa0ba902b7")
	receive()
	id := add("planted-body-2", clientSpan)
	receive()
	// way tells of the deliveries of what the operation did that is called so, of the client's span.
	way := func(name string) string {
		var lines []string
		byID := map[string]otlptest.Span{}
		spans := c.Spans()
		for _, s := range spans {
			byID[string(s.SpanId)] = s
		}
		nodes := map[string]bool{}
		for _, s := range spans {
			commit := byID[string(s.ParentSpanId)]
			operation := byID[string(commit.GetParentSpanId())]
			if s.Name == "deliver" && operation.GetName() == name && hex.EncodeToString(operation.ParentSpanId) == clientSpan {
				nodes[s.Resource["service.instance.id"]] = true
				lines = append(lines, fmt.Sprintf("%x %s %s %s of %s", operation.TraceId, operation.Name, commit.Name, s.Name, s.Resource["service.name"]))
			}
		}
		return fmt.Sprint(len(nodes), " nodes: ", strings.Join(lines, ", "))
	}
	delivered := func(name string) {
		t.Helper()
		line := clientTrace + " " + name + " commit deliver of chat"
		want := "2 nodes: " + line + ", " + line
		defer func() {
			if t.Failed() {
				t.Logf("the spans tell of %s", way(name))
				for _, s := range c.Spans() {
					t.Logf("%s on %s: %x under %x", s.Name, s.Resource["service.instance.id"], s.SpanId, s.ParentSpanId)
				}
			}
		}()
		await.Within(t, 20*time.Second, want, func() bool { return way(name) == want })
	}
	delivered("mutation addChatEntry")

	// A change, and a client that names its span over WebSocket.
	socket := wsclient.OpenT(t, b.URL()+"/graphql", token)
	socket.SendT(t, map[string]any{"id": "x", "type": "subscribe", "payload": map[string]any{
		"query":      `mutation($i:ID!){editChatEntry(id:$i,body:"planted-body-3"){id}}`,
		"variables":  map[string]any{"i": id},
		"extensions": map[string]any{"traceparent": "00-" + clientTrace + "-" + clientSpan + "-01", "planted": "planted-extension"}}})
	if m := socket.NextT(t); m.Type != "next" {
		t.Fatalf("%s: %s", m.Type, m.Payload)
	}
	receive()
	delivered("mutation editChatEntry")

	// Operations that fail tell their code.
	if err := postAs(t.Context(), a.Addr, token, `{webhooks{id url}}`, nil, &struct{}{}); err == nil {
		t.Error("the webhooks are told to everybody")
	}
	await.Within(t, 20*time.Second, "the span of a refused operation", func() bool {
		for _, s := range c.Spans() {
			if s.Name == "query webhooks" {
				return s.Attribute("chattok.code") == "FORBIDDEN"
			}
		}
		return false
	})
	a.StopT(t)
	b.StopT(t)

	sent := bytes.ToLower(c.Bytes())
	for _, text := range []string{"planted", token, secret} {
		if bytes.Contains(sent, bytes.ToLower([]byte(text))) {
			t.Errorf("the collector was sent %q", text)
		}
	}
	if !bytes.Contains(sent, []byte("addchatentry")) {
		t.Error("the search finds nothing of what was sent")
	}
}

// TestTracesEnd: the spans that wait are sent when the server stops, within its time, and a collector that hangs delays nothing.
func TestTracesEnd(t *testing.T) {
	t.Run("sent", func(t *testing.T) {
		c := otlptest.Start(t)
		s := program.StartT(t, program.Config{Env: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + c.URL + "/v1/traces", "OTEL_BSP_SCHEDULE_DELAY=600000"}})
		if err := post(t.Context(), s.Addr, `{server{version}}`, nil, &struct{}{}); err != nil {
			t.Fatal(err)
		}
		if n := len(c.Spans()); n != 0 {
			t.Fatalf("%d spans were sent before their time", n)
		}
		s.StopT(t)
		if spans := c.Spans(); len(spans) != 1 || spans[0].Name != "query server" {
			t.Errorf("%v", spans)
		}
	})
	t.Run("hangs", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, and says nothing
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		s := program.StartT(t, program.Config{Env: append([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + listener.Addr().String(), "OTEL_BSP_SCHEDULE_DELAY=10"}, program.HighRates...)})
		for range 3000 { // more than the queue holds
			if err := post(t.Context(), s.Addr, `mutation{addChatEntry(connectionId:"g",body:"x"){seq}}`, nil, &struct{}{}); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		s.StopT(t)
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("the server took %v to end", took)
		}
	})
	t.Run("never forced", func(t *testing.T) {
		c := otlptest.Start(t)
		s := program.StartT(t, program.Config{Env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_TRACES_SAMPLER=parentbased_always_off"}})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/graphql?query={server{version}}", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("traceparent", "00-"+clientTrace+"-"+clientSpan+"-01")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
		s.StopT(t)
		if spans := c.Spans(); len(spans) != 0 {
			t.Errorf("%v", spans)
		}
	})
}
