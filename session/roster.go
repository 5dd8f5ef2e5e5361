package session

// Roster is a session's live connections with their streams, at one revision.
type Roster struct {
	Revision    int64
	Connections []*Connection // oldest first
	Streams     []*Stream     // oldest first; each with its connection among Connections
	MutedBy     *Connection   // the moderator that muted streams to come; nil where they begin as they are published
}

// RosterChange is one connection created, updated or destroyed, one change of streams, or one of the session's settings. A connection's end
// is the end of its streams too, in the same change.
type RosterChange struct {
	SessionID  string
	Revision   int64            // 1, 2, 3 … in the session, without a hole, in the order of the commits
	Connection *Connection      // nil for a change of streams or settings
	Reason     DisconnectReason // why it ended; empty otherwise
	Updated    bool             // Connection is as it is from now on: its data or role has changed
	Stream     *StreamChange    // nil for a change of a connection
	Session    *Session         // as it is from now on, where its settings have changed; else nil
}

// Destroyed says whether the change is a connection's end.
func (c RosterChange) Destroyed() bool { return c.Reason != "" }

// bytes is about the memory that the change takes.
func (c RosterChange) bytes() int {
	n := 512
	if c.Connection != nil && c.Connection.Data != nil {
		n += len(*c.Connection.Data)
	}
	return n
}

// StreamChangeKind is the kind of a change of a session's streams.
type StreamChangeKind string

const (
	StreamPublished StreamChangeKind = "published"
	StreamChanged   StreamChangeKind = "changed"
	StreamEnded     StreamChangeKind = "ended"
	StreamsMuted    StreamChangeKind = "muted" // HasAudio is false from now on, of one or of all save some
	// MuteEnded is the end of a mute of streams to come. Nodes of versions that do not know it pass over it.
	MuteEnded StreamChangeKind = "muteEnded"
)

// StreamChange is one change of a session's streams. Streams that end with their connection are no change of their own.
type StreamChange struct {
	Kind   StreamChangeKind
	Stream *Stream          // as it is from now on, or was at its end; nil where all were muted
	Reason DisconnectReason // why it ended
	Except []string         // ids of the streams that were left as they were, where all were muted
	Stay   bool             // streams to come begin muted, where all were muted
	// Moderator is the connection that muted, or ended the mute. For a stream that was published with its audio on while a mute
	// stays on, it is the moderator of that mute.
	Moderator *Connection
}

// forced returns a mute of streams, or the end of one, as an event.
func (c *StreamChange) forced() *MuteForced {
	forced := &MuteForced{Except: append([]string{}, c.Except...), Active: c.Kind == StreamsMuted, Moderator: c.Moderator}
	if c.Stream != nil {
		forced.StreamID = &c.Stream.ID
	}
	return forced
}
