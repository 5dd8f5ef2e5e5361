package transport

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"chattok/graph/transport/streamtest"
	"chattok/session"
)

// testStream is the client's end of a stream, with checks.
type testStream struct{ *streamtest.Stream }

// open sends a subscription; the stream ends with the test.
func (w *socketWorld) open(t testing.TB, accept, query string, header ...[2]string) testStream {
	t.Helper()
	s, err := streamtest.Open(t.Context(), streamtest.Request{URL: w.server.URL, Accept: accept, Query: query, Header: header})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return testStream{s}
}

func (s testStream) expect(t testing.TB, want string) {
	t.Helper()
	if got, err := s.Next(); err != nil || got != want {
		t.Fatalf("got  %s %v\nwant %s", got, err, want)
	}
}

func (s testStream) expectEnd(t testing.TB, want error) {
	t.Helper()
	if got, err := s.Next(); !errors.Is(err, want) {
		t.Fatalf("got %s %v, want the end: %v", got, err, want)
	}
}

// framings runs a test over SSE and over multipart; wrap puts a response's JSON into the framing's form.
func framings(t *testing.T, test func(t *testing.T, accept string, wrap func(response string) string)) {
	t.Run("SSE", func(t *testing.T) { test(t, streamtest.SSE, func(response string) string { return response }) })
	t.Run("multipart", func(t *testing.T) {
		test(t, streamtest.Multipart, func(response string) string { return `{"payload":` + response + `}` })
	})
}

// Whole streams have the expected bytes.
func TestStreamBytes(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	go func() {
		for range 2 {
			w.feed <- w.entry("a", "é\r\n\u2028")
		}
		close(w.feed)
	}()
	const (
		event      = `{"data":{"entryAdded":{"body":"é\r\n` + "\u2028" + `"}}}`
		typename   = `{"data":{"__typename":"Query"}}`
		mismatch   = `{"errors":[{"message":"after is not a cursor","path":["entryAdded"],"locations":[{"line":1,"column":14}],"extensions":{"code":"BAD_USER_INPUT","reason":"CURSOR_MISMATCH"}}]}`
		invalid    = `{"errors":[{"message":"Cannot query field \"nope\" on type \"Query\".","locations":[{"line":1,"column":2}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`
		part       = "\r\n--graphql\r\nContent-Type: application/json\r\n\r\n"
		end        = "\r\n--graphql--\r\n"
		complete   = "event: complete\ndata:\n\n"
		onlyStream = "multipart/mixed;subscriptionSpec=1.0"
	)
	for _, c := range []struct{ accept, query, want string }{
		{streamtest.SSE, entryQuery, ":\n\nevent: next\ndata: " + event + "\n\nevent: next\ndata: " + event + "\n\n" + complete},
		{streamtest.Multipart, entryQuery, part + "{}" + end}, // the source has ended
		{streamtest.SSE, `{__typename}`, ":\n\nevent: next\ndata: " + typename + "\n\n" + complete},
		{onlyStream, `{__typename}`, part + `{"payload":` + typename + `}` + end},
		{streamtest.SSE, `{nope}`, ":\n\nevent: next\ndata: " + invalid + "\n\n" + complete},
		{onlyStream, `{nope}`, part + `{"payload":` + invalid + `}` + end},
		{streamtest.SSE, `subscription{entryAdded(after:"bad"){body}}`, ":\n\nevent: next\ndata: " + mismatch + "\n\n" + complete},
		{streamtest.Multipart, `subscription{entryAdded(after:"bad"){body}}`, part + `{"payload":` + mismatch + `}` + end},
	} {
		s := w.open(t, c.accept, c.query)
		raw, err := io.ReadAll(s.Body)
		if err != nil || string(raw) != c.want {
			t.Errorf("%s as %s:\ngot  %q %v\nwant %q", c.query, c.accept, raw, err, c.want)
		}
		if cache, proxy, encoding := s.Header.Get("Cache-Control"), s.Header.Get("X-Accel-Buffering"), s.Header.Get("Content-Encoding"); cache != "no-store, no-transform" || proxy != "no" || encoding != "" {
			t.Errorf("header %v", s.Header)
		}
	}
}

