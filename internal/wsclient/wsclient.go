// Package wsclient is a small client of the WebSocket protocol graphql-transport-ws, for tests and for tools that drive a
// real server. It reads and writes one message at a time and has no goroutine of its own.
//
// The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
package wsclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/coder/websocket"
)

// Protocol is the subprotocol that a Conn asks for unless its Options name another one.
const Protocol = "graphql-transport-ws"

// maxMessageBytes bounds a message of the server.
const maxMessageBytes = 8 << 20

// Options are those of the WebSocket itself, such as a header or an http.Client.
type Options = websocket.DialOptions

// Message is one message of the protocol, in either direction.
type Message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// Conn is an open WebSocket. One goroutine at a time may read from it; any number may write.
type Conn struct{ *websocket.Conn }

// Dial opens a WebSocket at url, which begins with ws, wss, http or https, and sends nothing yet. options may be nil.
func Dial(ctx context.Context, url string, options *Options) (*Conn, error) {
	var o Options
	if options != nil {
		o = *options
	}
	if o.Subprotocols == nil {
		o.Subprotocols = []string{Protocol}
	}
	conn, _, err := websocket.Dial(ctx, url, &o)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxMessageBytes)
	return &Conn{conn}, nil
}

// Open opens a WebSocket at url that the server has acknowledged. Without a token the caller is a guest.
func Open(ctx context.Context, url, token string) (*Conn, error) {
	c, err := Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	if err := c.Init(ctx, token); err != nil {
		_ = c.CloseNow() // the error says more
		return nil, err
	}
	return c, nil
}

// Init introduces the caller and waits for the server's acknowledgement.
func (c *Conn) Init(ctx context.Context, token string) error {
	if err := c.SendInit(ctx, token); err != nil {
		return err
	}
	m, err := c.Next(ctx)
	if err == nil && m.Type != "connection_ack" {
		err = fmt.Errorf("%s in place of connection_ack", m.Type)
	}
	return err
}

// SendInit is Init for a caller that reads the server's answer itself.
func (c *Conn) SendInit(ctx context.Context, token string) error {
	m := Message{Type: "connection_init"}
	if token != "" {
		payload, err := json.Marshal(map[string]string{"Authorization": "Bearer " + token})
		if err != nil {
			return err
		}
		m.Payload = payload
	}
	return c.Send(ctx, m)
}

// Subscribe starts an operation, whose messages will carry id.
func (c *Conn) Subscribe(ctx context.Context, id, query string, variables map[string]any) error {
	operation := map[string]any{"query": query}
	if variables != nil {
		operation["variables"] = variables
	}
	payload, err := json.Marshal(operation)
	if err != nil {
		return err
	}
	return c.Send(ctx, Message{ID: id, Type: "subscribe", Payload: payload})
}

// Send writes a message, which is a Message or anything that is one as JSON.
func (c *Conn) Send(ctx context.Context, message any) error {
	raw, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return c.Write(ctx, websocket.MessageText, raw)
}

// Next returns the next message that is no ping or pong. It answers pings.
func (c *Conn) Next(ctx context.Context) (Message, error) {
	for {
		m, err := c.Receive(ctx)
		switch {
		case err != nil || m.Type != "ping" && m.Type != "pong":
			return m, err
		case m.Type == "ping":
			if err := c.Send(ctx, Message{Type: "pong"}); err != nil {
				return Message{}, err
			}
		}
	}
}

// Receive returns the next message of any type.
func (c *Conn) Receive(ctx context.Context) (m Message, err error) {
	_, raw, err := c.Read(ctx)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("the message %.200q: %w", raw, err)
	}
	return m, nil
}

// CloseCode returns the code with which the server closed the WebSocket that an error is of; -1 for another error.
func CloseCode(err error) int { return int(websocket.CloseStatus(err)) }

// CloseReason returns the reason beside the code; "" for another error.
func CloseReason(err error) string {
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		return closed.Reason
	}
	return ""
}
