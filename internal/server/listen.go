package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"chattok/graph/transport"
	"chattok/internal/certificates"
)

// Limits of the HTTP servers. docs/decisions/memory.md says what they protect.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second // for a request to arrive whole, even where no handler reads its body
	writeTimeout      = 2 * time.Minute  // for a client to take a page or a probe's answer; the API's answers have deadlines of their own, from their first byte
	http2Streams      = 100              // of one connection at once
	http2Unread       = 64 << 10         // bytes of bodies that a connection sends before they are read: the least that there may be
	http2Frame        = 16 << 10         // bytes of a frame, for which a connection keeps a buffer: the least that there may be
	http2Write        = 10 * time.Second // for a client to take a frame: a stream's own deadline does not end a write that blocks its connection
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)

// listen starts the HTTP servers, each of which sends to ended when it fails.
func (s *server) listen(ended chan<- error) error {
	if s.turn != nil {
		if err := s.turn.Listen(); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.Addr, err)
	}
	handler, plain, err := s.handler()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.listener = listener
	s.start(listener, handler, s.certificates, ended)
	if s.HTTPAddr != "" {
		if err := s.listenBeside("HTTP", s.HTTPAddr, plain, ended); err != nil {
			return err
		}
	}
	if s.MetricsAddr != "" {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", s.metrics.Handler())
		return s.listenBeside("metrics", s.MetricsAddr, mux, ended)
	}
	return nil
}

// listenBeside starts a further HTTP server, without encryption. Where it can't, it ends the servers before it.
func (s *server) listenBeside(what, addr string, handler http.Handler, ended chan<- error) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		failed := []error{fmt.Errorf("listen on %s for %s: %w", addr, what, err)}
		for _, h := range s.http {
			failed = append(failed, h.Close())
		}
		return errors.Join(failed...)
	}
	s.start(listener, handler, nil, ended)
	return nil
}

// start serves on a listener, encrypted where encrypted is not nil, and sends to ended when that fails.
func (s *server) start(listener net.Listener, handler http.Handler, encrypted *certificates.Certificates, ended chan<- error) {
	listener = s.accepted.Listener(listener)
	withConn := func(ctx context.Context, c net.Conn) context.Context {
		return transport.WithConn(s.accepted.Context(ctx, c), c)
	}
	h := &http.Server{Handler: s.accepted.Handler(handler), ConnState: s.accepted.State, ConnContext: withConn,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: http2Streams, MaxReceiveBufferPerConnection: http2Unread, MaxReceiveBufferPerStream: http2Unread,
			MaxReadFrameSize: http2Frame, WriteByteTimeout: http2Write},
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug)}
	serve := h.Serve
	if encrypted != nil {
		h.TLSConfig = s.accepted.TLS(encrypted.TLS)
		serve = func(l net.Listener) error { return h.ServeTLS(l, "", "") }
	}
	s.http = append(s.http, h)
	go func() {
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			ended <- fmt.Errorf("serve on %s: %w", listener.Addr(), err)
		}
	}()
}
