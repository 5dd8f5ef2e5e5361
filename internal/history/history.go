package history

import "time"

// Never is the time of an event that has not happened.
const Never = time.Duration(1<<63 - 1)

// History is everything that is known of one session. Times are counted from its beginning.
type History struct {
	Adds        []*Add
	Log         []Entry // the whole log, read after the last add and change was answered or given up
	Subscribers []*Subscriber
	// EntryChanges are the changes of entries that were asked for, and Events what logEvents gave from the log's beginning, read
	// as the log was.
	EntryChanges []*EntryChange
	Events       []Event
	LogReaders   []*LogReader
	Feed         []*FeedReader // of all sessions
	Pages        []*Page
	Reads        []Read
	Latest       []Latest
	Signals      []*Signal
	Listeners    []*Listener
	Watchers     []*Watcher
	// Rosters are the connections that session.connections returned in the end, by the node that was asked.
	Rosters map[string][]string
	// Present are the connections that are there in the end; nil where presence is not checked.
	Present []string
}

// Entry is an entry in one version, as it was answered, read or seen. A body identifies an add or an edit: no two have the same.
type Entry struct {
	Seq       int64
	Sender    string
	Body      string // empty where it is deleted
	Version   int64
	Place     int64  // of its addition
	DeletedBy string // the connection that deleted it; empty where it is not deleted
	Reactions string // as ReactionText writes them
}

// Add is one addChatEntry with all its retries under one key.
type Add struct {
	Body    string
	Senders []string // the connections that tried, in the order of their tries
	Began   time.Duration
	Tried   time.Duration // when the last try began
	Ended   time.Duration // when it was answered; Never where it was not
	Answer  Entry         // of an add that was answered: the entry as it was by then
}

// Answered says whether a client was told that the entry is stored.
func (a *Add) Answered() bool { return a.Ended != Never }

// FromNow is the beginning of a subscription without a cursor: after the entries that were there.
const FromNow int64 = -1

// Subscriber is one reader of entryAdded, which resumes after each break with the last cursor it saw.
type Subscriber struct {
	Name     string
	After    int64         // the number it began after: 0 for the beginning of the log, or FromNow
	Began    time.Duration // when it first subscribed
	Seen     []Sighting
	Resumes  int
	Complete bool // it had the time to read all of the log
}

// Sighting is an entry that a subscriber got, and the time.
type Sighting struct {
	Entry
	At    time.Duration
	Since time.Duration // when the subscription began, or was resumed, that it came by
}

// Latest is one answered latestChatEntry.
type Latest struct {
	Sender string // the sender whose latest entry was asked for
	Asked  time.Duration
	At     time.Duration // when it was answered
	Entry  *Entry        // nil for the answer null
}

// Signal is one sendSignal. Two signals of one sender are in order where the first was answered before the second was
// sent.
type Signal struct {
	Sender string // a connection on one node: signals are in order for a sender that stays there
	From   string // the connection's id
	N      int64  // tells the signals of one sender apart
	To     string // the connection that it is for; empty for all
	Asked  time.Duration
	Ended  time.Duration // when it was answered; Never where it was not
	Must   bool          // it was sent when everything worked, so every complete listener must have it
}

func (s *Signal) mustReach(l *Listener) bool {
	return s.Must && (s.To == "" || s.To == l.Connection)
}

// Listener is one subscription to signalReceived.
type Listener struct {
	Name       string
	Connection string // the connection that listens
	Heard      []Hearing
	Complete   bool // it listened when the signals that must arrive were sent, and long enough after
}

// Hearing is a signal that a listener received.
type Hearing struct {
	Sender string
	From   string
	N      int64
	At     time.Duration
}

// Watcher is one reader of sessionEvents, which subscribes again after each break.
type Watcher struct {
	Name     string
	Changes  []Change
	Complete bool // it watched to the end, with time to converge
}

// Change is one presence event.
type Change struct {
	Kind       ChangeKind
	Connection string   // that was created or destroyed
	Reason     string   // of its end
	State      []string // of a snapshot: the connections that are there
	At         time.Duration
}

// ChangeKind is the kind of a Change.
type ChangeKind int

const (
	Snapshot  ChangeKind = iota // replaces the connections that the watcher had
	Created                     // a connection was created
	Destroyed                   // a connection was destroyed
)
