package session

import "context"

// sender sends signals and negotiations. A lost one can't be recovered, so it refuses messages that would have to reach another
// node while the nodes can't reach each other.
type sender struct {
	bus         Bus
	attachments *attachments
	rooms       *rooms
}

// send publishes a message to one connection of a session, or to all where to is nil. While other nodes can't be reached it
// does so only where every addressee has a socket here. Errors: UNAVAILABLE; then nobody on another node has it.
func (s *sender) send(ctx context.Context, sessionID string, to *string, m Message) error {
	ctx = context.WithoutCancel(ctx)
	failed := s.unreachable()
	if failed == nil {
		err := s.bus.Publish(ctx, m)
		if err == nil || s.allHere(ctx, sessionID, to) {
			return nil
		}
		return err
	}
	if !s.allHere(ctx, sessionID, to) {
		return failed
	}
	_ = s.bus.Publish(ctx, m) // it reaches those here even where it returns an error
	return nil
}

// unreachable returns nil, or the error that other nodes can't be reached. Errors: UNAVAILABLE.
func (s *sender) unreachable() error {
	if err := s.bus.Err(); err != nil {
		return &Error{Code: CodeUnavailable, Message: "other nodes can't be reached", Err: err}
	}
	return nil
}

// allHere says whether a connection, or all that are in a session now, have a socket on this node.
func (s *sender) allHere(ctx context.Context, sessionID string, to *string) bool {
	if to != nil {
		return s.attachments.has(*to)
	}
	all := true
	err := s.rooms.withRoster(ctx, sessionID, func(r *liveRoster) {
		for _, id := range r.connectionIDs() {
			all = all && s.attachments.has(id)
		}
	})
	return err == nil && all
}
