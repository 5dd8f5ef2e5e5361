package session

import "context"

// Bus carries wake-ups, signals and negotiation between the nodes. What it carries of the log and the roster may be lost,
// doubled or reordered: the numbers put that right. Every implementation passes the suite in package bus/bustest.
type Bus interface {
	// Publish hands m to every subscriber of its session on every node, this one included. It does not wait for them.
	// Messages of one publisher and session arrive in the order published. Errors: UNAVAILABLE where other nodes can't
	// be reached; this node's subscribers have it all the same.
	Publish(ctx context.Context, m Message) error
	// Subscribe calls receive for every message of a session, one at a time, until stop is called; receive must not
	// block, nor call Subscribe or stop. stop returns when no call is under way. Errors: UNAVAILABLE.
	Subscribe(sessionID string, receive func(Message)) (stop func(), err error)
	// Lost gets a value whenever messages may have been lost, as after a reconnection. It is never closed, and nil where
	// there are no other nodes, so that nothing can be lost; a value that nobody takes stands for all until it is taken.
	Lost() <-chan struct{}
	// Err returns nil while other nodes can be reached, or why not.
	Err() error
}

// Message is what one node tells the others of a session. Numbers are always there; what they number only where it fits.
type Message struct {
	SessionID   string
	Seq         int64          // the log's head after a commit; 0 where the message is of something else
	Entries     []*ChatEntry   // consecutive, up to Seq
	Revision    int64          // the roster's head after a change; 0 where the message is of something else
	Changes     []RosterChange // consecutive, up to Revision
	Signal      *Signal
	Negotiation *Negotiation
}
