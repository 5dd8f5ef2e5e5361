package session

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// lease is the node's right to keep connections alive by its sockets, renewed in the Store. When it runs out, because the
// Store or this process stood still, other nodes take the connections for lost.
type lease struct {
	store       Store
	node        string
	duration    time.Duration
	grace       time.Duration
	attachments *attachments
	report      func() NodeReport
	lost        func() // is called when the lease had run out, so that other nodes did not wait for this one
	log         *slog.Logger
	now         func() time.Time

	mu        sync.Mutex
	renewedAt time.Time // zero: to be renewed at once
	sweepFrom time.Time // the node sweeps nobody before; see startGrace
}

func newLease(cfg Config, node string, as *attachments, report func() NodeReport) *lease {
	return &lease{store: cfg.Store, node: node, duration: cfg.Lease, grace: cfg.Grace, attachments: as, report: report, lost: func() {}, log: cfg.Log, now: cfg.Now}
}

// take takes the node's first lease.
func (l *lease) take(ctx context.Context) error {
	if _, err := l.renew(ctx); err != nil {
		return err
	}
	l.startGrace()
	return nil
}

// keep renews the lease when a third of it has passed. Where it had run out, the sockets that are still open are attached
// again, or closed where their connection has ended.
func (l *lease) keep(ctx context.Context) error {
	if !l.due() {
		return nil
	}
	held, err := l.renew(ctx)
	if err != nil || held {
		return err
	}
	l.log.Warn("the node's lease had run out; attaching its sockets again")
	l.lost()
	l.attachments.queueAll()
	l.startGrace()
	return nil
}

func (l *lease) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now().Sub(l.renewedAt) >= l.duration/3
}

// renew takes the lease or renews it. held says whether the node still had it. The lease counts from when the Store was asked, since
// nobody knows how much of it passed before the answer came.
func (l *lease) renew(ctx context.Context) (held bool, err error) {
	asked := l.now()
	if held, err = l.store.RenewNode(ctx, l.node, l.duration, l.report()); err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewedAt = asked
	return held, nil
}

// doubt makes the next keep renew the lease at once.
func (l *lease) doubt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewedAt = time.Time{}
}

// startGrace lets this node sweep nobody for a grace time. A node does so when it is new or was away: every connection that is
// swept then had a node to come back to for a whole grace time, however long no node served before. Nothing is written for
// that, so connections that other nodes have watched all the time end when they are due, however often a node starts.
func (l *lease) startGrace() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweepFrom = l.now().Add(l.grace)
}

// maySweep says whether the grace time is over.
func (l *lease) maySweep() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.now().Before(l.sweepFrom)
}
