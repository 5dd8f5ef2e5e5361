package graph

import (
	"context"

	"chattok/graph/transport"
	"chattok/session"
)

func (r mutationResolver) PublishStream(ctx context.Context, name *string, hasAudio, hasVideo *bool, videoType *session.VideoType, width, height *int64) (*session.Stream, error) {
	return r.service.PublishStream(ctx, callerOf(ctx),
		session.StreamUpdate{Name: name, HasAudio: hasAudio, HasVideo: hasVideo, VideoType: videoType, Width: width, Height: height})
}

func (r mutationResolver) UpdateStream(ctx context.Context, streamID string, name *string, hasAudio, hasVideo *bool, videoType *session.VideoType, width, height *int64) (*session.Stream, error) {
	return r.service.UpdateStream(ctx, callerOf(ctx), streamID,
		session.StreamUpdate{Name: name, HasAudio: hasAudio, HasVideo: hasVideo, VideoType: videoType, Width: width, Height: height})
}

func (r mutationResolver) UnpublishStream(ctx context.Context, streamID string) (*session.Stream, error) {
	return r.service.UnpublishStream(ctx, callerOf(ctx), streamID)
}

func (r mutationResolver) ForceUnpublish(ctx context.Context, streamID string, sessionID *string) (*session.Stream, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.ForceUnpublish(ctx, c, streamID)
}

func (r mutationResolver) ForceMute(ctx context.Context, streamID *string, except []string, stay *bool, sessionID *string) ([]*session.Stream, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.ForceMute(ctx, c, session.MuteArgs{StreamID: streamID, Except: except, Stay: stay != nil && *stay})
}

func (r mutationResolver) DisableForceMute(ctx context.Context, sessionID *string) (*session.Session, error) {
	c, err := r.in(ctx, sessionID)
	if err != nil {
		return nil, err
	}
	return r.service.DisableForceMute(ctx, c)
}

func (r sessionResolver) MuteForced(ctx context.Context, s *session.Session) (bool, error) {
	return r.service.MuteForced(ctx, s)
}

func (r sessionResolver) Streams(ctx context.Context, s *session.Session) ([]*session.Stream, error) {
	if err := transport.MayWait(ctx); err != nil {
		return nil, err
	}
	live, _, err := r.service.Streams(ctx, s, session.MaxListStreams)
	return live, err
}

func (r sessionResolver) StreamCount(ctx context.Context, s *session.Session) (int64, error) {
	size, err := rosterSizeOf(ctx, s)
	return int64(size.Streams), err
}
