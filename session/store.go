package session

import (
	"context"
	"time"
)

// Store keeps sessions, connections, entries and leases. Every implementation passes the suite in package
// db/storetest. Methods are safe for concurrent use. They honour ctx, except that no caller cancels a transaction that carries
// the changes of others too. Every time is taken from the database's clock.
//
// Errors are *Error with the codes that each method names. Every method may also return UNAVAILABLE, with the cause wrapped,
// where the store fails, is full or is busy. A method that returned an error has changed nothing.
type Store interface {
	// A session that was deleted is NOT_FOUND for every method, with ReasonSessionDeleted, until it is made again.

	// Session returns the session with this id. Errors: NOT_FOUND.
	Session(ctx context.Context, id string) (*Session, error)
	// CreateSession stores s unless its id is taken, and returns the session that is stored under the id. The store sets
	// CreatedAt. Where s takes tokens and the id is that of a session made on first use, in which no live connection is,
	// that session takes tokens from then on, with the MediaMode of s, and keeps its log and its epoch. Lobby never takes
	// tokens. Where a session with the id was deleted and is still being removed, it is UNAVAILABLE.
	CreateSession(ctx context.Context, s Session) (*Session, error)

	// AppendEntries stores the entries in one durable transaction, numbered in the order given, and returns a result for
	// each: one that fails fails alone. A result's Err has code NOT_FOUND for an unknown session, or a ReplyTo that is no entry of
	// it; UNAUTHENTICATED, with ReasonConnectionDestroyed, for a sender that is not a live connection of the session, or with Service none
	// of its service connections, and without a reason for a guest's name that belongs to a connection; BAD_USER_INPUT, with
	// ReasonIdempotencyConflict, for a key that was used with another body, where PostedBody counts if it is set; FORBIDDEN, with
	// ReasonSessionFull, for an entry above its SessionQuota, with ReasonReadOnly in a session that is read-only, and without a reason for
	// a sender whose role may not publish; RATE_LIMITED, with ReasonSlowMode and RetryAfter; FORBIDDEN, with ReasonBanned and Until, also
	// for a guest whose Origin is banned. Neither slow mode nor ReadOnly holds for a MODERATOR. The role is the one that the sender has
	// then, whatever its node knows. A key belongs to the entry's user, and to the session where the entry has none. It also finds
	// an entry of the session without a user that was stored with it. An entry that is found by its key is returned as it is
	// now; where it was edited or deleted since, the body that was posted first is not known, and not compared: such an entry is found
	// by its user, and by its own connection, alone. A guest's connection is recorded with its first entry, with the Origin of its newest one. An entry with a user moves the user's read mark to it.
	AppendEntries(ctx context.Context, entries []NewEntry) []EntryResult
	// StoredEntry returns the entry, as it is now, that AppendEntries would return for e because its key was used before; nil where it
	// was not. Errors: BAD_USER_INPUT, with ReasonIdempotencyConflict, for a key that was used with another body.
	StoredEntry(ctx context.Context, e NewEntry) (*ChatEntry, error)
	// Entries returns the entries that q selects, ascending by seq.
	Entries(ctx context.Context, q EntryQuery) ([]*ChatEntry, error)
	// EntriesBySeq returns the entries with these numbers; those that are not kept are absent.
	EntriesBySeq(ctx context.Context, sessionID string, epoch Epoch, seqs []int64) (map[int64]*ChatEntry, error)
	// SeqAt returns how many entries of the session were added up to a place of its log.
	SeqAt(ctx context.Context, sessionID string, place int64) (seq int64, err error)
	// LogEvents returns the events that q selects, of one state of the database. Where it returns fewer than asked for, Through is
	// the place before q.Before, or the log's last place. Where the log's front is among its places, it has a truncation there: see
	// NewTruncation.
	LogEvents(ctx context.Context, q LogQuery) (LogRun, error)

	// ChangeEntries applies the changes in one durable transaction, in the order given, and returns a result for each: one
	// that fails fails alone. Changes of one entry have one event, at the place of the last of them, and reactions that follow each other
	// are one change. A result's Err has code NOT_FOUND for an unknown session or entry; UNAUTHENTICATED, with ReasonConnectionDestroyed,
	// for an edit or a reaction by a connection that is neither live nor a service connection; FORBIDDEN, without a reason for an entry of
	// somebody else's and for an actor whose role does not allow the change, or with ReasonEntryDeleted, ReasonEditWindow,
	// ReasonSessionFull or ReasonReadOnly; RATE_LIMITED, with ReasonTooManyReactions; BAD_USER_INPUT, with ReasonIdempotencyConflict, for a
	// key that was used for something else. A key belongs to the actor's user, and to the session where it has none.
	ChangeEntries(ctx context.Context, changes []NewChange) []ChangeResult
	// StoredChange returns the entry, as it is now, that ChangeEntries would return for c because its key was used before; nil where it
	// was not. Errors: BAD_USER_INPUT, with ReasonIdempotencyConflict, for a key that was used for something else.
	StoredChange(ctx context.Context, c NewChange) (*ChatEntry, error)
	// DeleteEntries deletes up to limit entries of a user in a session, or of a connection where userID is nil, that are not
	// deleted and whose Seq is less than before, 0 for all, newest first, in one durable transaction, and returns their events. Where
	// there may be more, next is not 0: the before of the next call.
	DeleteEntries(ctx context.Context, sessionID, connectionID string, userID *string, by Actor, before int64, limit int) (run LogRun, next int64, err error)
	// ReactionsOf returns the names of an actor's reactions to each of these entries, in the order of the entry's reactions.
	ReactionsOf(ctx context.Context, sessionID string, by Actor, seqs []int64) (map[int64][]string, error)
	// Reactors returns, for each of these reactions to entries of a session, the ids of the connections that reacted so first, limit
	// at most, in the order of their reactions, in one read. Reactions that nobody has are absent.
	Reactors(ctx context.Context, sessionID string, reactions []ReactionKey, limit int) (map[ReactionKey][]string, error)

	// ReadMark returns how far a user has read, as of one state of the database. The mark of a user that has none is 0.
	ReadMark(ctx context.Context, sessionID, userID string) (ReadMark, error)
	// MarkRead moves users' read marks forwards, each to a place that its log has, in one durable transaction, and says which
	// have moved. A mark that a later one of the same call moves further has not.
	MarkRead(ctx context.Context, marks []NewReadMark) (moved []bool, err error)

	// UpdateSession changes settings of a session. changed is false where they were the same: then nothing is stored. Errors:
	// NOT_FOUND, and those of the moderator: FORBIDDEN where its role is not MODERATOR any more; UNAUTHENTICATED with
	// ReasonConnectionDestroyed where it is not a live connection of the session.
	UpdateSession(ctx context.Context, id string, u SessionUpdate) (change RosterChange, changed bool, err error)
	// SessionSizes returns how much these sessions have stored; unknown ones are absent.
	SessionSizes(ctx context.Context, ids []string) (map[string]SessionSize, error)
	// ListSessions returns the sessions that q selects, newest first. Deleted ones are left out. By last entry the list has what the
	// feed has.
	ListSessions(ctx context.Context, q SessionQuery) (SessionRun, error)
	// NewestEntries returns the newest entry of each of these sessions, deleted or not, in one read; those without one are absent.
	NewestEntries(ctx context.Context, sessionIDs []string) (map[string]*ChatEntry, error)
	// RosterSizes counts the live connections and the streams of these sessions, in one read. Unknown sessions are absent.
	RosterSizes(ctx context.Context, sessionIDs []string) (map[string]RosterSize, error)
	// DeleteSession deletes a session at once, in one transaction: from then on nobody finds or changes anything of it, and it is made
	// by no connection, but only by CreateSession. RemoveDeleted removes its rows. It returns the session's epoch.
	// Errors: NOT_FOUND.
	DeleteSession(ctx context.Context, id string) (Epoch, error)
	// RemoveDeleted removes up to limit rows of a deleted session for good, in one small transaction. more is false where nothing is
	// left, or other transactions hold the rest. The texts of the rows leave the database as those of deleted entries do.
	RemoveDeleted(ctx context.Context, limit int) (more bool, err error)
	// CreateErasure records that what a user has stored so far is to be erased, or a connection without one, and returns the erasure as
	// running. A guest's name stands for the guest from before, as another guest with the name is another one from then on. Somebody who
	// has stored nothing is erased as everybody is. Errors: BAD_USER_INPUT for a text that can't be stored; UNAVAILABLE while a node of
	// an earlier version serves the database.
	CreateErasure(ctx context.Context, n NewErasure) (*Erasure, error)
	// Erasure returns an erasure. Errors: NOT_FOUND.
	Erasure(ctx context.Context, id string) (*Erasure, error)
	// Erasures returns the newest erasures, limit at most, the newest first.
	Erasures(ctx context.Context, limit int) ([]*Erasure, error)
	// PendingErasures returns the erasures that are running, oldest first, MaxListErasures at most.
	PendingErasures(ctx context.Context) ([]PendingErasure, error)
	// ErasureSession returns the first session after an id, in the order of ids, that may have something of an erasure's subject; "" where
	// no further one has. live says that only sessions count where it has a live connection. Errors: NOT_FOUND for an unknown erasure.
	ErasureSession(ctx context.Context, id, after string, live bool) (sessionID string, err error)
	// EraseInSession erases up to limit entries, connections, roster changes, reactions and keys of an erasure's subject in a session, in
	// one durable transaction: first its live connections, which end with UserErased, then its entries with everything else. Numbers and
	// times stay. Each entry that is erased, also one that was deleted before, is changed as by a deletion, and each that loses a reaction
	// as by a reaction. Errors: NOT_FOUND for an unknown erasure.
	EraseInSession(ctx context.Context, id, sessionID string, from ErasurePlace, limit int) (ErasedPart, error)
	// SettleErasure moves an erasure on to its next phase, where nothing of the present one is left, and returns the phase that it is in
	// then. PhaseRedo and PhaseErasing end when the database has nothing of its subject, PhaseSpreading when each node that holds a lease
	// has called NoteErased, and then the subject is forgotten. Errors: NOT_FOUND for an unknown erasure.
	SettleErasure(ctx context.Context, id string) (ErasurePhase, error)
	// NoteErased records that a node has nothing of an erasure's subject in memory, and that the node keeps the erasure for the case that
	// an older copy of the database is put back. Errors: NOT_FOUND for an unknown erasure.
	NoteErased(ctx context.Context, id, node string) error
	// KeepErasures keeps each erasure, of whatever phase, for the case that an older copy of the database is put back, where this node does
	// not have it yet: an erasure does not wait for a node whose lease has run out, which may so hear of it when it is done.
	KeepErasures(ctx context.Context) error
	// ClearErased ends the erasures in PhaseClearing: it clears what the database's files still have of texts that no query returns.
	// It is UNAVAILABLE while somebody reads an earlier state of the database.
	ClearErased(ctx context.Context) error
	// ServiceConnection returns the connection of a session by which the server acts as this actor. It is made on first use, is in no
	// roster, never live, kept as long as its session, and has role PUBLISHER, or MODERATOR where the actor is the server itself.
	// Its DataRevision grows with each change of its data. Errors: NOT_FOUND for an unknown session; FORBIDDEN, with ReasonBanned and
	// Until, for a user that is banned.
	ServiceConnection(ctx context.Context, sessionID string, actor ServiceActor) (*Connection, error)

	// CreateBan stores a ban of the connection's user or address, in place of an earlier one, and ends, with ForceDisconnected,
	// the connection and all other connections of its user or address in the session, MODERATORs of another user aside. The
	// address is the one that the connection's Origin has; without a user and an Origin only the connection ends, and the ban keeps
	// nobody out. A guest's name stands for a connection: its Origin is that of its newest entry. The ban of an address does not hold
	// for MODERATORs. Errors: NOT_FOUND where it is no connection of the
	// session; FORBIDDEN for a moderator's, where that is protected; UNAUTHENTICATED with ReasonConnectionDestroyed where the
	// moderator is neither a live connection of the session nor the server's.
	CreateBan(ctx context.Context, b NewBan) (ban *Ban, ended []RosterChange, err error)
	// Bans returns the bans of a session that have not ended, newest first, MaxListBans at most.
	Bans(ctx context.Context, sessionID string) ([]*Ban, error)
	// DeleteBan ends a ban and returns it as it was. moderatorID is empty for the holder of the API secret. Errors: NOT_FOUND where it
	// is no ban of the session, or has ended; and those of the moderator, as for UpdateSession.
	DeleteBan(ctx context.Context, sessionID, id, moderatorID string) (*Ban, error)
	// BannedUntil returns when the ban ends for which CreateConnections would refuse this connection; the zero time where there
	// is none. It stores nothing.
	BannedUntil(ctx context.Context, c NewConnection) (time.Time, error)

	// LastSeqs returns where the sequences of these sessions end now; unknown sessions are absent.
	LastSeqs(ctx context.Context, sessionIDs []string) (map[string]LastSeqs, error)

	// CreateConnections stores the connections in one durable transaction and returns a result for each: one that fails
	// fails alone. A result's Err has code NOT_FOUND for an unknown session, UNAUTHENTICATED for a session that takes a
	// token where none was presented, FORBIDDEN, with ReasonBanned and Until, for a user or an Origin that is banned, and RATE_LIMITED,
	// with ReasonTooManyConnections, for a connection above the limit of a Holder. A new connection ends after idle unless it is attached
	// or touched.
	CreateConnections(ctx context.Context, connections []NewConnection, idle time.Duration) []ConnectionResult
	// Connections returns the connections with these ids, ended ones and guests too; unknown ids are absent.
	Connections(ctx context.Context, ids []string) (map[string]ConnectionState, error)
	// SetConnectionData changes a live connection's data; the change has the connection as it is then. changed is false where
	// the data was the same: then nothing is stored, and the change has no revision. quota bounds the bytes of a session that was made on
	// first use, as quota.go counts them, unless the data is nil; 0 for no bound. Errors: UNAUTHENTICATED with ReasonConnectionDestroyed;
	// FORBIDDEN with ReasonSessionFull.
	SetConnectionData(ctx context.Context, id string, data *string, quota int64) (change RosterChange, changed bool, err error)
	// SetRole changes a live connection's role; one that may not publish any more loses its streams, with ForceUnpublished. The
	// changes are in the order of their revisions, and the last one has the connection as it is then. There is none where the role
	// was the same: then connection is as it is, and nothing is stored. Errors: NOT_FOUND where it is not a live connection of the session;
	// FORBIDDEN where the moderator's role is not MODERATOR, and for the connection of another MODERATOR; UNAUTHENTICATED with
	// ReasonConnectionDestroyed where the moderator is not a live connection of the session.
	SetRole(ctx context.Context, n NewRole) (connection *Connection, changes []RosterChange, err error)
	// DestroyConnection ends a live connection, and its streams with it. moderatorID is empty where the connection itself ends it, or
	// the holder of the API secret. Errors: NOT_FOUND for one that is unknown, a guest's or ended; and those of the moderator, as for
	// UpdateSession.
	DestroyConnection(ctx context.Context, id, moderatorID string, reason DisconnectReason) (RosterChange, error)
	// Roster returns the live connections of a session and their streams, oldest first, with the revision of that state.
	// Guests are in no roster. Errors: NOT_FOUND.
	Roster(ctx context.Context, sessionID string) (Roster, error)
	// ListConnections returns the live connections of a session after this place of the list, limit at most: those with a
	// socket on any node, and then the others, each in the order in which they were created. None for an unknown session.
	ListConnections(ctx context.Context, sessionID string, after RosterPlace, limit int) ([]PlacedConnection, error)
	// RosterChanges returns up to limit changes after this revision, ascending without a hole.
	RosterChanges(ctx context.Context, sessionID string, after int64, limit int) ([]RosterChange, error)

	// Stream returns a stream that has not ended. Errors: NOT_FOUND.
	Stream(ctx context.Context, id string) (*Stream, error)
	// PublishStream stores a stream of a live connection that may publish and has fewer than limit. Where a mute stays on, HasAudio is
	// false, and where it was to be true, the RosterChange has the moderator. Errors: UNAUTHENTICATED with
	// ReasonConnectionDestroyed where it is not a live connection of the session; FORBIDDEN for its role, or with ReasonSessionFull;
	// RATE_LIMITED with ReasonTooManyStreams.
	PublishStream(ctx context.Context, s NewStream, limit int) (RosterChange, error)
	// UpdateStream changes a stream; the RosterChange has the stream as it is afterwards. changed is false where it was so before: then
	// nothing is stored, and the change has no revision. quota bounds the bytes of a session that was made on first use, as quota.go
	// counts them, unless all that changes is that audio or video is off; 0 for no bound. Errors: NOT_FOUND; FORBIDDEN with
	// ReasonSessionFull.
	UpdateStream(ctx context.Context, id string, u StreamUpdate, quota int64) (change RosterChange, changed bool, err error)
	// DestroyStream ends a stream; the RosterChange has the stream as it was last. moderatorID is as for DestroyConnection. Errors:
	// NOT_FOUND, and those of the moderator.
	DestroyStream(ctx context.Context, id, moderatorID string, reason DisconnectReason) (RosterChange, error)
	// MuteStreams sets HasAudio of one stream to false, or of all streams of a session save some, and returns those, oldest
	// first. The RosterChange has the one stream as it is afterwards. Errors: NOT_FOUND for an unknown session, or a stream
	// that is not one of it; UNAUTHENTICATED with ReasonConnectionDestroyed where the moderator is not a live connection of
	// it.
	MuteStreams(ctx context.Context, m Mute) (change RosterChange, muted []*Stream, err error)
	// EndMute ends a mute that stays on. changed is false where there is none: then nothing is stored. Errors: NOT_FOUND for an
	// unknown session; UNAUTHENTICATED as for MuteStreams.
	EndMute(ctx context.Context, sessionID, moderatorID string) (change RosterChange, changed bool, err error)

	// RenewNode extends a node's lease to lease from now, in one statement for all connections that are attached to the node,
	// and says whether the node still held it. Where it did not, because it is new or its lease had run out, it holds a new
	// lease now and has nothing attached. The report is stored with it.
	RenewNode(ctx context.Context, node string, lease time.Duration, report NodeReport) (held bool, err error)
	// Nodes returns the nodes that hold a lease, by id, MaxListNodes at most, with Answering not set.
	Nodes(ctx context.Context) ([]*Node, error)
	// Attach records that each of these connections has a socket on the node, in one transaction, and returns an error
	// for each that is not live: UNAUTHENTICATED with ReasonConnectionDestroyed. An attached connection does not end
	// while its node's lease runs. Attaching again changes nothing.
	Attach(ctx context.Context, node string, connectionIDs []string) (refused map[string]error, err error)
	// Detach records that these connections have no socket on the node any more. Those that have none on another live node
	// either end after grace unless they come back.
	Detach(ctx context.Context, node string, connectionIDs []string, grace time.Duration) error
	// Touch records that these connections made a request. A connection that never had a socket ends idle from now; one that
	// had a socket ends grace from now, or later where it was to end later.
	Touch(ctx context.Context, connectionIDs []string, idle, grace time.Duration) error
	// Sweep detaches the connections of nodes whose lease has run out, and gives them grace from the end of the lease;
	// destroys, with NetworkDisconnected, up to limit connections whose time has come; and removes sessions without an
	// entry that were made on first use longer than idle ago and whose last connection ended as long ago. node is the node
	// that sweeps, or empty for a sweeper that is no node. A node whose own lease has run out was away: it gets UNAVAILABLE,
	// and nothing is done, until it has renewed the lease.
	Sweep(ctx context.Context, node string, grace, idle time.Duration, limit int) ([]RosterChange, error)

	// HoldLease gives a node the lease with this name, to length from now, where no other node holds it, and says whether the node
	// holds it then. A length of 0 gives it up.
	HoldLease(ctx context.Context, name, node string, length time.Duration) (held bool, err error)
	// RetentionDue looks at the first limit sessions after an id, in the order of ids, and returns those whose log begins with an entry
	// that is older than it is kept: as the session's Retention says, or general where it has none. 0 is for as long as the session. An
	// entry is at least as old as those after it: where the clock was ahead when the first ones were stored, the next one says how old
	// they are. next is the id to go on after: "" at the end.
	RetentionDue(ctx context.Context, general time.Duration, after string, limit int) (ids []string, next string, err error)
	// RemoveExpired removes up to limit entries from the fronts of these sessions' logs, one session after the other, where they are
	// older than they are kept, in one small durable transaction, with all that belongs to them: reactions, changes, keys, and
	// connections that have ended and have no entries any more. Their texts leave the database as those of deleted entries do. A session
	// that is not there has none. left are the sessions that may have more, in their order. Errors: UNAVAILABLE where the node does not
	// hold RetentionLease, and while a node of an earlier version serves the database.
	RemoveExpired(ctx context.Context, node string, sessionIDs []string, general time.Duration, limit int) (removed []Removal, left []string, err error)
	// SequenceFeed gives all that these sessions have beyond the feed its places there, in one transaction, and returns where the feed
	// ends then. It locks nothing that an add or a roster change needs. again are those that it has not done with, since much of a
	// session that has gone is to be cleared first. Errors: UNAVAILABLE where the node does not hold FeedLease.
	SequenceFeed(ctx context.Context, node string, sessionIDs []string) (end int64, again []string, err error)
	// FeedBehind compares the first limit sessions after an id, in the order of ids, with the feed. It returns those that have
	// something beyond it, also sessions that have gone, and the id to go on after: "" at the end.
	FeedBehind(ctx context.Context, after string, limit int) (ids []string, next string, err error)
	// FeedEnd returns where the feed ends.
	FeedEnd(ctx context.Context) (FeedEnd, error)
	// FeedEvents returns the events of the feed between two places, both exclusive. A before of 0 stands for no bound: then the run
	// passes over places without an event, and is about a thousand events long at most. Each event is read as it is then.
	FeedEvents(ctx context.Context, after, before int64) (FeedRun, error)
	// ExportPage returns the next lines of an export, of one state of the database, in a transaction that is short whatever the size of
	// the export. A session comes with all that happened to its log until its end is read: entries that were changed after their line
	// come again. Errors: NOT_FOUND for an unknown session; BAD_USER_INPUT with ReasonCursorMismatch for an After of another export, or
	// of another life of the database.
	ExportPage(ctx context.Context, q ExportQuery) (*ExportPage, error)
	// CreateWebhook stores w, which begins where the feed ends now, and returns it. The store sets CreatedAt. Where the id is taken, the
	// webhook there gets the URL, Events and SessionPrefix of w, and goes on where it is. Errors: RATE_LIMITED with
	// ReasonTooManyWebhooks above MaxWebhooks.
	CreateWebhook(ctx context.Context, w Webhook) (*Webhook, error)
	// Webhooks returns all webhooks, oldest first.
	Webhooks(ctx context.Context) ([]*Webhook, error)
	// Webhook returns one webhook. Errors: NOT_FOUND.
	Webhook(ctx context.Context, id string) (*Webhook, error)
	// DeleteWebhook removes a webhook and returns it as it was. Errors: NOT_FOUND.
	DeleteWebhook(ctx context.Context, id string) (*Webhook, error)
	// ReplayWebhook sets the place after which a webhook goes on, and returns it as it is then. Errors: NOT_FOUND.
	ReplayWebhook(ctx context.Context, id string, place int64) (*Webhook, error)
	// UpdateWebhooks stores what became of requests, in one durable transaction. A webhook that has been deleted, replayed or moved by
	// another node stays as it is.
	UpdateWebhooks(ctx context.Context, progress []WebhookProgress) error

	// ParallelCommits is how many calls of AppendEntries, and as many of CreateConnections, the store can work on at once: 1
	// where one transaction writes at a time. It never changes. More calls wait for their turn.
	ParallelCommits() int

	// Ping says whether the store can be read and written now.
	Ping(ctx context.Context) error
}
