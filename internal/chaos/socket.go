//go:build unix

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Times of a socket.
const (
	pingInterval  = time.Second
	silenceLimit  = 3500 * time.Millisecond // after which a server is taken for dead
	maxFrameBytes = 1 << 20
)

// errDestroyed is returned where the server says that the connection has ended, so that a new one is needed.
var errDestroyed = errors.New("the connection has ended")

// socket speaks graphql-transport-ws with a node.
type socket struct {
	conn     *websocket.Conn
	patience time.Duration // with a silent server
	pinger   sync.WaitGroup
	stop     context.CancelFunc
}

// message is one of the protocol.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// dial opens a socket that has been acknowledged; as a guest where there is no token.
func dial(ctx context.Context, url, token string) (*socket, error) {
	opening, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	conn, _, err := websocket.Dial(opening, "ws"+strings.TrimPrefix(url, "http")+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxFrameBytes)
	s := &socket{conn: conn, patience: silenceLimit}
	if err := s.initialise(opening, token); err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	pinging, stop := context.WithCancel(ctx)
	s.stop = stop
	s.pinger.Go(func() { s.ping(pinging) })
	return s, nil
}

func (s *socket) initialise(ctx context.Context, token string) error {
	init := message{Type: "connection_init"}
	if token != "" {
		payload, err := json.Marshal(map[string]string{"Authorization": "Bearer " + token})
		if err != nil {
			return err
		}
		init.Payload = payload
	}
	if err := s.send(ctx, init); err != nil {
		return err
	}
	m, err := s.next(ctx)
	if err == nil && m.Type != "connection_ack" {
		err = fmt.Errorf("%s instead of connection_ack", m.Type)
	}
	return err
}

// subscribe begins an operation.
func (s *socket) subscribe(ctx context.Context, id, query string, variables map[string]any) error {
	payload, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	return s.send(ctx, message{ID: id, Type: "subscribe", Payload: payload})
}

func (s *socket) send(ctx context.Context, m message) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, silenceLimit)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, raw)
}

// next returns the next message that is no ping or pong. A server that is silent for too long is an error.
func (s *socket) next(ctx context.Context) (m message, err error) {
	for {
		raw, err := s.read(ctx)
		if err != nil {
			return m, err
		}
		m = message{}
		if err := json.Unmarshal(raw, &m); err != nil {
			return m, fmt.Errorf("the message %.200q: %w", raw, err)
		}
		switch m.Type {
		case "ping":
			if err := s.send(ctx, message{Type: "pong"}); err != nil {
				return m, err
			}
		case "pong":
		default:
			return m, nil
		}
	}
}

func (s *socket) read(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	_, raw, err := s.conn.Read(ctx)
	switch websocket.CloseStatus(err) {
	case 4401, 4403:
		return nil, fmt.Errorf("%w: %w", errDestroyed, err)
	}
	return raw, err
}

// ping asks the server for a sign of life now and then.
func (s *socket) ping(ctx context.Context) {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if s.send(ctx, message{Type: "ping"}) != nil {
				return // the reader finds out
			}
		}
	}
}

// close ends the socket, abruptly as a network does.
func (s *socket) close() {
	s.stop()
	_ = s.conn.CloseNow() // fails for one that has ended
	s.pinger.Wait()
}
