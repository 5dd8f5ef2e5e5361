package session

import (
	"context"
	"errors"
	"slices"
)

// checkTicks is every how many ticks a node compares what it holds with the Store: how late what the bus lost may be.
const checkTicks = 5

// hurriedRooms is how many sessions may be open for a node that is cut off from the others to check at every tick: more
// would be a load that the database does not have when all is well.
const hurriedRooms = 5000

// checkDue says whether the nth tick checks.
func (s *Service) checkDue(n int) bool {
	return n%checkTicks == 0 || s.bus.Err() != nil && len(s.openRooms()) <= hurriedRooms
}

// check finds what the bus lost.
func (s *Service) check(ctx context.Context) error {
	err := s.checkRooms(ctx)
	if s.shared {
		err = errors.Join(err, s.checkKnown(ctx), s.checkLife(ctx))
	}
	return err
}

// checkLife finds out whether the database was replaced while this node served it. The lobby, which is made with the
// database and never removed, has another epoch then, as all sessions have.
func (s *Service) checkLife(ctx context.Context) error {
	var epoch Epoch // of none, where even the lobby is gone
	switch lobby, err := s.store.Session(ctx, Lobby); {
	case err == nil:
		epoch = lobby.Epoch
	case CodeOf(err) != CodeNotFound:
		return err
	}
	if s.life == nil {
		s.life = &epoch
	}
	if *s.life != epoch {
		s.replace.Do(func() { close(s.replaced) })
	}
	return nil
}

// Replaced is closed when the database that other nodes share turns out to have been replaced, as by an older copy. What
// this node holds of it, and what its clients follow, is of no use then: it must close their sockets, so that they come
// back, and start again.
func (s *Service) Replaced() <-chan struct{} { return s.replaced }

// checkRooms compares the open rooms with the Store.
func (s *Service) checkRooms(ctx context.Context) error {
	for rooms := range slices.Chunk(s.openRooms(), headGroup) {
		ids := make([]string, len(rooms))
		for i, r := range rooms {
			ids[i] = r.session.ID
		}
		heads, err := s.store.Heads(ctx, ids)
		if err != nil {
			return err
		}
		for _, r := range rooms {
			head, found := heads[r.session.ID]
			if !found || head.Epoch != r.session.Epoch {
				s.forgetRoom(r)
				continue
			}
			r.mu.Lock()
			r.hear(head.Seq, head.Revision)
			s.fillLocked(r)
			r.mu.Unlock()
		}
	}
	return nil
}

// knownGroup is how many connections one read of the Store asks for at most.
const knownGroup = 500

// checkKnown asks the Store again for the connections that made a request since the last check. One whose session is
// open here is heard of by the room; of the others nothing else would tell that another node has ended them.
func (s *Service) checkKnown(ctx context.Context) error {
	for ids := range slices.Chunk(s.known.takeUsed(), knownGroup) {
		states, err := s.store.Connections(ctx, ids)
		if err != nil {
			return err // and they are asked for one by one when they are next used
		}
		for _, id := range ids {
			state, found := states[id]
			switch {
			case !found:
				s.known.end(id)
			case state.Destroyed:
				s.ended(state.Connection, "")
			default:
				s.known.put(id, state)
			}
		}
	}
	return nil
}
