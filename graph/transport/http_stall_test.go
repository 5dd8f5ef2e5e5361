package transport

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A client that announces a body and stops sending gets 408, and its connection is closed. net/http reads the rest of a
// body before it sends the answer, so the deadline has to stay until that is over.
func TestStalledBodyIsAnsweredAndClosed(t *testing.T) {
	handler := newServerWith(t, &stub{})
	handler.AddTransport(HTTP{BodyTimeout: 50 * time.Millisecond})
	server := httptest.NewServer(handler)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal("no answer: ", err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusRequestTimeout || !answer.Close {
		t.Errorf("status %d, close %v", answer.StatusCode, answer.Close)
	}
	if _, err := reader.ReadByte(); err != io.EOF {
		t.Errorf("the connection goes on: %v", err)
	}
}
