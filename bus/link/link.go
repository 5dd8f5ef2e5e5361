// Package link is the part of a bus between nodes that does not depend on the server in the middle: this node's own
// subscribers, whether other nodes can be reached, the messages that wait to be sent, and the recognition of messages that
// are a node's own or come late. natsbus and pgbus add their server to it.
//
// Reading order: queue.go, link.go, sequences.go.
package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"

	"chattok/bus"
	"chattok/bus/wire"
	"chattok/session"
)

// Link is one node's link to the other nodes. It is safe for concurrent use.
type Link struct {
	log   *slog.Logger
	node  uint64 // random, so that the node knows its own messages
	local *bus.Bus

	down      atomic.Pointer[error] // why other nodes can't be reached; nil while they can
	outages   atomic.Int64          // how often Down was called
	connected atomic.Bool           // Up has been called
	lost      chan struct{}         // has room for one

	published, received, refused, losses atomic.Int64
}

// New returns a Link that has never been up.
func New(log *slog.Logger) *Link {
	l := &Link{log: log, node: rand.Uint64(), local: bus.New(), lost: make(chan struct{}, 1)}
	l.Down(errors.New("not connected yet"))
	return l
}

// Node returns the number by which other nodes tell this node's messages from their own.
func (l *Link) Node() uint64 { return l.node }

// Numbered says whether a message that is lost or late does no harm, since its numbers put that right.
func Numbered(m session.Message) bool { return m.Seq > 0 || m.Revision > 0 }

// Publish hands m to this node's subscribers, and then to other nodes by send. Errors: UNAVAILABLE where other nodes don't
// get it.
func (l *Link) Publish(ctx context.Context, m session.Message, send func(context.Context, session.Message) error) error {
	if err := l.local.Publish(ctx, m); err != nil {
		return err
	}
	err := l.Err()
	if err == nil {
		err = send(ctx, m)
	}
	if err != nil {
		l.refused.Add(1)
		return session.Unavailable(err)
	}
	l.published.Add(1)
	return nil
}

// Subscribe calls receive for every message of a session that this node publishes or receives.
func (l *Link) Subscribe(sessionID string, receive func(session.Message)) (stop func(), err error) {
	return l.local.Subscribe(sessionID, receive)
}

// Receive hands over a message that the server brought, unless it is this node's own or is late and has no numbers. late
// says whether a later message of the same publisher came before.
func (l *Link) Receive(payload []byte, late func(wire.Envelope) bool) {
	e, err := wire.Unmarshal(payload)
	if err != nil {
		l.log.Debug("the bus brought a message that can't be read", "error", err)
		l.MayHaveLost()
		return
	}
	if e.Node == l.node { // a server may send it back on a later connection
		return
	}
	l.received.Add(1)
	if late(e) && !Numbered(e.Message) {
		l.log.Debug("the bus brought a message after a later one of the same node", "session", e.Message.SessionID)
		return
	}
	_ = l.local.Publish(context.Background(), e.Message) // never fails
}

// Up says that other nodes can be reached, and that their messages are received, from now on. server is for the log.
func (l *Link) Up(server string) {
	l.down.Store(nil)
	l.log.Info("the bus is connected", "server", server)
	if l.connected.Swap(true) {
		l.MayHaveLost()
	} else {
		l.compare() // nothing was lost before the first connection: what others did is in the store
	}
}

// Down says why other nodes can't be reached.
func (l *Link) Down(err error) {
	err = fmt.Errorf("the bus is cut off: %w", err)
	l.down.Store(&err)
	l.outages.Add(1)
}

// MayHaveLost says that messages of other nodes may have been lost.
func (l *Link) MayHaveLost() {
	l.losses.Add(1)
	l.compare()
}

// compare asks the node to compare its open sessions with the store.
func (l *Link) compare() {
	select {
	case l.lost <- struct{}{}:
	default:
	}
}

// SingleNode says no: a link is to other nodes.
func (l *Link) SingleNode() bool { return false }

// Lost gets a value when the node should compare its open sessions with the store.
func (l *Link) Lost() <-chan struct{} { return l.lost }

// Err returns why other nodes can't be reached; nil while they can.
func (l *Link) Err() error {
	if err := l.down.Load(); err != nil {
		return *err
	}
	return nil
}

// Stats returns the number of messages and losses since New.
func (l *Link) Stats() bus.Stats {
	return bus.Stats{Published: l.published.Load(), Received: l.received.Load(), Refused: l.refused.Load(), Lost: l.losses.Load()}
}
