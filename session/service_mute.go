package session

import (
	"context"
	"slices"
)

// ForceMute mutes one stream of a session, or all save some where no stream is named, and returns the streams that it was for, oldest
// first, MaxListStreams at most. Streams to come begin muted too where that is asked for, until DisableForceMute. Errors:
// UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BAD_USER_INPUT, UNAVAILABLE.
func (s *Service) ForceMute(ctx context.Context, c Caller, a MuteArgs) ([]*Stream, error) {
	moderator, err := s.moderator(ctx, c, "forceMute")
	if err != nil {
		return nil, err
	}
	// Ids that no stream can have are not stored: others are passed over too, but an id may be as long as a request.
	except := slices.DeleteFunc(slices.Clone(a.Except), func(id string) bool { return len(id) > MaxNameBytes })
	m := Mute{SessionID: moderator.SessionID, ModeratorID: moderator.ID, Except: except, Stay: a.Stay}
	switch {
	case len(a.Except) > MaxMuteExcept:
		return nil, Errorf(CodeBadUserInput, "except must have at most %d ids, but has %d", MaxMuteExcept, len(a.Except))
	case a.StreamID != nil && len(a.Except) > 0:
		return nil, Errorf(CodeBadUserInput, "except is for muting all; leave out streamId or except")
	case a.StreamID != nil && a.Stay:
		return nil, Errorf(CodeBadUserInput, "stay is for muting all; leave out streamId or stay")
	case a.StreamID != nil:
		if _, err := s.streamInSession(ctx, *a.StreamID, m.SessionID); err != nil {
			return nil, err
		}
		m.StreamID = *a.StreamID
	}
	change, muted, err := s.cfg.Store.MuteStreams(ctx, m)
	if err != nil {
		return nil, err
	}
	s.publisher.change(context.WithoutCancel(ctx), change)
	return withinData(muted[:min(len(muted), MaxListStreams)], (*Stream).publisher), nil
}

// DisableForceMute ends a mute of streams to come, and returns the session. Streams that are published stay as they are. Errors:
// UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, UNAVAILABLE.
func (s *Service) DisableForceMute(ctx context.Context, c Caller) (*Session, error) {
	moderator, err := s.moderator(ctx, c, "disableForceMute")
	if err != nil {
		return nil, err
	}
	change, changed, err := s.cfg.Store.EndMute(ctx, moderator.SessionID, moderator.ID)
	if err != nil {
		return nil, err
	}
	if changed {
		s.publisher.change(context.WithoutCancel(ctx), change)
	}
	return s.rooms.session(ctx, moderator.SessionID)
}

// MuteForced says whether streams to come begin muted in a session. Errors: NOT_FOUND, UNAVAILABLE.
func (s *Service) MuteForced(ctx context.Context, sess *Session) (forced bool, err error) {
	err = s.rooms.withRoster(ctx, sess.ID, func(r *liveRoster) { forced = r.muted() })
	return forced, err
}
