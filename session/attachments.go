package session

import (
	"context"
	"errors"
	"sync"
	"time"
)

// attachments are the connections that have sockets on this node, each with its state in the Store. The methods do not wait: the
// presence takes the queued connections, writes them to the Store, and reports how that went.
type attachments struct {
	limit      int // sockets of a connection
	background *background

	mu     sync.Mutex
	local  map[string]*localConnection
	queued map[string]*localConnection // the Store is to be told of them
	wake   hint                        // that there may be something to take
	closed bool
}

// localConnection is a connection that has sockets here, or had some and the Store is still to be told. Its fields are guarded by
// attachments.mu.
//
// Two things change independently: the connection's sockets, and its state in the Store. The connection is queued whenever the
// two may differ. Taken from the queue, it is written as it is then: attached where it has a socket, detached where it has
// none.
//
//	state       a socket opens            the last one closes  attach is written  detach is written
//	unattached  waits, queued             queued               attached           -
//	attached    answered at once;         queued               attached           -
//	            waits where it is queued
//	detaching   waits, queued             queued               -                  forgotten; unattached
//	                                                                              where a socket opened
//
// A connection without a socket is detaching from the moment that it is taken from the queue. A socket that waits is answered by
// the next attach that is written. Where the Store refuses an attach, as the connection has ended, the state is unattached and
// the sockets are told, which then close. Where a write fails, the connection is queued again, attached where it was detaching.
// When the node's lease has run out, all connections become unattached and are queued.
type localConnection struct {
	id        string
	sessionID string
	stayEnd   time.Time // when the connection ends for good; zero: never
	sockets   map[*Attachment]struct{}
	state     attachState
	waiting   []chan error // of sockets that wait for the Store; each buffers one
	release   func()       // the session's room
}

// attachState is a connection's state in the Store, as far as this node knows.
type attachState uint8

const (
	unattached attachState = iota // not attached to this node; the Store may be being told that it is
	attached                      // attached to this node
	detaching                     // attached, and the Store is being told that the last socket closed
)

// Attachment is one socket or stream of a connection.
type Attachment struct {
	attachments *attachments
	local       *localConnection
	onEnd       func(*Error)
}

func newAttachments(limit int, b *background) *attachments {
	return &attachments{limit: limit, background: b, local: make(map[string]*localConnection),
		queued: make(map[string]*localConnection), wake: newHint()}
}

// open counts a socket in; stored gets nil when the Store has the connection attached. release is called when the connection
// has no socket here any more, or at once where the socket does not need it. Errors: RATE_LIMITED, UNAVAILABLE.
func (as *attachments) open(c *Connection, stayEnd time.Time, onEnd func(*Error), release func()) (a *Attachment, stored <-chan error, err error) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.closed {
		release()
		return nil, nil, errStopping()
	}
	l, ok := as.local[c.ID]
	if ok && len(l.sockets) >= as.limit {
		release()
		return nil, nil, Errorf(CodeRateLimited, "a connection has at most %d sockets and streams open on a server", as.limit).
			WithRetryAfter(5 * time.Second)
	}
	if ok {
		release() // the first socket holds the room
	} else {
		l = &localConnection{id: c.ID, sessionID: c.SessionID, stayEnd: stayEnd, sockets: make(map[*Attachment]struct{}), release: release}
		as.local[c.ID] = l
	}
	a = &Attachment{attachments: as, local: l, onEnd: onEnd}
	l.sockets[a] = struct{}{}
	answer := make(chan error, 1)
	if l.state == attached && as.queued[c.ID] == nil {
		answer <- nil
		return a, answer, nil
	}
	l.waiting = append(l.waiting, answer)
	as.queue(l)
	return a, answer, nil
}

// Detach says that the socket has closed; after the last one of a connection its grace time begins. It may be called more
// than once, and on nil.
func (a *Attachment) Detach() {
	if a == nil {
		return
	}
	as, l := a.attachments, a.local
	as.mu.Lock()
	defer as.mu.Unlock()
	if _, ok := l.sockets[a]; !ok {
		return
	}
	delete(l.sockets, a)
	if len(l.sockets) == 0 {
		as.queue(l)
	}
}

