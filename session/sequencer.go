package session

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// feedTopic is the name under which nodes tell each other of the feed by the Bus. It is no session's id.
const feedTopic = ":feed"

// FeedNews is what nodes tell each other of the feed. The zero value says that its lease was given up.
type FeedNews struct {
	Through  int64    // the feed's last place, from the node that gives the places; 0 where the message is about something else
	Sessions []string // that have something beyond the feed, from a node that does not give places
	// Removed is the session's epoch where entries up to RemovedSeq were removed from the front of its log; else 0.
	Removed    Epoch
	RemovedSeq int64
}

// Limits of a sequencer's work.
const (
	sequenceGather   = 250 * time.Millisecond // between two transactions that give places, unless there is much to do
	sequenceSessions = 1000                   // sessions in one transaction, or one read of a comparison
	sequenceHints    = 10_000                 // sessions that are remembered; where there are more, all are compared
	hintedSessions   = 40                     // sessions in one message
	compareShare     = 50                     // comparing takes one part in 50 of the time at most
	compareSeldom    = time.Minute            // the least time between two comparisons where nothing can be lost
)

// sequencer gives the events of all sessions their places in the feed, on one node at a time: the one that holds the lease for it.
// Places are given after the commits, so that no add waits for another session's. Which sessions have something new is told by
// hints: the node's own publisher, and other nodes by the Bus. A comparison of all sessions with the feed finds what no hint told.
type sequencer struct {
	store  Store
	bus    Bus
	node   string
	least  time.Duration // between two comparisons
	gather time.Duration
	log    *slog.Logger
	now    func() time.Time
	told   func(FeedNews) // this node's reader of the feed
	wake   hint
	done   chan struct{} // closed by close

	mu      sync.Mutex
	hinted  map[string]struct{} // sessions that may have something beyond the feed
	compare bool                // all sessions are to be compared
	renew   bool                // the lease is to be renewed at once, or tried for

	held atomic.Bool // this node gives the places

	// The fields below are run's own.
	lease      namedLease
	failing    bool
	comparedAt time.Time
	took       time.Duration // the last comparison
}

func newSequencer(cfg Config, node string, told func(FeedNews)) *sequencer {
	q := &sequencer{store: cfg.Store, bus: cfg.Bus, node: node, lease: newNamedLease(cfg, FeedLease, node), least: checkTicks * cfg.Tick,
		gather: min(sequenceGather, cfg.Tick), log: cfg.Log, now: cfg.Now, told: told, wake: newHint(), done: make(chan struct{}), hinted: make(map[string]struct{})}
	if cfg.Bus.SingleNode() {
		q.least = max(q.least, compareSeldom)
	}
	return q
}

// hint says that a session may have something beyond the feed.
func (q *sequencer) hint(sessionIDs ...string) {
	q.mu.Lock()
	for _, id := range sessionIDs {
		q.hinted[id] = struct{}{}
	}
	if len(q.hinted) > sequenceHints {
		clear(q.hinted)
		q.compare = true
	}
	q.mu.Unlock()
	q.wake.tell()
}

// doubt makes the next work compare all sessions with the feed: hints may have been lost.
func (q *sequencer) doubt() {
	q.mu.Lock()
	q.compare = true
	q.mu.Unlock()
	q.wake.tell()
}

// receive takes another node's message.
func (q *sequencer) receive(m Message) {
	switch news := m.Feed; {
	case news == nil:
	case news.Through > 0, news.Removed != 0:
		q.told(*news)
	case len(news.Sessions) > 0:
		if q.held.Load() { // else the node that takes the lease compares all sessions
			q.hint(news.Sessions...)
		}
	default:
		q.mu.Lock()
		q.renew = true
		q.mu.Unlock()
		q.wake.tell()
	}
}

// run gives places until close is called, and then once more. It returns when the lease is given up.
func (q *sequencer) run() {
	ctx := context.Background()
	if stop, err := q.bus.Subscribe(feedTopic, q.receive); err != nil {
		q.log.Warn("other nodes can't be heard of the feed; it is compared with the sessions instead", "error", err)
	} else {
		defer stop()
	}
	look := time.NewTicker(max(q.gather, min(q.lease.length/6, time.Second)))
	defer look.Stop()
	gathered := time.NewTimer(0)
	defer gathered.Stop()
	for waiting := true; ; {
		select {
		case <-q.wake:
			if !waiting {
				waiting = true
				gathered.Reset(q.gather)
			}
			continue
		case <-look.C:
			if waiting {
				continue
			}
		case <-gathered.C:
			waiting = false
		case <-q.done:
			q.work(ctx)
			q.giveUp(ctx)
			return
		}
		q.work(ctx)
	}
}

