package session

import (
	"slices"
	"sync"
	"time"
)

// Limits of what a node keeps of a session's roster changes for those who follow them.
const (
	rosterEvents   = 1024
	rosterBytes    = 1 << 20
	coalesceFrom   = MaxListConnections     // connections above which changes are gathered
	coalescePeriod = 250 * time.Millisecond // for how long
	singleEvents   = 64                     // changes that come at once and are told singly all the same
)

// roster is this node's view of who is in a session, with what streams, and the run of events that tells of it.
type roster struct {
	mu        sync.Mutex
	revision  int64
	members   ordered[*Connection]
	streams   ordered[*Stream]
	published map[string][]string // the ids of each connection's streams
	pending   *pendingChanges
	timer     *time.Timer // runs while changes are being gathered
	state     *SessionState
	closed    bool

	// events has a position for each published event; positions are this node's own.
	events *Window[SessionEvent]
}

func newRoster(budget *Budget, r Roster) *roster {
	o := &roster{revision: r.Revision, published: make(map[string][]string), pending: new(pendingChanges),
		events: NewWindow(budget, 0, rosterEvents, rosterBytes, eventBytes)}
	for _, c := range r.Connections {
		o.members.put(c.ID, c)
	}
	for _, s := range r.Streams {
		o.addStream(s)
	}
	return o
}

func eventBytes(e SessionEvent) int {
	switch e := e.(type) {
	case *ConnectionsChanged:
		return 256 + 64*(len(e.Created)+len(e.Destroyed))
	case *StreamsChanged:
		return 256 + 192*(len(e.Created)+len(e.Updated)+len(e.Destroyed))
	case *MuteForced:
		return 256 + 48*len(e.Except)
	case *SessionState:
		return 256 + 8*(len(e.Connections)+len(e.Streams))
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
		if c.Stream != nil {
			o.takeStream(*c.Stream)
		} else {
			o.takeConnection(c)
		}
		if o.members.len() <= coalesceFrom {
			o.publish()
		}
	}
	o.publishSoon()
	return gap
}

// replace takes a newer state as a whole, where the changes that lead to it can't be had, and tells of it by a snapshot.
// It returns the connections that came and went; none where the state is no newer.
func (o *roster) replace(r Roster) (came, went []*Connection) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Revision <= o.revision {
		return nil, nil
	}
	before := o.members
	o.revision, o.members, o.streams = r.Revision, ordered[*Connection]{}, ordered[*Stream]{}
	o.published, o.pending = make(map[string][]string), new(pendingChanges)
	for _, c := range r.Connections {
		o.members.put(c.ID, c)
		if _, was := before.get(c.ID); !was {
			came = append(came, c)
		}
	}
	for _, s := range r.Streams {
		o.addStream(s)
	}
	before.all(func(id string, c *Connection) {
		if _, is := o.members.get(id); !is {
			went = append(went, c)
		}
	})
	o.state = o.newState()
	o.events.Append(o.state)
	return came, went
}

// takeConnection applies a connection's beginning or end; with it end its streams.
func (o *roster) takeConnection(c RosterChange) {
	if !c.Destroyed() {
		o.members.put(c.Connection.ID, c.Connection)
		o.pending.add(&ConnectionCreated{c.Connection})
		return
	}
	if _, ok := o.members.remove(c.Connection.ID); !ok {
		return
	}
	for _, id := range slices.Clone(o.published[c.Connection.ID]) {
		o.endStream(id, c.Reason)
	}
	o.pending.add(&ConnectionDestroyed{c.Connection, c.Reason})
}

func (o *roster) takeStream(c StreamChange) {
	switch c.Kind {
	case StreamPublished:
		o.addStream(c.Stream)
		o.pending.add(&StreamCreated{c.Stream})
	case StreamChanged:
		o.updateStream(c.Stream)
	case StreamEnded:
		o.endStream(c.Stream.ID, c.Reason)
	case StreamsMuted:
		o.mute(c)
	}
}

func (o *roster) addStream(s *Stream) {
	o.streams.put(s.ID, s)
	o.published[s.Connection.ID] = append(o.published[s.Connection.ID], s.ID)
}

func (o *roster) updateStream(s *Stream) {
	if _, ok := o.streams.get(s.ID); ok {
		o.streams.put(s.ID, s)
		o.pending.add(&StreamUpdated{s})
	}
}

func (o *roster) endStream(id string, reason DisconnectReason) {
	s, ok := o.streams.remove(id)
	if !ok {
		return
	}
	o.pending.add(&StreamDestroyed{s, reason})
	left := slices.DeleteFunc(o.published[s.Connection.ID], func(other string) bool { return other == id })
	if len(left) == 0 {
		delete(o.published, s.Connection.ID)
	} else {
		o.published[s.Connection.ID] = left
	}
}

// mute tells of a mute at once, in sessions of every size, and switches off the audio of the streams that it is for.
func (o *roster) mute(c StreamChange) {
	if c.Stream != nil {
		if _, ok := o.streams.get(c.Stream.ID); !ok {
			return
		}
	}
	o.publish()
	o.state = nil
	forced := &MuteForced{Except: append([]string{}, c.Except...), Moderator: c.Moderator}
	if c.Stream != nil {
		forced.StreamID = &c.Stream.ID
	}
	o.events.Append(forced)
	except := make(map[string]bool, len(c.Except))
	for _, id := range c.Except {
		except[id] = true
	}
	o.streams.all(func(id string, s *Stream) {
		if s.HasAudio && !except[id] && (c.Stream == nil || c.Stream.ID == id) {
			off := false
			o.updateStream(StreamUpdate{HasAudio: &off}.Apply(*s))
		}
	})
}

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

// publish turns what is pending into events: one for each change, or, where they are many or the session is large, one
// for all of a kind.
func (o *roster) publish() {
	p := o.pending
	o.pending = new(pendingChanges)
	o.state = nil
	switch n := p.count(); {
	case n == 0:
	case n == 1, n <= singleEvents && o.members.len() <= coalesceFrom:
		o.events.Append(p.singly()...)
	default:
		o.events.Append(p.gathered(o.members.len(), o.streams.len())...)
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
		o.state = o.newState()
	}
	return o.state, o.events.Newest()
}

func (o *roster) newState() *SessionState {
	return &SessionState{Connections: o.members.first(MaxListConnections), ConnectionCount: o.members.len(),
		Streams: o.streams.first(MaxListStreams), StreamCount: o.streams.len(),
		Truncated: o.members.len() > MaxListConnections || o.streams.len() > MaxListStreams}
}

// connections returns the live connections as they are now, oldest first, limit at most, and how many there are.
func (o *roster) connections(limit int) (live []*Connection, count int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.members.first(limit), o.members.len()
}

// publishedStreams returns the streams as they are now, oldest first, limit at most, and how many there are.
func (o *roster) publishedStreams(limit int) (live []*Stream, count int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.streams.first(limit), o.streams.len()
}

func (o *roster) stream(id string) (s *Stream, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.streams.get(id)
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
	o.events.close()
}
