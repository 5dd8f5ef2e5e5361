package session

import (
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"chattok/internal/budget"
)

// roomLinger is how long a room that nobody uses is kept.
const roomLinger = 30 * time.Second

// rooms are the rooms that are open on this node, by their session's id.
type rooms struct {
	deps     *roomDeps
	lastSeqs *lastSeqsReader
	linger   time.Duration // how long a room that nobody uses is kept

	mu   sync.Mutex
	byID map[string]*roomSlot
}

// roomSlot is a room that is open or being opened. While nobody uses it, its bytes count to the budget, and it can give way.
type roomSlot struct {
	rooms *rooms
	id    string
	kept  *budget.Kept
	ready chan struct{} // closed when room and err are set

	// The fields below are guarded by rooms.mu.
	room  *room
	err   error
	users int   // callers that wait for the room or use it
	idle  int64 // bytes that count to the budget; 0 while it is used
}

func newRooms(deps *roomDeps, linger time.Duration) *rooms {
	rs := &rooms{deps: deps, lastSeqs: newLastSeqsReader(deps.store), linger: linger, byID: make(map[string]*roomSlot)}
	deps.deleted = func(r *room) { deps.background.run(func(context.Context) { rs.deleted(r) }) }
	return rs
}

// run reads where sequences end, for openCurrent, until close is called.
func (rs *rooms) run() { rs.lastSeqs.run() }

// close refuses further calls of openCurrent. The rooms stay open until closeIdle.
func (rs *rooms) close() { rs.lastSeqs.close() }

// olderReads returns how many chunks of logs were read for readers that were behind, since the start.
func (rs *rooms) olderReads() int64 { return rs.deps.chunks.Reads() }

// open returns the session's room, loaded where it is not open, and keeps it until release is called. Errors: NOT_FOUND,
// UNAVAILABLE.
func (rs *rooms) open(ctx context.Context, id string) (r *room, release func(), err error) {
	slot := rs.use(id)
	var once sync.Once
	release = func() { once.Do(func() { rs.release(slot) }) }
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

// openCurrent opens the session's room with everything that was committed on any node before the call, and returns where the
// sequences ended then. Errors: NOT_FOUND, UNAVAILABLE.
func (rs *rooms) openCurrent(ctx context.Context, id string) (r *room, last LastSeqs, release func(), err error) {
	for {
		r, release, err = rs.open(ctx, id)
		if err != nil {
			return nil, LastSeqs{}, nil, err
		}
		last, found, err := rs.lastSeqs.read(ctx, id)
		if err == nil && (!found || last.Epoch != r.session.Epoch) {
			release()
			rs.removed(r)
			continue // with the session that has the id now, or NOT_FOUND
		}
		if err == nil {
			r.feed.truncate(last.Front) // so that a reader that begins before it is told
			err = r.await(ctx, last)
		}
		if err != nil {
			release()
			return nil, LastSeqs{}, nil, err
		}
		return r, last, release, nil
	}
}

// withRoster calls read with the session's roster as openCurrent has it. Errors: NOT_FOUND, UNAVAILABLE.
func (rs *rooms) withRoster(ctx context.Context, id string, read func(*liveRoster)) error {
	r, _, release, err := rs.openCurrent(ctx, id)
	if err != nil {
		return err
	}
	defer release()
	read(r.roster)
	return nil
}

// peek returns the session's room where it is open, else nil. The room may be closed at any time.
func (rs *rooms) peek(id string) *room {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if slot := rs.byID[id]; slot != nil {
		return slot.room
	}
	return nil
}

// session returns a session from its open room or the Store. Errors: NOT_FOUND, UNAVAILABLE.
func (rs *rooms) session(ctx context.Context, id string) (*Session, error) {
	if r := rs.peek(id); r != nil {
		return r.settings.Load(), nil
	}
	return rs.deps.store.Session(ctx, id)
}

// use counts a user of the session's slot, which is made where there is none.
func (rs *rooms) use(id string) *roomSlot {
	rs.mu.Lock()
	slot, ok := rs.byID[id]
	if !ok {
		slot = &roomSlot{rooms: rs, id: id, ready: make(chan struct{})}
		slot.kept = rs.deps.budget.Keep(slot)
		rs.byID[id] = slot
		rs.deps.background.run(func(ctx context.Context) { rs.load(ctx, slot) })
	}
	slot.users++
	idle := slot.idle
	slot.idle = 0
	rs.mu.Unlock()
	slot.kept.Add(-idle)
	return slot
}

// load opens the room of a new slot.
func (rs *rooms) load(ctx context.Context, slot *roomSlot) {
	r, err := openRoom(ctx, rs.deps, slot.id)
	rs.mu.Lock()
	slot.room, slot.err = r, err
	if err != nil {
		delete(rs.byID, slot.id)
	} else {
		r.lastUsed = rs.deps.now()
	}
	rs.mu.Unlock()
	close(slot.ready)
}

// release counts a user off. A room without users counts to the budget.
func (rs *rooms) release(slot *roomSlot) {
	rs.mu.Lock()
	slot.users--
	var idle int64
	if slot.room != nil {
		slot.room.lastUsed = rs.deps.now()
		if slot.users == 0 && rs.byID[slot.id] == slot {
			idle = slot.room.bytes()
			slot.idle = idle
		}
	}
	rs.mu.Unlock()
	if idle == 0 {
		return
	}
	slot.kept.Add(idle)
	rs.mu.Lock()
	current := rs.byID[slot.id] == slot
	rs.mu.Unlock()
	if !current { // the room was closed since, and what was added counts to nothing
		slot.kept.Drop()
	}
}

// GiveWay closes a room that nobody uses. Unless hard, it keeps one that was used a moment ago, where a signal may wait for a
// connection that does not listen yet.
func (slot *roomSlot) GiveWay(hard bool) {
	rs := slot.rooms
	if !rs.mu.TryLock() {
		return
	}
	defer rs.mu.Unlock()
	if slot.idle == 0 || rs.byID[slot.id] != slot || !hard && rs.deps.now().Sub(slot.room.lastUsed) < waitingTime {
		return
	}
	delete(rs.byID, slot.id)
	slot.kept.Add(-slot.idle)
	slot.idle = 0
	rs.deps.background.run(func(context.Context) { slot.room.close() }) // close waits for locks, and GiveWay must not
}

// list returns the rooms that are open now.
func (rs *rooms) list() []*room {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	open := make([]*room, 0, len(rs.byID))
	for _, slot := range rs.byID {
		if slot.room != nil {
			open = append(open, slot.room)
		}
	}
	return open
}

// check compares the open rooms with the Store. A room that is behind catches up; one whose session was removed, or made again
// since, is closed.
func (rs *rooms) check(ctx context.Context) error {
	for group := range slices.Chunk(rs.list(), lastSeqsGroup) {
		ids := make([]string, len(group))
		for i, r := range group {
			ids[i] = r.session.ID
		}
		lastSeqs, err := rs.deps.store.LastSeqs(ctx, ids)
		if err != nil {
			return err
		}
		for _, r := range group {
			last, found := lastSeqs[r.session.ID]
			if !found || last.Epoch != r.session.Epoch {
				rs.removed(r)
				continue
			}
			r.heard(last)
		}
	}
	return nil
}

// catchUp returns when every room that was open, or being opened, has all that was committed before the call, and nothing from before the
// front of its log. Errors: UNAVAILABLE.
func (rs *rooms) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTime)
	defer cancel()
	rs.mu.Lock()
	slots := slices.Collect(maps.Values(rs.byID))
	rs.mu.Unlock()
	for group := range slices.Chunk(slots, lastSeqsGroup) {
		ids := make([]string, len(group))
		for i, slot := range group {
			ids[i] = slot.id
		}
		lastSeqs, err := rs.deps.store.LastSeqs(ctx, ids)
		if err != nil {
			return err
		}
		for _, slot := range group {
			select {
			case <-slot.ready:
			case <-ctx.Done():
				return Unavailable(ctx.Err())
			}
			rs.mu.Lock()
			r, current := slot.room, rs.byID[slot.id] == slot
			rs.mu.Unlock()
			if last, found := lastSeqs[slot.id]; found && current && r != nil && last.Epoch == r.session.Epoch {
				r.feed.truncate(last.Front)
				if err := r.await(ctx, last); err != nil {
					return Unavailable(err)
				}
			}
		}
	}
	return nil
}

