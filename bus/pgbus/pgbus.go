// Package pgbus is session.Bus between nodes that share a PostgreSQL database, over LISTEN and NOTIFY. It needs no other
// server; natsbus carries more.
//
// Each node has one connection of its own and one channel for all sessions: a node picks out those that it has a
// receiver of. A notification of a commit carries the session and its numbers alone, so that a node fetches from the
// Store what they stand for. Notifications are sent after the commits that they tell of, all that wait in one
// statement: a NOTIFY inside a transaction would hold a lock over the whole database while it commits. A signal or
// negotiation is carried whole; where it is too large for a notification, it goes by the table bus_messages, which is
// unlogged and swept.
//
// The connection must be to the server itself, or a pooler that keeps sessions: LISTEN is for a session.
//
// # Order and backpressure
//
// One goroutine owns the connection, sends in the order of Publish and receives in the order of the server. The queue to
// it is bounded. Publish waits for the server with signals and the like, and never with what is only a wake-up.
//
// # Outage
//
// A bus that is cut off tries for ever to come back. Meanwhile Publish serves this node's receivers and says
// UNAVAILABLE; nothing is kept to be sent late. When it listens again, Lost has a value.
package pgbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"chattok/bus"
	"chattok/session"
)

const (
	outgoingMessages = 4096            // that wait to be sent
	answerTimeout    = 5 * time.Second // for what waits for the server
	connectTimeout   = 5 * time.Second
)

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
	config   *pgx.ConnConfig
	channel  string
	node     uint64
	local    *bus.Bus
	counters bus.Counters

	down     atomic.Pointer[error] // why other nodes can't be reached; nil while they can
	cuts     atomic.Int64          // how often the bus was cut off
	lost     chan struct{}         // has room for one
	outgoing chan outgoing
	wake     wake
	sweepDue atomic.Bool // sooner than it would be by itself

	closing  chan struct{}
	closed   chan struct{} // when the connection is
	closeBus sync.Once
}

type outgoing struct {
	message session.Message
	answer  chan error // has room for one; nil where nobody waits
	cuts    int64      // the bus's when it was published: after another one it is too late
}

var _ session.Bus = (*Bus)(nil)

// Open opens a node's part of the bus. A server that can't be reached now is no error: Err tells, and the bus goes on
// trying. It returns an error for a Config that is not valid. The caller closes the Bus.
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
	b := &Bus{log: c.Logger, config: config, channel: "chattok_" + c.Installation, node: rand.Uint64(), local: bus.New(),
		lost: make(chan struct{}, 1), outgoing: make(chan outgoing, outgoingMessages),
		closing: make(chan struct{}), closed: make(chan struct{})}
	if b.log == nil {
		b.log = slog.Default()
	}
	b.setDown(errors.New("not connected yet"))
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

func (b *Bus) setDown(err error) {
	err = fmt.Errorf("the bus is cut off: %w", err)
	b.down.Store(&err)
}

// loses says that messages may have been lost.
func (b *Bus) loses() {
	b.counters.Lost()
	b.compare()
}

// compare has the sessions that are open compared with the store.
func (b *Bus) compare() {
	select {
	case b.lost <- struct{}{}:
	default:
	}
}

// Lost implements session.Bus.
func (b *Bus) Lost() <-chan struct{} { return b.lost }

// Err implements session.Bus.
func (b *Bus) Err() error {
	if err := b.down.Load(); err != nil {
		return *err
	}
	return nil
}

// Stats returns what the bus has done since Open.
func (b *Bus) Stats() bus.Stats { return b.counters.Stats() }

// Subscribe implements session.Bus.
func (b *Bus) Subscribe(sessionID string, receive func(session.Message)) (stop func(), err error) {
	return b.local.Subscribe(sessionID, receive)
}

// Publish implements session.Bus.
func (b *Bus) Publish(ctx context.Context, m session.Message) error {
	if err := b.local.Publish(ctx, m); err != nil {
		return err
	}
	if err := b.publish(ctx, m); err != nil {
		b.counters.Refused()
		return session.Unavailable(err)
	}
	b.counters.Published()
	return nil
}

func (b *Bus) publish(ctx context.Context, m session.Message) error {
	cuts := b.cuts.Load()
	if err := b.Err(); err != nil {
		return err
	}
	m.Entries, m.Changes = nil, nil
	if numbered(m) {
		select {
		case b.outgoing <- outgoing{message: m, cuts: cuts}:
			b.wake.up()
			return nil
		default:
			return fmt.Errorf("%d messages wait to be sent", cap(b.outgoing))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer := make(chan error, 1)
	select {
	case b.outgoing <- outgoing{m, answer, cuts}:
		b.wake.up()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// numbered says whether what is lost or late of a message is put right by its numbers.
func numbered(m session.Message) bool { return m.Seq > 0 || m.Revision > 0 }

// Close sends what waits to be sent, and ends the bus: Publish then serves this node's receivers alone. It may be
// called more than once.
func (b *Bus) Close() error {
	b.closeBus.Do(func() {
		close(b.closing)
		b.wake.up()
	})
	<-b.closed
	return nil
}

// wake interrupts whoever waits for the server. A call of up that finds nobody waiting is for the next who does.
type wake struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	due    bool
}

func (w *wake) up() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = true
	if w.cancel != nil {
		w.cancel()
	}
}

// begin returns a context that up ends; done ends the waiting.
func (w *wake) begin(timeout time.Duration) (ctx context.Context, done func()) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel = cancel
	if w.due {
		cancel()
	}
	return ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		cancel()
		w.cancel, w.due = nil, false
	}
}
