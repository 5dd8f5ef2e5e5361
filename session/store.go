package session

import (
	"context"
	"time"
)

// Store keeps sessions, connections, entries and leases. Every implementation passes the suite in package
// db/storetest. Methods are safe for concurrent use, and honour ctx, save that a transaction that carries several
// callers' changes is never cancelled by one of them. Every time is taken from the database's clock.
//
// Errors are *Error with the codes each method names; beside these every method may return UNAVAILABLE for a store that
// fails, is full or is busy, with the cause wrapped. A method that returned an error has changed nothing.
type Store interface {
	// Session returns the session with this id. Errors: NOT_FOUND.
	Session(ctx context.Context, id string) (*Session, error)
	// CreateSession stores s (CreatedAt aside, which the store sets) unless its id is taken, and returns what is stored
	// under that id, whoever made it. Where s asks for tokens, a session that was made on first use, in which no live
	// connection is, asks for them from then on, with the MediaMode of s, its log and its epoch as they were; Lobby
	// never does.
	CreateSession(ctx context.Context, s Session) (*Session, error)

	// AppendEntries stores the entries in one durable transaction, numbered in the order given, and returns a result for
	// each: one that fails fails alone. A result's Err has code NOT_FOUND for an unknown session; UNAUTHENTICATED, with
	// ReasonConnectionDestroyed, for a sender that is not a live connection of the session, and without a reason for a
	// guest's name that belongs to a connection; BAD_USER_INPUT, with ReasonIdempotencyConflict, for a key that was used
	// with another body; FORBIDDEN, with ReasonSessionFull, for an entry above its SessionQuota. A guest's connection is recorded with its first entry.
	AppendEntries(ctx context.Context, entries []NewEntry) []EntryResult
	// Entries returns the entries that q selects, ascending by seq.
	Entries(ctx context.Context, q EntryQuery) ([]*ChatEntry, error)
	// Heads returns where the sequences of these sessions end now; unknown sessions are absent.
	Heads(ctx context.Context, sessionIDs []string) (map[string]Head, error)

	// CreateConnections stores the connections in one durable transaction and returns a result for each: one that fails
	// fails alone. A result's Err has code NOT_FOUND for an unknown session, UNAUTHENTICATED for a session that asks for a
	// token where none was presented, and RATE_LIMITED, with ReasonTooManyConnections, for one above a limit of its own. A new connection ends after idle unless it is attached or touched.
	CreateConnections(ctx context.Context, connections []NewConnection, idle time.Duration) []ConnectionResult
	// Connections returns what is known of these ids, ended ones and guests too; unknown ones are absent.
	Connections(ctx context.Context, ids []string) (map[string]ConnectionState, error)
	// DestroyConnection ends a live connection, and its streams with it. Errors: NOT_FOUND for one that is unknown, a
	// guest's or ended.
	DestroyConnection(ctx context.Context, id string, reason DisconnectReason) (RosterChange, error)
	// Roster returns the live connections of a session and their streams, oldest first, with the revision that this is
	// the state of. Guests are in no roster. Errors: NOT_FOUND.
	Roster(ctx context.Context, sessionID string) (Roster, error)
	// ListConnections returns the live connections of a session after this place of the list, limit at most: those with a
	// socket on any node, and then the others, each in the order in which they were created. None for an unknown session.
	ListConnections(ctx context.Context, sessionID string, after RosterPlace, limit int) ([]PlacedConnection, error)
	// RosterChanges returns up to limit changes after this revision, ascending without a hole.
	RosterChanges(ctx context.Context, sessionID string, after int64, limit int) ([]RosterChange, error)

	// Stream returns a stream that has not ended. Errors: NOT_FOUND.
	Stream(ctx context.Context, id string) (*Stream, error)
	// PublishStream stores a stream of a live connection that has fewer than limit. Errors: UNAUTHENTICATED with
	// ReasonConnectionDestroyed where it is not a live connection of the session; RATE_LIMITED with
	// ReasonTooManyStreams.
	PublishStream(ctx context.Context, s NewStream, limit int) (RosterChange, error)
	// UpdateStream changes a stream; the change has it as it is then. Errors: NOT_FOUND.
	UpdateStream(ctx context.Context, id string, u StreamUpdate) (RosterChange, error)
	// DestroyStream ends a stream; the change has it as it was last. Errors: NOT_FOUND.
	DestroyStream(ctx context.Context, id string, reason DisconnectReason) (RosterChange, error)
	// MuteStreams sets HasAudio to false of one stream, or of all of a session save some, and returns those, oldest
	// first. The change's Stream is as it is then. Errors: NOT_FOUND for an unknown session, or a stream that is not one
	// of it; UNAUTHENTICATED with ReasonConnectionDestroyed where the moderator is not a live connection of it.
	MuteStreams(ctx context.Context, m Mute) (change RosterChange, muted []*Stream, err error)

	// RenewNode extends a node's lease to lease from now, in one statement for all that is attached to it, and says
	// whether the node still held it; where it did not (never had one, or it ran out), the node holds a new one now and
	// has nothing attached.
	RenewNode(ctx context.Context, node string, lease time.Duration) (held bool, err error)
	// Attach records that each of these connections has a socket on the node, in one transaction, and returns an error
	// for each that is not live: UNAUTHENTICATED with ReasonConnectionDestroyed. An attached connection does not end
	// while its node's lease runs. Attaching again changes nothing.
	Attach(ctx context.Context, node string, connectionIDs []string) (refused map[string]error, err error)
	// Detach records that these connections have no socket on the node any more: those with none on another live node
	// end after grace unless they come back.
	Detach(ctx context.Context, node string, connectionIDs []string, grace time.Duration) error
	// Touch records that these connections made a request: one that never had a socket ends idle from now, one that had
	// grace from now, or later where that was so already.
	Touch(ctx context.Context, connectionIDs []string, idle, grace time.Duration) error
	// Sweep takes what is attached to nodes whose lease has run out, giving those connections grace from the end of
	// the lease; destroys, with NetworkDisconnected, up to limit connections whose time has come; and removes sessions
	// that were made on first use longer than idle ago, whose last connection ended as long ago, and that have no entry.
	// node is who sweeps: one whose own lease has run out was away, and does nothing but get UNAVAILABLE, until it has
	// renewed; empty stands for a sweeper that is no node.
	Sweep(ctx context.Context, node string, grace, idle time.Duration, limit int) ([]RosterChange, error)

	// Lanes is how many calls of AppendEntries, and as many of CreateConnections, the store can work on at once: 1 where
	// one transaction writes at a time. It never changes. More calls wait for their turn.
	Lanes() int

	// Ping says whether the store can be read and written now.
	Ping(ctx context.Context) error
}

