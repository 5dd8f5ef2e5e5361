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
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/generated"
	"chattok/session"
)

// socketStub is stub with a subscription that hands out what the test feeds, and stays open.
type socketStub struct {
	*stub
	feed chan *session.ChatEntry
}

func (s *socketStub) Subscription() generated.SubscriptionResolver {
	return socketSubscription{stubSubscription{stub: s.stub}, s.feed}
}

type socketSubscription struct {
	stubSubscription
	feed chan *session.ChatEntry
}

func (s socketSubscription) EntryAdded(ctx context.Context, after *string) (<-chan *session.ChatEntry, error) {
	if after != nil && *after == "bad" {
		return nil, newError(session.CodeBadUserInput, session.ReasonCursorMismatch, "after is not a cursor")
	}
	out := make(chan *session.ChatEntry)
	s.subscribed.Add(1)
	go func() {
		defer close(out)
		defer s.subscribed.Add(-1)
		for {
			select {
			case <-ctx.Done():
				return
			case e, open := <-s.feed:
				if !open {
					return
				}
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out, nil
}

// socketWorld is a server with the WebSocket transport.
type socketWorld struct {
	*socketStub
	sockets  *Streams
	server   *httptest.Server
	attached atomic.Int64
	end      atomic.Pointer[func(*session.Error)] // of the socket attached last
}

// newSocketWorld starts one. The tokens it knows are "good", "expired", "ended", "busy" and "crowded".
func newSocketWorld(t testing.TB, config StreamConfig) *socketWorld {
	t.Helper()
	w := &socketWorld{socketStub: &socketStub{stub: &stub{}, feed: make(chan *session.ChatEntry)}}
	config.Authenticate = func(ctx context.Context, authorization string) (context.Context, error) {
		switch authorization {
		case "Bearer expired":
			return nil, session.Errorf(session.CodeUnauthenticated, "the access token has expired").WithReason("TOKEN_EXPIRED")
		case "Bearer ended":
			return nil, session.Errorf(session.CodeUnauthenticated, "it has ended").WithReason(session.ReasonConnectionDestroyed)
		case "Bearer busy":
			return nil, session.Unavailable(errors.New("disk"))
		case "Bearer crowded":
			return nil, session.Errorf(session.CodeRateLimited, "too many")
		}
		return ctx, nil
	}
	config.Attach = func(_ context.Context, onEnd func(*session.Error)) (func(), error) {
		w.attached.Add(1)
		w.end.Store(&onEnd)
		return func() { w.attached.Add(-1) }, nil
	}
	w.sockets = NewStreams(config)
	h := handler.New(generated.NewExecutableSchema(generated.Config{Resolvers: w.socketStub}))
	h.SetErrorPresenter(presentStub)
	documents := NewDocuments(0)
	h.SetQueryCache(documents)
	Use(h, &Limits{Documents: documents}, NewPersisted(0))
	h.AddTransport(w.sockets.WebSocket())
	h.AddTransport(HTTP{Stream: w.sockets.Answer})
	w.server = httptest.NewServer(h)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := w.sockets.Shutdown(ctx); err != nil {
			t.Errorf("shut down: %v", err)
		}
		w.server.Close()
		if w.attached.Load() != 0 || w.subscribed.Load() != 0 || w.sockets.Sockets() != 0 || w.sockets.Subscriptions() != 0 {
			t.Errorf("left over: %d attached, %d channels, %d sockets, %d subscriptions", w.attached.Load(), w.subscribed.Load(), w.sockets.Sockets(), w.sockets.Subscriptions())
		}
	})
	return w
}

// presentStub is the error presenter of the tests.
func presentStub(ctx context.Context, err error) *gqlerror.Error {
	if e, ok := errors.AsType[*session.Error](err); ok {
		return newError(e.Code, e.Reason, e.Message)
	}
	return graphql.DefaultErrorPresenter(ctx, err)
}

// rawSocket is the client's end, frame by frame.
type rawSocket struct {
	t testing.TB
	net.Conn
	r        *bufio.Reader
	protocol string // that was chosen
	header   http.Header
}

func (w *socketWorld) dial(t testing.TB, protocols ...string) *rawSocket {
	t.Helper()
	s, status, body := w.tryDial(t, protocols...)
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %d %s", status, body)
	}
	return s
}

