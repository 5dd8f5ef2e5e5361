package graph_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// stream is the client's end of a graphql-transport-ws socket, light enough for hundreds of them in one test. Its
// methods may be called on any goroutine, one at a time.
type stream struct {
	net.Conn
	r       *bufio.Reader
	payload []byte // of the last frame
}

// serve listens until the test ends. send is the size of the kernel's send buffer of each socket; 0 for the default.
func serve(t testing.TB, h http.Handler, send int) (address string) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Listener = smallListener{server.Listener, send}
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

type smallListener struct {
	net.Listener
	send int
}

func (l smallListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil && l.send > 0 {
		err = c.(*net.TCPConn).SetWriteBuffer(l.send)
	}
	return c, err
}

// dialStream opens a socket and initialises it.
func dialStream(address, raw string) (*stream, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	authorization, payload := "", map[string]any{}
	if raw != "" {
		authorization, payload["Authorization"] = "Authorization: Bearer "+raw+"\r\n", "Bearer "+raw
	}
	fmt.Fprintf(c, "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n%s\r\n", authorization)
	s := &stream{Conn: c, r: bufio.NewReaderSize(c, 16<<10)}
	resp, err := http.ReadResponse(s.r, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("upgrade: %s", resp.Status)
	}
	if err := s.send(map[string]any{"type": "connection_init", "payload": payload}); err != nil {
		return nil, err
	}
	m, err := s.read()
	if err == nil && m.Type != "connection_ack" {
		err = fmt.Errorf("in place of the ack: %s", s.payload)
	}
	return s, err
}

func mustDial(t testing.TB, address, raw string) *stream {
	t.Helper()
	s, err := dialStream(address, raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (s *stream) send(message any) error {
	raw, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return ws.WriteFrame(s, ws.MaskFrame(ws.NewTextFrame(raw)))
}

func (s *stream) subscribe(id, query string, variables map[string]any) error {
	return s.send(map[string]any{"id": id, "type": "subscribe", "payload": map[string]any{"query": query, "variables": variables}})
}

// frame returns the bytes of the next text frame; they are valid until the next call.
func (s *stream) frame() ([]byte, error) {
	for {
		h, err := ws.ReadHeader(s.r)
		if err != nil {
			return nil, err
		}
		if cap(s.payload) < int(h.Length) {
			s.payload = make([]byte, h.Length)
		}
		s.payload = s.payload[:h.Length]
		if _, err := io.ReadFull(s.r, s.payload); err != nil {
			return nil, err
		}
		switch h.OpCode {
		case ws.OpText:
			return s.payload, nil
		case ws.OpPing:
			if err := ws.WriteFrame(s, ws.MaskFrame(ws.NewPongFrame(nil))); err != nil {
				return nil, err
			}
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(s.payload)
			return nil, fmt.Errorf("closed with %d %s", code, reason)
		}
	}
}

type streamMessage struct {
	ID, Type string
	Payload  json.RawMessage
}

// read returns the next message that is not a ping of the protocol.
func (s *stream) read() (m streamMessage, err error) {
	for {
		raw, err := s.frame()
		if err != nil {
			return m, err
		}
		if err = json.Unmarshal(raw, &m); err != nil || m.Type != "ping" && m.Type != "pong" {
			return m, err
		}
	}
}

// next returns the payload of the next event of the subscription id.
func (s *stream) next(t testing.TB, id string) string {
	t.Helper()
	m, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	if m.Type != "next" || m.ID != id {
		t.Fatalf("in place of an event of %q: %s", id, s.payload)
	}
	return string(m.Payload)
}

var seqName = []byte(`"seq":`)

// expectSeqs reads entries that select seq, and expects these numbers in order.
func (s *stream) expectSeqs(from, to int) error {
	for want := from; want <= to; want++ {
		raw, err := s.frame()
		if err != nil {
			return fmt.Errorf("in place of %d: %w", want, err)
		}
		_, rest, found := bytes.Cut(raw, seqName)
		end := bytes.IndexAny(rest, ",}")
		if !found || end < 0 {
			return fmt.Errorf("in place of %d: %.300s", want, raw)
		}
		if got, err := strconv.Atoi(string(rest[:end])); err != nil || got != want {
			return fmt.Errorf("got %s, want %d", rest[:end], want)
		}
	}
	return nil
}

// post adds n entries of this body, many at a time.
func (w *world) post(t testing.TB, p person, n int, body string) {
	t.Helper()
	w.postBy(t, p, 32, n, body)
}

func (w *world) postBy(t testing.TB, p person, posters, n int, body string) {
	t.Helper()
	var work sync.WaitGroup
	for i := range posters {
		work.Go(func() {
			for at := i; at < n; at += posters {
				if _, err := w.tryAdd(p, body, ""); err != nil {
					t.Errorf("post: %v", err)
					return
				}
			}
		})
	}
	work.Wait()
}
