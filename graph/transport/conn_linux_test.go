package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"chattok/graph/transport/streamtest"
)

// A client that has vanished is noticed though no write fails: the bytes it does not take fit into the kernel's buffer.
func TestClientThatVanished(t *testing.T) {
	framings(t, func(t *testing.T, accept string, _ func(string) string) {
		g, w := newGroupWorldWith(t, StreamConfig{WriteTimeout: 300 * time.Millisecond, KeepAlive: time.Hour})
		server := httptest.NewUnstartedServer(w.server.Config.Handler)
		server.Config.ConnContext = WithConn
		server.Start()
		defer server.Close()
		s, err := streamtest.Open(t.Context(), streamtest.Request{URL: server.URL, Accept: accept, Query: entryQuery, ReadBuffer: 4096})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		g.window.Append(w.entry("a", strings.Repeat("x", 12<<10))) // more than the client has room for, less than the server has
		until(t, "it is gone", func() bool { return w.sockets.HTTPStreams() == 0 })
	})
}

// Of the streams on one connection, as in HTTP/2, the last one to end lifts the limit, not the first.
func TestSilenceOfSeveralStreams(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for what, c := range map[string]net.Conn{"plain": conn, "TLS": tls.Client(conn, &tls.Config{})} {
		ctx := WithConn(t.Context(), c)
		limit := func(want int) {
			t.Helper()
			raw, err := conn.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			var got int
			var failed error
			err = raw.Control(func(fd uintptr) { got, failed = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) })
			if err := errors.Join(err, failed); err != nil || got != want {
				t.Errorf("%s: the limit is %d ms, want %d, %v", what, got, want, err)
			}
		}
		first, second := limitSilence(ctx, 7*time.Second), limitSilence(ctx, 7*time.Second)
		limit(7000)
		first()
		first()
		limit(7000)
		second()
		limit(0)
		limitSilence(ctx, 3*time.Second)()
		limit(0)
	}
	limitSilence(t.Context(), time.Second)() // a request whose connection is not known
}
