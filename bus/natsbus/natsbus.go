// Package natsbus is session.Bus between nodes, over core NATS.
//
// Every session has a subject, to which a node subscribes while it has a receiver of the session. A node's own
// receivers have a message at once, within the process; the server does not send it back.
//
// # Order and backpressure
//
// What a node publishes goes through one queue and one connection, and what it receives of a session through one of a
// few queues, so that the messages of one publisher and session stay in order. What a network held back on a connection
// that was given up may still come after what was sent on the next: every message has its place, and what no number can
// make good, such as a signal, is dropped where one of a later place came before. Both queues are bounded: what finds the
// first one full is refused, what finds the second one full is lost, and Lost says so. Publish waits for the connection
// with signals and the like, and never with what is only a wake-up.
//
// # Outage
//
// A bus that is cut off tries for ever to come back. Meanwhile Publish serves this node's receivers and says
// UNAVAILABLE; nothing is kept to be sent late. When the server has taken all subscriptions again, Lost has a value.
package natsbus

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"chattok/bus"
	"chattok/bus/wire"
	"chattok/session"
)

const (
	// maxBytes bounds a message whose content is in the Store too: what is larger goes as numbers alone. 256 short
	// entries fit, as one commit has at most.
	maxBytes = 128 << 10
	// serverBytes is what a server takes in one message unless it says otherwise.
	serverBytes = 1 << 20

	outgoingMessages = 4096 // that wait to be sent
	incomingMessages = 4096 // that wait to be received, in each of incomingQueues
	incomingQueues   = 4
	answerTimeout    = 5 * time.Second // for what waits for the connection
)

// Bus is a node's part of the bus. It is safe for concurrent use.
type Bus struct {
	log      *slog.Logger
	conn     *nats.Conn
	node     uint64
	subjects string // the beginning of every subject
	local    *bus.Bus
	counters bus.Counters

	down       atomic.Pointer[error] // why other nodes can't be reached; nil while they can
	maxPayload atomic.Int64
	lost       chan struct{} // has room for one
	outgoing   chan outgoing
	incoming   [incomingQueues]chan *nats.Msg
	seed       maphash.Seed

	mu     sync.Mutex
	topics map[string]*topic

	first    sync.Once
	ready    chan struct{} // closed after the first connection
	closing  chan struct{}
	closed   chan struct{} // by the connection
	workers  sync.WaitGroup
	closeBus sync.Once
}

// topic is a session's subscription at the server. It is kept while there are receivers.
type topic struct {
	subscription *nats.Subscription
	receivers    int
	places       map[uint64]uint64 // of each publisher's newest message
}

type outgoing struct {
	subject string
	payload []byte
	answer  chan error // has room for one; nil where nobody waits
}

var _ session.Bus = (*Bus)(nil)

// Open opens a node's part of the bus. A server that can't be reached now is no error: Err tells, and the bus goes on
// trying. It returns an error for a Config that is not valid. The caller closes the Bus.
func Open(c Config) (*Bus, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	b := &Bus{log: c.Logger, node: rand.Uint64(), subjects: "chattok." + c.Installation + ".", local: bus.New(),
		lost: make(chan struct{}, 1), outgoing: make(chan outgoing, outgoingMessages), seed: maphash.MakeSeed(),
		topics: make(map[string]*topic), ready: make(chan struct{}), closing: make(chan struct{}), closed: make(chan struct{})}
	if b.log == nil {
		b.log = slog.Default()
	}
	for i := range b.incoming {
		b.incoming[i] = make(chan *nats.Msg, incomingMessages)
	}
	b.maxPayload.Store(serverBytes)
	b.setDown(errors.New("not connected yet"))
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

// callbacks are called one after the other.
func (b *Bus) callbacks() []nats.Option {
	return []nats.Option{
		nats.ConnectHandler(b.connected),
		nats.ReconnectHandler(b.connected),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			err = cause(err)
			b.setDown(err)
			b.log.Warn("the bus is cut off; trying on", "error", err)
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { b.setDown(cause(err)) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrSlowConsumer) {
				b.loses()
			}
			b.log.Warn("the bus has an error", "error", cause(err))
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(b.closed) }),
	}
}

// connected is called when the server has been sent all subscriptions. Only when it has taken them is nothing more lost.
func (b *Bus) connected(conn *nats.Conn) {
	defer b.first.Do(func() { close(b.ready) })
	for conn.IsConnected() {
		if err := conn.FlushTimeout(connectTimeout); err != nil {
			b.log.Warn("the bus does not answer", "error", err)
			continue
		}
		b.maxPayload.Store(conn.MaxPayload())
		b.down.Store(nil)
		b.log.Info("the bus is connected", "server", conn.ConnectedUrlRedacted())
		select {
		case <-b.ready:
			b.loses()
		default:
			b.compare() // at the first connection nothing was lost: what others did before is in the store
		}
		return
	}
}

