package session

// SessionEvent is a change of a session's connections and streams, or a snapshot of them: one of the types below.
type SessionEvent interface {
	// bytes is about the memory that the event takes, its connections and streams aside, which are shared.
	bytes() int
}

// SessionState is a snapshot of a session's connections and streams; it replaces what the reader knew.
type SessionState struct {
	Connections     []*Connection // oldest first, MaxListConnections at most
	ConnectionCount int
	Streams         []*Stream // oldest first, MaxListStreams at most
	StreamCount     int
	MuteForced      bool // streams to come begin muted
	Truncated       bool
}

// ConnectionCreated says that a connection has come.
type ConnectionCreated struct{ Connection *Connection }

// ConnectionUpdated carries a connection as it is after a change of its data or role.
type ConnectionUpdated struct{ Connection *Connection }

// ConnectionDestroyed says that a connection has gone, for good.
type ConnectionDestroyed struct {
	Connection *Connection
	Reason     DisconnectReason
}

// ConnectionsChanged combines many changes of connections.
type ConnectionsChanged struct {
	Created         []*Connection
	Updated         []*Connection
	Destroyed       []*ConnectionDestroyed
	ConnectionCount int
	Truncated       bool
}

// StreamCreated says that a stream has been published.
type StreamCreated struct{ Stream *Stream }

// StreamUpdated carries a stream as it is after a change.
type StreamUpdated struct{ Stream *Stream }

// StreamDestroyed says that a stream has ended, for good.
type StreamDestroyed struct {
	Stream *Stream // as it was last
	Reason DisconnectReason
}

// StreamsChanged combines many changes of streams.
type StreamsChanged struct {
	Created     []*Stream
	Updated     []*Stream
	Destroyed   []*StreamDestroyed
	StreamCount int
	Truncated   bool
}

// MuteForced says that a moderator has muted one stream, or all save some; or, where Active is false, that streams to come do not
// begin muted any more.
type MuteForced struct {
	StreamID  *string  // nil for all
	Except    []string // ids of streams; never nil
	Active    bool
	Moderator *Connection
}

// SessionChanged carries the session as it is after a change of its settings.
type SessionChanged struct{ Session *Session }

const eventOverhead = 256

func (e *SessionState) bytes() int      { return eventOverhead + 8*(len(e.Connections)+len(e.Streams)) }
func (*ConnectionCreated) bytes() int   { return eventOverhead }
func (*ConnectionUpdated) bytes() int   { return eventOverhead }
func (*ConnectionDestroyed) bytes() int { return eventOverhead }
func (e *ConnectionsChanged) bytes() int {
	return eventOverhead + 64*(len(e.Created)+len(e.Updated)+len(e.Destroyed))
}
func (*StreamCreated) bytes() int   { return eventOverhead }
func (*StreamUpdated) bytes() int   { return eventOverhead }
func (*StreamDestroyed) bytes() int { return eventOverhead }
func (e *StreamsChanged) bytes() int {
	return eventOverhead + 192*(len(e.Created)+len(e.Updated)+len(e.Destroyed))
}
func (*SessionChanged) bytes() int { return eventOverhead }
func (e *MuteForced) bytes() int   { return eventOverhead + 48*len(e.Except) }
