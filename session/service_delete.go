package session

import "context"

// DeleteSession deletes a session with all that it has: its log, its connections, and what is known of its users in it. It is over at
// once, for everybody on every node, and what it has stored is removed soon. Errors: UNAUTHENTICATED, FORBIDDEN; BAD_USER_INPUT for
// Lobby; NOT_FOUND, with ReasonSessionDeleted where it was deleted already; UNAVAILABLE.
func (s *Service) DeleteSession(ctx context.Context, c Caller, id string) error {
	if err := c.operator(); err != nil {
		return err
	}
	if id == Lobby {
		return Errorf(CodeBadUserInput, "id is the lobby's, which can't be deleted")
	}
	ctx = context.WithoutCancel(ctx)
	epoch, err := s.cfg.Store.DeleteSession(ctx, id)
	if err != nil {
		return err
	}
	if r := s.rooms.peek(id); r != nil && r.session.Epoch == epoch {
		s.rooms.deleted(r)
	} else {
		s.presence.cache.forget(id)
	}
	s.publisher.publish(ctx, Message{SessionID: id, Deleted: epoch})
	s.sequencer.hint(id)
	s.deletedRemover.wake()
	return nil
}