// queue queues a connection. as.mu is held.
func (as *attachments) queue(l *localConnection) {
	as.queued[l.id] = l
	as.wake.tell()
}

// retry wakes the writer again where the Store did not take something.
func (as *attachments) retry() {
	as.mu.Lock()
	defer as.mu.Unlock()
	if len(as.queued) > 0 {
		as.wake.tell()
	}
}

// takeQueued takes connections from the queue, limit at most, and returns the ids to attach and to detach.
func (as *attachments) takeQueued(limit int) (attach, detach []string) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for id, l := range as.queued {
		if len(attach)+len(detach) == limit {
			break
		}
		delete(as.queued, id)
		if len(l.sockets) > 0 {
			attach = append(attach, id)
		} else {
			l.state = detaching
			detach = append(detach, id)
		}
	}
	return attach, detach
}

// attachWritten answers the sockets that wait, and ends those of connections that the Store refused. err says that the Store
// took none of the ids.
func (as *attachments) attachWritten(ids []string, refused map[string]error, err error) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, id := range ids {
		l, why := as.local[id], err
		if why == nil {
			why = refused[id]
		}
		for _, answer := range l.waiting {
			answer <- why
		}
		l.waiting = nil
		switch {
		case err != nil:
			as.queued[id] = l
		case why != nil:
			l.state = unattached
			as.endLocked(l, why)
		default:
			l.state = attached
		}
	}
}

// detachWritten forgets the connections that still have no socket. One that got a socket meanwhile is queued already. err says
// that the Store took none of the ids.
func (as *attachments) detachWritten(ids []string, err error) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, id := range ids {
		l := as.local[id]
		if err != nil {
			l.state = attached // as far as this node knows; a new socket waits all the same, as it is queued
			as.queued[id] = l
			continue
		}
		l.state = unattached
		if len(l.sockets) == 0 {
			for _, answer := range l.waiting {
				answer <- Errorf(CodeUnavailable, "the socket was closed")
			}
			delete(as.local, id)
			delete(as.queued, id)
			l.release()
		}
	}
}

// queueAll queues all connections anew, after the node's lease had run out.
func (as *attachments) queueAll() {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, l := range as.local {
		l.state = unattached
		as.queue(l)
	}
}

// end tells every socket of a connection that it has ended.
func (as *attachments) end(id string, why *Error) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if l := as.local[id]; l != nil {
		as.endLocked(l, why)
	}
}

// endStays tells the sockets of all connections whose stay has ended.
func (as *attachments) endStays(now time.Time, why *Error) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, l := range as.local {
		if !now.Before(l.stayEnd) {
			as.endLocked(l, why)
		}
	}
}

// endLocked tells every socket of a connection, once, that it has ended. as.mu is held.
func (as *attachments) endLocked(l *localConnection, why error) {
	e, ok := errors.AsType[*Error](why)
	if !ok {
		e = destroyedError()
	}
	for a := range l.sockets {
		if onEnd := a.onEnd; onEnd != nil {
			a.onEnd = nil
			as.background.run(func(context.Context) { onEnd(e) })
		}
	}
}

// of returns the ids of a session's connections that are tracked.
func (as *attachments) of(sessionID string) (ids []string) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for id, l := range as.local {
		if l.sessionID == sessionID {
			ids = append(ids, id)
		}
	}
	return ids
}

// tracked says whether a connection has a socket here, or had one and the Store is still to be told.
func (as *attachments) tracked(id string) bool {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.local[id] != nil
}

// has says whether a connection has a socket here.
func (as *attachments) has(id string) bool {
	as.mu.Lock()
	defer as.mu.Unlock()
	l := as.local[id]
	return l != nil && len(l.sockets) > 0
}

// count returns how many connections are tracked.
func (as *attachments) count() int {
	as.mu.Lock()
	defer as.mu.Unlock()
	return len(as.local)
}

// isClosed says whether close was called.
func (as *attachments) isClosed() bool {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.closed
}

// close refuses further sockets, and wakes the writer for the last time.
func (as *attachments) close() {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.closed = true
	as.wake.tell()
}
