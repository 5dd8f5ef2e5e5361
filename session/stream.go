package session

import (
	"context"
	"time"
)

// Limits of a stream.
const (
	MaxStreamNameBytes = 1024
	MaxStreams         = 8        // of one connection
	MaxListStreams     = 1000     // in a snapshot or a list
	MaxDimension       = 16 << 10 // of a video, in pixels
	MaxMuteExcept      = 1000     // streams that one forceMute leaves out
)

// VideoType is what a stream's video shows.
type VideoType string

const (
	VideoCamera VideoType = "CAMERA"
	VideoScreen VideoType = "SCREEN"
	VideoCustom VideoType = "CUSTOM" // such as a canvas or a file
)

// Valid says whether v is one of the types.
func (v VideoType) Valid() bool { return v == VideoCamera || v == VideoScreen || v == VideoCustom }

// Stream is audio or video that a connection publishes. It is immutable: a change makes another value with the same ID.
type Stream struct {
	ID         string
	SessionID  string
	Connection *Connection // its publisher
	Name       *string
	HasAudio   bool // and it is on
	HasVideo   bool // and it is on
	VideoType  VideoType
	Width      *int64 // of the video in pixels; nil where it is not known
	Height     *int64
	CreatedAt  time.Time
}

// NewStream is a stream that is to be stored.
type NewStream struct {
	ID           string
	SessionID    string
	ConnectionID string
	Name         *string
	HasAudio     bool
	HasVideo     bool
	VideoType    VideoType
	Width        *int64
	Height       *int64
}

// StreamUpdate is what is to change of a stream; nil fields stay as they are.
type StreamUpdate struct {
	Name      *string
	HasAudio  *bool
	HasVideo  *bool
	VideoType *VideoType
	Width     *int64
	Height    *int64
}

// Mute says which streams of a session a moderator mutes.
type Mute struct {
	SessionID   string
	ModeratorID string   // a connection
	StreamID    string   // the one; empty for all
	Except      []string // ids of those to leave as they are, of all
}

// Validate checks the limits of what a stream says of itself. Errors: BAD_USER_INPUT.
func (u StreamUpdate) Validate() error {
	if u.Name != nil {
		if err := validText("name", *u.Name, MaxStreamNameBytes); err != nil {
			return err
		}
	}
	if u.VideoType != nil && !u.VideoType.Valid() {
		return Errorf(CodeBadUserInput, "videoType must be CAMERA, SCREEN or CUSTOM")
	}
	if err := validDimension("width", u.Width); err != nil {
		return err
	}
	return validDimension("height", u.Height)
}

func validDimension(argument string, pixels *int64) error {
	if pixels != nil && (*pixels < 1 || *pixels > MaxDimension) {
		return Errorf(CodeBadUserInput, "%s must be 1 to %d pixels, but is %d", argument, MaxDimension, *pixels)
	}
	return nil
}

// Apply returns the stream as it is after the update.
func (u StreamUpdate) Apply(s Stream) *Stream {
	if u.Name != nil {
		s.Name = u.Name
	}
	if u.HasAudio != nil {
		s.HasAudio = *u.HasAudio
	}
	if u.HasVideo != nil {
		s.HasVideo = *u.HasVideo
	}
	if u.VideoType != nil {
		s.VideoType = *u.VideoType
	}
	if u.Width != nil {
		s.Width = u.Width
	}
	if u.Height != nil {
		s.Height = u.Height
	}
	return &s
}

// PublishStream stores a stream of the caller's. What u leaves out is on, a camera's, and of no known size. Errors:
// UNAUTHENTICATED, FORBIDDEN, BAD_USER_INPUT; RATE_LIMITED with ReasonTooManyStreams; UNAVAILABLE.
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
	change, err := s.store.PublishStream(ctx, NewStream{ID: newID(), SessionID: c.SessionID, ConnectionID: c.Connection.ID,
		Name: made.Name, HasAudio: made.HasAudio, HasVideo: made.HasVideo, VideoType: made.VideoType,
		Width: made.Width, Height: made.Height}, MaxStreams)
	return s.streamChanged(ctx, change, err)
}