// catchUpTime bounds catchUp.
const catchUpTime = 10 * time.Second

// closeIdle closes the rooms that nobody has used for a while, or every room where all is set.
func (rs *rooms) closeIdle(all bool) {
	var idle []*roomSlot
	rs.mu.Lock()
	for id, slot := range rs.byID {
		if slot.room == nil {
			continue
		}
		if all || slot.users == 0 && rs.deps.now().Sub(slot.room.lastUsed) >= rs.linger {
			delete(rs.byID, id)
			slot.idle = 0
			idle = append(idle, slot)
		}
	}
	rs.mu.Unlock()
	for _, slot := range idle {
		slot.kept.Drop()
		slot.room.close()
	}
}

// deleted ends all that this node has of a session that was deleted.
func (rs *rooms) deleted(r *room) {
	live, _ := r.roster.connections(math.MaxInt)
	for _, c := range live {
		rs.deps.presence.sessionDeleted(c)
	}
	rs.removed(r)
}

// removed closes the room of a session that was removed, and ends the sockets of connections that went with it.
func (rs *rooms) removed(r *room) {
	rs.forget(r)
	rs.deps.background.run(func(ctx context.Context) { rs.deps.presence.endRemoved(ctx, r.session.ID) })
}

// forget closes the room of a session that was removed, so that a session made again with its id begins afresh.
func (rs *rooms) forget(r *room) {
	rs.mu.Lock()
	slot := rs.byID[r.session.ID]
	open := slot != nil && slot.room == r
	if open {
		delete(rs.byID, r.session.ID)
		slot.idle = 0
	}
	rs.mu.Unlock()
	if open {
		slot.kept.Drop()
		r.end()
		r.close()
	}
}