func (w *socketWorld) tryDial(t testing.TB, protocols ...string) (s *rawSocket, status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	offer := ""
	if len(protocols) > 0 {
		offer = "Sec-WebSocket-Protocol: " + strings.Join(protocols, ", ") + "\r\n"
	}
	fmt.Fprintf(conn, "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", offer)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		raw, _ := io.ReadAll(resp.Body)
		return nil, resp.StatusCode, string(raw)
	}
	return &rawSocket{t: t, Conn: conn, r: r, protocol: resp.Header.Get("Sec-WebSocket-Protocol"), header: resp.Header}, resp.StatusCode, ""
}

func (s *rawSocket) frame(op ws.OpCode, fin bool, payload string) {
	s.t.Helper()
	f := ws.MaskFrame(ws.NewFrame(op, fin, []byte(payload)))
	if err := ws.WriteFrame(s, f); err != nil {
		s.t.Fatalf("write: %v", err)
	}
}

func (s *rawSocket) text(message string) { s.t.Helper(); s.frame(ws.OpText, true, message) }

func (s *rawSocket) subscribe(id, query string) {
	s.t.Helper()
	payload, _ := json.Marshal(map[string]string{"query": query})
	encoded, _ := json.Marshal(id)
	s.text(fmt.Sprintf(`{"id":%s,"type":"subscribe","payload":%s}`, encoded, payload))
}

func readFrame(r io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(r); err != nil {
		return f, err
	}
	f.Payload = make([]byte, f.Header.Length)
	_, err = io.ReadFull(r, f.Payload)
	return f, err
}

// next returns the next data frame's text, or "close CODE REASON".
func (s *rawSocket) next() string {
	s.t.Helper()
	for {
		f, err := readFrame(s.r)
		if err != nil {
			return "eof"
		}
		switch f.Header.OpCode {
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(f.Payload)
			if len(reason) > 123 {
				s.t.Errorf("a reason of %d bytes", len(reason))
			}
			return fmt.Sprintf("close %d %s", code, reason)
		case ws.OpPong:
			return "pong " + string(f.Payload)
		case ws.OpPing:
			s.frame(ws.OpPong, true, string(f.Payload))
		default:
			return string(f.Payload)
		}
	}
}

func (s *rawSocket) expect(want string) {
	s.t.Helper()
	if got := s.next(); got != want {
		s.t.Fatalf("got  %s\nwant %s", got, want)
	}
}

// expectClose wants a close with this code, whatever the reason, which it returns.
func (s *rawSocket) expectClose(code CloseCode) string {
	s.t.Helper()
	got := s.next()
	prefix := fmt.Sprintf("close %d ", code)
	if !strings.HasPrefix(got, prefix) {
		s.t.Fatalf("got %s, want %s", got, prefix)
	}
	return got[len(prefix):]
}

const (
	initMessage = `{"type":"connection_init"}`
	ackMessage  = `{"type":"connection_ack"}`
	entryQuery  = `subscription{entryAdded{body}}`
)

// ready dials and initialises.
func (w *socketWorld) ready(t testing.TB) *rawSocket {
	t.Helper()
	s := w.dial(t, protocolModern)
	s.text(initMessage)
	s.expect(ackMessage)
	return s
}

func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("gave up waiting: %s", what)
		}
	}
}

