package session

import (
	"context"

	"chattok/internal/sequence"
)

// FollowFeed follows the events of all sessions, or of those whose ids begin with prefix: the events after a cursor of the feed, or
// without one those that come into it from now on. An event is in the feed within about a second of when it happened. Errors:
// UNAUTHENTICATED, FORBIDDEN; BAD_USER_INPUT, with ReasonCursorMismatch for a cursor; RATE_LIMITED with ReasonTooManyFeeds;
// UNAVAILABLE.
func (s *Service) FollowFeed(ctx context.Context, c Caller, after *string, prefix string) (*sequence.Follower[*FeedEvent], error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if prefix != "" {
		if err := validName("sessionPrefix", prefix); err != nil {
			return nil, err
		}
	}
	end, err := s.feed.end(ctx)
	if err != nil {
		return nil, err
	}
	place := end.Place
	if after != nil {
		if place, err = parseFeedCursor("after", end, *after); err != nil {
			return nil, err
		}
	}
	if err := s.feed.admit(); err != nil {
		return nil, err
	}
	f := s.feed.follow(place, end, prefix)
	release := f.Release
	f.Release = func() {
		release()
		s.feed.leave()
	}
	return f, nil
}

// FollowFeedFrom is FollowFeed for a reader of the server's own, after a place. It is not counted among MaxFeeds. Errors:
// BAD_USER_INPUT with ReasonCursorMismatch for a place behind the end; UNAVAILABLE.
func (s *Service) FollowFeedFrom(ctx context.Context, place int64, prefix string) (*sequence.Follower[*FeedEvent], error) {
	end, err := s.feed.end(ctx)
	if err != nil {
		return nil, err
	}
	if place > end.Place {
		return nil, feedCursorMismatch("after")
	}
	return s.feed.follow(place, end, prefix), nil
}

// LastFeedCursor returns the cursor of the feed's end. Errors: UNAUTHENTICATED, FORBIDDEN; UNAVAILABLE.
func (s *Service) LastFeedCursor(ctx context.Context, c Caller) (string, error) {
	if err := c.operator(); err != nil {
		return "", err
	}
	end, err := s.feed.end(ctx)
	return s.feed.cursor(end.Place), err
}

// FeedEnd returns where the feed ends now. Errors: UNAVAILABLE.
func (s *Service) FeedEnd(ctx context.Context) (FeedEnd, error) { return s.feed.end(ctx) }

// FeedCursor returns the cursor of a place in the feed, opaque to clients; place 0 is StartCursor.
func (s *Service) FeedCursor(place int64) string { return s.feed.cursor(place) }

// placeInFeed returns the place of a cursor of the feed. Errors: BAD_USER_INPUT with ReasonCursorMismatch, which names the
// argument; UNAVAILABLE.
func (s *Service) placeInFeed(ctx context.Context, argument, cursor string) (place int64, err error) {
	end, err := s.feed.end(ctx)
	if err != nil {
		return 0, err
	}
	return parseFeedCursor(argument, end, cursor)
}

func parseFeedCursor(argument string, end FeedEnd, cursor string) (place int64, err error) {
	if cursor == StartCursor {
		return 0, nil
	}
	epoch, place, ok := decodePosition(tagFeed, cursor)
	if !ok || epoch != end.Epoch || place > end.Place {
		return 0, feedCursorMismatch(argument)
	}
	return place, nil
}

func feedCursorMismatch(argument string) *Error {
	return Errorf(CodeBadUserInput, "%s is not a cursor of this database's feed; start again from \"0\" or without it", argument).
		WithReason(ReasonCursorMismatch)
}
