package edge

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A request with more than 100 header lines is refused on every path, before it is an upgrade or OpenTok's, and its connection is closed.
func TestFewHeaders(t *testing.T) {
	reached := 0
	e, err := New(Config{AnyHost: []string{"/healthz"}, Public: "/sdk/", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ })))
	defer server.Close()
	upgrade := [][2]string{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}, {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}}
	const refusal = `{"errors":[{"message":"a request's header has 100 lines at most","extensions":{"code":"BAD_USER_INPUT"}}]}` + "\n"
	for _, test := range []struct {
		name, method, path string
		more               [][2]string
	}{
		{"operation", "POST", "/graphql", nil},
		{"upgrade", "GET", "/graphql", upgrade},
		{"OpenTok", "POST", "/session/create", [][2]string{{"X-Opentok-Auth", "x"}}},
		{"page", "GET", "/", nil},
		{"public file", "GET", "/sdk/chattok.js", nil},
		{"probe", "GET", "/healthz", nil},
	} {
		for how, header := range map[string]func(i int) string{
			"names": func(i int) string { return fmt.Sprint("A", i) },
			"lines": func(int) string { return "A" },
		} {
			for _, lines := range []int{maxHeaderLines, maxHeaderLines + 1} {
				r, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header["User-Agent"] = nil // which Go's client would add
				for _, pair := range append([][2]string{{"Accept-Encoding", "identity"}}, test.more...) {
					r.Header.Add(pair[0], pair[1])
				}
				has := len(r.Header) - 1
				if test.method == "POST" {
					has++ // for Content-Length
				}
				for i := range lines - has {
					r.Header.Add(header(i), "")
				}
				before := reached
				response, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				refused := response.StatusCode == http.StatusRequestHeaderFieldsTooLarge && string(body) == refusal && response.Close && reached == before
				if err != nil || refused != (lines > maxHeaderLines) || !refused && reached != before+1 {
					t.Errorf("%s, %d %s: %d %s, close %v, reached %d times, %v", test.name, lines, how, response.StatusCode, body, response.Close, reached-before, err)
				}
			}
		}
	}
}
