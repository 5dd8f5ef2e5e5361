package graph_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"chattok/graph/transport/streamtest"
)

// framing is how a subscription travels.
type framing string

const (
	webSocket     framing = "WebSocket"
	sse           framing = "SSE"
	multipartHTTP framing = "multipart"
)

var framings = []framing{webSocket, sse, multipartHTTP}

// follower is the client's end of one subscription, in any framing.
type follower interface {
	// response returns the JSON of the next response. Error: streamtest.ErrComplete at the protocol's end.
	response() (string, error)
	// stop ends the subscription and its connection; reset resets the connection, as a crash would.
	stop()
	reset()
}

type socketFollower struct{ *stream }

func (f socketFollower) response() (string, error) {
	m, err := f.read()
	switch {
	case err != nil:
		return "", err
	case m.Type == "next":
		return string(m.Payload), nil
	case m.Type == "complete":
		return "", streamtest.ErrComplete
	}
	return "", fmt.Errorf("%s", f.payload)
}

func (f socketFollower) stop() { _ = f.Close() }

func (f socketFollower) reset() {
	_ = f.Conn.(*net.TCPConn).SetLinger(0)
	_ = f.Close()
}

type httpFollower struct{ *streamtest.Stream }

func (f httpFollower) response() (string, error) { return f.NextResponse() }
func (f httpFollower) stop()                     { f.Close() }
func (f httpFollower) reset()                    { f.Reset() }

// openFollower subscribes in a framing. readBuffer is the size of the kernel's receive buffer; 0 for the default. Over
// HTTP the subscription has begun when openFollower returns, over a socket it begins some time later.
func openFollower(address string, f framing, raw, query string, variables map[string]any, readBuffer int) (follower, error) {
	if f == webSocket {
		s, err := dialStream(address, raw)
		if err == nil && readBuffer > 0 {
			err = s.Conn.(*net.TCPConn).SetReadBuffer(readBuffer)
		}
		if err == nil {
			err = s.subscribe("1", query, variables)
		}
		return socketFollower{s}, err
	}
	s, err := openHTTP(address, f, raw, query, variables, readBuffer)
	return httpFollower{s}, err
}

func openHTTP(address string, f framing, raw, query string, variables map[string]any, readBuffer int, header ...[2]string) (*streamtest.Stream, error) {
	accept := map[framing]string{sse: streamtest.SSE, multipartHTTP: streamtest.Multipart}[f]
	return streamtest.Open(context.Background(), streamtest.Request{URL: "http://" + address + "/graphql", Accept: accept,
		Token: raw, Query: query, Variables: variables, ReadBuffer: readBuffer, Header: header})
}

func mustFollow(t testing.TB, address string, f framing, raw, query string, variables map[string]any) follower {
	t.Helper()
	opened, err := openFollower(address, f, raw, query, variables, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.stop)
	return opened
}

// mustOpen opens an HTTP stream.
func mustOpen(t testing.TB, address string, f framing, raw, query string, variables map[string]any, header ...[2]string) *streamtest.Stream {
	t.Helper()
	s, err := openHTTP(address, f, raw, query, variables, 0, header...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func mustRespond(t testing.TB, f follower) string {
	t.Helper()
	got, err := f.response()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// expectSeqs reads entries that select seq, and expects these numbers in order.
func expectSeqs(f follower, from, to int) error {
	if s, ok := f.(socketFollower); ok {
		return s.stream.expectSeqs(from, to)
	}
	for want := from; want <= to; want++ {
		response, err := f.response()
		if err != nil {
			return fmt.Errorf("in place of %d: %w", want, err)
		}
		_, rest, found := strings.Cut(response, string(seqName))
		end := strings.IndexAny(rest, ",}")
		if !found || end < 0 {
			return fmt.Errorf("in place of %d: %.300s", want, response)
		}
		if got, err := strconv.Atoi(rest[:end]); err != nil || got != want {
			return fmt.Errorf("got %s, want %d", rest[:end], want)
		}
	}
	return nil
}

func expectEnd(t testing.TB, f follower, want error) {
	t.Helper()
	if got, err := f.response(); !errors.Is(err, want) {
		t.Fatalf("got %s %v, want the end: %v", got, err, want)
	}
}
