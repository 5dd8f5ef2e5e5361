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

	"chattok/session"
)

var (
	here  = netip.MustParsePrefix("192.0.2.1/32")
	there = netip.MustParsePrefix("192.0.2.2/32")
)

// TestPool: a client has half at most, small answers a quarter more; who waits has his turn when there is room, or gives
// up; and a single answer has its turn however large.
func TestPool(t *testing.T) {
	b := session.NewBudget(8 << 20)
	p := newPool(b, 4<<20)
	take := func(client netip.Prefix, n int64, want bool) {
		t.Helper()
		if got := p.tryAcquire(client, n); got != want {
			t.Errorf("%d bytes: %v", n, got)
		}
	}
	take(here, 2<<20, true)
	take(here, lightBytes+1, false) // above its half
	take(there, 2<<20, true)
	take(netip.Prefix{}, 1<<20, false)
	take(netip.Prefix{}, lightBytes, true)
	if b.Reserved() != 4<<20+lightBytes {
		t.Errorf("%d bytes are reserved", b.Reserved())
	}
	p.release(netip.Prefix{}, lightBytes)
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
	if b.Reserved() != 0 || p.used != 0 || len(p.clients) != 0 || p.waiting.Len() != 0 {
		t.Errorf("left: %d reserved, %d used, %d clients, %d waiting", b.Reserved(), p.used, len(p.clients), p.waiting.Len())
	}
}

// TestRequestsUnderWay are counted by address and in all.
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
	address = "127.0.0.1" // which is counted in all alone
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

// stalledBody is a body that does not come until rest is closed, and then ends.
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

// TestEqualAnswersAreOneGroup: other spacing, comments, fragments and names of the operation, conditions that come to the
// same, and variables in place of values are one group; another alias, order or field is another.
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

// TestOnlyReadersBytesAreNotKept: what one reader alone wants is rendered and forgotten; what two want is kept, counted,
// and gives way.
func TestOnlyReadersBytesAreNotKept(t *testing.T) {
	budget := session.NewBudget(1 << 20)
	g, w := newGroupWorldWith(t, StreamConfig{Answers: NewAnswers(AnswersConfig{Budget: budget})})
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
	if n := budget.Used(); n != 0 {
		t.Errorf("%d bytes are kept for one reader", n)
	}
	second.subscribe("1", entryQuery)
	until(t, "two follow", func() bool { return w.sockets.Subscriptions() == 2 })
	for range 20 {
		post(first, second)
	}
	if n := budget.Used(); n < 200_000 || n > 220_000 {
		t.Errorf("%d bytes are kept for two readers", n)
	}
	for range 200 {
		post(first, second)
	}
	if n := budget.Used(); n > budget.Limit() {
		t.Errorf("%d bytes are kept of %d", n, budget.Limit())
	}
	_, _ = first.Close(), second.Close()
	until(t, "nothing is kept", func() bool { return budget.Used() == 0 })
}

// TestLongOperationIDs close the socket, by either protocol; the longest that may be are answered.
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

// TestValuesOfARequest are counted, whatever they are: a request that holds more than it may is refused as malformed.
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

// TestBodiesThatStall wait for room, by address, and small ones pass.
func TestBodiesThatStall(t *testing.T) {
	server := newServerWith(t, &stub{})
	budget := session.NewBudget(8 << 20) // of which 2 MiB are for what comes in, and 1 for an address
	answers := NewAnswers(AnswersConfig{Budget: budget})
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
	if n := budget.Reserved(); n != 2<<20 {
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
	if code := <-done; code != http.StatusBadRequest || budget.Reserved() != 0 {
		t.Errorf("status %d, %d bytes are reserved", code, budget.Reserved())
	}
}

// neverEnds is a body of spaces.
type neverEnds struct{}

func (neverEnds) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestOneSchema: an operation asks for the schema once, and a document that lasts is short.
func TestOneSchema(t *testing.T) {
	l := newLimits(t, defaults)
	for query, want := range map[string]string{
		`{__schema{types{name}}}`:                                                   "",
		`{a:__schema{types{name}} b:__schema{types{name}}}`:                         "an operation must ask for __schema once at most",
		`{__schema{types{name}} ...F} fragment F on Query{b:__schema{types{name}}}`: "an operation must ask for __schema once at most",
		`subscription{entryAdded{seq}} #` + strings.Repeat("x", 32<<10):             "a document with a subscription must be at most 32768 bytes",
		`{__typename} #` + strings.Repeat("x", 32<<10):                              "",
	} {
		err := l.Check(query)
		if want == "" && err != nil || want != "" && (err == nil || err.Message != want) {
			t.Errorf("%.60s: %v", query, err)
		}
	}
}