// Sockets, SSE and multipart streams with the same selection are one group, and each client can read an event before
// the next one comes.
func TestOneExecutionForAllFramings(t *testing.T) {
	const each, events = 8, 30
	const query = `subscription{entryAdded{body connection{id}}}`
	g, w := newGroupWorld(t)
	var sockets []*rawSocket
	var streams []testStream
	for i := range each {
		s := w.ready(t)
		s.subscribe("1", query)
		sockets = append(sockets, s)
		streams = append(streams, w.open(t, streamtest.SSE, query), w.open(t, streamtest.Multipart, query))
		until(t, "all follow", func() bool { return w.sockets.Subscriptions() == 3*(i+1) })
	}
	for n := range events {
		g.window.Append(w.entry("a", fmt.Sprint("é\"", n)))
		body, _ := json.Marshal(fmt.Sprint("é\"", n))
		want := fmt.Sprintf(`{"data":{"entryAdded":{"body":%s,"connection":{"id":"alice"}}}}`, body)
		for i := range each {
			sockets[i].expect(`{"id":"1","type":"next","payload":` + want + `}`)
			streams[2*i].expect(t, want)
			streams[2*i+1].expect(t, `{"payload":`+want+`}`)
		}
	}
	if n := g.executed.Load(); n != events {
		t.Errorf("%d executions of %d events", n, events)
	}
	if n := w.sockets.HTTPStreams(); n != 2*each {
		t.Errorf("%d streams are counted", n)
	}
	for i := range each {
		_ = sockets[i].Close()
		streams[2*i].Close()
		streams[2*i+1].Close()
	}
	until(t, "all have left", func() bool { return w.sockets.Subscriptions() == 0 && w.sockets.HTTPStreams() == 0 })
	w.sockets.groups.mu.Lock()
	defer w.sockets.groups.mu.Unlock()
	if n := len(w.sockets.groups.byKey); n != 0 {
		t.Errorf("%d groups are left", n)
	}
}

// Keep-alives stop with their handler: streams end by themselves, by errors and by their clients while keep-alives are
// sent.
func TestKeepAliveEndsWithItsHandler(t *testing.T) {
	for _, interval := range []time.Duration{50 * time.Microsecond, time.Millisecond} {
		w := newSocketWorld(t, StreamConfig{KeepAlive: interval})
		close(w.feed) // each subscription ends at once
		handler := w.server.Config.Handler
		var work sync.WaitGroup
		for i := range 8 {
			work.Go(func() {
				for n := range 200 {
					query := [...]string{`{__typename}`, `{nope}`, entryQuery, `subscription{entryAdded(after:"bad"){body}}`}[n%4]
					r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(jsonBody(t, query)))
					r.Header.Set("Content-Type", typeJSON)
					r.Header.Set("Accept", [...]string{streamtest.SSE, streamtest.Multipart}[i%2])
					answer := httptest.NewRecorder()
					handler.ServeHTTP(answer, r)
					if answer.Code != http.StatusOK && answer.Code != http.StatusBadRequest {
						t.Errorf("%s: %d %s", query, answer.Code, answer.Body)
					}
				}
			})
		}
		work.Wait()
	}
}

// A silent stream shows signs of life, and one whose client has gone is noticed.
func TestIdleStreams(t *testing.T) {
	framings(t, func(t *testing.T, accept string, wrap func(string) string) {
		w := newSocketWorld(t, StreamConfig{KeepAlive: 10 * time.Millisecond})
		s := w.open(t, accept, entryQuery)
		read := make(chan string)
		go func() { payload, _ := s.Next(); read <- payload }()
		until(t, "it follows", func() bool { return w.subscribed.Load() == 1 })
		until(t, "it shows signs of life", func() bool { return s.Beats.Load() >= 3 })
		w.feed <- w.entry("a", "hi")
		if got := <-read; got != wrap(`{"data":{"entryAdded":{"body":"hi"}}}`) {
			t.Errorf("after signs of life: %s", got)
		}
		s.Reset()
		until(t, "it is gone", func() bool { return w.sockets.HTTPStreams() == 0 && w.attached.Load() == 0 && w.subscribed.Load() == 0 })
	})
}

