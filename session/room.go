package session

import (
	"context"
	"sync"
	"time"
)

// Limits of a room.
const (
	signalEvents      = 1024
	signalBytes       = 1 << 20
	negotiationEvents = 1024
	negotiationBytes  = 4 << 20
	waitingLimit      = 64               // signals that wait for a connection's first signalReceived; so of negotiations
	waitingTime       = 10 * time.Second // for how long each does
	roomLinger        = 30 * time.Second // for how long a room that nobody uses is kept
	roomBytes         = 4 << 10          // that a room takes, about, and each of its connections and streams
	memberBytes       = 768
	changesPage       = 500
)

// room is what a node holds of a session while somebody here uses it: the live end of its log, its roster, and the
// signals and negotiations that pass. Lock order: rooms.mu, room.mu, roster.mu, Window.mu; none is held during a call of the Store.
type room struct {
	session      *Session
	feed         *Feed
	roster       *roster
	signals      *passage[*Signal]
	negotiations *passage[*Negotiation]
	stopBus      func()

	mu      sync.Mutex   // held while something is applied to feed and roster
	known   Head         // the newest numbers heard of
	filling bool         // a goroutine is fetching what is missing
	waiting []chan error // of who waits for the room to change; each has room for one

	lastUsed time.Time // guarded by rooms.mu
}

// expect says that a connection has come, which may not listen yet. r.mu is held, or r is new.
func (r *room) expect(connectionID string) {
	r.signals.expect(connectionID)
	r.negotiations.expect(connectionID)
}

// forget says that a connection has gone. r.mu is held.
func (r *room) forget(connectionID string) {
	delete(r.signals.arrived, connectionID)
	delete(r.negotiations.arrived, connectionID)
}

