package graph_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"chattok/graph"
	"chattok/graph/generated"
	"chattok/graph/transport"
	"chattok/internal/need"
	"chattok/internal/wsclient"
	"chattok/rates"
	"chattok/session"
)

const post = `mutation($c:ID!,$b:String!,$k:ID){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){seq}}`

// scarce returns the defaults with a burst for one kind, which is then hardly refilled.
func scarce(k rates.Kind, burst int) *rates.Limits {
	l := rates.DefaultLimits()
	l.Rates[k] = rates.Rate{PerSecond: 0.01, Burst: burst}
	return &l
}

// from takes the address of a request from its header X-Test-Address.
var from = transport.StreamConfig{Client: func(r *http.Request) netip.Addr {
	address, _ := netip.ParseAddr(r.Header.Get("X-Test-Address"))
	return address
}}

// refusal is a refusal as a client sees it, on any transport.
type refusal struct {
	Errors []struct {
		Message    string
		Extensions struct {
			Code, Reason string
			RetryAfterMs *float64
		}
	}
}

// check checks that the code is RATE_LIMITED and retryAfterMs a whole number of milliseconds.
func (r refusal) check(t *testing.T) {
	t.Helper()
	if len(r.Errors) != 1 || r.Errors[0].Extensions.Code != limited {
		t.Fatalf("%+v", r)
	}
	ms := r.Errors[0].Extensions.RetryAfterMs
	if ms == nil || *ms != float64(int64(*ms)) || *ms < 90_000 || *ms > 100_000 {
		t.Errorf("retryAfterMs is %s, want about 100,000", mustJSON(t, ms))
	}
}

const limited = "RATE_LIMITED"

// codeOf is code for an answer of any status.
func (w *world) codeOf(t *testing.T, raw, query string, variables map[string]any) string {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(mustJSON(t, map[string]any{"query": query, "variables": variables})))
	request.Header.Set("Content-Type", "application/json")
	if raw != "" {
		request.Header.Set("Authorization", "Bearer "+raw)
	}
	response := httptest.NewRecorder()
	w.handler.ServeHTTP(response, request)
	var answer struct{ Errors []failure }
	if err := json.Unmarshal(response.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v", response.Body, err)
	}
	return codeOf(answer.Errors)
}

// send sends an operation by POST, or by GET where body is nil, and returns the answer.
func send(t *testing.T, address, accept, raw string, body map[string]any) (*http.Response, []byte) {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(encoded))
	if query, isGet := body["GET"]; isGet {
		request, err = http.NewRequestWithContext(t.Context(), http.MethodGet, address+"?query="+url.QueryEscape(query.(string)), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", accept)
	request.Header.Set("Authorization", "Bearer "+raw)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, all
}

// A refusal by a rate over HTTP has status 429 with Retry-After, in every media type and method, and a GraphQL error. A
// refused entry is not stored; other callers and the API secret go on.
func TestRefusedByRate(t *testing.T) {
	limits := scarce(rates.Posts, 2)
	limits.Rates[rates.Subscriptions] = rates.Rate{PerSecond: 0.01, Burst: 1}
	w := newWorld(t, options{rates: limits})
	address := serve(t, w.handler, 0)
	me, other := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "PUBLISHER")
	for i := range 2 {
		w.mustDo(t, me.token, post, map[string]any{"c": me.id, "b": "x", "k": fmt.Sprint(i)})
	}
	add := map[string]any{"query": post, "variables": map[string]any{"c": me.id, "b": "too many"}}
	subscribed := mustOpen(t, address, sse, me.token, `subscription{signalReceived{type}}`, nil)
	defer subscribed.Reset()
	follow := map[string]any{"query": `subscription{entryAdded{seq}}`}
	for _, c := range []struct {
		name, accept string
		body         map[string]any
	}{
		{"JSON", "application/json", add},
		{"GraphQL's own", "application/graphql-response+json", add},
		{"a mutation as a stream", "text/event-stream", add},
		{"SSE", "text/event-stream", follow},
		{"multipart", "multipart/mixed;subscriptionSpec=1.0", follow},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, body := send(t, "http://"+address, c.accept, me.token, c.body)
			// A token comes back in 100 s, less what the test has taken so far.
			after, err := strconv.Atoi(response.Header.Get("Retry-After"))
			if response.StatusCode != http.StatusTooManyRequests || err != nil || after < 90 || after > 100 {
				t.Errorf("status %d, Retry-After %q: %s", response.StatusCode, response.Header.Get("Retry-After"), body)
			}
			var r refusal
			if err := json.Unmarshal(body, &r); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			r.check(t)
		})
	}
	if code := w.codeOf(t, me.token, post, map[string]any{"c": me.id, "b": "x", "k": "0"}); code != limited {
		t.Errorf("a retry of what is stored: %s, as of any other post", code)
	}
	w.mustDo(t, other.token, post, map[string]any{"c": other.id, "b": "mine"})
	for range 5 {
		w.mustDo(t, testSecret, `mutation{sendSignal(type:"x",sessionId:"room"){type}}`, nil)
	}
	log := w.mustDo(t, other.token, `{chatEntries{nodes{body}}}`, nil)
	if want := `{"chatEntries":{"nodes":[{"body":"x"},{"body":"x"},{"body":"mine"}]}}`; string(log) != want {
		t.Errorf("%s, want %s", log, want)
	}
}

