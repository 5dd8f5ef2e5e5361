package session

import (
	"slices"
	"sync"
	"time"

	"chattok/internal/budget"
	"chattok/internal/ordered"
	"chattok/internal/sequence"
)

// Limits of the events of a liveRoster.
const (
	rosterEvents  = 1024
	rosterBytes   = 1 << 20
	combineFrom   = MaxListConnections     // with more connections, changes are combined
	combinePeriod = 250 * time.Millisecond // over this time
	singleEvents  = 64                     // changes that come at once and still get an event each
)

// liveRoster is this node's view of a session's connections and streams, and the sequence of events that tells its followers
// of the changes.
type liveRoster struct {
	mu        sync.Mutex
	revision  int64
	members   ordered.Map[string, *Connection]
	streams   ordered.Map[string, *Stream]
	published map[string][]string // the ids of each connection's streams
	mutedBy   *Connection         // the moderator that muted streams to come; nil where none did
	pending   *pendingChanges
	timer     *time.Timer // publishes the pending changes; nil while none is running
	state     *SessionState
	closed    bool

	// events has a position for each published event; positions are this node's own.
	events *sequence.Window[SessionEvent]
}

func newLiveRoster(b *budget.Budget, r Roster) *liveRoster {
	o := &liveRoster{revision: r.Revision, mutedBy: r.MutedBy, published: make(map[string][]string), pending: new(pendingChanges),
		events: sequence.NewWindow(b, 0, rosterEvents, rosterBytes, SessionEvent.bytes)}
	for _, c := range r.Connections {
		o.members.Set(c.ID, c)
	}
	for _, s := range r.Streams {
		o.addStream(s)
	}
	return o
}

// apply applies the changes that the roster lacks. gap says that some before them are missing; then nothing after the gap is
// applied.
func (o *liveRoster) apply(changes []RosterChange) (gap bool) {
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
		switch {
		case c.Session != nil:
			o.changeSettings(c.Session)
		case c.Stream != nil:
			o.applyStream(*c.Stream)
		case c.Connection != nil:
			o.applyConnection(c)
		}
		if o.members.Len() <= combineFrom {
			o.publish()
		}
	}
	o.publishSoon()
	return gap
}

// replace takes a newer roster as a whole, where the changes that led to it can't be read, and tells of it by a snapshot. It
// returns the connections that came and went; none where the roster is no newer.
func (o *liveRoster) replace(r Roster) (came, went []*Connection) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Revision <= o.revision {
		return nil, nil
	}
	before := o.members
	o.revision, o.members, o.streams = r.Revision, ordered.Map[string, *Connection]{}, ordered.Map[string, *Stream]{}
	o.published, o.pending, o.mutedBy = make(map[string][]string), new(pendingChanges), r.MutedBy
	for _, c := range r.Connections {
		o.members.Set(c.ID, c)
		if _, was := before.Get(c.ID); !was {
			came = append(came, c)
		}
	}
	for _, s := range r.Streams {
		o.addStream(s)
	}
	for id, c := range before.All() {
		if _, is := o.members.Get(id); !is {
			went = append(went, c)
		}
	}
	o.state = o.newState()
	o.events.Append(o.state)
	return came, went
}

// tellSettings publishes a change of the session's settings that led to no change of the roster.
func (o *liveRoster) tellSettings(s *Session) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changeSettings(s)
}

// changeSettings publishes a change of the session's settings at once, whatever the session's size. o.mu is held.
func (o *liveRoster) changeSettings(s *Session) {
	o.publish()
	o.events.Append(&SessionChanged{s})
}

// applyConnection applies a connection's beginning, a change of its data, or its end and that of its streams.
func (o *liveRoster) applyConnection(c RosterChange) {
	switch {
	case c.Updated:
		o.updateConnection(c.Connection)
		return
	case !c.Destroyed():
		o.members.Set(c.Connection.ID, c.Connection)
		o.pending.add(&ConnectionCreated{c.Connection})
		return
	}
	if _, ok := o.members.Delete(c.Connection.ID); !ok {
		return
	}
	for _, id := range slices.Clone(o.published[c.Connection.ID]) {
		o.endStream(id, c.Reason)
	}
	o.pending.add(&ConnectionDestroyed{c.Connection, c.Reason})
}

// updateConnection replaces a connection, in its streams too.
func (o *liveRoster) updateConnection(c *Connection) {
	if _, ok := o.members.Get(c.ID); !ok {
		return
	}
	o.members.Set(c.ID, c)
	o.pending.add(&ConnectionUpdated{c})
	for _, id := range o.published[c.ID] {
		if s, ok := o.streams.Get(id); ok {
			changed := *s
			changed.Connection = c
			o.streams.Set(id, &changed)
			o.pending.replace(&changed)
		}
	}
}

