package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"chattok/internal/await"
)

// Requests for pages are limited by address and in all while their answers are under way.
func TestLimitRequests(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	h := LimitRequests(RequestLimits{Max: 2, MaxPerAddress: 1, Client: func(r *http.Request) netip.Addr {
		return netip.MustParseAddr(r.Header.Get("From"))
	}})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-leave
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	ask := func(from, path string) int {
		r, w := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
		r.Header.Set("From", from)
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent && w.Header().Get("Retry-After") == "" {
			t.Errorf("%d without Retry-After", w.Code)
		}
		return w.Code
	}
	done := make(chan int, 2)
	for i, from := range []string{"192.0.2.1", "192.0.2.2"} {
		go func() { done <- ask(from, "/slow") }()
		<-entered
		if got, want := ask("192.0.2.1", "/"), []int{http.StatusTooManyRequests, http.StatusServiceUnavailable}[i]; got != want {
			t.Errorf("with %d under way: %d, want %d", i+1, got, want)
		}
	}
	close(leave)
	for range 2 {
		if got := <-done; got != http.StatusNoContent {
			t.Error(got)
		}
	}
	await.True(t, "both have their places back", func() bool {
		return ask("192.0.2.1", "/") == http.StatusNoContent && ask("192.0.2.2", "/") == http.StatusNoContent
	})
}

// TestUntilTaken: a request counts until its client has taken the answer, however short that is, and has sent its body.
func TestUntilTaken(t *testing.T) {
	limit := LimitRequests(RequestLimits{Max: 1, MaxPerAddress: 1, Client: func(*http.Request) netip.Addr { return netip.Addr{} }})
	handled := make(chan struct{}, 100)
	server := httptest.NewUnstartedServer(limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
		handled <- struct{}{}
	})))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	dial := func(protocol string) *tls.Conn {
		t.Helper()
		config.NextProtos = []string{protocol}
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	status := func() int {
		t.Helper()
		response, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	counts := func(what string, taken func()) {
		t.Helper()
		<-handled
		if got := status(); got != http.StatusServiceUnavailable {
			t.Errorf("%s: another request has status %d", what, got)
		}
		taken()
		await.True(t, what+": another request is answered", func() bool { return status() == http.StatusOK })
		for len(handled) > 0 {
			<-handled
		}
	}

	narrow := dial("h2")
	framer := http2.NewFramer(narrow, narrow)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "x"}, {Name: ":path", Value: "/"}} {
		_ = encoder.WriteField(f)
	}
	_, err := io.WriteString(narrow, http2.ClientPreface)
	if err := errors.Join(err, framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}),
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})); err != nil {
		t.Fatal(err)
	}
	counts("an answer over HTTP/2", func() {
		if err := framer.WriteWindowUpdate(1, 100); err != nil {
			t.Error(err)
		}
	})

	halting := dial("http/1.1")
	if _, err := io.WriteString(halting, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	counts("a body over HTTP/1", func() {
		if _, err := io.WriteString(halting, "body"); err != nil {
			t.Error(err)
		}
	})
}
