// Package bus is session.Bus within one process: the bus of a single node. A message is handed over on the publisher's
// goroutine, so that its subscribers have it when Publish returns.
package bus

import (
	"context"
	"sync"

	"chattok/session"
)

// Bus carries messages between the parts of one process. The zero value is not usable; see New.
type Bus struct {
	mu     sync.Mutex
	topics map[string]*topic
}

// topic is a session's receivers. It is kept while there are any.
type topic struct {
	mu        sync.Mutex // held while a message is handed over: one at a time, in the same order for all receivers
	receivers map[*receiver]struct{}
}

type receiver struct{ receive func(session.Message) }

var _ session.Bus = (*Bus)(nil)

// New returns a bus.
func New() *Bus { return &Bus{topics: make(map[string]*topic)} }

// Publish hands m to every receiver of its session.
func (b *Bus) Publish(_ context.Context, m session.Message) error {
	b.mu.Lock()
	t := b.topics[m.SessionID]
	b.mu.Unlock()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for r := range t.receivers {
		r.receive(m)
	}
	return nil
}

// Subscribe calls receive for every message of a session.
func (b *Bus) Subscribe(sessionID string, receive func(session.Message)) (stop func(), err error) {
	r := &receiver{receive}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[sessionID]
	if t == nil {
		t = &topic{receivers: make(map[*receiver]struct{})}
		b.topics[sessionID] = t
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.receivers[r] = struct{}{}
	return func() { b.unsubscribe(sessionID, t, r) }, nil
}

func (b *Bus) unsubscribe(sessionID string, t *topic, r *receiver) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.receivers, r)
	if len(t.receivers) == 0 && b.topics[sessionID] == t {
		delete(b.topics, sessionID)
	}
}

// SingleNode implements session.Bus.
func (b *Bus) SingleNode() bool { return true }

// Lost is nil: nothing is lost within a process.
func (b *Bus) Lost() <-chan struct{} { return nil }

// Err is always nil.
func (b *Bus) Err() error { return nil }
