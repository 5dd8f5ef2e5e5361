package natsbus

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"chattok/bus/link"
	"chattok/bus/wire"
	"chattok/session"
)

const (
	incomingQueues   = 4
	incomingMessages = 4096 // that may wait to be handed over, in each queue
)

// topic is a session's subscription at the server. It is kept while the session has subscribers on this node.
type topic struct {
	subscription *nats.Subscription
	subscribers  int
	sequences    link.Sequences
}

// Subscribe implements session.Bus. While the server can be reached, Subscribe returns when the server has taken the
// subscription, so that what is published later is received.
func (b *Bus) Subscribe(sessionID string, receive func(session.Message)) (stop func(), err error) {
	stopLocal, err := b.link.Subscribe(sessionID, receive)
	if err != nil {
		return nil, err
	}
	if err := b.listen(sessionID); err != nil {
		stopLocal()
		return nil, session.Unavailable(err)
	}
	if b.link.Err() == nil {
		if err := b.conn.FlushTimeout(connectTimeout); err != nil {
			b.log.Debug("the bus has not confirmed a subscription", "session", sessionID, "error", err)
		}
	}
	return sync.OnceFunc(func() {
		stopLocal()
		b.unlisten(sessionID)
	}), nil
}

// listen subscribes to a session's subject for the first of its subscribers. While the bus is cut off, nats.go does that
// when the connection is back.
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
		t = &topic{subscription: subscription, sequences: make(link.Sequences)}
		b.topics[sessionID] = t
	}
	t.subscribers++
	return nil
}

func (b *Bus) unlisten(sessionID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[sessionID]
	if t.subscribers--; t.subscribers > 0 {
		return
	}
	delete(b.topics, sessionID)
	if err := t.subscription.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		b.log.Debug("the bus did not take the end of a subscription", "session", sessionID, "error", err)
	}
}

// receive hands over the messages of one queue until the bus is closed.
func (b *Bus) receive(queue <-chan *nats.Msg) {
	for {
		select {
		case m := <-queue:
			b.link.Receive(m.Data, b.late)
		case <-b.closing:
			return
		}
	}
}

// late says whether a later message of the same publisher and session came before.
func (b *Bus) late(e wire.Envelope) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[e.Message.SessionID]
	return t != nil && t.sequences.Late(e)
}

// subject returns a session's subject. Of the characters in a session's id, only the dot means something in a subject;
// '%' is in no id.
func (b *Bus) subject(sessionID string) string {
	return b.subjects + strings.ReplaceAll(sessionID, ".", "%2E")
}
