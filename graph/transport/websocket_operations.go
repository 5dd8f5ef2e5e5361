package transport

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
)

// operation is one that a client sent and that has not ended. The fields below id are guarded by operations.mu.
type operation struct {
	id      string
	payload []byte             // until the operation begins
	room    int64              // bytes of the messageRoom of its message, until a query or mutation is answered or a subscription has begun
	cancel  context.CancelFunc // while the operation runs on its own
	member  *member            // where its execution is shared
}

// over says whether the client has been told that the operation ended, or is just being told, so that the id is free.
func (op *operation) over() bool { return op.member != nil && op.member.over.Load() }

// handshake says how far connection_init has come.
type handshake uint8

const (
	opened       handshake = iota // no connection_init yet
	initialising                  // connection_init has come and is being checked
	acknowledged
)

// operations are those of one WebSocket: those that have begun and not ended, and those that wait for their turn, in
// the order in which they came. None begins before the handshake is over.
type operations struct {
	mu        sync.Mutex
	ctx       context.Context // of operations; the caller's once the handshake is over
	handshake handshake
	stopping  bool                  // no more operations are taken in
	byID      map[string]*operation // that have not ended
	queue     []*operation          // that wait for their turn
	queued    int                   // bytes of their payloads
	working   bool                  // a goroutine takes operations from the queue
	current   *operation            // the one that this goroutine runs
}

// context returns the context that operations run in.
func (o *operations) context() context.Context {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ctx
}

// initialise begins the handshake; false where it had begun before.
func (o *operations) initialise() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.handshake != opened {
		return false
	}
	o.handshake = initialising
	return true
}

// acknowledge ends the handshake; ctx is the caller's. Operations wait until the caller of acknowledge takes them from
// the queue.
func (o *operations) acknowledge(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ctx = ctx
	o.handshake = acknowledged
	o.working = true
}

// acknowledged says whether the handshake is over.
func (o *operations) acknowledged() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.handshake == acknowledged
}

// Reasons not to take an operation in, beside the faults that close the socket.
var (
	errStopping          = errors.New("the socket is about to be closed")
	errTooManyOperations = errors.New("too many operations are under way")
)

// add takes an operation in, with the room of its message. early says that it may come before the end of the handshake. start says that no goroutine
// takes operations from the queue, so that the caller has to start one. Errors: a *closeError; errStopping;
// errTooManyOperations where maxOperations are under way, or maxBytes of payloads wait.
func (o *operations) add(m message, room int64, early bool, maxOperations, maxBytes int) (start bool, err error) {
	o.mu.Lock()
	before := o.byID[m.ID]
	switch {
	case o.handshake != acknowledged && !(early && o.handshake == initialising):
		err = errInitFirst
	case before != nil && !before.over():
		err = &closeError{code: CloseDuplicateID, reason: "an operation with id " + m.ID + " is under way"}
	case o.stopping:
		err = errStopping
	case max(len(o.byID), len(o.queue)) >= maxOperations || o.queued+len(m.Payload) > maxBytes:
		err = errTooManyOperations
	}
	if err != nil {
		o.mu.Unlock()
		return false, err
	}
	end := o.forget(before)
	op := &operation{id: m.ID, payload: m.Payload, room: room}
	o.byID[m.ID] = op
	o.queue = append(o.queue, op)
	o.queued += len(op.payload)
	start = !o.working && o.handshake == acknowledged
	o.working = o.working || start
	o.mu.Unlock()
	if end != nil {
		end()
	}
	return start, nil
}

// next takes the first operation from the queue; nil where the queue is empty, and its goroutine must end. The
// operation is run in ctx and ended by cancel; wanted says that the client has not cancelled it.
func (o *operations) next() (op *operation, payload []byte, ctx context.Context, cancel context.CancelFunc, wanted bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.current = nil
	if len(o.queue) == 0 {
		o.working = false
		return nil, nil, nil, nil, false
	}
	op = o.queue[0]
	o.queue[0] = nil
	if o.queue = o.queue[1:]; len(o.queue) == 0 {
		o.queue = nil
	}
	payload = op.payload
	op.payload = nil
	o.queued -= len(payload)
	ctx, cancel = context.WithCancel(o.ctx)
	op.cancel = cancel
	o.current = op
	return op, payload, ctx, cancel, o.byID[op.id] == op
}

// waiting returns how many bytes wait in the queue.
func (o *operations) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queued
}

// unbegun returns the room of the operations that wait in the queue of a socket that has ended.
func (o *operations) unbegun() (room int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range o.queue {
		room += op.room
	}
	o.queue = nil
	return room
}

// join makes an operation a member of a group; wanted says that the client has not cancelled it.
func (o *operations) join(op *operation, m *member) (wanted bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byID[op.id] != op {
		return false
	}
	op.member = m
	op.cancel = nil // left to the caller
	return true
}

// members returns the operations that are members of a group.
func (o *operations) members() []*member {
	o.mu.Lock()
	defer o.mu.Unlock()
	members := make([]*member, 0, len(o.byID))
	for _, op := range o.byID {
		if op.member != nil {
			members = append(members, op.member)
		}
	}
	return members
}

// finish ends an operation and says whether the client still waits for it.
func (o *operations) finish(op *operation) (wanted bool) {
	o.mu.Lock()
	end := o.forget(op)
	o.mu.Unlock()
	if end == nil {
		return false
	}
	end()
	return true
}

// cancel ends the operation with this id, if there is one.
func (o *operations) cancel(id string) {
	o.mu.Lock()
	end := o.forget(o.byID[id])
	o.mu.Unlock()
	if end != nil {
		end()
	}
}

// endAll ends every operation, save the one that is being run where keepCurrent says so.
func (o *operations) endAll(keepCurrent bool) {
	o.mu.Lock()
	var ends []func()
	for _, op := range slices.Collect(maps.Values(o.byID)) {
		if keepCurrent && op == o.current {
			continue
		}
		if end := o.forget(op); end != nil {
			ends = append(ends, end)
		}
	}
	o.mu.Unlock()
	for _, end := range ends {
		end()
	}
}

// forget removes an operation and returns a function that ends it, to be called without mu; nil for an operation that
// was removed before. mu is held.
func (o *operations) forget(op *operation) (end func()) {
	if op == nil || o.byID[op.id] != op {
		return nil
	}
	delete(o.byID, op.id)
	cancel, m := op.cancel, op.member
	return func() {
		if cancel != nil {
			cancel()
		}
		if m != nil {
			m.leave()
		}
	}
}

// stop refuses operations from now on.
func (o *operations) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopping = true
}

// busy says whether operations are being taken from the queue.
func (o *operations) busy() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.working
}
