package session

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// RetentionLease is the name of the lease of the node that removes old entries.
const RetentionLease = "retention"

// Limits of an expiredRemover's work.
const (
	retentionSessions = 1000                   // in one look
	retentionShare    = 50                     // looking takes one part in 50 of the time at most
	removalShare      = 10                     // removing takes one part in 10 at most, so that adds have the rest
	leastRemoval      = 16                     // the least that limit, the bound of the entries in one transaction, may be
	mostRemoval       = 512                    // the most that limit may be
	sessionCost       = 16                     // entries that take about as long as one session in a transaction
	leastSessions     = 8                      // sessions that one transaction may always have, since its commit takes longer than they do
	removalTime       = 10 * time.Millisecond  // that a transaction should take: an add may have to wait for it
	removalTold       = 500 * time.Millisecond // between two rounds of messages to the nodes
	removalTurn       = 5 * time.Second        // that one session takes before the next one
	removalStretch    = 30 * time.Second       // that a node removes before another one may
)

// expiredRemover removes entries that are older than they are kept, on one node at a time. Each node looks for them by its own setting,
// and lets the others have their turn after each pass; so the shortest setting holds.
type expiredRemover struct {
	store     Store
	publisher *publisher
	tellFeed  func(context.Context, FeedNews) // tells all nodes
	metrics   Metrics
	node      string
	general   time.Duration // of sessions that have no Retention of their own; 0 for ever
	alone     bool          // whether no other node can remove
	least     time.Duration // between two looks
	log       *slog.Logger
	done      chan struct{} // closed by close

	// The fields below are run's own.
	lease   namedLease
	limit   int                 // entries in the next transaction
	untold  map[string]NewFront // where logs begin, by session, of which the nodes have not been told yet
	toldAt  time.Time
	after   string    // the next pass begins after this session; empty: at the first. Set where a pass failed or gave others their turn
	since   time.Time // when the pass began
	failing bool      // the last full pass, or a partial one since, failed
}

func newExpiredRemover(cfg Config, node string, p *publisher, q *sequencer) *expiredRemover {
	return &expiredRemover{store: cfg.Store, publisher: p, tellFeed: q.tell, metrics: cfg.Metrics, node: node, general: cfg.Retention,
		alone: cfg.Bus.SingleNode(), least: cfg.Tick, log: cfg.Log, lease: newNamedLease(cfg, RetentionLease, node), done: make(chan struct{}), limit: 4 * leastRemoval,
		untold: make(map[string]NewFront)}
}

// run looks for old entries and removes them until close is called. It returns when the lease is given up.
func (r *expiredRemover) run() {
	ctx := context.Background()
	for pause := r.least; r.wait(pause); {
		all := r.after == ""
		took, more, err := r.pass(ctx)
		if err != nil && !r.failing {
			r.log.Warn("entries that are older than they are kept can't be removed; trying again", "error", err)
		}
		r.failing = err != nil || r.failing && !all
		switch {
		case err != nil:
			r.lease.doubt()
			pause = max(r.least, time.Second)
		case more && r.alone:
			pause = 0
		case more:
			pause = 2 * r.least // others look about as often, and find the lease free
		default:
			pause = max(r.least, retentionShare*took)
		}
		if !r.alone {
			r.giveUp(ctx)
		}
	}
	r.giveUp(ctx)
}

// giveUp lets another node remove.
func (r *expiredRemover) giveUp(ctx context.Context) {
	if err := r.lease.giveUp(ctx); err != nil {
		r.log.Warn("the lease of removing old entries can't be given up; it ends by itself", "error", err)
	}
}

// close makes run end.
func (r *expiredRemover) close() { close(r.done) }

