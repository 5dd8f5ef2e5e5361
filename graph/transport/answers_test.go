package transport

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/internal/budget"
)

var (
	here  = netip.MustParsePrefix("192.0.2.1/32")
	there = netip.MustParsePrefix("192.0.2.2/32")
)

// A client has half of the pool at most, and small answers a quarter more. A waiter gets its turn when there is room,
// or gives up, and a single answer has its turn however large it is.
func TestPool(t *testing.T) {
	b := budget.New(8 << 20)
	p := newBytePool(b, 4<<20)
	take := func(client netip.Prefix, n int64, want bool) {
		t.Helper()
		if got := p.tryAcquire(client, n); got != want {
			t.Errorf("%d bytes: %v", n, got)
		}
	}
	take(here, 2<<20, true)
	take(here, smallTake+1, false) // above its half
	take(there, 2<<20, true)
	take(netip.Prefix{}, 1<<20, false)
	take(netip.Prefix{}, smallTake, true)
	if b.Reserved() != 4<<20+smallTake {
		t.Errorf("%d bytes are reserved", b.Reserved())
	}
	p.release(netip.Prefix{}, smallTake)
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if p.acquire(given, there, 1<<20) {
		t.Error("acquired for a client that has gone")
	}
	granted := make(chan string, 2)
	go func() { p.acquire(t.Context(), here, 2<<20); granted <- "here" }()
	until(t, "it waits", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.waiting.Len() == 1 })
	p.release(there, 2<<20) // room, but not for this client
	go func() { p.acquire(t.Context(), there, 2<<20); granted <- "there" }()
	if who := <-granted; who != "there" {
		t.Errorf("%s was granted first", who)
	}
	p.release(here, 2<<20)
	if who := <-granted; who != "here" {
		t.Errorf("%s was granted", who)
	}
	for _, client := range []netip.Prefix{here, there} {
		p.release(client, 2<<20)
	}
	take(here, 100<<20, true)
	take(there, 1<<20, false)
	p.release(here, 100<<20)
	p.most = 3 << 20
	take(here, 100<<20, true) // it counts as less, and leaves room
	take(here, 1<<20, false)
	take(there, 1<<20, true)
	take(there, 1<<20, false)
	if b.Reserved() != 101<<20 {
		t.Errorf("%d bytes are reserved", b.Reserved())
	}
	p.release(there, 1<<20)
	p.release(here, 100<<20)
	p.most = 0
	one, two := netip.MustParsePrefix("2001:db8:1:1::/64"), netip.MustParsePrefix("2001:db8:1:2::/64")
	take(one, 2<<20, true)
	take(two, 1<<20, true)
	take(two, 1<<20-1, false) // above three quarters for a site
	take(there, 1<<20, true)
	p.release(one, 2<<20)
	p.release(two, 1<<20)
	p.release(there, 1<<20)
	if b.Reserved() != 0 || p.used != 0 || len(p.clients) != 0 || p.waiting.Len() != 0 {
		t.Errorf("left: %d reserved, %d used, %d clients, %d waiting", b.Reserved(), p.used, len(p.clients), p.waiting.Len())
	}
}

// Requests under way are limited by address and in all.
func TestRequestsUnderWay(t *testing.T) {
	server := newServerWith(t, &stub{})
	answers := NewAnswers(AnswersConfig{MaxRequests: 2, MaxRequestsPerAddress: 1})
	address := "192.0.2.7"
	server.AddTransport(HTTP{Answers: answers, Client: func(*http.Request) netip.Addr { return netip.MustParseAddr(address) }})
	bodies := []*stalledBody{newStalledBody(), newStalledBody()}
	done := make(chan int, 2)
	begin := func(body *stalledBody) {
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.Header.Set("Content-Type", "application/json")
		go func() { done <- serve(t, server, r).Code }()
		<-body.reading
	}
	ask := func(from string, want int, code string) {
		t.Helper()
		address = from
		if w := post(t, server, `{"query":"{__typename}"}`); w.Code != want || !strings.Contains(w.Body.String(), code) {
			t.Errorf("from %s: status %d, %s", from, w.Code, w.Body)
		}
	}
	begin(bodies[0])
	ask("192.0.2.7", http.StatusTooManyRequests, "RATE_LIMITED")
	ask("192.0.2.8", http.StatusOK, "data")
	address = "127.0.0.1" // counted in all, but not by address
	begin(bodies[1])
	ask("192.0.2.8", http.StatusServiceUnavailable, "UNAVAILABLE")
	for _, body := range bodies {
		close(body.rest)
		if code := <-done; code != http.StatusBadRequest {
			t.Errorf("status %d", code)
		}
	}
	ask("192.0.2.7", http.StatusOK, "data")
	if answers.requests.all != 0 || len(answers.requests.byAddress) != 0 {
		t.Errorf("%d requests are under way", answers.requests.all)
	}
}

