package session

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"chattok/internal/budget"
	"chattok/internal/sequence"
)

// room is a session that is open on this node, because somebody here uses it: the live end of its log, its roster, and the
// newest signals and negotiations. It applies the messages of the bus by their numbers, and reads missing entries and changes
// from the Store.
type room struct {
	*roomDeps
	session      *Session                // as it was when the room opened: ID and Epoch stay
	settings     atomic.Pointer[Session] // as it is now
	feed         *logFeed
	roster       *liveRoster
	signals      *messageWindow[*Signal]
	negotiations *messageWindow[*Negotiation]
	users        *userWindows
	over         atomic.Bool // the session was removed
	stopBus      func()

	mu      sync.Mutex // held while something is applied to feed and roster; see doc.go for the order of locks
	catchUp catchUp

	lastUsed time.Time // guarded by rooms.mu
}

// roomDeps are the parts of the service that all rooms share.
type roomDeps struct {
	store      Store
	bus        Bus
	budget     *budget.Budget
	chunks     *sequence.Chunks[logKey, *LogEvent]
	presence   *presence
	deleted    func(*room) // ends a room whose session was deleted; it does not wait
	cache      *connectionCache
	traces     traces
	background *background
	log        *slog.Logger
	now        func() time.Time
}

// openRoom loads a session's room. It subscribes to the bus before it reads, so that it misses nothing in between. Errors:
// NOT_FOUND, UNAVAILABLE.
func openRoom(ctx context.Context, deps *roomDeps, id string) (*room, error) {
	r := &room{roomDeps: deps, users: newUserWindows(deps.budget),
		signals: newMessageWindow(deps.budget, deps.now, signalEvents, signalBytes, (*Signal).bytes, (*Signal).afterMissing),
		negotiations: newMessageWindow(deps.budget, deps.now, negotiationEvents, negotiationBytes, (*Negotiation).bytes,
			(*Negotiation).afterMissing)}
	var early earlyMessages
	loaded := false
	stop, err := r.bus.Subscribe(id, func(m Message) {
		r.mu.Lock()
		if !loaded {
			early.add(&r.catchUp, m)
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		r.receive(m)
	})
	if err != nil {
		return nil, err
	}
	r.stopBus = stop
	if err := r.load(ctx, id); err != nil {
		stop()
		return nil, err
	}
	for {
		r.mu.Lock()
		m, ok := early.take()
		if !ok {
			loaded = true
			r.fetchLocked() // the entries and changes of dropped messages
			r.mu.Unlock()
			return r, nil
		}
		r.mu.Unlock()
		r.receive(m)
	}
}

// load reads the session, where its sequences end, and its roster. The session is read after the roster, whose revision counts
// changes of the settings too.
func (r *room) load(ctx context.Context, id string) error {
	roster, err := r.store.Roster(ctx, id)
	if err != nil {
		return err
	}
	r.refresh(roster)
	if r.session, err = r.store.Session(ctx, id); err != nil {
		return err
	}
	r.settings.Store(r.session)
	last, err := r.store.LastSeqs(ctx, []string{id})
	if err != nil {
		return err
	}
	r.feed = newLogFeed(r.store, r.budget, r.session, last[id].Place, r.chunks)
	r.feed.beginAt(last[id].Front)
	r.roster = newLiveRoster(r.budget, roster)
	for _, c := range roster.Connections {
		if r.now().Sub(c.CreatedAt) < waitingTime { // it may not listen yet
			r.expect(c.ID)
		}
	}
	return nil
}

// receive applies a message of the bus. It is called for one message of a room at a time.
func (r *room) receive(m Message) {
	if m.Signal != nil {
		r.signals.append(m.Signal)
	}
	if m.Negotiation != nil {
		r.negotiations.append(m.Negotiation)
	}
	if m.User != nil && m.User.Epoch == r.session.Epoch {
		r.users.add(m.User)
	}
	if m.Deleted != 0 && m.Deleted == r.session.Epoch {
		r.deleted(r)
		return
	}
	if m.Front != nil && m.Front.Epoch == r.session.Epoch {
		r.feed.truncate(LogFront{Seq: m.Front.Seq, Place: m.Front.Place})
	}
	if len(m.Log.Events) > 0 && m.Log.Events[0].Entry.Epoch != r.session.Epoch {
		return // of another session with this id, whose numbers mean nothing here; the next check closes the room
	}
	r.traces.arrived(m, r.session.Epoch)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.catchUp.announce(m.Log.Through, m.Revision)
	r.applyLog(m.Log)
	r.applyChanges(m.Changes)
	r.catchUp.tell(nil)
	r.fetchLocked()
}

// applyLog applies the events that the feed lacks, unless some before them are missing. r.mu is held.
func (r *room) applyLog(run LogRun) {
	r.feed.extend(run)
	r.users.added(run.Events)
}

// applyChanges applies the changes that the roster lacks, and tells the messages and the presence which connections came and
// went. r.mu is held.
func (r *room) applyChanges(changes []RosterChange) {
	for _, c := range changes {
		if c.Session != nil { // before followers are told, who may ask for it
			r.update(c.Session)
		}
	}
	before := r.roster.lastRevision()
	r.roster.apply(changes)
	after := r.roster.lastRevision()
	for _, c := range changes {
		switch {
		case c.Revision <= before || c.Revision > after || c.Connection == nil:
		case c.Destroyed():
			r.forget(c.Connection.ID)
			r.presence.ended(c.Connection, c.Reason)
		case c.Updated:
			r.cache.update(c.Connection)
		default:
			r.expect(c.Connection.ID)
		}
	}
}

// update notes the session's settings, and says whether they are newer. r.mu is held.
func (r *room) update(s *Session) bool {
	newer := s.SettingsRevision > r.settings.Load().SettingsRevision
	if newer {
		r.settings.Store(s)
	}
	return newer
}

// replaceRoster replaces the whole roster, where the changes that led to it can't be read any more. r.mu is held.
func (r *room) replaceRoster(roster Roster) {
	came, went := r.roster.replace(roster)
	r.refresh(roster)
	for _, c := range came {
		r.expect(c.ID)
	}
	for _, c := range went {
		r.forget(c.ID)
		r.presence.ended(c, "")
	}
}

// refresh brings what this node remembers of the connections in a roster up to date.
func (r *room) refresh(roster Roster) {
	for _, c := range roster.Connections {
		r.cache.update(c)
	}
}

// expect keeps messages for a connection that has come and may not listen yet. r.mu is held, or r is new.
func (r *room) expect(connectionID string) {
	r.signals.expect(connectionID)
	r.negotiations.expect(connectionID)
}

// forget keeps no more messages for a connection that has gone. r.mu is held.
func (r *room) forget(connectionID string) {
	r.signals.forget(connectionID)
	r.negotiations.forget(connectionID)
}

// has says whether the room has everything up to these numbers. r.mu is held.
func (r *room) has(last LastSeqs) bool {
	return r.feed.Newest() >= last.Place && r.roster.lastRevision() >= last.Revision
}

// await waits until the room has everything up to these numbers. Errors: UNAVAILABLE; ctx's own.
func (r *room) await(ctx context.Context, last LastSeqs) error {
	var failed error
	for {
		r.mu.Lock()
		r.catchUp.announce(last.Place, last.Revision)
		if r.has(last) {
			r.mu.Unlock()
			return nil
		}
		if failed != nil {
			r.mu.Unlock()
			return failed
		}
		r.fetchLocked()
		changed := r.catchUp.watch()
		r.mu.Unlock()
		select {
		case failed = <-changed:
		case <-ctx.Done():
			failed = context.Cause(ctx)
		}
	}
}

// heard notes numbers that the Store has, and starts to fetch missing ones.
func (r *room) heard(last LastSeqs) {
	r.feed.truncate(last.Front)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.catchUp.announce(last.Place, last.Revision)
	r.fetchLocked()
}

// fetchLocked starts to fetch the numbers that the room has heard of but lacks. r.mu is held.
func (r *room) fetchLocked() {
	if r.catchUp.fetching || !r.catchUp.behind(r.feed.Newest(), r.roster.lastRevision()) {
		return
	}
	r.catchUp.fetching = true
	r.background.run(r.fetch)
}

// fetch fetches until the room lacks nothing, or the Store fails; then the next check tries again.
func (r *room) fetch(ctx context.Context) {
	for {
		m, err := r.readMissing(ctx)
		done, err := r.applyFetched(m, err)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("a session's feed is behind", "session", r.session.ID, "error", err)
		}
		if done || err != nil {
			return
		}
	}
}

