package session

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"chattok/internal/budget"
	"chattok/internal/sequence"
)

// Limits of the newest events that a feed keeps.
const (
	feedEvents = 1024
	feedBytes  = 4 << 20
)

// logFeed is the live end of a session's log, by place. A place whose event was superseded has nil. A reader is a position in it: a
// reader that keeps up reads the window; one that has fallen behind, or begins in the past, reads chunks from the Store that all
// readers share.
//
// A change takes the place of what the window and the chunks had of its entry before it is appended. So a reader that
// begins when the feed has the change gets nothing older.
type logFeed struct {
	*sequence.Window[*LogEvent]
	store  Store
	chunks *sequence.Chunks[logKey, *LogEvent]
	key    logKey

	mu      sync.Mutex      // held while events are applied; taken before the locks of the window and the chunks
	changes int64           // applied so far
	newest  map[int64]int64 // the place of the newest change in the window, by the entry's Seq; some have left the window
	// ahead are entries, by their Seq, that readers got from the Store in a version that the feed does not have yet. The feed's
	// events of them up to that version show it already, so that no reader gets an older one afterwards.
	ahead map[int64]*ChatEntry
	front LogFront // where the log begins, as far as the feed knows: nothing from before is in the window or the chunks
	// removed is front.Seq, for readers, which may not wait for mu: whoever holds it wakes them.
	removed atomic.Int64
}

// logKey names one session's log as one feed reads it. Another feed of the same log has other chunks: nothing tells the chunks
// of a log of changes while it has no feed.
type logKey struct {
	sessionID string
	epoch     Epoch
	feed      int64
}

// feedNumber numbers the feeds.
var feedNumber atomic.Int64

// newLogFeed makes the feed of a log whose newest event has this place. It holds no event yet: older ones are read when a reader
// asks for them.
func newLogFeed(store Store, b *budget.Budget, s *Session, place int64, chunks *sequence.Chunks[logKey, *LogEvent]) *logFeed {
	window := sequence.NewWindow(b, place, feedEvents, feedBytes, func(e *LogEvent) int { return sequence.IndexBytes + eventBytes(e) })
	window.Index((*LogEvent).shows)
	return &logFeed{Window: window, store: store, chunks: chunks,
		key: logKey{s.ID, s.Epoch, feedNumber.Add(1)}, newest: make(map[int64]int64), ahead: make(map[int64]*ChatEntry)}
}

// beginAt notes where the log begins. f.mu is held, or nobody has the feed yet.
func (f *logFeed) beginAt(front LogFront) {
	f.front = front
	f.removed.Store(front.Seq)
}

// eventBytes is about the memory that a place takes.
func eventBytes(e *LogEvent) int { return 8 + e.bytes() }

// newLogChunks returns the cache by which readers that are behind read the logs.
func newLogChunks(store Store, b *budget.Budget) *sequence.Chunks[logKey, *LogEvent] {
	return sequence.NewChunks(b, eventBytes, func(ctx context.Context, log logKey, after, before int64) ([]*LogEvent, error) {
		run, err := store.LogEvents(ctx, log.query(after, before, int(before-after-1)))
		if err != nil {
			return nil, err
		}
		return run.dense(after), nil
	})
}

func (k logKey) query(after, before int64, limit int) LogQuery {
	return LogQuery{SessionID: k.sessionID, Epoch: k.epoch, After: after, Before: before, Limit: limit}
}

// Older returns events after this position, up to the end of their chunk at most, with nil where there is none, and the position to go
// on after. The log's last chunk grows, so that it can't be kept as a chunk; it goes into the window. Errors: UNAVAILABLE.
func (f *logFeed) Older(ctx context.Context, after int64) (events []*LogEvent, next int64, err error) {
	f.mu.Lock()
	changes := f.changes
	f.mu.Unlock()
	chunk, skip, err := f.chunks.Read(ctx, f.key, after)
	if err != nil {
		return nil, after, err
	}
	f.note(chunk)
	events = chunk[min(skip, len(chunk)):]
	next = after + int64(len(events))
	switch {
	case len(chunk) < sequence.ChunkSize:
		f.prepend(chunk, after-int64(skip), changes)
	case !slices.ContainsFunc(events, isEvent):
		return f.nextEvent(ctx, next)
	}
	events = sequence.Some(events, eventBytes)
	return events, after + int64(len(events)), nil
}

func isEvent(e *LogEvent) bool { return e != nil }

// note remembers the entries of a chunk that have changed after the feed's newest event.
func (f *logFeed) note(chunk []*LogEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	newest, found := f.Newest(), false
	for _, e := range chunk {
		if e == nil || e.Entry.Changed <= newest {
			continue
		}
		if had := f.ahead[e.Entry.Seq]; had != nil && had.Version >= e.Entry.Version {
			continue
		}
		f.ahead[e.Entry.Seq], found = e.Entry, true
		// The later place first, as in change.
		for _, place := range []int64{max(1, f.newest[e.Entry.Seq]), e.Entry.Place} {
			if known, gone := f.Read(nil, place-1, 1); !gone && len(known) == 1 && known[0] != nil && known[0].Place == place {
				f.Replace(place, &LogEvent{Place: place, Change: known[0].Change, Entry: e.Entry})
			}
		}
	}
	if found {
		f.chunks.DropAll(f.key) // chunks that were read before may have older changes of them
	}
}

// current returns a change with its entry as readers may have it already. f.mu is held.
func (f *logFeed) current(e *LogEvent) *LogEvent {
	ahead := f.ahead[e.Entry.Seq]
	if ahead == nil {
		return e
	}
	if ahead.Changed <= e.Place {
		delete(f.ahead, e.Entry.Seq)
		return e
	}
	newer := *e
	newer.Entry = ahead
	return &newer
}