func TestSubprotocols(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	for _, c := range []struct {
		offered []string
		chosen  string
	}{
		{[]string{"foo", protocolModern}, protocolModern}, {[]string{protocolLegacy, protocolModern}, protocolModern},
		{[]string{protocolLegacy}, protocolLegacy}, {nil, ""},
	} {
		s := w.dial(t, c.offered...)
		if s.protocol != c.chosen {
			t.Errorf("%v: chose %q, want %q", c.offered, s.protocol, c.chosen)
		}
		s.text(initMessage)
		s.expect(ackMessage)
		if c.chosen == protocolModern {
			continue
		}
		s.expect(`{"type":"ka"}`)
		s.text(`{"id":"1","type":"start","payload":{"query":"{__typename}"}}`)
		s.expect(`{"id":"1","type":"data","payload":{"data":{"__typename":"Query"}}}`)
		s.expect(`{"id":"1","type":"complete"}`)
		s.text(`{"id":"2","type":"start","payload":{"query":"` + entryQuery + `"}}`)
		w.feed <- w.entry("a", "hi")
		s.expect(`{"id":"2","type":"data","payload":{"data":{"entryAdded":{"body":"hi"}}}}`)
		s.text(`{"id":"2","type":"stop"}`)
		until(t, "the subscription has ended", func() bool { return w.subscribed.Load() == 0 })
		s.text(`{"type":"connection_terminate"}`)
		s.expectClose(CloseNormal)
	}
	_, status, body := w.tryDial(t, "foo")
	if status != http.StatusBadRequest || !strings.Contains(body, protocolModern) || !strings.HasPrefix(body, `{"errors":[{"message":`) {
		t.Errorf("unknown subprotocol: %d %s", status, body)
	}
}

// TestNoCompression: it is not negotiated, so what is compressed breaks the protocol, and nothing is inflated.
func TestNoCompression(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	s := w.dial(t, protocolModern+"\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
	if got := s.header.Values("Sec-WebSocket-Extensions"); len(got) > 0 {
		t.Errorf("negotiated %q", got)
	}
	s.text(initMessage)
	s.expect(ackMessage)
	f := ws.MaskFrame(ws.NewTextFrame([]byte("\xca\x01\x00"))) // by RFC 7692 a "{"
	f.Header.Rsv = ws.Rsv(true, false, false)
	if err := ws.WriteFrame(s, f); err != nil {
		t.Fatal(err)
	}
	s.expectClose(CloseProtocol)
}

func TestInit(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{InitTimeout: 200 * time.Millisecond})
	w.dial(t, protocolModern).expectClose(CloseInitTimeout)

	for payload, want := range map[string]CloseCode{
		`"x"`: CloseBadRequest, `[]`: CloseBadRequest, `5`: CloseBadRequest, `true`: CloseBadRequest,
		`{"Authorization":5}`:                CloseBadRequest,
		`{"Authorization":"Bearer expired"}`: CloseForbidden,
		`{"authorization":"Bearer expired"}`: CloseForbidden,
		`{"Authorization":"Bearer ended"}`:   CloseUnauthorized,
		`{"Authorization":"Bearer busy"}`:    CloseTryLater,
	} {
		s := w.dial(t, protocolModern)
		s.text(`{"type":"connection_init","payload":` + payload + `}`)
		reason := s.expectClose(want)
		if want == CloseForbidden && !strings.HasPrefix(reason, "TOKEN_EXPIRED:") {
			t.Errorf("%s: reason %q", payload, reason)
		}
		if strings.Contains(reason, "disk") {
			t.Errorf("the cause shows: %q", reason)
		}
	}
	for _, payload := range []string{`null`, `{}`, `{"Authorization":null}`, `{"Authorization":"Bearer good"}`} {
		s := w.dial(t, protocolModern)
		s.text(`{"type":"connection_init","payload":` + payload + `}`)
		s.expect(ackMessage)
	}

	before := w.dial(t, protocolModern)
	before.subscribe("1", `mutation{addChatEntry(connectionId:"a",body:"b"){body}}`)
	before.expectClose(CloseUnauthorized)
	if n := w.added.Load(); n != 0 {
		t.Errorf("%d operations ran before the ack", n)
	}

	twice := w.dial(t, protocolModern)
	twice.text(initMessage)
	twice.text(initMessage)
	if got := twice.next(); got != ackMessage {
		if !strings.HasPrefix(got, "close 4429 ") {
			t.Fatalf("second init: %s", got)
		}
	} else {
		twice.expectClose(CloseTooManyInits)
	}

	large := w.dial(t, protocolModern)
	large.text(`{"type":"connection_init","payload":{"x":"` + strings.Repeat("x", maxInitBytes) + `"}}`)
	large.expectClose(CloseTooBig)

	// A socket that did initialise is not touched by the timer: an operation works long after.
	s := w.ready(t)
	time.Sleep(500 * time.Millisecond)
	s.subscribe("1", `{__typename}`)
	s.expect(`{"id":"1","type":"next","payload":{"data":{"__typename":"Query"}}}`)
}

