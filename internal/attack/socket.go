//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// maxFrameBytes bounds the frames that read takes; attackers with larger ones use drain.
const maxFrameBytes = 8 * MiB

// socket is a WebSocket that speaks graphql-transport-ws.
type socket struct {
	conn net.Conn
	in   io.Reader
}

// message is a message of graphql-transport-ws.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// upgrade opens a WebSocket without sending connection_init.
func (c *client) upgrade(ctx context.Context) (*socket, error) {
	conn, err := c.dial(ctx, "http/1.1")
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	dialer := ws.Dialer{Protocols: []string{"graphql-transport-ws"}, Header: ws.HandshakeHeaderHTTP(c.header(""))}
	u := *mustURL("ws" + strings.TrimPrefix(c.server.url(), "http") + "/graphql")
	buffered, _, err := dialer.Upgrade(conn, &u)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("upgrade: %w", err), conn.Close())
	}
	s := &socket{conn: conn, in: conn}
	if buffered != nil { // data that came with the server's answer
		s.in = io.MultiReader(bufio.NewReader(io.LimitReader(buffered, int64(buffered.Buffered()))), conn)
	}
	return s, conn.SetDeadline(time.Time{})
}

// socket opens a WebSocket that the server has acknowledged.
func (c *client) socket(ctx context.Context, token string) (*socket, error) {
	s, err := c.upgrade(ctx)
	if err != nil {
		return nil, err
	}
	payload, _ := json.Marshal(map[string]string{"Authorization": "Bearer " + token})
	if err = s.send(message{Type: "connection_init", Payload: payload}); err == nil {
		var m message
		if m, err = s.next(requestTimeout); err == nil && m.Type != "connection_ack" {
			err = fmt.Errorf("%s instead of connection_ack", m.Type)
		}
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *socket) close() { _ = s.conn.Close() } // it may be closed already

func (s *socket) send(m message) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(requestTimeout)); err != nil {
		return err
	}
	return wsutil.WriteClientText(s.conn, raw)
}

func (s *socket) subscribe(id, query string, variables map[string]any) error {
	return s.send(message{ID: id, Type: "subscribe", Payload: json.RawMessage(operation(query, variables))})
}

// closedError means that the server closed the socket with a code.
type closedError struct {
	code   ws.StatusCode
	reason string
}

func (e *closedError) Error() string { return fmt.Sprintf("closed with %d %s", e.code, e.reason) }

// next returns the next message other than a ping, and an error where none comes within patience. Errors: closedError.
func (s *socket) next(patience time.Duration) (m message, err error) {
	for {
		raw, err := s.read(patience)
		if err != nil {
			return m, err
		}
		if m, other, err := s.received(raw); other || err != nil {
			return m, err
		}
	}
}

// received reads a message, and answers a ping; other says that it is none.
func (s *socket) received(raw []byte) (m message, other bool, err error) {
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, false, fmt.Errorf("the message %.200q: %w", raw, err)
	}
	if m.Type != "ping" {
		return m, true, nil
	}
	return m, false, s.send(message{Type: "pong"})
}

// read returns the payload of the next text frame, and answers pings.
func (s *socket) read(patience time.Duration) ([]byte, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	for {
		header, err := ws.ReadHeader(s.in)
		if err != nil {
			return nil, err
		}
		if header.Length > maxFrameBytes {
			return nil, fmt.Errorf("a frame of %d bytes", header.Length)
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(s.in, payload); err != nil {
			return nil, err
		}
		switch header.OpCode {
		case ws.OpText:
			return payload, nil
		case ws.OpPing:
			if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
				return nil, err
			}
			if err := wsutil.WriteClientMessage(s.conn, ws.OpPong, payload); err != nil {
				return nil, err
			}
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			return nil, &closedError{code, reason}
		}
	}
}

// ending describes the end of a socket.
func ending(err error) string {
	var closed *closedError
	var p *problem
	var network net.Error
	switch {
	case errors.As(err, &closed):
		return fmt.Sprint("closed with ", closed.code)
	case errors.As(err, &p):
		return codeOf(err)
	case errors.As(err, &network) && network.Timeout():
		return "silent"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "cut"
	}
	return "refused"
}

// drain reads and drops everything until the socket or ctx ends. It returns the number of bytes.
func (s *socket) drain(ctx context.Context) (n int64) {
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	_ = s.conn.SetReadDeadline(time.Time{})
	n, _ = io.Copy(io.Discard, s.in)
	return n
}
