package session

import "context"

// PublishStream stores a stream of the caller's. By default its audio and video are on, and the video is a camera's, of unknown
// size. Errors: UNAUTHENTICATED; FORBIDDEN, with ReasonSessionFull too; BAD_USER_INPUT; RATE_LIMITED with ReasonTooManyStreams;
// UNAVAILABLE.
func (s *Service) PublishStream(ctx context.Context, c Caller, u StreamUpdate) (*Stream, error) {
	if err := c.connected(); err != nil {
		return nil, err
	}
	if err := c.canPublish(); err != nil {
		return nil, err
	}
	if err := u.Validate(); err != nil {
		return nil, err
	}
	made := u.Apply(Stream{HasAudio: true, HasVideo: true, VideoType: VideoCamera})
	change, err := s.cfg.Store.PublishStream(ctx, NewStream{ID: newID(), SessionID: c.SessionID, ConnectionID: c.Connection.ID,
		Name: made.Name, HasAudio: made.HasAudio, HasVideo: made.HasVideo, VideoType: made.VideoType,
		Width: made.Width, Height: made.Height, SessionQuota: s.cfg.SessionBytes}, MaxStreams)
	return s.streamChanged(ctx, change, err)
}

// UpdateStream changes a stream of the caller's, and tells nobody where it was so before. Errors: UNAUTHENTICATED; FORBIDDEN, with
// ReasonSessionFull too; NOT_FOUND, BAD_USER_INPUT, UNAVAILABLE.
func (s *Service) UpdateStream(ctx context.Context, c Caller, id string, u StreamUpdate) (*Stream, error) {
	if err := s.ownStream(ctx, c, id); err != nil {
		return nil, err
	}
	if err := u.Validate(); err != nil {
		return nil, err
	}
	change, changed, err := s.cfg.Store.UpdateStream(ctx, id, u, s.cfg.SessionBytes)
	if err == nil && !changed {
		return change.Stream.Stream, nil
	}
	return s.streamChanged(ctx, change, err)
}

// UnpublishStream ends a stream of the caller's. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, UNAVAILABLE.
func (s *Service) UnpublishStream(ctx context.Context, c Caller, id string) (*Stream, error) {
	if err := s.ownStream(ctx, c, id); err != nil {
		return nil, err
	}
	change, err := s.cfg.Store.DestroyStream(ctx, id, "", ClientDisconnected)
	return s.streamChanged(ctx, change, err)
}

// ForceUnpublish ends a stream of the caller's session. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, UNAVAILABLE.
func (s *Service) ForceUnpublish(ctx context.Context, c Caller, id string) (*Stream, error) {
	if err := c.canModerate("forceUnpublish"); err != nil {
		return nil, err
	}
	if _, err := s.streamInSession(ctx, id, c.SessionID); err != nil {
		return nil, err
	}
	change, err := s.cfg.Store.DestroyStream(ctx, id, c.moderatorID(), ForceUnpublished)
	return s.streamChanged(ctx, change, err)
}

// streamChanged tells every node of a change that was stored, and returns its stream.
func (s *Service) streamChanged(ctx context.Context, change RosterChange, err error) (*Stream, error) {
	if err != nil {
		return nil, err
	}
	s.publisher.change(context.WithoutCancel(ctx), change)
	return change.Stream.Stream, nil
}

// ownStream checks that a stream is the caller's and that the caller may publish. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND.
func (s *Service) ownStream(ctx context.Context, c Caller, id string) error {
	if err := c.connected(); err != nil {
		return err
	}
	if err := c.canPublish(); err != nil {
		return err
	}
	stream, err := s.streamInSession(ctx, id, c.SessionID)
	if err == nil && stream.Connection.ID != c.Connection.ID {
		err = Errorf(CodeForbidden, "streamId must be a stream of your own")
	}
	return err
}

// streamInSession returns a stream of a session. Its publisher never changes; its other fields may be old. Errors: NOT_FOUND,
// alike for every other id; UNAVAILABLE.
func (s *Service) streamInSession(ctx context.Context, id, sessionID string) (*Stream, error) {
	if r := s.rooms.peek(sessionID); r != nil {
		if stream, ok := r.roster.stream(id); ok {
			return stream, nil
		}
	}
	stream, err := s.cfg.Store.Stream(ctx, id)
	if err != nil && CodeOf(err) != CodeNotFound {
		return nil, err
	}
	if err != nil || stream.SessionID != sessionID {
		return nil, Errorf(CodeNotFound, "streamId is not a stream of this session")
	}
	return stream, nil
}

// Streams returns the streams that are published in a session now, oldest first, limit at most, and how many there are.
// Errors: NOT_FOUND, UNAVAILABLE.
func (s *Service) Streams(ctx context.Context, sess *Session, limit int) (live []*Stream, count int, err error) {
	err = s.rooms.withRoster(ctx, sess.ID, func(r *liveRoster) { live, count = r.publishedStreams(limit) })
	return withinData(live, (*Stream).publisher), count, err
}