// UpdateStream changes a stream of the caller's. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BAD_USER_INPUT,
// UNAVAILABLE.
func (s *Service) UpdateStream(ctx context.Context, c Caller, id string, u StreamUpdate) (*Stream, error) {
	if err := s.ownStream(ctx, c, id); err != nil {
		return nil, err
	}
	if err := u.Validate(); err != nil {
		return nil, err
	}
	change, err := s.store.UpdateStream(ctx, id, u)
	return s.streamChanged(ctx, change, err)
}

// UnpublishStream ends a stream of the caller's. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, UNAVAILABLE.
func (s *Service) UnpublishStream(ctx context.Context, c Caller, id string) (*Stream, error) {
	if err := s.ownStream(ctx, c, id); err != nil {
		return nil, err
	}
	change, err := s.store.DestroyStream(ctx, id, ClientDisconnected)
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
	change, err := s.store.DestroyStream(ctx, id, ForceUnpublished)
	return s.streamChanged(ctx, change, err)
}

// ForceMute mutes one stream of the caller's session, or all save some where id is nil, and returns those it was for,
// oldest first, MaxListStreams at most. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BAD_USER_INPUT, UNAVAILABLE.
func (s *Service) ForceMute(ctx context.Context, c Caller, id *string, except []string) ([]*Stream, error) {
	if err := c.canModerate("forceMute"); err != nil {
		return nil, err
	}
	m := Mute{SessionID: c.SessionID, ModeratorID: c.Connection.ID, Except: except}
	switch {
	case len(except) > MaxMuteExcept:
		return nil, Errorf(CodeBadUserInput, "except must have at most %d ids, but has %d", MaxMuteExcept, len(except))
	case id != nil && len(except) > 0:
		return nil, Errorf(CodeBadUserInput, "except is for muting all; leave out streamId or except")
	case id != nil:
		if _, err := s.streamInSession(ctx, *id, c.SessionID); err != nil {
			return nil, err
		}
		m.StreamID = *id
	}
	change, muted, err := s.store.MuteStreams(ctx, m)
	if err != nil {
		return nil, err
	}
	s.publishChange(context.WithoutCancel(ctx), change)
	return muted[:min(len(muted), MaxListStreams)], nil
}

// streamChanged tells every node of a change that was stored, and returns its stream.
func (s *Service) streamChanged(ctx context.Context, change RosterChange, err error) (*Stream, error) {
	if err != nil {
		return nil, err
	}
	s.publishChange(context.WithoutCancel(ctx), change)
	return change.Stream.Stream, nil
}

// ownStream checks that a stream is the caller's, who may publish. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND.
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

// streamInSession returns a stream of a session; who publishes it never changes, the rest may have. Errors: NOT_FOUND,
// alike for every other id; UNAVAILABLE.
func (s *Service) streamInSession(ctx context.Context, id, sessionID string) (*Stream, error) {
	if r := s.peekRoom(sessionID); r != nil {
		if stream, ok := r.roster.stream(id); ok {
			return stream, nil
		}
	}
	stream, err := s.store.Stream(ctx, id)
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
	r, _, release, err := s.current(ctx, sess.ID)
	if err != nil {
		return nil, 0, err
	}
	defer release()
	live, count = r.roster.publishedStreams(limit)
	return live, count, nil
}

// StreamChangeKind is what happened to a session's streams.
type StreamChangeKind string

const (
	StreamPublished StreamChangeKind = "published"
	StreamChanged   StreamChangeKind = "changed"
	StreamEnded     StreamChangeKind = "ended"
	StreamsMuted    StreamChangeKind = "muted" // HasAudio is false from now on, of one or of all save some
)

// StreamChange is one change of a session's streams. That streams end with their connection is no change of its own.
type StreamChange struct {
	Kind      StreamChangeKind
	Stream    *Stream          // as it is from now on, or was at its end; nil where all were muted
	Reason    DisconnectReason // why it ended
	Except    []string         // ids of the streams that were left as they were, where all were muted
	Moderator *Connection      // who muted
}
