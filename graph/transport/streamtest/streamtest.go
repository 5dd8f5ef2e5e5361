// Package streamtest is a strict client for subscriptions over HTTP, for tests. It accepts nothing beyond the
// protocols, so that a stream which only a lenient client understands fails.
package streamtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Accept headers of the clients for the two framings: npm's graphql-sse, and Apollo Client's HttpLink.
const (
	SSE       = "text/event-stream"
	Multipart = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9"
)

// patience is how long Next waits for an event.
const patience = 30 * time.Second

// ErrComplete says that the stream has ended as its protocol does.
var ErrComplete = errors.New("the stream is complete")

// Request is a request for Open.
type Request struct {
	URL       string
	Accept    string
	Token     string // the access token; "" for none
	Query     string
	Variables map[string]any
	Header    [][2]string
	// ReadBuffer is the size in bytes of the kernel's receive buffer; 0 for the system's default.
	ReadBuffer int
}

// Stream is a response, which may be a stream. It is for one goroutine, except for Close and Beats.
type Stream struct {
	*http.Response
	Conn  net.Conn
	ID    string       // of the last event
	Beats atomic.Int64 // keep-alives so far

	lines *bufio.Reader     // of SSE
	parts *multipart.Reader // of multipart
	close func()
}

// Open sends a subscription by POST on a connection of its own and returns the response, to be closed by the caller.
func Open(ctx context.Context, r Request) (*Stream, error) {
	body, err := json.Marshal(map[string]any{"query": r.Query, "variables": r.Variables})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", r.Accept)
	if r.Token != "" {
		request.Header.Set("Authorization", "Bearer "+r.Token)
	}
	for _, h := range r.Header {
		request.Header.Set(h[0], h[1])
	}
	return Do(request, r.ReadBuffer)
}

// Do sends a request on a connection of its own.
func Do(request *http.Request, readBuffer int) (*Stream, error) {
	var conn net.Conn
	var dialer net.Dialer
	if readBuffer > 0 { // before the connection is made, as the peer would be told of more room otherwise
		dialer.Control = func(_, _ string, raw syscall.RawConn) (err error) {
			failed := raw.Control(func(fd uintptr) {
				err = setReadBuffer(fd, readBuffer)
			})
			return errors.Join(failed, err)
		}
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		conn = c
		return c, err
	}}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	s, err := New(response, conn)
	if err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	return s, nil
}

// New reads the stream of a response.
func New(response *http.Response, conn net.Conn) (*Stream, error) {
	s := &Stream{Response: response, Conn: conn}
	s.close = sync.OnceFunc(func() { _ = response.Body.Close() })
	kind, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return nil, err
	case kind == "multipart/mixed" && parameters["subscriptionspec"] != "1.0":
		return nil, fmt.Errorf("parameters %v of multipart/mixed", parameters)
	case kind == "multipart/mixed":
		s.parts = multipart.NewReader(response.Body, parameters["boundary"])
	case kind == "text/event-stream":
		s.lines = bufio.NewReader(response.Body)
	}
	return s, nil
}

// Close ends the stream. It may be called more than once.
func (s *Stream) Close() { s.close() }

// Reset resets the stream's connection, as a client that crashes does.
func (s *Stream) Reset() {
	_ = s.Conn.(*net.TCPConn).SetLinger(0)
	_ = s.Conn.Close()
	s.Close()
}

// Next returns the JSON of the next event or part: in SSE a response, in multipart an object with the response as its
// payload. Errors: ErrComplete at the protocol's end; io.ErrUnexpectedEOF where the response was cut; others where the
// protocol is broken, for instance by a response that ends well without the protocol's end.
func (s *Stream) Next() (string, error) {
	late := time.AfterFunc(patience, func() { _ = s.Conn.Close() })
	defer late.Stop()
	switch {
	case s.parts != nil:
		return s.nextPart()
	case s.lines != nil:
		return s.nextEvent()
	}
	raw, _ := io.ReadAll(s.Body)
	return "", fmt.Errorf("no stream: %s %.300s", s.Status, raw)
}

// NextResponse returns the JSON of the next response in either framing.
func (s *Stream) NextResponse() (string, error) {
	raw, err := s.Next()
	if err != nil || s.parts == nil {
		return raw, err
	}
	response, isPayload := strings.CutPrefix(raw, `{"payload":`)
	if !isPayload || strings.HasPrefix(response, "null") {
		return "", fmt.Errorf("a part that is no payload: %.300s", raw)
	}
	return strings.TrimSuffix(response, "}"), nil
}

// nextPart reads a part, which has one header line; {} is a keep-alive.
func (s *Stream) nextPart() (string, error) {
	for {
		part, err := s.parts.NextRawPart()
		if err == io.EOF {
			return "", ErrComplete
		}
		if err != nil {
			return "", err
		}
		raw, err := io.ReadAll(part)
		switch {
		case err != nil:
			return "", err
		case part.Header.Get("Content-Type") != "application/json" || len(part.Header) != 1:
			return "", fmt.Errorf("a part with header %v", part.Header)
		case string(raw) == "{}":
			s.Beats.Add(1)
		default:
			return string(raw), nil
		}
	}
}

// nextEvent reads comments, and events with an optional id, a name and one line of data, in this order.
func (s *Stream) nextEvent() (string, error) {
	for {
		lines, err := s.block()
		if err != nil {
			return "", err
		}
		if len(lines) == 1 && lines[0] == ":" {
			s.Beats.Add(1)
			continue
		}
		if id, ok := strings.CutPrefix(lines[0], "id: "); ok {
			s.ID, lines = id, lines[1:]
		}
		if len(lines) != 2 {
			return "", fmt.Errorf("an event of %.300q", lines)
		}
		data, isData := strings.CutPrefix(lines[1], "data: ")
		switch {
		case lines[0] == "event: next" && isData && json.Valid([]byte(data)):
			return data, nil
		case lines[0] == "event: complete" && lines[1] == "data:":
			if rest, err := io.ReadAll(s.lines); err != nil || len(rest) > 0 {
				return "", fmt.Errorf("after complete: %.300q %w", rest, err)
			}
			return "", ErrComplete
		}
		return "", fmt.Errorf("an event of %.300q", lines)
	}
}

// block returns the lines up to a blank one, at least one line.
func (s *Stream) block() (lines []string, err error) {
	for {
		line, err := s.lines.ReadString('\n')
		if err == io.EOF {
			err = errors.New("the response ends, but not the stream")
		}
		if err != nil {
			return nil, err
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line != "":
			lines = append(lines, line)
		case len(lines) == 0:
			return nil, errors.New("a blank line in place of an event")
		default:
			return lines, nil
		}
	}
}
