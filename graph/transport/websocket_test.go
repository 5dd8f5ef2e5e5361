package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"chattok/session"
)

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

// Compression is not negotiated, so a compressed frame breaks the protocol, and nothing is inflated.
func TestNoCompression(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	s := w.dial(t, protocolModern+"\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
	if got := s.header.Values("Sec-WebSocket-Extensions"); len(got) > 0 {
		t.Errorf("negotiated %q", got)
	}
	s.text(initMessage)
	s.expect(ackMessage)
	f := ws.MaskFrame(ws.NewTextFrame([]byte("\xca\x01\x00"))) // "{" by RFC 7692
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

	// The init timer does not touch a socket that was initialised: an operation works long after.
	s := w.ready(t)
	time.Sleep(500 * time.Millisecond) // enough for the timer to fire, if it still ran
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
	if cut, silent := w.sockets.CutOff(), w.sockets.Closed()["none"]; cut != 1 || silent != 1 {
		t.Errorf("%d readers were cut off, and %d sockets closed without a frame", cut, silent)
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

// TestLimitOfAFrame: a frame is held to the limit of the time at which its header has come, not of the time at which the reader
// began to wait for it: the limit grows with the acknowledgement.
func TestLimitOfAFrame(t *testing.T) {
	server, client := net.Pipe()
	defer server.Close()
	defer client.Close()
	var limit atomic.Int64
	limit.Store(8)
	r := &messageReader{idleReader{conn: server}}
	go func() {
		frame := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(make([]byte, 64))))
		_, _ = client.Write(frame[:1]) // returns when the reader has begun
		limit.Store(64)
		_, _ = client.Write(frame[1:])
	}()
	if _, payload, err := r.frame(func() int { return int(limit.Load()) }, false, func(ws.Header) error { return nil }); err != nil || len(payload) != 64 {
		t.Errorf("%d bytes, %v", len(payload), err)
	}
}
