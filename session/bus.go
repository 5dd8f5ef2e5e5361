package session

import "context"

// Bus carries wake-ups, signals and negotiations between the nodes. Messages about the log and the roster may be lost, doubled
// or reordered: the numbers put that right. Every implementation passes the suite in package bus/bustest.
type Bus interface {
	// Publish hands m to every subscriber of its session on every node, this one included. It does not wait for them.
	// Messages of one publisher and session arrive in the order published. Errors: UNAVAILABLE where other nodes can't
	// be reached; this node's subscribers get it all the same.
	Publish(ctx context.Context, m Message) error
	// Subscribe calls receive for every message of a session, one at a time, until stop is called; receive must not
	// block, nor call Subscribe or stop. stop returns when no call is under way. Errors: UNAVAILABLE.
	Subscribe(sessionID string, receive func(Message)) (stop func(), err error)
	// SingleNode says whether there are no other nodes, so that nothing can be lost and nobody else writes to the Store.
	SingleNode() bool
	// Lost gets a value whenever messages may have been lost, as after a reconnection. A value that nobody takes stands for
	// all until it is taken. It is never closed, and may be nil on a single node.
	Lost() <-chan struct{}
	// Err returns nil while other nodes can be reached, or why not.
	Err() error
}

// Message is one node's message to all nodes about a session. It always has the numbers, and the entries and changes
// themselves only where they fit.
type Message struct {
	SessionID   string
	Seq         int64          // of the newest entry of a commit; 0 where the message is about something else than the log
	Log         LogRun         // events of the commit, up to its newest; Through is always set where Seq is
	Revision    int64          // of the roster's newest change; 0 where the message is about something else
	Changes     []RosterChange // consecutive, up to Revision
	Signal      *Signal
	Negotiation *Negotiation
	User        *UserEvent
	Deleted     Epoch     // of the session, where it was deleted; else 0
	Front       *NewFront // where entries were removed from the front of its log
	Feed        *FeedNews // under the name of no session
	Trace       Trace     // of the commit that Seq and Log are of
}

// bytes is about the memory that the message takes.
func (m Message) bytes() int {
	n := 0
	for _, e := range m.Log.Events {
		n += e.bytes()
	}
	for _, c := range m.Changes {
		n += c.bytes()
	}
	if m.Signal != nil {
		n += m.Signal.bytes()
	}
	if m.Negotiation != nil {
		n += m.Negotiation.bytes()
	}
	if m.User != nil {
		n += m.User.bytes()
	}
	return n
}