// cause is why there is no connection, of which nats.go says nothing where no server answered, or one closed.
func cause(err error) error {
	if err == nil {
		return errors.New("no server answers")
	}
	return err
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

// subject returns a session's subject. Of what a session's id may have, only the dot means something in a subject; '%'
// is in no id.
func (b *Bus) subject(sessionID string) string {
	return b.subjects + strings.ReplaceAll(sessionID, ".", "%2E")
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
	limit := int(b.maxPayload.Load())
	if numbered(m) {
		limit = min(limit, maxBytes)
	}
	if err := b.Err(); err != nil {
		return err
	}
	payload, err := wire.Marshal(wire.Envelope{Node: b.node, Message: m}, limit)
	if err != nil {
		return err
	}
	o := outgoing{subject: b.subject(m.SessionID), payload: payload}
	if numbered(m) {
		select {
		case b.outgoing <- o:
			return nil
		default:
			return fmt.Errorf("%d messages wait to be sent", cap(b.outgoing))
		}
	}
	o.answer = make(chan error, 1)
	return b.sendAndWait(ctx, o)
}

// numbered says whether what is lost or late of a message is put right by its numbers.
func numbered(m session.Message) bool { return m.Seq > 0 || m.Revision > 0 }

func (b *Bus) sendAndWait(ctx context.Context, o outgoing) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	select {
	case b.outgoing <- o:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-o.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send sends what is outgoing, and at the end what is left of it.
func (b *Bus) send() {
	for place := uint64(1); ; place++ {
		select {
		case o := <-b.outgoing:
			b.sendOne(o, place)
		case <-b.closing:
			for range len(b.outgoing) {
				b.sendOne(<-b.outgoing, place)
				place++
			}
			return
		}
	}
}

func (b *Bus) sendOne(o outgoing, place uint64) {
	wire.SetPlace(o.payload, place)
	err := b.conn.Publish(o.subject, o.payload)
	switch {
	case o.answer != nil:
		o.answer <- err
	case err != nil:
		b.counters.Refused()
		b.log.Debug("the bus did not take a message", "subject", o.subject, "error", err)
	}
}

// receive hands over what is incoming.
func (b *Bus) receive(queue <-chan *nats.Msg) {
	for {
		select {
		case m := <-queue:
			b.receiveOne(m)
		case <-b.closing:
			return
		}
	}
}

func (b *Bus) receiveOne(m *nats.Msg) {
	e, err := wire.Unmarshal(m.Data)
	if err != nil {
		b.log.Debug("the bus brought what can't be read", "subject", m.Subject, "error", err)
		b.loses()
		return
	}
	// The server sends nothing back on the connection it came by, but may on the next one.
	if e.Node == b.node {
		return
	}
	b.counters.Received()
	if b.overtaken(e) && !numbered(e.Message) {
		b.log.Debug("the bus brought a message late, after a later one", "session", e.Message.SessionID)
		return
	}
	_ = b.local.Publish(context.Background(), e.Message) // never fails
}

// overtaken says whether a later message of the same publisher and session came before, and notes the place of e.
func (b *Bus) overtaken(e wire.Envelope) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[e.Message.SessionID]
	if t == nil || e.Place == 0 {
		return false
	}
	newest := t.places[e.Node]
	t.places[e.Node] = max(newest, e.Place)
	return e.Place <= newest
}

// Subscribe implements session.Bus. While the server can be reached it returns when the server has taken the
// subscription, so that what is published later is received.
func (b *Bus) Subscribe(sessionID string, receive func(session.Message)) (stop func(), err error) {
	stopLocal, err := b.local.Subscribe(sessionID, receive)
	if err != nil {
		return nil, err
	}
	if err := b.listen(sessionID); err != nil {
		stopLocal()
		return nil, session.Unavailable(err)
	}
	if b.Err() == nil {
		if err := b.conn.FlushTimeout(connectTimeout); err != nil {
			b.log.Debug("the bus has not confirmed a subscription", "session", sessionID, "error", err)
		}
	}
	return sync.OnceFunc(func() {
		stopLocal()
		b.unlisten(sessionID)
	}), nil
}

// listen subscribes to a session's subject for the first of its receivers. While the bus is cut off, that is done when
// it comes back.
func (b *Bus) listen(sessionID string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[sessionID]
	if t == nil {
		queue := b.incoming[maphash.String(b.seed, sessionID)%incomingQueues]
		subscription, err := b.conn.ChanSubscribe(b.subject(sessionID), queue)
		if err != nil {
			return fmt.Errorf("subscribe to the bus: %w", err)
		}
		t = &topic{subscription: subscription, places: make(map[uint64]uint64)}
		b.topics[sessionID] = t
	}
	t.receivers++
	return nil
}

func (b *Bus) unlisten(sessionID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[sessionID]
	if t.receivers--; t.receivers > 0 {
		return
	}
	delete(b.topics, sessionID)
	if err := t.subscription.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		b.log.Debug("the bus did not take the end of a subscription", "session", sessionID, "error", err)
	}
}

// Close sends what waits to be sent, and ends the bus: Publish then serves this node's receivers alone. It may be
// called more than once.
func (b *Bus) Close() error {
	b.closeBus.Do(func() {
		b.setDown(errors.New("it was closed"))
		close(b.closing)
		b.workers.Wait()
		b.conn.Close()
		<-b.closed
	})
	return nil
}
