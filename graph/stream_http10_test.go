package graph_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"chattok/graph/transport/streamtest"
)

// A subscription over HTTP/1.0, where a cut stream looks complete, is refused with an explanation; an answer of one
// response works.
func TestStreamsOverHTTP10(t *testing.T) {
	w := newWorld(t, options{})
	address := serve(t, w.handler, 0)
	ask := func(accept, query string) (*http.Response, string) {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		body, _ := json.Marshal(map[string]any{"query": query})
		fmt.Fprintf(c, "POST /graphql HTTP/1.0\r\nHost: x\r\nAccept: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", accept, len(body), body)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		said, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(said)
	}
	for _, accept := range []string{streamtest.SSE, streamtest.Multipart} {
		resp, said := ask(accept, `subscription{entryAdded{seq}}`)
		if resp.StatusCode != http.StatusHTTPVersionNotSupported || !strings.Contains(said, "proxy_http_version 1.1") ||
			!strings.Contains(said, `"code":"BAD_USER_INPUT"`) || !strings.Contains(said, `"reason":"HTTP_VERSION"`) {
			t.Errorf("%s: %s %s", accept, resp.Status, said)
		}
		if resp, said := ask(accept, `{__typename}`); resp.StatusCode != http.StatusOK || !strings.Contains(said, `"Query"`) {
			t.Errorf("%s: a query: %s %s", accept, resp.Status, said)
		}
	}
}
