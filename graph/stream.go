package graph

import (
	"context"

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

func (r mutationResolver) ForceUnpublish(ctx context.Context, streamID string) (*session.Stream, error) {
	return r.service.ForceUnpublish(ctx, callerOf(ctx), streamID)
}

func (r mutationResolver) ForceMute(ctx context.Context, streamID *string, except []string) ([]*session.Stream, error) {
	return r.service.ForceMute(ctx, callerOf(ctx), streamID, except)
}

func (r sessionResolver) Streams(ctx context.Context, s *session.Session) ([]*session.Stream, error) {
	live, _, err := r.service.Streams(ctx, s, session.MaxListStreams)
	return live, err
}

func (r sessionResolver) StreamCount(ctx context.Context, s *session.Session) (int64, error) {
	_, count, err := r.service.Streams(ctx, s, 0)
	return int64(count), err
}