// A stream whose client stops reading is cut off when the write deadline passes, with a shared execution or one of its
// own.
func TestStreamThatStopsReading(t *testing.T) {
	framings(t, func(t *testing.T, accept string, _ func(string) string) {
		config := StreamConfig{WriteTimeout: 200 * time.Millisecond}
		g, shared := newGroupWorldWith(t, config)
		alone := newSocketWorld(t, config)
		for _, w := range []*socketWorld{shared, alone} {
			s := w.open(t, accept, entryQuery)
			_ = s.Conn.(*net.TCPConn).SetReadBuffer(4096)
			until(t, "it follows", func() bool { return w.sockets.Subscriptions() == 1 })
			large := w.entry("a", strings.Repeat("x", 64<<10))
			until(t, "it is cut off", func() bool {
				if w == shared {
					if _, newest := g.window.Bounds(); newest < 100 {
						g.window.Append(large)
					}
				} else {
					select {
					case w.feed <- large:
					default:
					}
				}
				return w.sockets.HTTPStreams() == 0
			})
			if n := w.sockets.CutOff(); n != 1 {
				t.Errorf("%d readers were cut off", n)
			}
		}
	})
}

// The stream of a connection that has ended ends with an error, as its protocol says.
func TestStreamOfAnEndedConnection(t *testing.T) {
	const ended = `{"message":"this connection has ended","extensions":{"code":"UNAUTHENTICATED","reason":"CONNECTION_DESTROYED"}}`
	for accept, want := range map[string]string{streamtest.SSE: `{"errors":[` + ended + `]}`, streamtest.Multipart: `{"payload":null,"errors":[` + ended + `]}`} {
		w := newSocketWorld(t, StreamConfig{})
		s := w.open(t, accept, entryQuery)
		until(t, "it follows", func() bool { return w.subscribed.Load() == 1 })
		w.feed <- w.entry("a", "hi")
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
		(*w.end.Load())(session.Errorf(session.CodeUnauthenticated, "this connection has ended").WithReason(session.ReasonConnectionDestroyed))
		s.expect(t, want)
		s.expectEnd(t, streamtest.ErrComplete)
		until(t, "it is gone", func() bool { return w.sockets.HTTPStreams() == 0 && w.attached.Load() == 0 })
	}
}

// At a shutdown streams are cut without the end of their protocol or of HTTP, and no stream begins any more.
func TestStreamsAtShutdown(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	var all []testStream
	for i := range 20 {
		all = append(all, w.open(t, [...]string{streamtest.SSE, streamtest.Multipart}[i%2], entryQuery))
	}
	until(t, "all follow", func() bool { return w.subscribed.Load() == 20 })
	done := make(chan error, 1)
	go func() { done <- w.sockets.Shutdown(context.Background()) }()
	for _, s := range all {
		s.expectEnd(t, io.ErrUnexpectedEOF)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	late := w.open(t, streamtest.SSE, entryQuery)
	if late.StatusCode != http.StatusServiceUnavailable || late.Header.Get("Retry-After") != "5" {
		t.Errorf("a stream after the end: %d", late.StatusCode)
	}
	if s := w.open(t, streamtest.SSE, `{__typename}`); s.StatusCode != http.StatusOK {
		t.Errorf("a query: %d", s.StatusCode)
	}
	w.sockets = NewStreams(StreamConfig{}) // for the clean-up
}

// A refusal that may pass has a status that asks the client to come back; every other refusal is a stream of one error.
func TestRefusedStreams(t *testing.T) {
	framings(t, func(t *testing.T, accept string, _ func(string) string) {
		for _, c := range []struct {
			why    error
			status int
			code   string
		}{
			{session.Unavailable(errors.New("disk")), 503, `"code":"UNAVAILABLE"`},
			{session.Errorf(session.CodeRateLimited, "too many"), 429, `"code":"RATE_LIMITED"`},
			{session.Errorf(session.CodeUnauthenticated, "it has ended").WithReason(session.ReasonConnectionDestroyed), 200, `"code":"UNAUTHENTICATED","reason":"CONNECTION_DESTROYED"`},
			{errors.New("boom"), 200, "boom"}, // the message of this test's presenter
		} {
			w := newSocketWorld(t, StreamConfig{})
			w.sockets.config.Attach = func(context.Context, func(*session.Error)) (func(), error) { return nil, c.why }
			s := w.open(t, accept, entryQuery)
			raw, err := io.ReadAll(s.Body)
			if err != nil || s.StatusCode != c.status || c.status != 200 && s.Header.Get("Retry-After") != "5" {
				t.Errorf("%v: %d %v %s %v", c.why, s.StatusCode, s.Header, raw, err)
			}
			if !strings.Contains(string(raw), c.code) {
				t.Errorf("%v: %s", c.why, raw)
			}
		}
		w := newSocketWorld(t, StreamConfig{MaxSockets: 1})
		w.ready(t)
		if s := w.open(t, accept, entryQuery); s.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("one more than there may be: %d", s.StatusCode)
		}
	})
}

