package session

import "context"

// A room lags behind the Store: another node's commits come by the bus, late or never, and this node's own can be read
// from the Store shortly before the room has them. So a room is brought to where the Store is before a reader begins to
// follow it, or is told who is there: every cursor that was answered anywhere before is then one to go on from.

// current returns the session's room as room does, with what was committed on any node before the call, and the head
// that it had then. Errors: NOT_FOUND, UNAVAILABLE.
func (s *Service) current(ctx context.Context, id string) (r *room, head Head, release func(), err error) {
	for {
		r, release, err = s.room(ctx, id)
		if err != nil {
			return nil, Head{}, nil, err
		}
		head, found, err := s.heads.read(ctx, id)
		if err == nil && (!found || head.Epoch != r.session.Epoch) {
			release()
			s.forgetRoom(r)
			continue // with the session's next life, or NOT_FOUND
		}
		if err == nil {
			err = s.await(ctx, r, head)
		}
		if err != nil {
			release()
			return nil, Head{}, nil, err
		}
		return r, head, release, nil
	}
}

// await waits until a room has what there is up to head.
func (s *Service) await(ctx context.Context, r *room, head Head) error {
	var failed error
	for {
		r.mu.Lock()
		r.hear(head.Seq, head.Revision)
		there := r.feed.Head() >= head.Seq && r.roster.head() >= head.Revision
		if there || failed != nil {
			r.mu.Unlock()
			if there {
				return nil
			}
			return failed
		}
		s.fillLocked(r)
		changed := r.watchLocked()
		r.mu.Unlock()
		select {
		case failed = <-changed:
		case <-ctx.Done():
			failed = context.Cause(ctx)
		}
	}
}

// hear notes numbers that were heard of. r.mu is held.
func (r *room) hear(seq, revision int64) {
	r.known.Seq = max(r.known.Seq, seq)
	r.known.Revision = max(r.known.Revision, revision)
}

// watchLocked returns a channel that gets a value when something was applied to the room, or the error when what it
// lacks can't be had. r.mu is held.
func (r *room) watchLocked() <-chan error {
	changed := make(chan error, 1)
	r.waiting = append(r.waiting, changed)
	return changed
}

// tell answers those who wait for the room to change. r.mu is held.
func (r *room) tell(err error) {
	for _, changed := range r.waiting {
		changed <- err
	}
	r.waiting = nil
}
