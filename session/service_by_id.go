package session

import "context"

// StreamWithID returns a stream of any session, for the holder of the API secret. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND,
// UNAVAILABLE.
func (s *Service) StreamWithID(ctx context.Context, c Caller, sessionID, id string) (*Stream, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	return s.streamInSession(ctx, id, sessionID)
}

// ConnectionsWithID returns connections of any session, for the holder of the API secret: oldest first, limit at most after the
// first offset, and how many there are. Their data does not bound the list, as it does that of Roster. Errors: UNAUTHENTICATED,
// FORBIDDEN, NOT_FOUND, UNAVAILABLE.
func (s *Service) ConnectionsWithID(ctx context.Context, c Caller, sessionID string, offset, limit int) (live []*Connection, count int, err error) {
	if err := c.operator(); err != nil {
		return nil, 0, err
	}
	err = s.rooms.withRoster(ctx, sessionID, func(r *liveRoster) { live, count = r.connections(offset + limit) })
	return live[min(offset, len(live)):], count, err
}

// StreamsWithID returns the streams of any session, for the holder of the API secret: oldest first, limit at most, and how many there
// are. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, UNAVAILABLE.
func (s *Service) StreamsWithID(ctx context.Context, c Caller, sessionID string, limit int) (live []*Stream, count int, err error) {
	if err := c.operator(); err != nil {
		return nil, 0, err
	}
	err = s.rooms.withRoster(ctx, sessionID, func(r *liveRoster) { live, count = r.publishedStreams(limit) })
	return live, count, err
}