// A refusal by a rate over WebSocket is an error frame, and the socket stays open.
func TestRefusedByRateOverSocket(t *testing.T) {
	for _, c := range []struct{ protocol, subscribe, next string }{
		{"graphql-transport-ws", "subscribe", "next"}, {"graphql-ws", "start", "data"},
	} {
		t.Run(c.protocol, func(t *testing.T) {
			limits := scarce(rates.Posts, 1)
			limits.Rates[rates.Subscriptions] = rates.Rate{PerSecond: 0.01, Burst: 1}
			w := newWorld(t, options{rates: limits})
			server := httptest.NewServer(w.handler)
			defer server.Close()
			me := w.join(t, "room", "PUBLISHER")
			s := wsclient.DialT(t, server.URL, &wsclient.Options{Subprotocols: []string{c.protocol}})
			if err := s.Init(t.Context(), me.token); err != nil {
				t.Fatal(err)
			}
			ask := func(id, query string, variables map[string]any) {
				s.SendT(t, map[string]any{"id": id, "type": c.subscribe, "payload": map[string]any{"query": query, "variables": variables}})
			}
			answer := func(id string) (kind string, payload json.RawMessage) {
				for {
					if m := s.NextT(t); m.ID == id && m.Type != "complete" {
						return m.Type, m.Payload
					}
				}
			}
			variables := map[string]any{"c": me.id, "b": "x"}
			ask("1", post, variables)
			if kind, payload := answer("1"); kind != c.next {
				t.Fatalf("the first: %s %s", kind, payload)
			}
			ask("2", post, variables)
			ask("3", `subscription{signalReceived{type}}`, nil)
			ask("4", `subscription{entryAdded{seq}}`, nil)
			for _, id := range []string{"2", "4"} {
				kind, payload := answer(id)
				var r refusal
				if err := json.Unmarshal(payload, &r.Errors); kind != "error" || err != nil {
					t.Fatalf("%s %s: %v", kind, payload, err)
				}
				r.check(t)
			}
			if err := s.Ping(s.CloseRead(t.Context())); err != nil {
				t.Errorf("the socket did not stay: %v", err)
			}
		})
	}
}

// An operation is charged as a whole, for all its fields wherever they stand in the document, and one that is refused
// has done nothing.
func TestChargedAsAWhole(t *testing.T) {
	w := newWorld(t, options{rates: scarce(rates.PostBytes, 1000)})
	me := w.join(t, "room", "PUBLISHER")
	body := strings.Repeat("x", 200)
	w.mustDo(t, me.token, post, map[string]any{"c": me.id, "b": body})
	two := `mutation($c:ID!,$b:String!){...f ... on Mutation{b:addChatEntry(connectionId:$c,body:"` + strings.Repeat("y", 300) + `"){seq}}}
		fragment f on Mutation{a:addChatEntry(connectionId:$c,body:$b){seq}}`
	if code := w.codeOf(t, me.token, two, map[string]any{"c": me.id, "b": strings.Repeat("x", 480)}); code != limited {
		t.Errorf("of more than there is left: %s", code)
	}
	w.mustDo(t, me.token, two, map[string]any{"c": me.id, "b": body})
	if log := w.mustDo(t, me.token, `{chatEntries{nodes{seq}}}`, nil); string(log) != `{"chatEntries":{"nodes":[{"seq":1},{"seq":2},{"seq":3}]}}` {
		t.Errorf("%s", log)
	}
}

// A reaction makes everybody get the whole entry again, so its text is charged to who reacts.
func TestReactionsAreChargedByTheirEntry(t *testing.T) {
	w := newWorld(t, options{rates: scarce(rates.PostBytes, 20_000)})
	me, other := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "PUBLISHER")
	var posted struct{ AddChatEntry struct{ ID string } }
	add := strings.Replace(post, "{seq}", "{id}", 1)
	if err := json.Unmarshal(w.mustDo(t, me.token, add, map[string]any{"c": me.id, "b": strings.Repeat("x", 15_000)}), &posted); err != nil {
		t.Fatal(err)
	}
	react := func(p person, on bool) string {
		return w.codeOf(t, p.token, `mutation($e:ID!,$on:Boolean){reactToChatEntry(id:$e,name:"+1",on:$on){version}}`,
			map[string]any{"e": posted.AddChatEntry.ID, "on": on})
	}
	for _, c := range []struct {
		who  person
		on   bool
		want string
	}{{me, true, "ok"}, {me, false, limited}, {other, true, "ok"}, {other, false, "ok"}, {other, true, limited}} {
		if code := react(c.who, c.on); code != c.want {
			t.Errorf("%+v: %s", c, code)
		}
	}
}

