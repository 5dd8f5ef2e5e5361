package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// presence is which connections have a socket on this node, and which made a request without one. One goroutine writes
// it to the Store, so that a socket that closes and one that opens at the same moment can't overtake each other.
type presence struct {
	mu       sync.Mutex
	local    map[string]*localConnection
	dirty    map[string]*localConnection // to be written
	touched  map[string]struct{}
	wake     chan struct{} // has room for one
	closed   bool
	holdOff  time.Time // nobody is swept before
	leasedAt time.Time
}

// localConnection is a connection's sockets here. Its fields are guarded by presence.mu.
type localConnection struct {
	id        string
	stays     time.Time // the end of its stay; zero: none
	sockets   map[*Attachment]struct{}
	stored    bool         // the Store has it attached to this node
	detaching bool         // the Store is being told that it is not
	waiting   []chan error // for the Store to have it; each has room for one
	release   func()       // the session's room
}

// Attachment is one socket or stream of a connection.
type Attachment struct {
	service *Service
	local   *localConnection
	onEnd   func(*Error)
}

func newPresence() *presence {
	return &presence{local: make(map[string]*localConnection), dirty: make(map[string]*localConnection),
		touched: make(map[string]struct{}), wake: make(chan struct{}, 1)}
}

func (p *presence) attached() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.local)
}

// Attach says that the caller's connection has a socket, which keeps it alive until Detach. onEnd is called, once at
// most and on a goroutine of its own, when the connection ends: the socket must be closed then. Callers without a
// connection get a nil Attachment, which may be detached. Errors: UNAUTHENTICATED with ReasonConnectionDestroyed;
// RATE_LIMITED for a socket over Config.SocketLimit; UNAVAILABLE.
func (s *Service) Attach(ctx context.Context, c Caller, onEnd func(*Error)) (*Attachment, error) {
	if c.Kind != Member {
		return nil, nil
	}
	_, release, err := s.room(ctx, c.SessionID)
	if err != nil {
		return nil, err
	}
	a := &Attachment{service: s, onEnd: onEnd}
	stored, err := s.presence.add(a, c.Connection.ID, s.cfg.SocketLimit, s.StayEnd(c.Connection), release)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-stored:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		a.Detach()
		return nil, err
	}
	return a, nil
}

// add counts a socket in; the channel gets nil when the Store has the connection attached.
func (p *presence) add(a *Attachment, id string, limit int, stays time.Time, release func()) (stored <-chan error, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		release()
		return nil, Errorf(CodeUnavailable, "the server is stopping; try again")
	}
	l, ok := p.local[id]
	if ok && len(l.sockets) >= limit {
		release()
		return nil, Errorf(CodeRateLimited, "a connection has at most %d sockets and streams open on a server", limit).
			WithRetryAfter(5 * time.Second)
	}
	if ok {
		release() // the first socket holds the room
	} else {
		l = &localConnection{id: id, stays: stays, sockets: make(map[*Attachment]struct{}), release: release}
		p.local[id] = l
	}
	a.local = l
	l.sockets[a] = struct{}{}
	answer := make(chan error, 1)
	if l.stored && !l.detaching && p.dirty[id] == nil {
		answer <- nil
		return answer, nil
	}
	l.waiting = append(l.waiting, answer)
	p.mark(l)
	return answer, nil
}

// mark has l written. p.mu is held.
func (p *presence) mark(l *localConnection) {
	p.dirty[l.id] = l
	p.rouse()
}

// rouse has run look at what is dirty.
func (p *presence) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Detach says that the socket has closed; after the last one of a connection its grace time begins. It may be called
// more than once, and on nil.
func (a *Attachment) Detach() {
	if a == nil {
		return
	}
	p := a.service.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	l := a.local
	if _, ok := l.sockets[a]; !ok {
		return
	}
	delete(l.sockets, a)
	if len(l.sockets) == 0 {
		p.mark(l)
	}
}

// run writes what is dirty to the Store, a group at a time, until close is called and nothing is dirty.
func (p *presence) run(s *Service) {
	for range p.wake {
		for p.write(s) {
		}
		p.mu.Lock()
		done := p.closed
		p.mu.Unlock()
		if done {
			return
		}
	}
}

