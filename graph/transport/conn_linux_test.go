package transport

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chattok/graph/transport/streamtest"
)

// TestClientThatVanished is noticed though no write fails: what it does not take fits into the kernel's buffer.
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
		g.window.Append(w.entry("a", strings.Repeat("x", 12<<10))) // more than it has room for, less than the server has
		until(t, "it is gone", func() bool { return w.sockets.HTTPStreams() == 0 })
	})
}