// applyFetched applies the part that was read before err, and says whether the room lacks nothing more.
func (r *room) applyFetched(m missing, err error) (done bool, failed error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applyLog(m.log)
	r.applyChanges(m.changes)
	if m.roster != nil {
		r.replaceRoster(*m.roster)
		if r.update(m.session) {
			r.roster.tellSettings(m.session)
		}
	}
	place, revision := r.feed.Newest(), r.roster.lastRevision()
	done = !r.catchUp.behind(place, revision)
	if err == nil && !done && place+revision == m.began {
		err = Errorf(CodeUnavailable, "the store does not have what it was said to have; try again")
		r.catchUp.giveUp(place, revision)
	}
	r.catchUp.tell(err)
	r.catchUp.fetching = !done && err == nil
	return done, err
}

// missing are events of the log and changes of the roster that a room lacks.
type missing struct {
	began   int64 // the sum of the room's place and revision before the read: messages may have moved it on since
	log     LogRun
	changes []RosterChange
	roster  *Roster  // in place of changes that the Store no longer has; nil where it does
	session *Session // read after roster
}

// missingPage is how many events or changes are read at once.
const missingPage = 500

// readMissing reads the next events and changes that the room lacks. m has those that were read before an error.
func (r *room) readMissing(ctx context.Context) (m missing, err error) {
	r.mu.Lock()
	place, revision, announced := r.feed.Newest(), r.roster.lastRevision(), r.catchUp.announced
	r.mu.Unlock()
	id := r.session.ID
	m.began = place + revision
	if place < announced.Place {
		m.log, err = r.store.LogEvents(ctx, LogQuery{SessionID: id, Epoch: r.session.Epoch, After: place, Limit: missingPage})
	}
	if err != nil || revision >= announced.Revision {
		return m, err
	}
	m.changes, err = r.store.RosterChanges(ctx, id, revision, missingPage)
	if err != nil || len(m.changes) > 0 {
		return m, err
	}
	roster, err := r.store.Roster(ctx, id)
	if err != nil {
		return m, err
	}
	if m.session, err = r.store.Session(ctx, id); err == nil {
		m.roster = &roster
	}
	return m, err
}

// key names one of the room's sources on this node.
func (r *room) key(source string) string {
	return source + " " + r.session.ID + " " + Cursor(r.session.Epoch, 1)
}

// bytes is about the memory that the room takes beside its windows.
func (r *room) bytes() int64 {
	const empty, member = 4 << 10, 768
	connections, streams := r.roster.counts()
	return empty + member*int64(connections+streams)
}

// end makes the followers of a room whose session was removed ask Behind for more, which has an error for them: see ending. A session
// that is made again with the id has another room.
func (r *room) end() {
	r.over.Store(true)
	r.roster.events.End()
	r.feed.End()
	r.signals.end()
	r.negotiations.end()
}

// close ends a room that is no longer among rooms.
func (r *room) close() {
	r.stopBus()
	r.roster.close()
	r.feed.close()
	r.signals.close()
	r.negotiations.close()
}