// close makes run end. It is called when nothing is committed on this node any more.
func (q *sequencer) close() { close(q.done) }

// work gives places to what the hints told of, or passes the hints on to the node that does. Where that fails, the next work compares
// all sessions.
func (q *sequencer) work(ctx context.Context) {
	q.keepLease(ctx)
	ids := q.takeHints()
	q.mu.Lock()
	compare := q.compare
	q.compare = false
	q.mu.Unlock()
	if !q.held.Load() {
		q.passOn(ctx, ids)
		return
	}
	err := q.sequence(ctx, ids)
	if err == nil && (compare || q.comparisonDue()) {
		err = q.compareAll(ctx)
	}
	if err != nil {
		q.lease.doubt()
		q.mu.Lock()
		q.compare = true
		q.mu.Unlock()
		if !q.failing {
			q.log.Warn("the feed of all sessions is behind; trying again", "error", err)
		}
	}
	q.failing = err != nil
}

// takeHints returns the sessions that hints have told of since the last call.
func (q *sequencer) takeHints() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	ids := slices.Collect(maps.Keys(q.hinted))
	clear(q.hinted)
	return ids
}

// keepLease takes the lease where it is free, and keeps it.
func (q *sequencer) keepLease(ctx context.Context) {
	q.mu.Lock()
	if q.renew {
		q.lease.doubt()
	}
	q.renew = false
	q.mu.Unlock()
	held, err := q.lease.hold(ctx)
	if err != nil {
		q.log.Debug("the lease of the feed can't be renewed; trying again", "error", err)
		return
	}
	if held && !q.held.Load() {
		q.mu.Lock()
		q.compare = true // the node that had the lease may have heard hints that this one has not
		q.mu.Unlock()
	}
	q.held.Store(held)
}

// giveUp lets another node take the lease at once.
func (q *sequencer) giveUp(ctx context.Context) {
	if !q.held.Load() {
		return
	}
	if err := q.lease.giveUp(ctx); err != nil {
		q.log.Warn("the lease of the feed can't be given up; it ends by itself", "error", err)
		return
	}
	q.tell(ctx, FeedNews{})
}

// passOn tells the node that gives places which sessions have something new.
func (q *sequencer) passOn(ctx context.Context, ids []string) {
	for some := range slices.Chunk(ids, hintedSessions) {
		q.tell(ctx, FeedNews{Sessions: some})
	}
}

// tell publishes news. News that is lost is found by the next comparison, or the readers' next check.
func (q *sequencer) tell(ctx context.Context, news FeedNews) {
	if err := q.bus.Publish(ctx, Message{SessionID: feedTopic, Feed: &news}); err != nil {
		q.log.Debug("the bus did not take news of the feed", "error", err)
	}
}

// sequence gives places to what these sessions have beyond the feed. Where it takes long, as with a large session that is gone, what
// hints tell of meanwhile goes first, and the lease is kept. Errors: UNAVAILABLE.
func (q *sequencer) sequence(ctx context.Context, ids []string) error {
	for len(ids) > 0 {
		some := ids[:min(len(ids), sequenceSessions)]
		end, again, err := q.store.SequenceFeed(ctx, q.node, some)
		if err != nil {
			return err
		}
		q.tell(ctx, FeedNews{Through: end})
		ids = slices.Concat(ids[len(some):], again)
		if len(ids) > 0 {
			q.keepLease(ctx)
			ids = append(q.takeHints(), ids...)
		}
	}
	return nil
}

// comparisonDue says whether it is time to compare all sessions with the feed.
func (q *sequencer) comparisonDue() bool {
	return q.now().Sub(q.comparedAt) >= max(q.least, compareShare*q.took)
}

// compareAll finds the sessions that have something beyond the feed, and gives places to it. Errors: UNAVAILABLE.
func (q *sequencer) compareAll(ctx context.Context) error {
	began := time.Now()
	for after := ""; ; {
		ids, next, err := q.store.FeedBehind(ctx, after, sequenceSessions)
		if err != nil {
			return err
		}
		q.keepLease(ctx)
		if err := q.sequence(ctx, append(q.takeHints(), ids...)); err != nil {
			return err
		}
		if next == "" {
			break
		}
		after = next
	}
	q.comparedAt, q.took = q.now(), time.Since(began)
	return nil
}
