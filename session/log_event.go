package session

// EntryChange is how an entry was changed. The zero value is its addition.
type EntryChange string

const (
	EntryEdited  EntryChange = "EDITED"  // its author changed its text
	EntryDeleted EntryChange = "DELETED" // its text, data and reactions are gone
	EntryReacted EntryChange = "REACTED" // its reactions changed
)

// LogTruncated stands, in a LogEvent that is no change, for the removal of all that was before: see NewTruncation.
const LogTruncated EntryChange = "TRUNCATED"

// Valid says whether c is one of the changes.
func (c EntryChange) Valid() bool {
	return c == EntryEdited || c == EntryDeleted || c == EntryReacted
}

// LogEvent is one event of a session's log: an entry was added, or changed. Its place is the number of events up to it: 1, 2, 3 …
// in the order of the commits. Only the newest change of an entry is kept, so a log that is read later has places without an
// event. It is immutable.
type LogEvent struct {
	Place  int64
	Change EntryChange // empty: the entry was added
	// Entry is the entry as it is when the event is read, never older than the event.
	Entry *ChatEntry
	// Superseded is the place of the entry's change before this one, whose event is no more; 0 where there was none, and for an
	// addition.
	Superseded int64
}

// Added says whether the event is the addition of its entry.
func (e *LogEvent) Added() bool { return e.Change == "" }

// LogFront is where a log begins. Entries are removed from its front when they are older than they are kept. The zero value is the
// front of a log of which nothing was removed.
type LogFront struct {
	Seq   int64 // of the last entry that was removed
	Place int64 // the last place without an event, after which the log begins
}

// NewFront is where the log with this epoch begins since entries were removed.
type NewFront struct {
	Epoch Epoch
	Seq   int64
	Place int64
}

// Removal is what was removed from the front of a session's log.
type Removal struct {
	SessionID string
	Front     NewFront
	Entries   int
}

// NewTruncation returns the event, at the last place before a log's front, that says that all events up to it are gone. A reader that
// begins before it, or that the front has passed, comes to it before all others; so nobody misses anything unawares. Its entry has
// nothing but the front.
func NewTruncation(sessionID string, epoch Epoch, front LogFront) *LogEvent {
	return &LogEvent{Place: front.Place, Change: LogTruncated,
		Entry: &ChatEntry{SessionID: sessionID, Epoch: epoch, Seq: front.Seq, Place: front.Place}}
}

// Truncated says whether the event is one of NewTruncation.
func (e *LogEvent) Truncated() bool { return e.Change == LogTruncated }

// shows returns the number of the entry that was added or changed; 0 for a truncation, and where e is nil.
func (e *LogEvent) shows() int64 {
	if e == nil || e.Truncated() {
		return 0
	}
	return e.Entry.Seq
}

// front returns the front that a truncation is about.
func (e *LogEvent) front() LogFront { return LogFront{Seq: e.Entry.Seq, Place: e.Place} }

// Gap returns the error for a reader that knows no truncation: CURSOR_MISMATCH with the cursor of the log's front. It is nil for every
// other event.
func (e *LogEvent) Gap() error {
	if !e.Truncated() {
		return nil
	}
	return e.Entry.Gap()
}

// addition returns the entry of an addition, and that of a truncation; nil for a change, and where e is nil.
func (e *LogEvent) addition() *ChatEntry {
	if e == nil || !e.Added() && !e.Truncated() {
		return nil
	}
	return e.Entry
}

// bytes is about the memory that the event takes.
func (e *LogEvent) bytes() int {
	if e == nil {
		return 0
	}
	return 48 + e.Entry.bytes()
}

// LogRun is the events of one session's log at the places after one and up to another. Places in between that no event has were
// superseded by later changes.
type LogRun struct {
	After, Through int64
	Events         []*LogEvent // ascending by Place
}

// LogQuery selects a run of one session's log.
type LogQuery struct {
	SessionID string
	Epoch     Epoch
	After     int64 // the place after which it begins
	Before    int64 // the place before which it ends; 0 for no bound
	Limit     int   // events at most
}

// runOf returns the run of events that were committed in one transaction. Where the first was superseded in it, the run is taken
// to begin later than it does; it is read from the Store then.
func runOf(events []*LogEvent) LogRun {
	return LogRun{After: events[0].Place - 1, Through: events[len(events)-1].Place, Events: events}
}

// dense returns the events after a place up to Through, one element a place: nil where there is none.
func (r LogRun) dense(after int64) []*LogEvent {
	events := make([]*LogEvent, max(0, r.Through-after))
	for _, e := range r.Events {
		events[e.Place-after-1] = e
	}
	return events
}
