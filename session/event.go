package session

// SessionEvent is what sessionEvents carries.
type SessionEvent interface{ IsSessionEvent() }

// SessionState is a snapshot of who is there, with what streams; it replaces what the reader had.
type SessionState struct {
	Connections     []*Connection // oldest first, MaxListConnections at most
	ConnectionCount int
	Streams         []*Stream // oldest first, MaxListStreams at most
	StreamCount     int
	Truncated       bool
}

// ConnectionCreated says that a connection has come.
type ConnectionCreated struct{ Connection *Connection }

// ConnectionDestroyed says that a connection has gone, for good.
type ConnectionDestroyed struct {
	Connection *Connection
	Reason     DisconnectReason
}

// ConnectionsChanged gathers the changes of a large session's connections.
type ConnectionsChanged struct {
	Created         []*Connection
	Destroyed       []*ConnectionDestroyed
	ConnectionCount int
	Truncated       bool
}

// StreamCreated says that a stream has been published.
type StreamCreated struct{ Stream *Stream }

// StreamUpdated says that a stream is another now.
type StreamUpdated struct{ Stream *Stream }

// StreamDestroyed says that a stream has ended, for good.
type StreamDestroyed struct {
	Stream *Stream // as it was last
	Reason DisconnectReason
}

// StreamsChanged gathers many changes of streams.
type StreamsChanged struct {
	Created     []*Stream
	Updated     []*Stream
	Destroyed   []*StreamDestroyed
	StreamCount int
	Truncated   bool
}

// MuteForced says that a moderator has muted one stream, or all save some.
type MuteForced struct {
	StreamID  *string  // nil for all
	Except    []string // ids of streams; never nil
	Moderator *Connection
}

func (*SessionState) IsSessionEvent()        {}
func (*ConnectionCreated) IsSessionEvent()   {}
func (*ConnectionDestroyed) IsSessionEvent() {}
func (*ConnectionsChanged) IsSessionEvent()  {}
func (*StreamCreated) IsSessionEvent()       {}
func (*StreamUpdated) IsSessionEvent()       {}
func (*StreamDestroyed) IsSessionEvent()     {}
func (*StreamsChanged) IsSessionEvent()      {}
func (*MuteForced) IsSessionEvent()          {}