// prepend puts a chunk, which begins after a position, before the events of the window, unless an entry has changed since the
// feed had so many changes: the chunk may be older.
func (f *logFeed) prepend(chunk []*LogEvent, after, changes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	oldest, _ := f.Bounds()
	n := oldest - 1 - after
	if f.changes != changes || n <= 0 || n > int64(len(chunk)) {
		return
	}
	for _, e := range chunk[:n] {
		if e != nil && !e.Added() && !e.Truncated() {
			f.newest[e.Entry.Seq] = max(f.newest[e.Entry.Seq], e.Place)
		}
	}
	f.Prepend(oldest-1, chunk[:n])
}

// nextEvent returns the position before the next event, where so many were superseded that chunks of nothing would be read.
func (f *logFeed) nextEvent(ctx context.Context, after int64) (none []*LogEvent, next int64, err error) {
	run, err := f.store.LogEvents(ctx, f.key.query(after, 0, 1))
	switch {
	case err != nil:
		return nil, after, err
	case len(run.Events) > 0:
		return nil, run.Events[0].Place - 1, nil
	default:
		return nil, max(after, run.Through), nil
	}
}

// extend appends the events of a run that the feed lacks. gap says that some before them are missing; then nothing is appended.
func (f *logFeed) extend(run LogRun) (gap bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.Newest()
	if run.Through <= last {
		return false
	}
	if run.After > last {
		return true
	}
	from := max(last, run.Through-feedEvents)
	if from > last {
		f.Jump(from)
	}
	fresh := make([]*LogEvent, run.Through-from)
	put := func(place int64, e *LogEvent) {
		switch {
		case place <= from:
			f.Replace(place, e)
		case place <= run.Through:
			fresh[place-from-1] = e
		}
	}
	for _, e := range run.Events {
		switch {
		case e.Truncated():
			f.moveFront(e.front())
			continue
		case e.Place <= last, e.Entry.Seq <= f.front.Seq:
			continue
		}
		if !e.Added() {
			version := e.Entry.Version
			e = f.current(e)
			f.change(e, version, run.After, put)
		}
		if e.Place > from {
			put(e.Place, e)
		}
	}
	if f.front.Place > last {
		if at := f.front.Place; at <= run.Through {
			put(at, NewTruncation(f.key.sessionID, f.key.epoch, f.front))
		}
	}
	f.Append(fresh...)
	f.prune()
	return false
}

// truncate notes that the log begins at a front.
func (f *logFeed) truncate(front LogFront) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moveFront(front)
}

// moveFront takes what is before a front out of the window and the chunks, with later changes of entries from there, and puts the event
// that says so into its place. A front that the feed has not come to is told of when it does. f.mu is held.
func (f *logFeed) moveFront(front LogFront) {
	if front.Place <= f.front.Place {
		return
	}
	f.beginAt(front)
	f.changes++ // a chunk that is being read may be older
	f.chunks.DropAll(f.key)
	gone := map[int64]*LogEvent{front.Place: NewTruncation(f.key.sessionID, f.key.epoch, front)}
	f.Backwards(func(e *LogEvent) bool {
		if e != nil && e.Entry.Seq <= front.Seq && e.Place != front.Place {
			gone[e.Place] = nil
		}
		return true
	})
	for place, e := range gone {
		f.Replace(place, e) // also where the window has none: what was made of its events is forgotten then
	}
	drop := func(seq int64) bool { return seq <= front.Seq }
	maps.DeleteFunc(f.newest, func(seq, _ int64) bool { return drop(seq) })
	maps.DeleteFunc(f.ahead, func(seq int64, _ *ChatEntry) bool { return drop(seq) })
}

// change takes an entry as it was before out of the window and the chunks. version is the one that the change made, and after the
// place after which the run of e begins. f.mu is held.
func (f *logFeed) change(e *LogEvent, version, after int64, put func(place int64, e *LogEvent)) {
	f.changes++
	seq, added := e.Entry.Seq, e.Entry.Place
	// The later place first: a reader that comes in between gets the entry in no older version after a newer one.
	if earlier, ok := f.newest[seq]; ok {
		put(earlier, nil)
	}
	put(added, &LogEvent{Place: added, Entry: e.Entry})
	f.newest[seq] = e.Place
	f.chunks.Drop(f.key, added)
	switch {
	case version == 2: // its first change
	case e.Superseded > 0 && e.Superseded <= after:
		f.chunks.Drop(f.key, e.Superseded)
	default: // its change before is in a chunk that is not known
		f.chunks.DropAll(f.key)
	}
}

// prune forgets changes that have left the window. f.mu is held.
func (f *logFeed) prune() {
	if len(f.newest) <= 2*feedEvents {
		return
	}
	oldest, _ := f.Bounds()
	maps.DeleteFunc(f.newest, func(_, place int64) bool { return place < oldest })
}

// entries returns the feed as a source of the entries that were added, at their places; the others have nil.
func (f *logFeed) entries() sequence.Source[*ChatEntry] {
	return sequence.Mapped[*LogEvent, *ChatEntry]{Window: f.Window, Map: (*LogEvent).addition}
}

// entry returns an entry as the feed knows it, where its addition or a change of it is in the window; else nil.
func (f *logFeed) entry(seq int64) *ChatEntry {
	e, ok := f.Find(seq)
	if !ok {
		return nil
	}
	return e.Entry
}

// close gives up the events.
func (f *logFeed) close() {
	f.Close()
	f.chunks.DropAll(f.key)
}