func (o *liveRoster) applyStream(c StreamChange) {
	switch c.Kind {
	case StreamPublished:
		o.addStream(c.Stream)
		o.pending.add(&StreamCreated{c.Stream})
		if c.Moderator != nil && o.members.Len() <= combineFrom { // in a larger session the answer to the publisher says it
			o.tellMute(&MuteForced{StreamID: &c.Stream.ID, Except: []string{}, Active: true, Moderator: c.Moderator})
		}
	case StreamChanged:
		o.updateStream(c.Stream)
	case StreamEnded:
		o.endStream(c.Stream.ID, c.Reason)
	case StreamsMuted:
		o.mute(c)
	case MuteEnded:
		o.mutedBy = nil
		o.tellMute(c.forced())
	}
}

func (o *liveRoster) addStream(s *Stream) {
	o.streams.Set(s.ID, s)
	o.published[s.Connection.ID] = append(o.published[s.Connection.ID], s.ID)
}

func (o *liveRoster) updateStream(s *Stream) {
	if _, ok := o.streams.Get(s.ID); ok {
		o.streams.Set(s.ID, s)
		o.pending.add(&StreamUpdated{s})
	}
}

func (o *liveRoster) endStream(id string, reason DisconnectReason) {
	s, ok := o.streams.Delete(id)
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

// mute publishes a mute at once, whatever the session's size, and switches off the audio of the streams that it is for.
func (o *liveRoster) mute(c StreamChange) {
	if c.Stream != nil {
		if _, ok := o.streams.Get(c.Stream.ID); !ok {
			return
		}
	}
	if c.Stay {
		o.mutedBy = c.Moderator
	}
	o.tellMute(c.forced())
	except := make(map[string]bool, len(c.Except))
	for _, id := range c.Except {
		except[id] = true
	}
	for id, s := range o.streams.All() {
		if s.HasAudio && !except[id] && (c.Stream == nil || c.Stream.ID == id) {
			off := false
			o.updateStream(StreamUpdate{HasAudio: &off}.Apply(*s))
		}
	}
}

// tellMute publishes a mute, or the end of one, after everything that came before it.
func (o *liveRoster) tellMute(forced *MuteForced) {
	o.publish()
	o.state = nil
	o.events.Append(forced)
}

// publishSoon publishes the pending changes of a large session after combinePeriod.
func (o *liveRoster) publishSoon() {
	if o.pending.count() == 0 || o.timer != nil || o.closed {
		return
	}
	o.timer = time.AfterFunc(combinePeriod, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.timer = nil
		if !o.closed {
			o.publish()
		}
	})
}

// publish turns the pending changes into events: one for each, or one for all of a kind where they are many or the session
// is large.
func (o *liveRoster) publish() {
	p := o.pending
	o.pending = new(pendingChanges)
	o.state = nil
	switch n := p.count(); {
	case n == 0:
	case n == 1, n <= singleEvents && o.members.Len() <= combineFrom:
		o.events.Append(p.singly()...)
	default:
		o.events.Append(p.combined(o.members.Len(), o.streams.Len())...)
	}
}

// snapshot returns the state to which the events after position are changes. All callers between two events get the same
// value.
func (o *liveRoster) snapshot() (state *SessionState, position int64) {
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

func (o *liveRoster) newState() *SessionState {
	s := &SessionState{Connections: withinData(o.members.First(MaxListConnections), itself), ConnectionCount: o.members.Len(),
		Streams: withinData(o.streams.First(MaxListStreams), (*Stream).publisher), StreamCount: o.streams.Len(), MuteForced: o.mutedBy != nil}
	s.Truncated = len(s.Connections) < s.ConnectionCount || len(s.Streams) < s.StreamCount
	return s
}

// forgetEvents drops the events that were told, which may show connections that were erased since: a follower that has not got all of
// them gets the whole roster instead. erased says which connections were.
func (o *liveRoster) forgetEvents(erased func(*Connection) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mutedBy != nil && erased(o.mutedBy) {
		o.mutedBy = o.mutedBy.Anonymous()
	}
	if o.pending.count() > 0 {
		o.publish()
	}
	o.state = nil
	o.events.Clear()
}

// connections returns the live connections, oldest first, limit at most, and how many there are.
func (o *liveRoster) connections(limit int) (live []*Connection, count int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.members.First(limit), o.members.Len()
}

// connection returns the live connection with this id.
func (o *liveRoster) connection(id string) (c *Connection, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.members.Get(id)
}

// connectionIDs returns the ids of all live connections, oldest first.
func (o *liveRoster) connectionIDs() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	ids := make([]string, 0, o.members.Len())
	for id := range o.members.All() {
		ids = append(ids, id)
	}
	return ids
}

// publishedStreams returns the streams, oldest first, limit at most, and how many there are.
func (o *liveRoster) publishedStreams(limit int) (live []*Stream, count int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.streams.First(limit), o.streams.Len()
}

// muted says whether streams to come begin muted.
func (o *liveRoster) muted() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mutedBy != nil
}

// stream returns the stream with this id.
func (o *liveRoster) stream(id string) (s *Stream, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.streams.Get(id)
}

// counts returns how many connections and streams there are.
func (o *liveRoster) counts() (connections, streams int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.members.Len(), o.streams.Len()
}

// lastRevision returns the revision of the newest change applied.
func (o *liveRoster) lastRevision() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.revision
}

// close stops the timer and gives up the events.
func (o *liveRoster) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.timer != nil {
		o.timer.Stop()
	}
	o.events.Close()
}
