package transport

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"chattok/graph/transport/gqlerr"
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
	for name, c := range map[string]struct {
		protocol string
		ask      func(conn net.Conn) (goOn func() error, err error)
	}{
		"an answer over HTTP/2":   {"h2", getNarrowly},
		"a body":                  {"http/1.1", postHaltingly("Content-Length: 4", "body")},
		"a body after a question": {"http/1.1", postHaltingly("Content-Length: 4\r\nExpect: 100-continue", "body")},
		"the last body":           {"http/1.1", postHaltingly("Transfer-Encoding: chunked\r\nConnection: close", "4\r\nbody\r\n0\r\n\r\n")},
	} {
		t.Run(name, func(t *testing.T) {
			limit := LimitRequests(RequestLimits{Max: 1, MaxPerAddress: 1, Client: func(*http.Request) netip.Addr { return netip.Addr{} }})
			handled := make(chan struct{}, 100)
			server := httptest.NewUnstartedServer(limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "ok")
				handled <- struct{}{}
			})))
			server.EnableHTTP2 = true
			server.StartTLS()
			t.Cleanup(server.Close)
			config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			config.NextProtos = []string{c.protocol}
			conn, err := tls.Dial("tcp", server.Listener.Addr().String(), config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			goOn, err := c.ask(conn)
			if err != nil {
				t.Fatal(err)
			}
			await.Value(t, "it is handled", handled)
			status := func() int {
				response, err := server.Client().Get(server.URL)
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				return response.StatusCode
			}
			if got := status(); got != http.StatusServiceUnavailable {
				t.Errorf("another request has status %d", got)
			}
			if err := goOn(); err != nil {
				t.Error(err)
			}
			await.True(t, "another request is answered", func() bool { return status() == http.StatusOK })
		})
	}
}

// getNarrowly asks over HTTP/2 with a window of 0, which goOn opens.
func getNarrowly(conn net.Conn) (goOn func() error, err error) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "x"}, {Name: ":path", Value: "/"}} {
		_ = encoder.WriteField(f)
	}
	framer := http2.NewFramer(conn, conn)
	_, err = io.WriteString(conn, http2.ClientPreface)
	err = errors.Join(err, framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}),
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}))
	return func() error { return framer.WriteWindowUpdate(1, 100) }, err
}

// postHaltingly asks over HTTP/1 without the body, which goOn sends.
func postHaltingly(header, body string) func(conn net.Conn) (goOn func() error, err error) {
	return func(conn net.Conn) (goOn func() error, err error) {
		_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n"+header+"\r\n\r\n")
		return func() error {
			_, err := io.WriteString(conn, body)
			return err
		}, err
	}
}

// TestHaltingRefusals: a refusal over HTTP/1 waits for the rest of its request's body, unless many of its address do.
func TestHaltingRefusals(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "192.0.2.1:1"
		WriteError(w, r, http.StatusForbidden, gqlerr.Malformed("no"))
	}))
	t.Cleanup(server.Close)
	const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "
	ask := func() (net.Conn, *bufio.Reader) {
		t.Helper()
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := io.WriteString(conn, head+"4\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return conn, bufio.NewReader(conn)
	}
	refused := func(reader *bufio.Reader) {
		t.Helper()
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("status %d, %v", response.StatusCode, err)
		}
	}
	conns, readers := make([]net.Conn, halting.maxPerAddress), make([]*bufio.Reader, halting.maxPerAddress)
	for i := range conns {
		conns[i], readers[i] = ask()
	}
	await.True(t, "all wait", func() bool {
		halting.mu.Lock()
		defer halting.mu.Unlock()
		return halting.all == halting.maxPerAddress
	})
	_, reader := ask()
	refused(reader)
	if !ends(reader) {
		t.Error("one more is not closed")
	}
	for i, conn := range conns {
		if _, err := io.WriteString(conn, "body"+head+"0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		refused(readers[i])
		refused(readers[i]) // the next request
	}
}

// ends says whether nothing more comes.
func ends(r *bufio.Reader) bool {
	_, err := r.ReadByte()
	return err != nil
}
