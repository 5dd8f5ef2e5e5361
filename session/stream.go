package session

import "time"

// Limits of a stream.
const (
	MaxStreamNameBytes = 1024
	MaxStreams         = 8        // of one connection
	MaxListStreams     = 1000     // in a snapshot or a list
	MaxDimension       = 16 << 10 // of a video, in pixels
	MaxMuteExcept      = 1000     // streams that one forceMute leaves out
)

// VideoType is the source of a stream's video.
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
	HasAudio   bool // it has audio, which is on
	HasVideo   bool // it has video, which is on
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

	// SessionQuota bounds the bytes of a session that was made on first use, as quota.go counts them; 0 for no bound.
	SessionQuota int64
}

// StreamUpdate changes a stream; nil fields are left as they are.
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
	StreamID    string   // the one stream; empty for all
	Except      []string // ids of streams to leave as they are, where all are muted
	Stay        bool     // streams to come begin muted, where all are muted
}

// MuteArgs are the arguments of ForceMute. Nil is absent.
type MuteArgs struct {
	StreamID *string
	Except   []string
	Stay     bool
}

func (s *Stream) publisher() *Connection { return s.Connection }

// Validate checks the limits of a stream's fields. Errors: BAD_USER_INPUT.
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