func TestBadMessages(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	for _, message := range []string{`{oops`, `[]`, `5`, `null`, `{"type":"nope"}`, `{}`, `{"type":"subscribe"}`, `{"type":5}`,
		`{"id":"","type":"subscribe","payload":{"query":"{__typename}"}}`, `{"id":7,"type":"subscribe","payload":{"query":"{__typename}"}}`,
		`{"id":"1","type":"subscribe"}`, `{"id":"1","type":"subscribe","payload":{}}`, `{"id":"1","type":"subscribe","payload":"x"}`} {
		s := w.ready(t)
		s.text(message)
		if reason := s.expectClose(CloseBadRequest); reason == "" {
			t.Errorf("%s: no reason", message)
		}
	}
	s := w.ready(t)
	s.frame(ws.OpBinary, true, `{"type":"ping"}`)
	s.expectClose(CloseBadRequest)

	s = w.ready(t)
	s.text("{\"id\":\"1\",\"type\":\"subscribe\",\"payload\":{\"query\":\"{__typename}\",\"variables\":{\"a\":\"\\ud800\"}}}")
	if got := s.next(); !strings.HasPrefix(got, `{"id":"1","type":"error","payload":[{"message":`) || !strings.Contains(got, `"code":"BAD_USER_INPUT"`) {
		t.Errorf("lone surrogate: %s", got)
	}
}

func TestFrames(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{MaxMessageBytes: 1000})
	s := w.ready(t)
	s.frame(ws.OpText, false, `{"id":"1","type":"subscribe",`)
	s.frame(ws.OpPing, true, "in between")
	s.frame(ws.OpContinuation, false, `"payload":{"query":`)
	s.frame(ws.OpContinuation, true, `"{__typename}"}}`)
	s.expect("pong in between")
	s.expect(`{"id":"1","type":"next","payload":{"data":{"__typename":"Query"}}}`)
	s.expect(`{"id":"1","type":"complete"}`)
	s.text(`{"type":"ping","payload":{"a":1}}`)
	s.expect(`{"type":"pong","payload":{"a":1}}`)
	s.text(`{"type":"pong"}`)
	s.frame(ws.OpClose, true, string(ws.NewCloseFrameBody(1000, "bye")))
	s.expectClose(CloseNormal)
	for _, code := range []ws.StatusCode{0, 999, 1005, 1006, 5000} { // which nobody may send
		s = w.ready(t)
		s.frame(ws.OpClose, true, string(ws.NewCloseFrameBody(code, "")))
		s.expectClose(CloseProtocol)
	}

	for code, want := range map[ws.StatusCode]CloseCode{0: CloseProtocol, 999: CloseProtocol, 1004: CloseProtocol, 1005: CloseProtocol, 1006: CloseProtocol,
		1015: CloseProtocol, 1016: CloseProtocol, 2999: CloseProtocol, 5000: CloseProtocol, 65535: CloseProtocol, 1001: 1001, 1014: 1014, 3000: 3000, 4999: 4999} {
		s = w.ready(t)
		s.frame(ws.OpClose, true, string(ws.NewCloseFrameBody(code, "")))
		s.expectClose(want) // a code that no close frame may have is a fault, and not to be echoed
	}

	big := strings.Repeat("x", 600)
	s = w.ready(t)
	s.frame(ws.OpText, false, big)
	s.frame(ws.OpContinuation, true, big)
	s.expectClose(CloseTooBig)
	s = w.ready(t)
	s.text(big + big)
	s.expectClose(CloseTooBig)

	for name, send := range map[string]func(s *rawSocket){
		"unmasked":              func(s *rawSocket) { _ = ws.WriteFrame(s, ws.NewTextFrame([]byte(initMessage))) },
		"continuation of none":  func(s *rawSocket) { s.frame(ws.OpContinuation, true, "x") },
		"text within fragments": func(s *rawSocket) { s.frame(ws.OpText, false, "x"); s.frame(ws.OpText, true, "y") },
		"long ping":             func(s *rawSocket) { s.frame(ws.OpPing, true, strings.Repeat("x", 126)) },
		"reserved opcode":       func(s *rawSocket) { s.frame(ws.OpCode(3), true, "x") },
		"reserved bit": func(s *rawSocket) {
			f := ws.MaskFrame(ws.NewTextFrame([]byte("x")))
			f.Header.Rsv = ws.Rsv(true, false, false)
			_ = ws.WriteFrame(s, f)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := w.ready(t)
			send(s)
			s.expectClose(CloseProtocol)
		})
	}
}