// wait returns false at once when close has been called.
func (r *expiredRemover) wait(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-r.done:
		return false
	case <-timer.C:
	}
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// pass looks at each session after r.after once, in their order, and removes what is old. took is how long looking took, and more says
// that some session has more. Where the removal from a session fails, the next pass goes on behind it, so that it keeps no other from its
// turn; and so does it where the pass has taken so long that another node may have its turn. Errors: UNAVAILABLE.
func (r *expiredRemover) pass(ctx context.Context) (took time.Duration, more bool, err error) {
	defer r.tell(ctx)
	r.since = time.Now()
	for {
		began, after := time.Now(), r.after
		ids, next, err := r.store.RetentionDue(ctx, r.general, after, retentionSessions)
		took += time.Since(began)
		if err != nil {
			return took, false, err
		}
		slices.Sort(ids)
		left, goOn, err := r.removeFrom(ctx, ids)
		more = more || left
		if err != nil || !goOn {
			return took, more && err == nil, err
		}
		if r.after = next; next == "" {
			return took, more, nil
		}
	}
}

// removeFrom removes old entries of these sessions, some of them in a transaction, until none is left or each has had its turn. left says
// that there may be more, and goOn is false where another node removes or is to, or close was called. Errors: UNAVAILABLE; r.after is
// then the session whose entries can't be removed.
func (r *expiredRemover) removeFrom(ctx context.Context, ids []string) (left, goOn bool, err error) {
	first, since := "", time.Now()
	single := 0 // so many sessions, of a batch that failed, have transactions of their own
	for len(ids) > 0 {
		if held, err := r.lease.hold(ctx); err != nil || !held {
			r.lease.doubt() // the other node may give it up at any time
			return false, false, err
		}
		if !r.alone && first != "" && time.Since(r.since) >= removalStretch {
			r.after = first
			return true, false, nil
		}
		switch {
		case ids[0] != first:
			first, since = ids[0], time.Now()
		case time.Since(since) >= removalTurn:
			ids, left = ids[1:], true
			continue
		}
		most := max(leastSessions, r.limit/sessionCost)
		if single > 0 {
			most = 1
		}
		batch := ids[:min(len(ids), most)]
		start := time.Now()
		removed, more, err := r.store.RemoveExpired(ctx, r.node, batch, r.general, r.limit)
		took := time.Since(start)
		if err != nil && len(batch) > 1 {
			single = len(batch)
			continue
		}
		if err != nil {
			r.after = batch[0]
			return false, false, fmt.Errorf("session %q: %w", batch[0], err)
		}
		if single > 0 {
			single -= len(batch) - len(more)
		} else {
			r.adapt(took, len(more) > 0 || len(batch) == most)
		}
		r.note(ctx, removed)
		ids = append(more, ids[len(batch):]...)
		if !r.wait((removalShare - 1) * took) {
			return false, false, nil
		}
	}
	return left, true, nil
}

// adapt makes the transactions as large as fits removalTime. full says that the last one was as large as it might be.
func (r *expiredRemover) adapt(took time.Duration, full bool) {
	switch {
	case took > removalTime:
		r.limit = max(leastRemoval, r.limit/2)
	case full && took < removalTime/3:
		r.limit = min(mostRemoval, 2*r.limit)
	}
}

// note remembers what the nodes are to be told, and tells them after a time.
func (r *expiredRemover) note(ctx context.Context, removed []Removal) {
	for _, one := range removed {
		r.untold[one.SessionID] = one.Front
		r.metrics.EntriesRemoved(one.Entries)
	}
	if time.Since(r.toldAt) >= removalTold {
		r.tell(ctx)
	}
}

// tell tells all nodes where logs begin. A node that hears nothing finds out by its next check.
func (r *expiredRemover) tell(ctx context.Context) {
	r.toldAt = time.Now()
	if len(r.untold) == 0 {
		return
	}
	for id, front := range r.untold {
		r.publisher.publish(ctx, Message{SessionID: id, Front: &front})
		r.tellFeed(ctx, FeedNews{Removed: front.Epoch, RemovedSeq: front.Seq})
	}
	r.log.Debug("old entries were removed", "sessions", len(r.untold))
	clear(r.untold)
}