// EventSource's GET, HEAD, HTTP/1.0 and HTTP/2 are answered as documented.
func TestStreamMethodsAndVersions(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	const want = `{"data":{"entryAdded":{"body":"hi"}}}`
	query := w.server.URL + "?query=" + url.QueryEscape(entryQuery)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, query, nil)
	r.Header.Set("Accept", streamtest.SSE)
	opened, err := streamtest.Do(r, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.feed <- w.entry("a", "hi")
	testStream{opened}.expect(t, want)
	opened.Close()
	until(t, "it is gone", func() bool { return w.subscribed.Load() == 0 })

	r, _ = http.NewRequestWithContext(t.Context(), http.MethodHead, query, nil)
	r.Header.Set("Accept", streamtest.SSE)
	head, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || head.StatusCode != http.StatusOK || head.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Errorf("HEAD: %v %v", head, err)
	}
	if w.subscribed.Load() != 0 {
		t.Error("HEAD subscribed")
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()

	body := jsonBody(t, entryQuery)
	old, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Close() }()
	fmt.Fprintf(old, "POST / HTTP/1.0\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	reader := bufio.NewReader(old)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil || answer.StatusCode != http.StatusHTTPVersionNotSupported {
		t.Fatalf("HTTP/1.0: %v %v", answer, err)
	}
	_ = old.Close()

	modern := httptest.NewUnstartedServer(w.server.Config.Handler)
	modern.EnableHTTP2 = true
	modern.StartTLS()
	defer modern.Close()
	framings(t, func(t *testing.T, accept string, wrap func(string) string) {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, modern.URL, strings.NewReader(body))
		r.Header.Set("Content-Type", typeJSON)
		r.Header.Set("Accept", accept)
		answer, err := modern.Client().Do(r)
		if err != nil || answer.ProtoMajor != 2 {
			t.Fatalf("HTTP/2: %v %v", answer, err)
		}
		defer func() { _ = answer.Body.Close() }()
		w.feed <- w.entry("a", "hi")
		found := make([]byte, 0, 1024)
		for !strings.Contains(string(found), wrap(want)) {
			n, err := answer.Body.Read(found[len(found):cap(found)])
			if found = found[:len(found)+n]; err != nil {
				t.Fatalf("%q %v", found, err)
			}
		}
	})
	until(t, "all are gone", func() bool { return w.sockets.HTTPStreams() == 0 })
}

// A stream whose execution panics where gqlgen does not recover ends with an error, and the process lives.
func TestStreamWhoseExecutionPanics(t *testing.T) {
	r := (&httpStream{}).executeOne(t.Context(), func(context.Context) *graphql.Response { panic("boom") })
	if want := errorBody("internal error", "INTERNAL", ""); !r.final || string(r.response) != want {
		t.Errorf("got %s, want %s", r.response, want)
	}
}

// Last-Event-ID takes precedence over the position in the arguments; a malformed one is an error that names the header.
func TestLastEventID(t *testing.T) {
	g, w := newGroupWorld(t)
	for n := range 5 {
		g.window.Append(w.entry("a", fmt.Sprint(n+1)))
	}
	s := w.open(t, streamtest.SSE, `subscription{entryAdded(after:"0"){body}}`, [2]string{"Last-Event-ID", "3"})
	for n := 4; n <= 5; n++ {
		s.expect(t, fmt.Sprintf(`{"data":{"entryAdded":{"body":"%d"}}}`, n))
		if s.ID != fmt.Sprint(n) {
			t.Errorf("event %d has id %q", n, s.ID)
		}
	}
	bad := w.open(t, streamtest.SSE, entryQuery, [2]string{"Last-Event-ID", "bad"})
	bad.expect(t, `{"errors":[{"message":"Last-Event-ID is not a cursor of this session's log; start again from \"0\" or from the session's last cursor","extensions":{"code":"BAD_USER_INPUT","reason":"CURSOR_MISMATCH"}}]}`)
	bad.expectEnd(t, streamtest.ErrComplete)
	// Multipart has no event ids, so the header has no meaning there.
	other := w.open(t, streamtest.Multipart, `subscription{entryAdded(after:"4"){body}}`, [2]string{"Last-Event-ID", "bad"})
	other.expect(t, `{"payload":{"data":{"entryAdded":{"body":"5"}}}}`)
}
