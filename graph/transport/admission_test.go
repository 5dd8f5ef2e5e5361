package transport

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"chattok/session"
)

// from returns a StreamConfig.Client that returns the address set last, and its setter.
func from(addr string) (client func(*http.Request) netip.Addr, set func(string)) {
	var now atomic.Pointer[netip.Addr]
	set = func(addr string) {
		a := netip.MustParseAddr(addr)
		now.Store(&a)
	}
	set(addr)
	return func(*http.Request) netip.Addr { return *now.Load() }, set
}

// A socket above a limit is asked to come back later, those before it live on, and one that ends makes room.
func TestSocketLimits(t *testing.T) {
	const (
		init   = `{"type":"connection_init"}`
		ack    = `{"type":"connection_ack"}`
		closed = "close 1013 "
	)
	t.Run("in all", func(t *testing.T) {
		w := newSocketWorld(t, StreamConfig{MaxSockets: 2})
		first := w.dial(t, protocolModern)
		w.dial(t, protocolModern)
		w.dial(t, protocolModern).expect(closed + string(deniedServerFull))
		first.text(init)
		first.expect(ack)
		_ = first.Close()
		until(t, "the place is free", func() bool { return w.sockets.Sockets() == 1 })
		again := w.dial(t, protocolModern)
		again.text(init)
		again.expect(ack)
	})
	t.Run("of an address", func(t *testing.T) {
		client, set := from("198.51.100.7")
		w := newSocketWorld(t, StreamConfig{MaxPerAddress: 1, Client: client})
		first := w.dial(t, protocolModern)
		w.dial(t, protocolModern).expect(closed + string(deniedAddressFull))
		for _, other := range []string{"198.51.100.8", "2001:db8:0:1::1", "2001:db8:0:2::1"} {
			set(other)
			s := w.dial(t, protocolModern)
			s.text(init)
			s.expect(ack)
		}
		for _, same := range []string{"::ffff:198.51.100.7", "2001:db8:0:1:ffff::9"} {
			set(same)
			w.dial(t, protocolModern).expect(closed + string(deniedAddressFull))
		}
		for _, loopback := range []string{"127.0.0.1", "127.0.0.1", "::1", "::1"} {
			set(loopback)
			w.dial(t, protocolModern)
		}
		_ = first.Close()
		set("198.51.100.7")
		until(t, "the place is free", func() bool { return w.sockets.Sockets() == 7 })
		again := w.dial(t, protocolModern)
		again.text(init)
		again.expect(ack)
	})
	t.Run("not initialised", func(t *testing.T) {
		w := newSocketWorld(t, StreamConfig{MaxWaiting: 2})
		oldest, initialised := w.dial(t, protocolModern), w.dial(t, protocolModern)
		initialised.text(init)
		initialised.expect(ack)
		second := w.dial(t, protocolModern)
		third := w.dial(t, protocolModern)
		oldest.expect(closed + tooManyUninitialised)
		_ = oldest.Close()
		_ = third.Close() // it never sent connection_init
		until(t, "its place is free", func() bool { return w.sockets.Sockets() == 2 })
		fourth := w.dial(t, protocolModern)
		for _, s := range []*rawSocket{second, fourth} {
			s.text(init)
			s.expect(ack)
		}
		if n := w.sockets.admission.waiting.Len(); n != 0 {
			t.Errorf("%d wait", n)
		}
	})
	t.Run("of a connection", func(t *testing.T) {
		w := newSocketWorld(t, StreamConfig{})
		s := w.dial(t, protocolModern)
		s.text(`{"type":"connection_init","payload":{"Authorization":"Bearer crowded"}}`)
		s.expect(closed + "RATE_LIMITED: too many")
	})
}

// Messages that a client sent before it heard that it can't stay do not cost it the reason.
func TestTurnedAway(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{MaxSockets: 1})
	w.dial(t, protocolModern)
	s := w.dial(t, protocolModern)
	for range 100 {
		s.text(`{"type":"connection_init"}`)
	}
	s.expect("close 1013 " + string(deniedServerFull))
	s.frame(8, true, "")
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := io.Copy(io.Discard, s.r); n != 0 || err != nil {
		t.Errorf("after the close: %d bytes, %v", n, err)
	}
}