func (p *presence) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.rouse()
}

// presenceGroup is how many connections one call of the Store attaches, detaches or touches at most: more, as after a
// lease that had run out, would be a statement without a bound, and a transaction that others wait for.
const presenceGroup = 1000

// write brings the Store to where the sockets are, for a group of what is dirty now, and says whether there is more to do.
// What the Store did not take stays dirty until the next tick.
func (p *presence) write(s *Service) (more bool) {
	ctx := context.WithoutCancel(s.lifetime)
	attach, detach := p.takeDirty()
	if len(attach)+len(detach) == 0 {
		return false
	}
	var failed []error
	if len(attach) > 0 {
		refused, err := s.store.Attach(ctx, s.node, attach)
		p.attachWritten(s, attach, refused, err)
		failed = append(failed, err)
	}
	if len(detach) > 0 {
		err := s.store.Detach(ctx, s.node, detach, s.cfg.Grace)
		p.detachWritten(detach, err)
		failed = append(failed, err)
	}
	if err := errors.Join(failed...); err != nil {
		s.log.Warn("can't record which connections have a socket; trying again", "error", err)
		return false
	}
	return true
}

// takeDirty returns the ids to attach and to detach, a group at most.
func (p *presence) takeDirty() (attach, detach []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, l := range p.dirty {
		if len(attach)+len(detach) == presenceGroup {
			break
		}
		delete(p.dirty, id)
		if len(l.sockets) > 0 {
			attach = append(attach, id)
		} else {
			l.detaching = true
			detach = append(detach, id)
		}
	}
	return attach, detach
}

// attachWritten answers those who wait and ends what the Store refused.
func (p *presence) attachWritten(s *Service, ids []string, refused map[string]error, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		l, why := p.local[id], err
		if why == nil {
			why = refused[id]
		}
		for _, answer := range l.waiting {
			answer <- why
		}
		l.waiting = nil
		switch {
		case err != nil:
			p.dirty[id] = l
		case why != nil:
			p.end(s, id, why)
		default:
			l.stored = true
		}
	}
}

// detachWritten forgets the connections that still have no socket. One that got a socket meanwhile is dirty again.
func (p *presence) detachWritten(ids []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		l := p.local[id]
		l.detaching = false
		if err != nil {
			p.dirty[id] = l
			continue
		}
		l.stored = false
		if len(l.sockets) == 0 {
			for _, answer := range l.waiting {
				answer <- Errorf(CodeUnavailable, "the socket was closed")
			}
			delete(p.local, id)
			delete(p.dirty, id)
			l.release()
		}
	}
}

// end tells every socket of a connection that it has ended. p.mu is held.
func (p *presence) end(s *Service, id string, why error) {
	l := p.local[id]
	if l == nil {
		return
	}
	e, ok := errors.AsType[*Error](why)
	if !ok {
		e = destroyedError()
	}
	for a := range l.sockets {
		if a.onEnd != nil {
			onEnd := a.onEnd
			a.onEnd = nil
			s.background(func(context.Context) { onEnd(e) })
		}
	}
}

// ended is called once for each connection whose end this node learns of; reason is empty where it does not learn that.
func (s *Service) ended(c *Connection, reason DisconnectReason) {
	s.known.put(c.ID, ConnectionState{Connection: c, Destroyed: true})
	s.presence.mu.Lock()
	defer s.presence.mu.Unlock()
	delete(s.presence.touched, c.ID)
	s.presence.end(s, c.ID, endedError(reason))
}

func destroyedError() *Error {
	return Errorf(CodeUnauthenticated, "this connection has ended; connect again").WithReason(ReasonConnectionDestroyed)
}

// endedError is destroyedError where the reason is known. A client needs it: it does not come back where a moderator
// ended it.
func endedError(reason DisconnectReason) *Error {
	if reason == "" {
		return destroyedError()
	}
	return Errorf(CodeUnauthenticated, "this connection has ended (%s); connect again", reason).
		WithReason(ReasonConnectionDestroyed)
}

