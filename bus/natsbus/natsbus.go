// Package natsbus is session.Bus between nodes, over core NATS.
//
// Every session has a subject, to which a node subscribes while it has a subscriber of the session. A node's own
// subscribers get a message at once, within the process; the server does not send it back.
//
// # Order and backpressure
//
// Messages that a node publishes go through one queue and one connection. Messages that it receives of a session go
// through one of a few queues. So the messages of one publisher and session stay in order. A network may hold messages
// back on a connection that was given up, and bring them after those of the next connection: every message has a number,
// and a signal that comes after a message with a higher number is dropped. Both queues are bounded. A message that finds the
// first one full is refused; a message that finds the second one full is lost, and Lost says so. Publish waits for the
// connection with signals and negotiation, and never with a wake-up.
//
// # Outage
//
// A bus that is cut off tries for ever to come back. Meanwhile Publish serves this node's subscribers and returns
// UNAVAILABLE; nothing is kept to be sent late. When the server has taken all subscriptions again, Lost has a value.
//
// Reading order: natsbus.go, connection.go, send.go, receive.go, config.go.
package natsbus

import (
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"chattok/bus"
	"chattok/bus/link"
	"chattok/session"
)

// Bus is a node's part of the bus. It is safe for concurrent use.
type Bus struct {
	log        *slog.Logger
	link       *link.Link
	outgoing   *link.Queue[outgoing]
	conn       *nats.Conn
	subjects   string // the beginning of every subject
	maxPayload atomic.Int64
	incoming   [incomingQueues]chan *nats.Msg
	seed       maphash.Seed // decides which queue a session's messages go to

	mu     sync.Mutex
	topics map[string]*topic // by session

	first    sync.Once
	ready    chan struct{} // closed after the first try to connect
	closing  chan struct{}
	closed   chan struct{} // closed by the connection
	workers  sync.WaitGroup
	closeBus sync.Once
}

var _ session.Bus = (*Bus)(nil)

// Open opens a node's part of the bus. A server that can't be reached now is no error: Err says so, and the bus goes on
// trying. Open returns an error for a Config that is not valid. The caller closes the Bus.
func Open(c Config) (*Bus, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	l := link.New(c.Logger)
	b := &Bus{log: c.Logger, link: l, outgoing: link.NewQueue[outgoing](l), subjects: "chattok." + c.Installation + ".",
		seed: maphash.MakeSeed(), topics: make(map[string]*topic),
		ready: make(chan struct{}), closing: make(chan struct{}), closed: make(chan struct{})}
	for i := range b.incoming {
		b.incoming[i] = make(chan *nats.Msg, incomingMessages)
	}
	b.maxPayload.Store(serverBytes)
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	b.conn, err = nats.Connect(c.URL, append(options, b.callbacks()...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	b.workers.Go(b.send)
	for _, queue := range b.incoming {
		b.workers.Go(func() { b.receive(queue) })
	}
	if b.conn.IsConnected() {
		<-b.ready
	} else {
		b.log.Warn("the bus can't be reached; trying on", "error", cause(b.conn.LastError()))
	}
	return b, nil
}

// SingleNode implements session.Bus.
func (b *Bus) SingleNode() bool { return false }

// Lost implements session.Bus.
func (b *Bus) Lost() <-chan struct{} { return b.link.Lost() }

// Err implements session.Bus.
func (b *Bus) Err() error { return b.link.Err() }

// Stats counts the messages since Open.
func (b *Bus) Stats() bus.Stats { return b.link.Stats() }

// Close sends the messages that wait to be sent, and ends the bus: Publish then serves this node's subscribers alone. It
// may be called more than once.
func (b *Bus) Close() error {
	b.closeBus.Do(func() {
		b.link.Down(errors.New("it was closed"))
		close(b.closing)
		b.workers.Wait()
		b.conn.Close()
		<-b.closed
	})
	return nil
}
