package transport

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler"

	"chattok/graph/transport/gqlerr"
)

// endlessZeros reads as n zero bytes without holding them in memory.
type endlessZeros struct{ left, sent int64 }

func (z *endlessZeros) Read(b []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), z.left)
	clear(b[:n])
	z.left -= n
	z.sent += n
	return int(n), nil
}

// Bodies that are too large are refused after the bytes read so far, whether their length was announced or not.
func TestLargeBodiesInParallel(t *testing.T) {
	server := httptest.NewServer(newServer(t, &stub{}))
	defer server.Close()
	refusal := errorBody("the body must be at most 1048576 bytes", "BAD_USER_INPUT", gqlerr.ReasonTooLarge)

	var posts sync.WaitGroup
	for range 20 {
		posts.Go(func() {
			body := &endlessZeros{left: 64 << 20}
			response, err := server.Client().Post(server.URL, typeJSON, io.NopCloser(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			if got := strings.TrimSpace(string(answer)); err != nil || response.StatusCode != 413 || got != refusal {
				t.Errorf("%d %s (%v)", response.StatusCode, got, err)
			}
			if !response.Close {
				t.Error("the connection was kept, with the rest of the body on it")
			}
		})
	}
	posts.Wait()

	announced := httptest.NewRequest(http.MethodPost, "/graphql", &endlessZeros{left: 64 << 20})
	announced.ContentLength = 64 << 20
	body := announced.Body
	w := serve(t, newServer(t, &stub{}), announced, "Content-Type", typeJSON)
	want(t, w, 413, refusal)
	if got := w.Header().Get("Connection"); got != "close" {
		t.Errorf("Connection %q, with the rest of the body still to come", got)
	}
	if n, _ := io.Copy(io.Discard, body); n != 64<<20 {
		t.Errorf("%d bytes of an announced body were read", 64<<20-n)
	}
}

// A client that sends its whole body before it reads still gets the answer.
func TestLargeBodyBeforeReading(t *testing.T) {
	server := httptest.NewServer(newServer(t, &stub{}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const chunk, chunks = 1 << 20, 32 // far more than the kernel's buffers hold
	_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
	for range chunks {
		if err == nil {
			_, err = fmt.Fprintf(conn, "%x\r\n%s\r\n", chunk, make([]byte, chunk))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
}

const smallBody = `{"query":"{ __typename }"}`

// A body of the largest size passes and one byte more is refused; nothing is read beyond that byte.
func TestBodyIsReadToItsLimit(t *testing.T) {
	server := newServer(t, &stub{}, func(_ *handler.Server, h *HTTP) { h.MaxBodyBytes = 100 })
	pad := func(n int) io.Reader { // a reader, so that the length is not announced
		return io.MultiReader(strings.NewReader(smallBody + strings.Repeat(" ", n-len(smallBody))))
	}
	for n, status := range map[int]int{99: 200, 100: 200, 101: 413} {
		r := httptest.NewRequest(http.MethodPost, "/graphql", pad(n))
		if w := serve(t, server, r, "Content-Type", typeJSON); w.Code != status {
			t.Errorf("%d bytes: status %d, want %d", n, w.Code, status)
		}
	}
	chunked := &endlessZeros{left: 64 << 20}
	r := httptest.NewRequest(http.MethodPost, "/graphql", io.NopCloser(chunked))
	serve(t, newServer(t, &stub{}), r, "Content-Type", typeJSON)
	if chunked.sent > DefaultMaxBodyBytes+1 {
		t.Errorf("%d bytes were read, want at most %d", chunked.sent, DefaultMaxBodyBytes+1)
	}
}