// touch says that a connection made a request.
func (p *presence) touch(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.local[id] == nil {
		p.touched[id] = struct{}{}
	}
}

func (s *Service) flushTouched(ctx context.Context) error {
	p := s.presence
	p.mu.Lock()
	if len(p.dirty) > 0 {
		p.rouse()
	}
	ids := slices.Collect(maps.Keys(p.touched))
	clear(p.touched)
	p.mu.Unlock()
	for len(ids) > 0 {
		group := ids[:min(len(ids), presenceGroup)]
		if err := s.store.Touch(ctx, group, s.cfg.Idle, s.cfg.Grace); err != nil { // they count at the next tick
			p.mu.Lock()
			for _, id := range ids {
				p.touched[id] = struct{}{}
			}
			p.mu.Unlock()
			return err
		}
		ids = ids[len(group):]
	}
	return nil
}

// startLease takes the node's first lease.
func (s *Service) startLease(ctx context.Context) error {
	if _, err := s.store.RenewNode(ctx, s.node, s.cfg.Lease); err != nil {
		return err
	}
	s.presence.renewed(s.now())
	s.presence.holdOffUntil(s.now().Add(s.cfg.Grace))
	return nil
}

func (p *presence) renewed(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leasedAt = at
}

// holdOffUntil has nobody swept before. Each node that was away, or is new, holds off for a grace time: so whoever is
// swept had a node to come back to for the whole of one, however long none served before. Nothing is written, and what
// other nodes have watched all the time ends in its time, however often a node starts.
func (p *presence) holdOffUntil(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holdOff = t
}

// keepLease renews the node's lease when a third of it has passed. Where it ran out, because the store or this process
// stood still, the sockets that are still open are attached again, or closed where their connection has ended.
func (s *Service) keepLease(ctx context.Context) error {
	p := s.presence
	p.mu.Lock()
	due := s.now().Sub(p.leasedAt) >= s.cfg.Lease/3
	p.mu.Unlock()
	if !due {
		return nil
	}
	held, err := s.store.RenewNode(ctx, s.node, s.cfg.Lease)
	if err != nil {
		return err
	}
	p.renewed(s.now())
	if held {
		return nil
	}
	s.log.Warn("the node's lease had run out; attaching its sockets again")
	p.mu.Lock()
	for _, l := range p.local {
		l.stored = false
		p.mark(l)
	}
	p.mu.Unlock()
	p.holdOffUntil(s.now().Add(s.cfg.Grace))
	return nil
}

// sweepLimit is how many connections one sweep ends; more are left to the next.
const sweepLimit = 1000

// sweep ends the connections whose time has come.
func (s *Service) sweep(ctx context.Context) error {
	s.presence.mu.Lock()
	wait := s.now().Before(s.presence.holdOff)
	s.presence.mu.Unlock()
	if wait {
		return nil
	}
	changes, err := s.store.Sweep(ctx, s.node, s.cfg.Grace, s.cfg.Idle, sweepLimit)
	if err != nil {
		// The lease may have run out by the database's clock alone: this process's stands still while a machine sleeps.
		s.presence.renewed(time.Time{})
		return err
	}
	s.metrics.ConnectionsSwept(len(changes))
	for _, c := range changes {
		s.publishChange(ctx, c)
	}
	return nil
}

// publishChange tells every node of a roster change. Where the bus fails, they find it in the Store.
func (s *Service) publishChange(ctx context.Context, c RosterChange) {
	if c.Destroyed() {
		s.known.put(c.Connection.ID, ConnectionState{Connection: c.Connection, Destroyed: true})
	}
	s.publish(ctx, Message{SessionID: c.SessionID, Revision: c.Revision, Changes: []RosterChange{c}})
}

// publish hands m to the bus. Lost messages are found by their numbers, so a failure is only worth a line in the log.
func (s *Service) publish(ctx context.Context, m Message) {
	if err := s.bus.Publish(ctx, m); err != nil {
		s.log.Debug("the bus did not take a message", "session", m.SessionID, "error", err)
	}
}