// A query or mutation that is answered by a stream is a request under way, with its body, as any other one is; a subscription counts as a
// stream.
func TestAnswerByAStreamIsUnderWay(t *testing.T) {
	for query, want := range map[string]int{"{__typename}": 1, "{nope}": 1, `mutation{addChatEntry(connectionId:"a",body:"b"){seq}}`: 1,
		"subscription{entryAdded{body}}": 0} {
		answers, called := NewAnswers(AnswersConfig{}), false
		server := newServerWith(t, &stub{}, HTTP{Answers: answers, Stream: func(_ http.ResponseWriter, _ *http.Request, _ Framing,
			_ *graphql.OperationContext, _ gqlerror.List, _ graphql.GraphExecutor) {
			called = true
			if got := answers.requests.all; got != want || answers.incoming.used > 0 != (want > 0) {
				t.Errorf("%s: %d requests, %d bytes of bodies", query, got, answers.incoming.used)
			}
		}})
		post(t, server, jsonBody(t, query+strings.Repeat(" ", largeBytes+1)), "Accept", typeEventStream)
		if !called || answers.requests.all != 0 || answers.incoming.used != 0 {
			t.Errorf("%s: called %v; %d requests, %d bytes are left", query, called, answers.requests.all, answers.incoming.used)
		}
	}
}

// stalledBody is a body without a byte until rest is closed, and then ends.
type stalledBody struct {
	reading, rest chan struct{}
	begun         bool
}

func newStalledBody() *stalledBody {
	return &stalledBody{reading: make(chan struct{}), rest: make(chan struct{})}
}

func (b *stalledBody) Read([]byte) (int, error) {
	if !b.begun {
		b.begun = true
		close(b.reading)
	}
	<-b.rest
	return 0, fmt.Errorf("the client has gone")
}

// Selections with equal answers are one group: spacing, comments, fragments, operation names, equal conditions, and
// variables in place of values make no difference. Another alias, order or field is another group.
func TestEqualAnswersAreOneGroup(t *testing.T) {
	g, w := newGroupWorld(t)
	s := w.ready(t)
	equal := []string{
		`subscription{entryAdded{body connection{id}}}`,
		"subscription Named {\n  entryAdded { # the entry\n    body,\n    connection { id }\n  }\n}",
		`subscription{...S} fragment S on Subscription{entryAdded{...E}} fragment E on ChatEntry{body connection{id}}`,
		`subscription{entryAdded{... on ChatEntry{body} ...{connection{id}}}}`,
		`subscription{entryAdded{body @include(if:true) connection{id} seq @skip(if:true)}}`,
		`subscription{entryAdded{body connection{id} body}}`,
		`subscription{entryAdded(after:"0"){body connection{id}}}`,
		`subscription{entryAdded{body connection{id}} entryAdded{body}}`,
	}
	for i, query := range equal {
		s.subscribe(fmt.Sprint("equal ", i), query)
	}
	until(t, "all follow", func() bool { return w.sockets.Subscriptions() == len(equal) })
	groups := func() int {
		w.sockets.groups.mu.Lock()
		defer w.sockets.groups.mu.Unlock()
		return len(w.sockets.groups.byKey)
	}
	if n := groups(); n != 1 {
		t.Errorf("%d groups of equal operations", n)
	}
	g.window.Append(w.entry("a", "x"))
	for range equal {
		if got := s.next(); !strings.HasSuffix(got, `"payload":{"data":{"entryAdded":{"body":"x","connection":{"id":"alice"}}}}}`) {
			t.Errorf("got %s", got)
		}
	}
	if n := g.executed.Load(); n != 1 {
		t.Errorf("%d executions", n)
	}
	for i, query := range []string{
		`subscription{entryAdded{connection{id} body}}`,
		`subscription{entryAdded{b:body connection{id}}}`,
		`subscription{e:entryAdded{body connection{id}}}`,
		`subscription{entryAdded{body connection{id} seq}}`,
		`subscription{entryAdded{body connection{id data}}}`,
	} {
		s.subscribe(fmt.Sprint("other ", i), query)
		until(t, "it follows", func() bool { return w.sockets.Subscriptions() == len(equal)+i+1 })
		if n := groups(); n != i+2 {
			t.Errorf("%d groups with %s", n, query)
		}
	}
	if n := g.alone.Load(); n != 0 {
		t.Errorf("%d ran alone", n)
	}
}