// Over HTTP a limit has a status, a code and a time to come back.
func TestCrowding(t *testing.T) {
	for why, want := range map[denial]struct {
		status int
		code   session.Code
	}{
		deniedRestarting: {503, session.CodeUnavailable}, deniedServerFull: {503, session.CodeUnavailable},
		deniedAddressFull: {429, session.CodeRateLimited},
	} {
		r := httptest.NewRecorder()
		why.refuse(r, httptest.NewRequest(http.MethodGet, "/", nil))
		body := errorBody(string(why), string(want.code), "")
		if want.code == session.CodeRateLimited {
			body = strings.Replace(body, `"RATE_LIMITED"`, `"RATE_LIMITED","retryAfterMs":5000`, 1)
		}
		if r.Code != want.status || r.Header().Get("Retry-After") != "5" || strings.TrimSpace(r.Body.String()) != body {
			t.Errorf("%d %s", r.Code, r.Body)
		}
	}
}

// A socket that has sent 8 frames and no connection_init ends with the next one; afterwards frames are only paced.
func TestFramesBeforeTheAck(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	late, early := w.ready(t), w.dial(t, protocolModern)
	for range maxEarlyFrames + 1 {
		early.text(`{"type":"ping"}`)
		late.text(`{"type":"ping"}`)
	}
	for range maxStrangerFrames {
		early.expect(`{"type":"pong"}`)
	}
	early.expect("close 4400 too many frames before the connection_ack")
	for range maxEarlyFrames + 1 {
		late.expect(`{"type":"pong"}`)
	}
}

// Before the connection_init, any other message is short, whatever it contains. A connection_init may be long, and so may the messages
// after it.
func TestLongMessagesBeforeTheInit(t *testing.T) {
	w := newSocketWorld(t, StreamConfig{})
	ping := func(payload string, n int) string {
		head := `{"type":"ping","payload":["` + payload
		return head + strings.Repeat("x", n-len(head)-3) + `"]}`
	}
	for _, message := range []string{
		ping("", maxStrangerBytes+1), ping("connection_init", maxStrangerBytes+1),
		`{"id":"1","type":"subscribe","payload":{"query":"{__typename #` + strings.Repeat("x", maxStrangerBytes) + `\n}"}}`,
	} {
		s := w.dial(t, protocolModern)
		s.text(message)
		s.expect("close 4401 connection_init comes first, and its connection_ack")
	}
	for _, p := range []string{protocolModern, protocolLegacy} {
		s := w.dial(t, p)
		if p == protocolModern {
			s.text(ping("", maxStrangerBytes))
			s.expect(`{"type":"pong","payload":` + ping("", maxStrangerBytes)[len(`{"type":"ping","payload":`):])
		}
		s.text(`{"type":"connection_init","payload":{"x":"` + strings.Repeat("x", maxInitBytes/2) + `"}}`)
		s.expect(ackMessage)
		if p == protocolModern {
			s.text(ping("", maxInitBytes))
			s.expect(`{"type":"pong","payload":` + ping("", maxInitBytes)[len(`{"type":"ping","payload":`):])
		}
	}
}

// A client that goes on sending after the close is read for a while and then left alone, for long enough to read the close frame.
func TestDrainLeavesAFloodUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		var sent atomic.Int64
		go func() {
			frame := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(make([]byte, 9000))))
			for {
				n, err := far.Write(frame)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		}()
		began := time.Now()
		(&messageReader{idleReader{conn: near}}).drain(0, 64<<10)
		if took := time.Since(began); took < closeWait/2 || took > 2*closeWait {
			t.Errorf("it ended after %v", took)
		}
		_ = near.Close()
		synctest.Wait()
		if n := sent.Load(); n < 64<<10 || n > 64<<10+readBytes {
			t.Errorf("%d bytes were read", n)
		}
	})
}
