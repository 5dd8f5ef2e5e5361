package session

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chattok/internal/budget"
	"chattok/internal/sequence"
)

// Limits of the newest events of the feed that a node keeps while somebody reads it.
const (
	allEvents = 1024
	allBytes  = 4 << 20
)

// MaxFeeds is how many readers of the feed there are on a node at most, the server's own aside.
const MaxFeeds = 16

// feedReader is this node's live end of the feed of all sessions. While nobody reads it here it holds nothing and reads nothing. A
// reader is a position: one that has fallen behind, or begins in the past, reads chunks from the Store.
type feedReader struct {
	store      Store
	budget     *budget.Budget
	background *background
	log        *slog.Logger
	now        func() time.Time
	chunks     *sequence.Chunks[int64, *FeedEvent] // by liveFeed.number
	epoch      atomic.Uint64                       // the database's, as it was read last

	mu       sync.Mutex // taken before the locks of the window and the chunks
	live     *liveFeed  // nil while nobody reads
	users    int
	counted  int // of users: those that MaxFeeds bounds
	made     int64
	heard    int64 // the last place that this node has heard of
	cleared  int64 // calls of forgetEvents
	fetching bool
}

// liveFeed is the newest events, by place. A place that has no event has nil.
type liveFeed struct {
	*sequence.Window[*FeedEvent]
	number int64 // another one each time, so that chunks of before are not used
}

func newFeedReader(cfg Config, b *background) *feedReader {
	f := &feedReader{store: cfg.Store, budget: cfg.Budget, background: b, log: cfg.Log, now: cfg.Now}
	f.chunks = sequence.NewChunks(cfg.Budget, (*FeedEvent).bytes, func(ctx context.Context, _ int64, after, before int64) ([]*FeedEvent, error) {
		run, err := f.store.FeedEvents(ctx, after, before)
		if err != nil {
			return nil, err
		}
		return run.dense(), nil
	})
	return f
}

// end returns where the feed ends in the Store. Errors: UNAVAILABLE.
func (f *feedReader) end(ctx context.Context) (FeedEnd, error) {
	end, err := f.store.FeedEnd(ctx)
	if err == nil {
		f.epoch.Store(uint64(end.Epoch))
	}
	return end, err
}

// admit counts a reader that MaxFeeds bounds. Errors: RATE_LIMITED with ReasonTooManyFeeds.
func (f *feedReader) admit() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counted >= MaxFeeds {
		return Errorf(CodeRateLimited, "this node has %d readers of the feed, the most it may; end one first", MaxFeeds).WithReason(ReasonTooManyFeeds)
	}
	f.counted++
	return nil
}

// leave is the end of a reader that admit has counted.
func (f *feedReader) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counted--
}

// follow returns a reader that begins after a place, which must not be behind the end.
func (f *feedReader) follow(after int64, end FeedEnd, prefix string) *sequence.Follower[*FeedEvent] {
	live := f.use(end.Place)
	follower := &sequence.Follower[*FeedEvent]{Source: live, Key: "feed " + Cursor(1, live.number), After: after, Release: f.release,
		None:   func(e *FeedEvent) bool { return e == nil },
		Cursor: f.cursor,
		Behind: func(ctx context.Context, after int64) ([]*FeedEvent, int64, error) { return f.older(ctx, live, after) }}
	if prefix != "" {
		follower.Sees = func(e *FeedEvent) bool {
			return strings.HasPrefix(e.SessionID, prefix) || e.Kind == FeedTruncated || e.Kind == FeedUserErased
		}
	}
	if after < end.Truncated {
		follower.First = []*FeedEvent{{Place: after, Kind: FeedTruncated, Epoch: end.Epoch, At: f.now()}}
	}
	return follower
}

// cursor returns the cursor of a place in the feed.
func (f *feedReader) cursor(place int64) string {
	if place == 0 {
		return StartCursor
	}
	return encodePosition(tagFeed, Epoch(f.epoch.Load()), place)
}

// use counts a reader, and makes the live end for the first one. place is where the feed ends.
func (f *feedReader) use(place int64) *liveFeed {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live == nil {
		f.made++
		f.live = &liveFeed{sequence.NewWindow(f.budget, place, allEvents, allBytes, (*FeedEvent).bytes), f.made}
	}
	f.users++
	f.heard = max(f.heard, place)
	f.fetchLocked()
	return f.live
}

// release counts a reader off. The last one takes the live end with it.
func (f *feedReader) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users--
	if f.users == 0 {
		f.live.Close()
		f.chunks.DropAll(f.live.number)
		f.live, f.heard = nil, 0
	}
}

// news takes what nodes tell of the feed.
func (f *feedReader) news(news FeedNews) {
	if news.Removed != 0 {
		f.forget(func(e *FeedEvent) bool {
			return e.Epoch == news.Removed && e.Kind == FeedLog && e.Log.Entry.Seq <= news.RemovedSeq
		})
	}
	if news.Through > 0 {
		f.told(news.Through)
	}
}

// forget drops what this node has of the feed, where one of the newest events is gone: readers then read on from the Store, which tells
// them where a log begins.
func (f *feedReader) forget(gone func(*FeedEvent) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live == nil {
		return
	}
	f.chunks.DropAll(f.live.number)
	found := false
	f.live.Backwards(func(e *FeedEvent) bool {
		found = e != nil && gone(e)
		return !found
	})
	if found {
		newest := f.live.Newest()
		f.live.Replace(newest, nil) // what was made of the events is forgotten too
		f.live.Jump(newest)
	}
}