// The bytes of an event that only one reader wants are not kept. Those that two readers want are kept, counted to the
// budget, and given up when memory is short.
func TestOnlyReadersBytesAreNotKept(t *testing.T) {
	memory := budget.New(1 << 20)
	g, w := newGroupWorldWith(t, StreamConfig{Answers: NewAnswers(AnswersConfig{Budget: memory})})
	first, second := w.ready(t), w.ready(t)
	first.subscribe("1", entryQuery)
	until(t, "one follows", func() bool { return w.sockets.Subscriptions() == 1 })
	post := func(sockets ...*rawSocket) {
		t.Helper()
		body := strings.Repeat("x", 10_000)
		g.window.Append(w.entry("a", body))
		for _, s := range sockets {
			s.expect(`{"id":"1","type":"next","payload":{"data":{"entryAdded":{"body":"` + body + `"}}}}`)
		}
	}
	for range 20 {
		post(first)
	}
	if n := memory.Used(); n != 0 {
		t.Errorf("%d bytes are kept for one reader", n)
	}
	second.subscribe("1", entryQuery)
	until(t, "two follow", func() bool { return w.sockets.Subscriptions() == 2 })
	for range 20 {
		post(first, second)
	}
	if n := memory.Used(); n < 200_000 || n > 220_000 {
		t.Errorf("%d bytes are kept for two readers", n)
	}
	for range 200 {
		post(first, second)
	}
	if n := memory.Used(); n > memory.Limit() {
		t.Errorf("%d bytes are kept of %d", n, memory.Limit())
	}
	_, _ = first.Close(), second.Close()
	until(t, "nothing is kept", func() bool { return memory.Used() == 0 })
}

// An operation id that is too long closes the socket, in either protocol; the longest allowed is answered.
func TestLongOperationIDs(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	for _, p := range []*protocol{modern, legacy} {
		s := w.dial(t, p.name)
		s.text(`{"type":"connection_init"}`)
		s.expect(`{"type":"connection_ack"}`)
		if p == legacy {
			s.expect(`{"type":"ka"}`)
		}
		longest := strings.Repeat("<", maxOperationIDBytes)
		s.text(fmt.Sprintf(`{"id":%q,"type":%q,"payload":{"query":"{__typename}"}}`, longest, p.subscribe))
		for range 2 {
			if got := s.next(); !strings.Contains(got, `"type":"`+p.next) && !strings.Contains(got, `"type":"complete"`) {
				t.Errorf("%s: %s", p.name, got)
			}
		}
		s.text(fmt.Sprintf(`{"id":%q,"type":%q,"payload":{"query":"{__typename}"}}`, longest+"<", p.subscribe))
		if reason := s.expectClose(CloseBadRequest); !strings.Contains(reason, "128 bytes") {
			t.Errorf("%s: %q", p.name, reason)
		}
	}
}

// A request with more values than allowed is refused as malformed, whatever the values are.
func TestValuesOfARequest(t *testing.T) {
	server := newServer(t, &stub{})
	body := func(n int) string {
		return `{"query":"{__typename}","variables":{"a":[` + strings.TrimSuffix(strings.Repeat("{},", n), ",") + `]}}`
	}
	want(t, post(t, server, body(9_000)), 200, `{"data":{"__typename":"Query"}}`)
	if w := post(t, server, body(11_000)); w.Code != 400 || !strings.Contains(w.Body.String(), "10,000 values") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	w := newSocketWorld(t, StreamConfig{})
	for _, message := range []string{
		`{"type":"ping",` + strings.TrimSuffix(strings.Repeat(`"a":1,`, 200), ",") + `}`,
		`{"id":"1","type":"subscribe","payload":` + body(11_000) + `}`,
	} {
		s := w.ready(t)
		s.text(message)
		if reason := s.expectClose(CloseBadRequest); !strings.Contains(reason, "100 members") && !strings.Contains(reason, "10,000 values") {
			t.Error(reason)
		}
	}
}

// Large bodies that stall wait for room, by address; small ones pass.
func TestBodiesThatStall(t *testing.T) {
	server := newServerWith(t, &stub{})
	memory := budget.New(8 << 20) // 2 MiB for bodies that come in, 1 MiB of them for one address
	answers := NewAnswers(AnswersConfig{Budget: memory})
	server.AddTransport(HTTP{Answers: answers, Client: func(*http.Request) netip.Addr { return here.Addr() }})
	first := io.LimitReader(neverEnds{}, 20<<10)
	rest := newStalledBody()
	done := make(chan int, 1)
	go func() {
		r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(first, rest))
		r.ContentLength = 1 << 20
		r.Header.Set("Content-Type", "application/json")
		done <- serve(t, server, r).Code
	}()
	<-rest.reading
	if n := memory.Reserved(); n != 2<<20 {
		t.Errorf("%d bytes are reserved for a body of 1 MiB", n)
	}
	given, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(given, http.MethodPost, "/", io.LimitReader(neverEnds{}, 1<<20))
	r.Header.Set("Content-Type", "application/json")
	if w := serve(t, server, r); w.Code != http.StatusServiceUnavailable {
		t.Errorf("one more has status %d", w.Code)
	}
	want(t, post(t, server, `{"query":"{__typename}"}`), 200, `{"data":{"__typename":"Query"}}`)
	close(rest.rest)
	if code := <-done; code != http.StatusBadRequest || memory.Reserved() != 0 {
		t.Errorf("status %d, %d bytes are reserved", code, memory.Reserved())
	}
}

// neverEnds is a body of spaces without end.
type neverEnds struct{}

func (neverEnds) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