func TestOperations(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{MaxOperations: 3})
	s := w.ready(t)
	for _, query := range []string{`{nope}`, `mutation{nope}`, `subscription{nope}`, `{`, `subscription{entryAdded(after:"bad"){body}}`} {
		s.subscribe("1", query)
		if got := s.next(); !strings.HasPrefix(got, `{"id":"1","type":"error","payload":[{`) || !strings.Contains(got, `"code":"`) {
			t.Errorf("%s: %s", query, got)
		}
		s.text(`{"type":"ping"}`)
		s.expect(`{"type":"pong"}`) // nothing in between
	}
	const strange = "a\"\\\u2028é<\x01"
	s.subscribe(strange, `{__typename}`)
	encoded, _ := json.Marshal(strange)
	s.expect(`{"id":` + string(encoded) + `,"type":"next","payload":{"data":{"__typename":"Query"}}}`)
	s.expect(`{"id":` + string(encoded) + `,"type":"complete"}`)

	s.subscribe("1", entryQuery)
	s.subscribe("2", entryQuery)
	s.subscribe("3", entryQuery)
	s.subscribe("4", entryQuery)
	if got := s.next(); !strings.HasPrefix(got, `{"id":"4","type":"error","payload":[`) || !strings.Contains(got, "RATE_LIMITED") {
		t.Errorf("one operation too many: %s", got)
	}
	until(t, "three subscriptions", func() bool { return w.subscribed.Load() == 3 })
	s.text(`{"id":"1","type":"complete"}`)
	s.text(`{"id":"3","type":"complete"}`)
	until(t, "two have ended", func() bool { return w.subscribed.Load() == 1 })
	w.feed <- w.entry("a", "still")
	s.expect(`{"id":"2","type":"next","payload":{"data":{"entryAdded":{"body":"still"}}}}`)
	s.subscribe("2", entryQuery)
	if reason := s.expectClose(CloseDuplicateID); !strings.Contains(reason, "2") {
		t.Errorf("the reason does not name the id: %q", reason)
	}
	until(t, "all have ended", func() bool { return w.subscribed.Load() == 0 && w.sockets.Sockets() == 0 })
}

func TestSourceThatEnds(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	s := w.ready(t)
	s.subscribe("1", entryQuery)
	w.feed <- w.entry("a", "last")
	close(w.feed)
	s.expect(`{"id":"1","type":"next","payload":{"data":{"entryAdded":{"body":"last"}}}}`)
	s.expect(`{"id":"1","type":"complete"}`)
}

func TestOrderOnOneSocket(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	w.bodies = make(chan string, 100)
	s := w.ready(t)
	for i := range 100 {
		s.subscribe(fmt.Sprint(i), fmt.Sprintf(`mutation{addChatEntry(connectionId:"a",body:"%d"){body}}`, i))
	}
	for i := range 100 {
		s.expect(fmt.Sprintf(`{"id":"%d","type":"next","payload":{"data":{"addChatEntry":{"body":"%d"}}}}`, i, i))
		s.expect(fmt.Sprintf(`{"id":"%d","type":"complete"}`, i))
		if got := <-w.bodies; got != fmt.Sprint(i) {
			t.Fatalf("%s ran in place of %d", got, i)
		}
	}
}

