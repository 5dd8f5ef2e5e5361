//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"chattok/internal/wsclient"
)

const (
	pingInterval = time.Second
	// silenceLimit is how long a socket waits for a message before it takes the server for dead.
	silenceLimit = 3500 * time.Millisecond
)

// Codes with which the server closes a socket whose connection has ended.
const (
	closeEnded    = 4401
	closeRejected = 4403
)

// errDestroyed says that the server has ended the connection, so that a new one is needed.
var errDestroyed = errors.New("the connection has ended")

// socket is a WebSocket to a node that notices a node that has died: it pings and gives up a silent server.
type socket struct {
	conn     *wsclient.Conn
	patience time.Duration // with a silent server
	pinger   sync.WaitGroup
	stop     context.CancelFunc
}

// dial opens a socket that has been acknowledged; as a guest where there is no token.
func dial(ctx context.Context, url, token string) (*socket, error) {
	opening, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	conn, err := wsclient.Open(opening, url+"/graphql", token)
	if err != nil {
		return nil, ended(err)
	}
	s := &socket{conn: conn, patience: silenceLimit}
	pinging, stop := context.WithCancel(ctx)
	s.stop = stop
	s.pinger.Go(func() { s.ping(pinging) })
	return s, nil
}

// ended adds errDestroyed to an error that says so by its close code.
func ended(err error) error {
	switch wsclient.CloseCode(err) {
	case closeEnded, closeRejected:
		return fmt.Errorf("%w: %w", errDestroyed, err)
	}
	return err
}

// subscribe begins an operation.
func (s *socket) subscribe(ctx context.Context, id, query string, variables map[string]any) error {
	ctx, cancel := context.WithTimeout(ctx, silenceLimit)
	defer cancel()
	return s.conn.Subscribe(ctx, id, query, variables)
}

// next returns the next message that is no ping or pong. A server that is silent for too long is an error.
func (s *socket) next(ctx context.Context) (wsclient.Message, error) {
	for {
		m, err := s.receive(ctx)
		switch {
		case err != nil || m.Type != "ping" && m.Type != "pong":
			return m, err
		case m.Type == "ping":
			if err := s.send(ctx, "pong"); err != nil {
				return m, err
			}
		}
	}
}

func (s *socket) receive(ctx context.Context) (wsclient.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	m, err := s.conn.Receive(ctx)
	return m, ended(err)
}

func (s *socket) send(ctx context.Context, kind string) error {
	ctx, cancel := context.WithTimeout(ctx, silenceLimit)
	defer cancel()
	return s.conn.Send(ctx, wsclient.Message{Type: kind})
}

// ping asks the server for a sign of life at an interval.
func (s *socket) ping(ctx context.Context) {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if s.send(ctx, "ping") != nil {
				return // the reader finds out
			}
		}
	}
}

// close ends the socket without a goodbye, as a network does.
func (s *socket) close() {
	s.stop()
	_ = s.conn.CloseNow() // fails for one that has ended
	s.pinger.Wait()
}
