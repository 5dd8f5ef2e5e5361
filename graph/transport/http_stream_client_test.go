package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	acceptSSE       = typeEventStream
	acceptMultipart = `multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json`
)

// eventStream is a client's end of a subscription over HTTP, which takes nothing that its protocol has not.
type eventStream struct {
	*http.Response
	conn  net.Conn
	lines *bufio.Reader     // of SSE
	parts *multipart.Reader // of multipart
	id    string            // of the last event
	beats int               // keep-alives so far
}

var errComplete = errors.New("complete")

// openStream sends a subscription and returns its stream, or whatever else the response is.
func openStream(ctx context.Context, url, accept, body string, header ...string) (*eventStream, error) {
	s := &eventStream{}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		s.conn = c
		return c, err
	}
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", typeJSON)
	r.Header.Set("Accept", accept)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	if s.Response, err = client.RoundTrip(r); err != nil {
		return nil, err
	}
	s.lines = bufio.NewReader(s.Body)
	if kind, parameters, err := mime.ParseMediaType(s.Header.Get("Content-Type")); err == nil && kind == typeMultipart {
		if parameters["subscriptionspec"] != "1.0" {
			return nil, fmt.Errorf("parameters %v", parameters)
		}
		s.parts = multipart.NewReader(s.Body, parameters["boundary"])
	}
	return s, nil
}

func (w *socketWorld) open(t testing.TB, accept, query string, header ...string) *eventStream {
	t.Helper()
	s, err := openStream(t.Context(), w.server.URL, accept, jsonBody(t, query), header...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Body.Close() })
	return s
}

// next returns the JSON of the next response; errComplete at the protocol's end, and another error where that is missing.
func (s *eventStream) next() (string, error) {
	late := time.AfterFunc(20*time.Second, func() { _ = s.conn.Close() })
	defer late.Stop()
	if s.parts != nil {
		return s.nextPart()
	}
	return s.nextEvent()
}

func (s *eventStream) nextPart() (string, error) {
	for {
		part, err := s.parts.NextRawPart()
		if err == io.EOF {
			return "", errComplete
		}
		if err != nil {
			return "", err
		}
		raw, err := io.ReadAll(part)
		switch {
		case err != nil:
			return "", err
		case part.Header.Get("Content-Type") != typeJSON || len(part.Header) != 1:
			return "", fmt.Errorf("header %v", part.Header)
		case string(raw) == "{}":
			s.beats++
		default:
			return string(raw), nil
		}
	}
}

// nextEvent knows comments, and events of an id, a name and one line of data, in this order.
func (s *eventStream) nextEvent() (string, error) {
	for {
		line, err := s.line()
		if err != nil {
			return "", err
		}
		if line == ":" {
			if line, err = s.line(); err != nil || line != "" {
				return "", fmt.Errorf("after a comment: %q %v", line, err)
			}
			s.beats++
			continue
		}
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			s.id = id
			if line, err = s.line(); err != nil {
				return "", err
			}
		}
		data, err := s.line()
		if err != nil {
			return "", err
		}
		if blank, err := s.line(); err != nil || blank != "" {
			return "", fmt.Errorf("an event that goes on: %q %v", blank, err)
		}
		payload, isNext := strings.CutPrefix(data, "data: ")
		switch {
		case line == "event: complete" && data == "data:":
			if rest, err := io.ReadAll(s.lines); err != nil || len(rest) > 0 {
				return "", fmt.Errorf("after complete: %q %v", rest, err)
			}
			return "", errComplete
		case line == "event: next" && isNext:
			return payload, nil
		}
		return "", fmt.Errorf("an event of %q and %q", line, data)
	}
}

func (s *eventStream) line() (string, error) {
	line, err := s.lines.ReadString('\n')
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return strings.TrimSuffix(line, "\n"), err
}

func (s *eventStream) expect(t testing.TB, want string) {
	t.Helper()
	got, err := s.next()
	if err != nil || got != want {
		t.Fatalf("got  %s %v\nwant %s", got, err, want)
	}
}

func (s *eventStream) expectEnd(t testing.TB, want error) {
	t.Helper()
	if got, err := s.next(); !errors.Is(err, want) {
		t.Fatalf("got %s %v, want the end: %v", got, err, want)
	}
}

// framings runs a test over SSE and multipart; wrap is how the framing carries a response's JSON.
func framings(t *testing.T, test func(t *testing.T, accept string, wrap func(response string) string)) {
	t.Run("SSE", func(t *testing.T) { test(t, acceptSSE, func(response string) string { return response }) })
	t.Run("multipart", func(t *testing.T) {
		test(t, acceptMultipart, func(response string) string { return `{"payload":` + response + `}` })
	})
}