// Each kind of operation has a rate of its own, for each connection.
func TestKindsOfRates(t *testing.T) {
	need.Time(t, "it waits for rates")
	negotiate := func(sdp string) (string, map[string]any) {
		return `mutation($s:ID!,$to:ID!,$d:SessionDescriptionInput){negotiate(streamId:$s,to:$to,description:$d){to}}`,
			map[string]any{"d": map[string]any{"type": "offer", "sdp": sdp}}
	}
	long := strings.Repeat("x", 4000)
	negotiation, described := negotiate("v=0")
	_, largely := negotiate(long)
	for _, c := range []struct {
		kind      rates.Kind
		burst     int
		query     string
		variables map[string]any
		passed    int
	}{
		{rates.Signals, 3, `mutation{sendSignal(type:"x"){type}}`, nil, 3},
		{rates.MessageBytes, 10_000, `mutation($d:String){sendSignal(type:"x",data:$d){type}}`, map[string]any{"d": long}, 2},
		{rates.Negotiations, 3, negotiation, described, 3},
		{rates.MessageBytes, 10_000, negotiation, largely, 2},
		{rates.RosterChanges, 4, `mutation($s:ID!){updateStream(streamId:$s,hasAudio:false){id}}`, nil, 3}, // one change was used for publishing
		{rates.RosterChanges, 3, `mutation{publishStream{id}}`, nil, 2},
		{rates.PostBytes, 10_000, `mutation($d:String){setData(data:$d){id}}`, map[string]any{"d": long}, 2},
		{rates.Processor, 250, `{session{id}}`, nil, 0}, // 100 µs a query at least; parsing the first one took much more
	} {
		t.Run(fmt.Sprint(c.kind, " ", strings.TrimPrefix(c.query, "mutation")[:8]), func(t *testing.T) {
			w := newWorld(t, options{rates: scarce(c.kind, c.burst)})
			me, other := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "PUBLISHER")
			var published struct{ PublishStream struct{ ID string } }
			if c.kind != rates.Processor {
				if err := json.Unmarshal(w.mustDo(t, me.token, `mutation{publishStream{id}}`, nil), &published); err != nil {
					t.Fatal(err)
				}
			}
			variables := map[string]any{"s": published.PublishStream.ID, "to": other.id}
			for name, value := range c.variables {
				variables[name] = value
			}
			passed := 0
			for range 8 {
				switch code := w.codeOf(t, me.token, c.query, variables); code {
				case "ok":
					passed++
				case limited:
				default:
					t.Fatal(code)
				}
			}
			if c.kind == rates.Processor && passed > 0 && passed < 3 {
				passed = 0
			}
			if passed != c.passed {
				t.Errorf("%d passed, want %d", passed, c.passed)
			}
			if c.kind != rates.Processor {
				w.mustDo(t, other.token, `mutation{sendSignal(type:"x"){type}}`, nil)
			}
		})
	}
}

// Where a mutation's answer reads much, that is charged as a query is, and refused before the change; a mutation that is answered by
// plain fields goes on.
func TestAnswersOfMutationsAreCharged(t *testing.T) {
	limits := scarce(rates.Processor, 300_000)
	limits.Rates[rates.Posts] = rates.Rate{PerSecond: 0.01, Burst: 10_000}
	w := newWorld(t, options{rates: limits})
	const (
		connect = `mutation{connect(sessionId:"room",userKey:"a key of sixteen bytes"){accessToken}}`
		plain   = `mutation{markRead(upTo:"0"){id slowMode}}`
		reading = `mutation{...f} fragment f on Mutation{markRead(upTo:"0"){unread lastEntry{id} connections{id}}}`
	)
	var joined struct{ Connect struct{ AccessToken string } }
	if err := json.Unmarshal(w.mustDo(t, "", connect, nil), &joined); err != nil {
		t.Fatal(err)
	}
	me := joined.Connect.AccessToken
	w.mustDo(t, me, plain, nil)
	passed := 0
	for w.codeOf(t, me, reading, nil) == "ok" {
		if passed++; passed > 3000 { // 100 µs each at least
			t.Fatal("what the answers read is not charged")
		}
	}
	if code := w.codeOf(t, me, reading, nil); passed == 0 || code != limited {
		t.Errorf("after %d: %s", passed, code)
	}
	w.mustDo(t, me, plain, nil)
}

