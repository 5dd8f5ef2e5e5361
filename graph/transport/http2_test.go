package transport

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// An idle stream over HTTP/2 lasts. A write deadline that passes while nothing is written would end it, because
// net/http resets the stream then.
func TestIdleStreamOverHTTP2(t *testing.T) {
	g, w := newGroupWorldWith(t, StreamConfig{WriteTimeout: 100 * time.Millisecond, KeepAlive: 300 * time.Millisecond})
	server := httptest.NewUnstartedServer(w.server.Config.Handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(jsonBody(t, entryQuery)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.ProtoMajor != 2 {
		t.Fatalf("HTTP/%d", response.ProtoMajor)
	}
	lines := bufio.NewScanner(response.Body)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == want {
				return
			}
		}
		t.Fatalf("the stream ended before %q: %v", want, lines.Err())
	}
	for range 4 { // the first comes at once, the others each after a silence
		next(":")
	}
	g.window.Append(w.entry("a", "x"))
	next(`data: {"data":{"entryAdded":{"body":"x"}}}`)
}