// EntryResult is what became of one NewEntry.
type EntryResult struct {
	Entry    *ChatEntry // nil where Err is not
	Replayed bool       // the key was used before with the same body: Entry is the first one
	Err      error
}

// ConnectionResult is what became of one NewConnection.
type ConnectionResult struct {
	Session *Session // nil where Err is not
	Change  RosterChange
	Err     error
}

// ConnectionState is a connection and whether it has ended.
type ConnectionState struct {
	Connection *Connection
	Destroyed  bool
}

// Head is where a session's sequences end.
type Head struct {
	Epoch    Epoch // the session's
	Seq      int64 // of the newest entry; 0 for an empty log
	Revision int64 // of the newest roster change; 0 for none
}

// Roster is who is in a session, with what streams.
type Roster struct {
	Revision    int64
	Connections []*Connection // oldest first
	Streams     []*Stream     // oldest first; each with its connection among Connections
}

// RosterChange is one connection created or destroyed, or one change of streams. With a connection end its streams, in
// the same change.
type RosterChange struct {
	SessionID  string
	Revision   int64            // 1, 2, 3 … in the session, without a hole, in the order of the commits
	Connection *Connection      // nil for a change of streams
	Reason     DisconnectReason // empty for a creation
	Stream     *StreamChange    // nil for a change of a connection
}

// Destroyed says whether the change is a connection's end.
func (c RosterChange) Destroyed() bool { return c.Reason != "" }