// Guests and new connections are limited by their address; this machine is not limited.
func TestRatesOfAddresses(t *testing.T) {
	need.Time(t, "it waits for rates")
	limits := scarce(rates.Posts, 1)
	limits.AddressTimes = 3
	limits.Rates[rates.Connects] = rates.Rate{PerSecond: 0.01, Burst: 4}
	w := newWorld(t, options{rates: limits, streams: from})
	server := httptest.NewServer(w.handler)
	defer server.Close()
	do := func(address, query string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(`{"query":`+string(mustJSON(t, query))+`}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Test-Address", address)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	for _, c := range []struct {
		address, query string
		passed         int
	}{
		{"192.0.2.1", `mutation{addChatEntry(connectionId:"guest",body:"x"){seq}}`, 3},
		{"127.0.0.1", `mutation{addChatEntry(connectionId:"guest",body:"x"){seq}}`, 8},
		{"192.0.2.1", `mutation{connect(sessionId:"room"){accessToken}}`, 4},
		{"2001:db8::1", `mutation{connect(sessionId:"room"){accessToken}}`, 4},
		{"2001:db8::2", `mutation{connect(sessionId:"room"){accessToken}}`, 0}, // the same network
		{"2001:db8:0:1::1", `mutation{connect(sessionId:"room"){accessToken}}`, 4},
		{"::1", `mutation{connect(sessionId:"room"){accessToken}}`, 8},
	} {
		passed := 0
		for range 8 {
			switch status := do(c.address, c.query); status {
			case http.StatusOK:
				passed++
			case http.StatusTooManyRequests:
			default:
				t.Fatal(status)
			}
		}
		if passed != c.passed {
			t.Errorf("%s from %s: %d passed, want %d", c.query, c.address, passed, c.passed)
		}
	}
}

// A socket that sends faster than it may is read more slowly and loses nothing.
func TestPace(t *testing.T) {
	limits := rates.DefaultLimits()
	limits.Rates[rates.Frames] = rates.Rate{PerSecond: 200, Burst: 1}
	w := newWorld(t, options{rates: &limits})
	server := httptest.NewServer(w.handler)
	defer server.Close()
	me := w.join(t, "room", "PUBLISHER")
	s := wsclient.OpenT(t, server.URL, me.token)
	const pings = 100
	for range pings {
		s.SendT(t, wsclient.Message{Type: "ping"})
	}
	for range pings {
		if m, err := s.Receive(t.Context()); err != nil || m.Type != "pong" {
			t.Fatalf("%+v, %v", m, err)
		}
	}
}

// Every mutation is charged, or named here as free.
func TestEveryMutationIsCharged(t *testing.T) {
	free := map[string]string{
		"renewAccess": "signs a token", "disconnect": "happens once to a connection",
		"createSession": "the API secret's", "deleteSession": "the API secret's", "eraseUser": "the API secret's", "createToken": "the API secret's",
		"createWebhook": "the API secret's", "deleteWebhook": "the API secret's", "replayWebhook": "the API secret's",
	}
	for _, field := range generated.NewExecutableSchema(generated.Config{}).Schema().Mutation.Fields {
		if _, isFree := free[field.Name]; isFree == graph.Charged(field.Name) {
			t.Errorf("%s is neither charged nor free, or both", field.Name)
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A session made on first use, such as the lobby, is full at some size, for every way to add.
func TestQuotaOfASession(t *testing.T) {
	w := newWorld(t, options{domain: session.Config{SessionBytes: 300}})
	guest := map[string]any{"c": "guest", "b": "x", "k": "once"}
	w.mustDo(t, "", post, guest)
	w.mustDo(t, "", post, map[string]any{"c": "guest", "b": "x"})
	const full = "FORBIDDEN SESSION_FULL"
	for _, query := range []string{post, strings.Replace(post, "{seq}", "{connection{id}}", 1)} { // a fast add and a general one
		if code := w.code(t, "", query, map[string]any{"c": "guest", "b": "x"}); code != full {
			t.Errorf("%s: %s", query, code)
		}
	}
	w.mustDo(t, "", post, guest) // a retry of a stored entry
	made := w.join(t, "made", "PUBLISHER")
	for range 5 {
		w.mustDo(t, made.token, post, map[string]any{"c": made.id, "b": "x"})
	}
	var joined struct{ Connect struct{ AccessToken string } }
	if err := json.Unmarshal(w.mustDo(t, "", `mutation{connect(sessionId:"room"){accessToken}}`, nil), &joined); err != nil {
		t.Fatal(err)
	}
	me := joined.Connect.AccessToken
	w.mustDo(t, me, `mutation{setData(data:"Ann"){id}}`, nil)
	if code := w.codeOf(t, me, `mutation{setData(data:"Anne"){id}}`, nil); code != full {
		t.Errorf("data where the session is full: %s", code)
	}
	w.mustDo(t, me, `mutation{setData(data:null){id}}`, nil)
}
