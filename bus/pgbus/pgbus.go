// Package pgbus is session.Bus between nodes that share a PostgreSQL database, over LISTEN and NOTIFY. It needs no other
// server; natsbus carries more.
//
// Each node has one connection of its own and one channel for all sessions: a node picks out the sessions that it has a
// subscriber of. A notification of a commit carries the session and its numbers alone, and a node fetches the rest from
// the Store. Notifications are sent after the commits that they announce, all that wait in one statement: a NOTIFY inside
// a transaction would hold a lock over the whole database while it commits. A signal or negotiation is carried whole.
// Where it is too large for a notification, it goes by the table bus_messages, which is unlogged and swept.
//
// The connection must be to the server itself, or to a pooler that keeps sessions: LISTEN belongs to a session.
//
// # Order and backpressure
//
// One goroutine owns the connection, sends in the order of Publish and receives in the order of the server. The queue to
// it is bounded. Publish waits for the server with signals and negotiation, and never with a wake-up.
//
// # Outage
//
// A bus that is cut off tries for ever to come back. Meanwhile Publish serves this node's subscribers and returns
// UNAVAILABLE; nothing is kept to be sent late. When it listens again, Lost has a value.
//
// Reading order: pgbus.go, connection.go, send.go, receive.go, wake.go.
package pgbus

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"chattok/bus"
	"chattok/bus/link"
	"chattok/session"
)

const connectTimeout = 5 * time.Second

// Config says which database to use, and how.
type Config struct {
	URL string // postgres://…, with the settings of libpq; of the server itself, or a pooler that keeps sessions
	// Installation tells this installation's nodes from others' in the same database; of A-Z, a-z, 0-9 and '_' alone.
	Installation string
	Logger       *slog.Logger // nil for slog.Default
}

// Bus is a node's part of the bus. It is safe for concurrent use.
type Bus struct {
	log      *slog.Logger
	link     *link.Link
	outgoing *link.Queue[session.Message]
	config   *pgx.ConnConfig
	channel  string
	wake     wake
	sweepDue atomic.Bool // the next sweep is due at once

	closing  chan struct{}
	closed   chan struct{} // closed with the connection
	closeBus sync.Once
}

var _ session.Bus = (*Bus)(nil)

// Open opens a node's part of the bus. A server that can't be reached now is no error: Err says so, and the bus goes on
// trying. Open returns an error for a Config that is not valid. The caller closes the Bus.
func Open(ctx context.Context, c Config) (*Bus, error) {
	config, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, errors.New("the bus's URL can't be read; it must be postgres://user:password@host:port/database?options")
	}
	config.ConnectTimeout = connectTimeout
	if config.ValidateConnect == nil { // of several servers, the one that takes writes: a standby takes no LISTEN either
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if _, given := config.RuntimeParams["application_name"]; !given {
		config.RuntimeParams["application_name"] = "chattok bus"
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	l := link.New(c.Logger)
	b := &Bus{log: c.Logger, link: l, outgoing: link.NewQueue[session.Message](l), config: config,
		channel: "chattok_" + c.Installation, closing: make(chan struct{}), closed: make(chan struct{})}
	first := make(chan struct{})
	go func() {
		defer close(b.closed)
		b.run(sync.OnceFunc(func() { close(first) }))
	}()
	select {
	case <-first:
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), b.Close())
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

// Subscribe implements session.Bus.
func (b *Bus) Subscribe(sessionID string, receive func(session.Message)) (stop func(), err error) {
	return b.link.Subscribe(sessionID, receive)
}

// Publish implements session.Bus.
func (b *Bus) Publish(ctx context.Context, m session.Message) error {
	return b.link.Publish(ctx, m, func(ctx context.Context, m session.Message) error {
		m.Log.Events, m.Changes = nil, nil
		return b.outgoing.Add(ctx, m, m, b.wake.up)
	})
}

// Close sends the messages that wait to be sent, and ends the bus: Publish then serves this node's subscribers alone. It
// may be called more than once.
func (b *Bus) Close() error {
	b.closeBus.Do(func() {
		close(b.closing)
		b.wake.up()
	})
	<-b.closed
	return nil
}