func TestEndOfTheConnection(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	s := w.ready(t)
	s.subscribe("1", entryQuery)
	until(t, "it follows", func() bool { return w.subscribed.Load() == 1 })
	(*w.end.Load())(session.Errorf(session.CodeUnauthenticated, "this connection has ended").WithReason(session.ReasonConnectionDestroyed))
	if reason := s.expectClose(CloseUnauthorized); !strings.HasPrefix(reason, session.ReasonConnectionDestroyed) {
		t.Errorf("reason %q", reason)
	}
	s.frame(ws.OpClose, true, "")
	until(t, "it is gone", func() bool { return w.sockets.Sockets() == 0 && w.attached.Load() == 0 })
}

func TestShutdownSaysComeBack(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	all := make([]*rawSocket, 20)
	for i := range all {
		all[i] = w.ready(t)
		all[i].subscribe("1", entryQuery)
	}
	until(t, "all follow", func() bool { return w.subscribed.Load() == 20 })
	done := make(chan error, 1)
	go func() { done <- w.sockets.Shutdown(context.Background()) }()
	for _, s := range all {
		s.expectClose(CloseRestart) // and no complete before it
		_ = s.Close()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, status, _ := w.tryDial(t, protocolModern); status != http.StatusServiceUnavailable {
		t.Errorf("a socket after the end: %d", status)
	}
	w.sockets = NewStreams(StreamConfig{}) // for the clean-up
}

func TestReaderThatStopsIsDropped(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{WriteTimeout: 200 * time.Millisecond})
	stuck := w.ready(t)
	_ = stuck.Conn.(*net.TCPConn).SetReadBuffer(4096)
	stuck.subscribe("1", entryQuery)
	until(t, "it follows", func() bool { return w.subscribed.Load() == 1 })
	large := w.entry("a", strings.Repeat("x", 16<<10))
	for gone := false; !gone; {
		select {
		case w.feed <- large:
		case <-time.After(5 * time.Millisecond):
			gone = w.sockets.Sockets() == 0
		}
	}
}

func TestPeerThatVanished(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{PingInterval: 400 * time.Millisecond})
	w.ready(t) // and never reads nor answers a ping
	until(t, "it is gone", func() bool { return w.sockets.Sockets() == 0 })

	s := w.ready(t)
	for range 4 { // one that answers stays
		f, err := readFrame(s.r)
		if err != nil || f.Header.OpCode != ws.OpPing {
			t.Fatalf("in place of a ping: %v %v", f.Header, err)
		}
		s.frame(ws.OpPong, true, string(f.Payload))
	}
}

// TestSocketsLeaveNothing opens and ends sockets in every way; newSocketWorld counts what is left.
func TestSocketsLeaveNothing(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	for i := range 120 {
		s := w.ready(t)
		s.subscribe("1", entryQuery)
		switch i % 6 {
		case 0:
			s.text(`{"id":"1","type":"complete"}`)
			_ = s.Close()
		case 1:
			s.frame(ws.OpClose, true, string(ws.NewCloseFrameBody(1000, "")))
		case 2:
			_ = s.Conn.(*net.TCPConn).SetLinger(0)
			_ = s.Close()
		case 3:
			_ = s.Conn.(*net.TCPConn).CloseWrite()
		case 4:
			s.text("garbage")
		case 5:
			early := w.dial(t, protocolModern)
			early.text(initMessage)
			_ = early.Close()
			_ = s.Close()
		}
	}
	until(t, "all have ended", func() bool {
		return w.sockets.Sockets() == 0 && w.attached.Load() == 0 && w.subscribed.Load() == 0 && w.sockets.Subscriptions() == 0
	})
}