// openRoom loads a session's room. It listens before it reads, so that nothing falls in between.
func (s *Service) openRoom(ctx context.Context, id string) (*room, error) {
	sess, err := s.store.Session(ctx, id)
	if err != nil {
		return nil, err
	}
	r := &room{session: sess,
		signals:      newPassage(s, signalEvents, signalBytes, (*Signal).bytes, (*Signal).afterMissing),
		negotiations: newPassage(s, negotiationEvents, negotiationBytes, (*Negotiation).bytes, (*Negotiation).afterMissing)}
	var early earlyMessages
	loaded := false
	stop, err := s.bus.Subscribe(id, func(m Message) {
		r.mu.Lock()
		if !loaded {
			early.add(r, m)
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		s.receive(r, m)
	})
	if err != nil {
		return nil, err
	}
	r.stopBus = stop
	if err := s.loadRoom(ctx, r); err != nil {
		stop()
		return nil, err
	}
	for {
		r.mu.Lock()
		m, ok := early.take()
		if !ok {
			loaded = true
			s.fillLocked(r) // what was heard of in messages that were dropped
			r.mu.Unlock()
			return r, nil
		}
		r.mu.Unlock()
		s.receive(r, m)
	}
}

func (s *Service) loadRoom(ctx context.Context, r *room) error {
	id := r.session.ID
	members, err := s.store.Roster(ctx, id)
	if err != nil {
		return err
	}
	heads, err := s.store.Heads(ctx, []string{id})
	if err != nil {
		return err
	}
	r.feed = newFeed(s.budget, r.session, heads[id].Seq, s.older)
	r.roster = newRoster(s.budget, members)
	for _, c := range members.Connections {
		if s.now().Sub(c.CreatedAt) < waitingTime { // it may not have listened yet
			r.expect(c.ID)
		}
	}
	return nil
}

// receive applies a message of the bus. It is called for one message of a room at a time.
func (s *Service) receive(r *room, m Message) {
	if m.Signal != nil {
		r.signals.window.Append(passing[*Signal]{m.Signal, s.now()})
	}
	if m.Negotiation != nil {
		r.negotiations.window.Append(passing[*Negotiation]{m.Negotiation, s.now()})
	}
	if len(m.Entries) > 0 && m.Entries[0].Epoch != r.session.Epoch {
		return // of another life of the log, whose numbers say nothing here; the next check closes the room
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hear(m.Seq, m.Revision)
	r.feed.extend(m.Entries)
	s.applyChanges(r, m.Changes)
	r.tell(nil)
	s.fillLocked(r)
}

// applyChanges applies what the roster lacks, expects who came and ends who went. r.mu is held.
func (s *Service) applyChanges(r *room, changes []RosterChange) {
	before := r.roster.head()
	r.roster.apply(changes)
	after := r.roster.head()
	for _, c := range changes {
		switch {
		case c.Revision <= before || c.Revision > after || c.Connection == nil:
		case c.Destroyed():
			r.forget(c.Connection.ID)
			s.ended(c.Connection, c.Reason)
		default:
			// What is sent from now on may be meant for it, though it does not listen yet.
			r.expect(c.Connection.ID)
		}
	}
}

// fillLocked starts to fetch what the room has heard of but lacks. r.mu is held.
func (s *Service) fillLocked(r *room) {
	if r.filling || r.feed.Head() >= r.known.Seq && r.roster.head() >= r.known.Revision {
		return
	}
	r.filling = true
	s.background(func(ctx context.Context) { s.fill(ctx, r) })
}

// fill fetches what a room lacks until it lacks nothing, or the Store fails; then the next check tries again.
func (s *Service) fill(ctx context.Context, r *room) {
	for {
		m, err := s.missing(ctx, r)
		r.mu.Lock()
		before := r.feed.Head() + r.roster.head()
		r.feed.extend(m.entries)
		s.applyChanges(r, m.changes)
		if m.members != nil {
			s.replaceRoster(r, *m.members)
		}
		done := r.feed.Head() >= r.known.Seq && r.roster.head() >= r.known.Revision
		if err == nil && !done && r.feed.Head()+r.roster.head() == before {
			err = Errorf(CodeUnavailable, "the store does not have what it was said to have; try again")
			r.known = Head{Seq: r.feed.Head(), Revision: r.roster.head()} // the next check tells what is so
		}
		r.tell(err)
		if err != nil || done {
			r.filling = false
			r.mu.Unlock()
			if err != nil && ctx.Err() == nil {
				s.log.Warn("a session's feed is behind", "session", r.session.ID, "error", err)
			}
			return
		}
		r.mu.Unlock()
	}
}

// missing is a part of what a room lacks.
type missing struct {
	entries []*ChatEntry
	changes []RosterChange
	members *Roster // in place of changes that the Store no longer has; nil where it does
}

func (s *Service) missing(ctx context.Context, r *room) (m missing, err error) {
	r.mu.Lock()
	seq, revision, known := r.feed.Head(), r.roster.head(), r.known
	r.mu.Unlock()
	id := r.session.ID
	if seq < known.Seq {
		m.entries, err = s.store.Entries(ctx, EntryQuery{SessionID: id, Epoch: r.session.Epoch, After: seq, Limit: changesPage})
	}
	if err != nil || revision >= known.Revision {
		return m, err
	}
	m.changes, err = s.store.RosterChanges(ctx, id, revision, changesPage)
	if err != nil || len(m.changes) > 0 {
		return m, err
	}
	members, err := s.store.Roster(ctx, id)
	if err == nil {
		m.members = &members
	}
	return m, err
}

// replaceRoster gives the room the whole roster, expects who came meanwhile and ends who went. r.mu is held.
func (s *Service) replaceRoster(r *room, members Roster) {
	came, went := r.roster.replace(members)
	for _, c := range came {
		r.expect(c.ID)
	}
	for _, c := range went {
		r.forget(c.ID)
		s.ended(c, "")
	}
}

// rooms are those open on this node.
type rooms struct {
	mu   sync.Mutex
	byID map[string]*roomSlot
}

// roomSlot is a room that is open or being opened. While nobody uses it, it is kept in the node's budget.
type roomSlot struct {
	service *Service
	id      string
	kept    *Kept
	ready   chan struct{} // closed when room and err are set
	room    *room
	err     error
	users   int   // who waits or uses
	idle    int64 // bytes that count to the budget; 0 while it is used
}

// room returns the session's room, opened where it is not, and holds it until release is called. Errors: NOT_FOUND,
// UNAVAILABLE.
func (s *Service) room(ctx context.Context, id string) (r *room, release func(), err error) {
	s.rooms.mu.Lock()
	slot, ok := s.rooms.byID[id]
	if !ok {
		slot = &roomSlot{service: s, id: id, ready: make(chan struct{})}
		slot.kept = s.budget.Keep(slot)
		s.rooms.byID[id] = slot
		s.background(func(ctx context.Context) { s.fillSlot(ctx, id, slot) })
	}
	slot.users++
	idle := slot.idle
	slot.idle = 0
	s.rooms.mu.Unlock()
	slot.kept.Add(-idle)

	var once sync.Once
	release = func() { once.Do(func() { s.releaseSlot(slot) }) }
	select {
	case <-slot.ready:
	case <-ctx.Done():
		release()
		return nil, nil, context.Cause(ctx)
	}
	if slot.err != nil {
		release()
		return nil, nil, slot.err
	}
	return slot.room, release, nil
}

// peekRoom returns the session's room where it is open, else nil.
func (s *Service) peekRoom(id string) *room {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	if slot := s.rooms.byID[id]; slot != nil {
		return slot.room
	}
	return nil
}

func (s *Service) fillSlot(ctx context.Context, id string, slot *roomSlot) {
	r, err := s.openRoom(ctx, id)
	s.rooms.mu.Lock()
	slot.room, slot.err = r, err
	if err != nil {
		delete(s.rooms.byID, id)
	} else {
		r.lastUsed = s.now()
	}
	s.rooms.mu.Unlock()
	close(slot.ready)
}

func (s *Service) releaseSlot(slot *roomSlot) {
	s.rooms.mu.Lock()
	slot.users--
	var idle int64
	if slot.room != nil {
		slot.room.lastUsed = s.now()
		if slot.users == 0 && s.rooms.byID[slot.id] == slot {
			idle = slot.room.bytes()
			slot.idle = idle
		}
	}
	s.rooms.mu.Unlock()
	slot.kept.Add(idle)
}

// GiveWay closes a room that nobody uses; not too soon after its last use unless it has to be, since a signal to a
// connection that does not listen yet waits there.
func (slot *roomSlot) GiveWay(hard bool) {
	s := slot.service
	if !s.rooms.mu.TryLock() {
		return
	}
	defer s.rooms.mu.Unlock()
	if slot.idle == 0 || s.rooms.byID[slot.id] != slot || !hard && s.now().Sub(slot.room.lastUsed) < waitingTime {
		return
	}
	delete(s.rooms.byID, slot.id)
	slot.kept.Add(-slot.idle)
	slot.idle = 0
	s.background(func(context.Context) { slot.room.close() }) // which waits for locks
}

// bytes returns what a room takes besides its windows, about.
func (r *room) bytes() int64 {
	r.roster.mu.Lock()
	defer r.roster.mu.Unlock()
	return roomBytes + memberBytes*int64(r.roster.members.len()+r.roster.streams.len())
}

// close ends a room that is in rooms no more.
func (r *room) close() {
	r.stopBus()
	r.roster.close()
	r.feed.window.close()
	r.signals.window.close()
	r.negotiations.window.close()
}

// openRooms returns the rooms that are open now.
func (s *Service) openRooms() []*room {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	open := make([]*room, 0, len(s.rooms.byID))
	for _, slot := range s.rooms.byID {
		if slot.room != nil {
			open = append(open, slot.room)
		}
	}
	return open
}

// closeIdleRooms closes the rooms that nobody has used for a while; all of them where all is set.
func (s *Service) closeIdleRooms(all bool) {
	var idle []*roomSlot
	s.rooms.mu.Lock()
	for id, slot := range s.rooms.byID {
		if slot.room == nil {
			continue
		}
		if all || slot.users == 0 && s.now().Sub(slot.room.lastUsed) >= s.linger {
			delete(s.rooms.byID, id)
			slot.idle = 0
			idle = append(idle, slot)
		}
	}
	s.rooms.mu.Unlock()
	for _, slot := range idle {
		slot.kept.Drop()
		slot.room.close()
	}
}

// forgetRoom closes the room of a session that has been removed, so that its next life begins afresh.
func (s *Service) forgetRoom(r *room) {
	s.rooms.mu.Lock()
	slot := s.rooms.byID[r.session.ID]
	open := slot != nil && slot.room == r
	if open {
		delete(s.rooms.byID, r.session.ID)
		slot.idle = 0
	}
	s.rooms.mu.Unlock()
	if open {
		slot.kept.Drop()
		r.close()
	}
}
