package history

import "time"

// Never is the time of what has not happened.
const Never = time.Duration(1<<63 - 1)

// History is everything that is known of one session. Times are since its beginning.
type History struct {
	Adds        []*Add
	Log         []Entry // the whole log, read after the last add was answered or given up
	Subscribers []*Subscriber
	Latest      []Latest
	Signals     []*Signal
	Listeners   []*Listener
	Watchers    []*Watcher
	// Rosters are what session.connections answered in the end, by whom it was asked of, such as a node.
	Rosters map[string][]string
	// Present are the connections that are there in the end; nil where presence is not judged.
	Present []string
}

// Entry is an entry as it was answered, read or seen. Bodies identify: no two adds have the same.
type Entry struct {
	Seq    int64
	Sender string
	Body   string
}

// Add is one addChatEntry with all its retries under one key.
type Add struct {
	Body    string
	Senders []string // the connections that tried, the first first
	Began   time.Duration
	Ended   time.Duration // when it was answered; Never where it was not
	Answer  Entry         // where it was answered
}

// Answered says whether anyone was told that the entry is stored.
func (a *Add) Answered() bool { return a.Ended != Never }

// FromNow is where a subscription without a cursor begins: after what was there.
const FromNow int64 = -1

// Subscriber is one reader of entryAdded, who resumes after each break with the last cursor it saw.
type Subscriber struct {
	Name     string
	After    int64         // where it began: 0 for the beginning of the log, or FromNow
	Began    time.Duration // when it first subscribed
	Seen     []Sighting
	Resumes  int
	Complete bool // it was left to read until it had all of the log
}

// Sighting is an entry that a subscriber got, and when.
type Sighting struct {
	Entry
	At time.Duration
}

// Latest is one answered latestChatEntry.
type Latest struct {
	Sender string // whose entry was asked for
	Asked  time.Duration
	At     time.Duration // when it was answered
	Entry  *Entry        // nil where the answer was null
}

// Signal is one sendSignal. Two of one sender are in order where the first was answered before the second was asked.
type Signal struct {
	Sender string // a connection on one node: order is promised to a sender who stays
	From   string // the connection's id
	N      int64  // tells apart those of one sender
	To     string // the one connection it is for; empty for everyone
	Asked  time.Duration
	Ended  time.Duration // when it was answered; Never where it was not
	Must   bool          // it was sent when all was well, so that every listener who is complete has to have it
}

// Listener is one subscription to signalReceived.
type Listener struct {
	Name       string
	Connection string // who listens
	Heard      []Hearing
	Complete   bool // it listened when the signals that must arrive were sent, and long enough after
}

// Hearing is a signal that a listener got.
type Hearing struct {
	Sender string
	From   string
	N      int64
	At     time.Duration
}

// Watcher is one reader of sessionEvents, who subscribes again after each break.
type Watcher struct {
	Name     string
	Changes  []Change
	Complete bool // it watched to the end, with time to converge
}

// Change is one event of presence.
type Change struct {
	Kind       ChangeKind
	Connection string   // who came or went
	Reason     string   // why it went
	State      []string // of a snapshot: who is there
	At         time.Duration
}

// ChangeKind says what a Change is.
type ChangeKind int

const (
	Snapshot  ChangeKind = iota // replaces what the watcher had
	Created                     // a connection came
	Destroyed                   // a connection went, for good
)
