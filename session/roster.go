package session

import (
	"container/list"
	"sync"
	"time"
)

// Limits of what a node keeps of a session's roster changes for those who follow them.
const (
	rosterEvents   = 1024
	rosterBytes    = 1 << 20
	coalesceFrom   = MaxListConnections     // connections above which changes are gathered
	coalescePeriod = 250 * time.Millisecond // for how long
)

// roster is this node's view of who is in a session, and the run of events that tells of it.
type roster struct {
	mu       sync.Mutex
	revision int64
	live     list.List // of *Connection, oldest first
	byID     map[string]*list.Element
	pending  pendingChanges
	timer    *time.Timer // runs while changes are being gathered
	state    *SessionState
	closed   bool

	// events has a position for each published event; positions are this node's own.
	events *Window[SessionEvent]
}

// pendingChanges are those made since the last event was published.
type pendingChanges struct {
	created   []*Connection
	destroyed []*ConnectionDestroyed
}

func newRoster(r Roster) *roster {
	o := &roster{revision: r.Revision, byID: make(map[string]*list.Element, len(r.Connections)),
		events: NewWindow(0, rosterEvents, rosterBytes, eventBytes)}
	for _, c := range r.Connections {
		o.byID[c.ID] = o.live.PushBack(c)
	}
	return o
}

func eventBytes(e SessionEvent) int {
	if c, ok := e.(*ConnectionsChanged); ok {
		return 256 + 64*(len(c.Created)+len(c.Destroyed))
	}
	return 256
}

// apply takes the changes that the roster lacks. gap says that some before them are missing; then nothing after the gap
// is taken.
func (o *roster) apply(changes []RosterChange) (gap bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range changes {
		if c.Revision <= o.revision {
			continue
		}
		if c.Revision != o.revision+1 {
			gap = true
			break
		}
		o.revision = c.Revision
		o.take(c)
	}
	o.publishSoon()
	return gap
}

func (o *roster) take(c RosterChange) {
	if !c.Destroyed() {
		o.byID[c.Connection.ID] = o.live.PushBack(c.Connection)
		o.pending.created = append(o.pending.created, c.Connection)
	} else if at, ok := o.byID[c.Connection.ID]; ok {
		o.live.Remove(at)
		delete(o.byID, c.Connection.ID)
		o.pending.destroy(&ConnectionDestroyed{Connection: c.Connection, Reason: c.Reason})
	}
	if len(o.byID) <= coalesceFrom {
		o.publish()
	}
}

// destroy records an end; a connection that came and went unseen leaves no trace.
func (p *pendingChanges) destroy(d *ConnectionDestroyed) {
	for i, c := range p.created {
		if c.ID == d.Connection.ID {
			p.created = append(p.created[:i], p.created[i+1:]...)
			return
		}
	}
	p.destroyed = append(p.destroyed, d)
}

func (p *pendingChanges) count() int { return len(p.created) + len(p.destroyed) }

// publishSoon starts the timer of a large session's next event.
func (o *roster) publishSoon() {
	if o.pending.count() == 0 || o.timer != nil || o.closed {
		return
	}
	o.timer = time.AfterFunc(coalescePeriod, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.timer = nil
		if !o.closed {
			o.publish()
		}
	})
}

// publish turns what is pending into one event.
func (o *roster) publish() {
	p := o.pending
	o.pending = pendingChanges{}
	o.state = nil
	switch {
	case p.count() == 0:
	case len(p.created) == 1 && len(p.destroyed) == 0:
		o.events.Append(&ConnectionCreated{Connection: p.created[0]})
	case len(p.created) == 0 && len(p.destroyed) == 1:
		o.events.Append(p.destroyed[0])
	default:
		o.events.Append(&ConnectionsChanged{
			Created:         p.created[:min(len(p.created), MaxListConnections)],
			Destroyed:       p.destroyed[:min(len(p.destroyed), MaxListConnections)],
			ConnectionCount: len(o.byID),
			Truncated:       max(len(p.created), len(p.destroyed)) > MaxListConnections})
	}
}

// snapshot returns the state that the events after position are changes to. It is one value for all who ask between two
// events.
func (o *roster) snapshot() (state *SessionState, position int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == nil {
		if o.pending.count() > 0 {
			o.publish()
		}
		o.state = &SessionState{Connections: o.list(MaxListConnections), ConnectionCount: len(o.byID),
			Truncated: len(o.byID) > MaxListConnections}
	}
	return o.state, o.events.Newest()
}

// connections returns the live connections as they are now, oldest first, limit at most, and how many there are.
func (o *roster) connections(limit int) (live []*Connection, count int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.list(limit), len(o.byID)
}

func (o *roster) list(limit int) []*Connection {
	live := make([]*Connection, 0, min(limit, len(o.byID)))
	for at := o.live.Front(); at != nil && len(live) < limit; at = at.Next() {
		live = append(live, at.Value.(*Connection))
	}
	return live
}

// head returns the revision of the newest change taken.
func (o *roster) head() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.revision
}

func (o *roster) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.timer != nil {
		o.timer.Stop()
	}
}