// told notes that the feed has places up to this one.
func (f *feedReader) told(through int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = max(f.heard, through)
	f.fetchLocked()
}

// check finds what no message told. Errors: UNAVAILABLE.
func (f *feedReader) check(ctx context.Context) error {
	f.mu.Lock()
	used := f.live != nil
	f.mu.Unlock()
	if !used {
		return nil
	}
	end, err := f.end(ctx)
	if err == nil {
		f.told(end.Place)
	}
	return err
}

// fetchLocked starts to fetch the events that the live end lacks. f.mu is held.
func (f *feedReader) fetchLocked() {
	if f.live == nil || f.fetching || f.live.Newest() >= f.heard {
		return
	}
	f.fetching = true
	f.background.run(f.fetch)
}

// fetch reads from the Store until the live end lacks nothing, or the Store fails; then the next check tries again.
func (f *feedReader) fetch(ctx context.Context) {
	for {
		live, after, cleared := f.missing()
		if live == nil {
			return
		}
		run, err := f.store.FeedEvents(ctx, after, 0)
		if err != nil || run.Through <= after {
			if err != nil && ctx.Err() == nil {
				f.log.Warn("this node's end of the feed is behind", "error", err)
			}
			f.mu.Lock()
			f.fetching = false
			f.mu.Unlock()
			return
		}
		f.extend(live, run, cleared)
	}
}

// missing returns the live end, and the place after which it lacks events; nil where it lacks none, which ends the fetching. A live end
// that lacks far more than it can hold goes on near the end: its readers read the rest from the Store.
func (f *feedReader) missing() (live *liveFeed, after, cleared int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live == nil || f.live.Newest() >= f.heard {
		f.fetching = false
		return nil, 0, 0
	}
	if f.heard-f.live.Newest() > 2*allEvents {
		f.live.Jump(f.heard - allEvents)
		f.chunks.DropAll(f.live.number) // what is passed over may have changed what they hold
	}
	return f.live, f.live.Newest(), f.cleared
}

// forgetEvents drops the events that are kept, which may show what was erased since: readers read them from the Store.
func (f *feedReader) forgetEvents() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cleared++
	if f.live != nil {
		f.chunks.DropAll(f.live.number)
		f.live.Clear()
	}
}

// extend appends the events of a run, unless the live end is another one by now, or was cleared since the run was read.
func (f *feedReader) extend(live *liveFeed, run FeedRun, cleared int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live != live || f.cleared != cleared {
		return
	}
	f.supersede(run)
	if from := run.Through - allEvents; from > run.After {
		live.Jump(from)
		kept := FeedRun{After: from, Through: run.Through}
		for _, e := range run.Events {
			if e.Place > from {
				kept.Events = append(kept.Events, e)
			}
		}
		run = kept
	}
	live.Append(run.dense()...)
}

// feedEntry names an entry of any session.
type feedEntry struct {
	epoch Epoch
	seq   int64
}

// supersede takes what a run changes out of the window and the chunks: entries as they were before, and all of sessions that were
// deleted. f.mu is held.
func (f *feedReader) supersede(run FeedRun) {
	changed, gone := make(map[feedEntry]*ChatEntry), make(map[Epoch]bool)
	for _, e := range run.Events {
		switch {
		case e.Kind == FeedSessionDeleted:
			gone[e.Epoch] = true
		case e.Kind == FeedLog && !e.Log.Added():
			changed[feedEntry{e.Epoch, e.Log.Entry.Seq}] = e.Log.Entry
		}
	}
	if len(changed) == 0 && len(gone) == 0 {
		return
	}
	f.chunks.DropAll(f.live.number)
	replaced := make(map[int64]*FeedEvent)
	f.live.Backwards(func(e *FeedEvent) bool {
		switch {
		case e == nil:
		case gone[e.Epoch]:
			replaced[e.Place] = nil
		case e.Kind == FeedLog:
			if entry := changed[feedEntry{e.Epoch, e.Log.Entry.Seq}]; entry != nil {
				replaced[e.Place] = e.now(entry)
			}
		}
		return true
	})
	for place, e := range replaced {
		f.live.Replace(place, e)
	}
}

// now returns an event of a log with its entry as it is after a later change; nil for an earlier change, which is superseded.
func (e *FeedEvent) now(entry *ChatEntry) *FeedEvent {
	if !e.Log.Added() {
		return nil
	}
	newer := *e
	newer.Log = &LogEvent{Place: e.Log.Place, Entry: entry}
	return &newer
}

// older returns events after a place, up to the end of their chunk at most, with nil where there is none, and the place to go on after.
// Errors: UNAVAILABLE.
func (f *feedReader) older(ctx context.Context, live *liveFeed, after int64) (events []*FeedEvent, next int64, err error) {
	chunk, skip, err := f.chunks.Read(ctx, live.number, after)
	if err != nil {
		return nil, after, err
	}
	events = chunk[min(skip, len(chunk)):]
	next = after + int64(len(events))
	if len(chunk) < sequence.ChunkSize || slices.ContainsFunc(events, func(e *FeedEvent) bool { return e != nil }) {
		events = sequence.Some(events, (*FeedEvent).bytes)
		return events, after + int64(len(events)), nil
	}
	run, err := f.store.FeedEvents(ctx, next, 0) // passes over what has no event
	switch {
	case err != nil:
		return nil, after, err
	case len(run.Events) > 0:
		return nil, run.Events[0].Place - 1, nil
	default:
		return nil, max(next, run.Through), nil
	}
}
