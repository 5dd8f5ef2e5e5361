package session_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chattok/bus/bustest"
	"chattok/db"
	"chattok/db/storetest"
	"chattok/internal/await"
	"chattok/session"
)

// Times of the nodes in these tests. They pass when the test moves the clock.
const (
	grace = 10 * time.Hour
	lease = 30 * time.Hour
	idle  = 100 * time.Hour
)

// cluster is nodes on one database and one bus, with a clock that the test moves.
type cluster struct {
	t     *testing.T
	hub   *bustest.Hub
	clock *storetest.Clock
	path  string
	store *db.Store
	grace time.Duration
	keeps time.Duration // how long nodes keep entries, where sessions don't say; 0 for ever
	late  time.Duration // the most by which what is read of the log comes late on a node

	following     context.Context // of all followers
	stopFollowing context.CancelFunc
}

// node is one node of a cluster.
type node struct {
	*session.Service
	bus   *bustest.HubNode
	store *pausable
	stop  func()
}

func newCluster(t *testing.T, faults bustest.Faults) *cluster {
	t.Helper()
	return newClusterOn(t, filepath.Join(t.TempDir(), "nodes.db"), faults)
}

// newClusterOn makes a cluster on the database at a path, or a PostgreSQL database at a URL.
func newClusterOn(t *testing.T, path string, faults bustest.Faults) *cluster {
	t.Helper()
	c := &cluster{t: t, hub: bustest.NewHub(1, faults), clock: new(storetest.Clock), grace: grace, path: path}
	c.following, c.stopFollowing = context.WithCancel(t.Context())
	t.Cleanup(c.stopFollowing)
	var err error
	c.store, err = db.Open(t.Context(), db.Config{Path: c.path, ClockOffset: c.clock.Offset,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.store.Close(); err != nil {
			t.Error(err)
		}
	})
	s := session.Session{ID: "s", Epoch: 7, MediaMode: session.MediaRelayed}
	if _, err := c.store.CreateSession(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return c
}

// Ticks of a node that checks all the time, and of one that checks only when messages may have been lost.
const (
	quick  = 20 * time.Millisecond
	seldom = 1000 * time.Hour
)

// start adds a node, which stops with the test unless stop stops it earlier.
func (c *cluster) start(tick time.Duration) *node {
	c.t.Helper()
	return c.startOn(c.store, tick)
}

// startOn is start for a node with a store of its own.
func (c *cluster) startOn(store session.Store, tick time.Duration) *node {
	c.t.Helper()
	n := &node{bus: c.hub.Node(), store: &pausable{Store: store, late: c.late}}
	n.Service = session.NewService(session.Config{Store: n.store, Bus: n.bus, Open: true, EditWindow: time.Hour, Grace: c.grace, Idle: idle, Lease: lease, Tick: tick, Retention: c.keeps,
		Now: func() time.Time { return time.Now().Add(c.clock.Offset()) }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	select {
	case <-n.Started():
	case err := <-ended:
		c.t.Fatal(err)
	}
	n.stop = sync.OnceFunc(func() {
		n.store.resume()
		cancel()
		if err := <-ended; err != nil {
			c.t.Error(err)
		}
	})
	c.t.Cleanup(n.stop)
	return n
}

func (c *cluster) starts(n int) []*node {
	nodes := make([]*node, n)
	for i := range nodes {
		nodes[i] = c.start(quick)
	}
	return nodes
}

// pausable is a Store whose calls wait during a pause, as those of a process that SIGSTOP has stopped.
type pausable struct {
	session.Store
	gate sync.RWMutex // held for writing during a pause
	once sync.Mutex
	held bool
	late time.Duration // the most by which what is read of the log comes late

	renewals  atomic.Int64
	feedReads atomic.Int64
	feedRun   atomic.Int64 // the most events of the feed that one read brought
	checks    atomic.Int64 // calls of LastSeqs: every fifth tick makes one while a session is open

	removing sync.Mutex
	removals []removal
}

// removal is one call of RemoveExpired.
type removal struct {
	began, ended time.Time
	sessions     int // from which something was removed
}

func (p *pausable) pause() {
	p.once.Lock()
	defer p.once.Unlock()
	p.gate.Lock()
	p.held = true
}

func (p *pausable) resume() {
	p.once.Lock()
	defer p.once.Unlock()
	if p.held {
		p.held = false
		p.gate.Unlock()
	}
}

func (p *pausable) pass() { p.gate.RLock(); defer p.gate.RUnlock() }

func (p *pausable) AppendEntries(ctx context.Context, e []session.NewEntry) []session.EntryResult {
	p.pass()
	return p.Store.AppendEntries(ctx, e)
}

func (p *pausable) LogEvents(ctx context.Context, q session.LogQuery) (session.LogRun, error) {
	if p.late > 0 {
		defer func() { time.Sleep(rand.N(p.late)) }()
	}
	return p.Store.LogEvents(ctx, q)
}

func (p *pausable) LastSeqs(ctx context.Context, ids []string) (map[string]session.LastSeqs, error) {
	p.pass()
	defer p.checks.Add(1)
	return p.Store.LastSeqs(ctx, ids)
}

func (p *pausable) RenewNode(ctx context.Context, node string, lease time.Duration, report session.NodeReport) (bool, error) {
	p.pass()
	defer p.renewals.Add(1)
	return p.Store.RenewNode(ctx, node, lease, report)
}

func (p *pausable) HoldLease(ctx context.Context, name, node string, length time.Duration) (bool, error) {
	p.pass()
	return p.Store.HoldLease(ctx, name, node, length)
}

func (p *pausable) RemoveExpired(
	ctx context.Context, node string, ids []string, general time.Duration, limit int,
) ([]session.Removal, []string, error) {
	began := time.Now()
	removed, left, err := p.Store.RemoveExpired(ctx, node, ids, general, limit)
	ended := time.Now()
	p.removing.Lock()
	defer p.removing.Unlock()
	p.removals = append(p.removals, removal{began, ended, len(removed)})
	return removed, left, err
}

func (p *pausable) SequenceFeed(ctx context.Context, node string, ids []string) (int64, []string, error) {
	p.pass()
	return p.Store.SequenceFeed(ctx, node, ids)
}

func (p *pausable) FeedEvents(ctx context.Context, after, before int64) (session.FeedRun, error) {
	defer p.feedReads.Add(1)
	run, err := p.Store.FeedEvents(ctx, after, before)
	for events := int64(len(run.Events)); ; {
		if most := p.feedRun.Load(); events <= most || p.feedRun.CompareAndSwap(most, events) {
			return run, err
		}
	}
}

func (p *pausable) Touch(ctx context.Context, ids []string, idle, grace time.Duration) error {
	p.pass()
	return p.Store.Touch(ctx, ids, idle, grace)
}

func (p *pausable) Sweep(ctx context.Context, node string, grace, idle time.Duration, limit int) ([]session.RosterChange, error) {
	p.pass()
	return p.Store.Sweep(ctx, node, grace, idle, limit)
}

// renewEpochs gives every session a new epoch, as when the database is replaced by an older copy.
func (c *cluster) renewEpochs() {
	c.t.Helper()
	raw, err := sql.Open("sqlite", "file:"+c.path+"?_busy_timeout=10000")
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = raw.ExecContext(c.t.Context(), "UPDATE sessions SET epoch = epoch + 1")
	if err := errors.Join(err, raw.Close()); err != nil {
		c.t.Fatal(err)
	}
}

// pass moves the clock on, in steps that let these nodes renew their leases.
func (c *cluster) pass(d time.Duration, nodes ...*node) {
	c.t.Helper()
	const step = lease/3 + time.Hour // after which a lease is renewed
	for ; d > 0; d -= step {
		before := make([]int64, len(nodes))
		for i, n := range nodes {
			before[i] = n.store.renewals.Load()
		}
		c.clock.Advance(step)
		for i, n := range nodes {
			await.True(c.t, "the lease is renewed", func() bool { return n.store.renewals.Load() > before[i] })
		}
	}
}

// connect makes a connection in session "s" and returns the caller that it is.
func (c *cluster) connect(n *node) session.Caller {
	c.t.Helper()
	return c.connectAs(n, nil)
}

// moderate makes a connection that may end others.
func (c *cluster) moderate(n *node) session.Caller {
	c.t.Helper()
	return c.connectAs(n, &session.SessionGrant{SessionID: "s", Role: session.RoleModerator})
}

func (c *cluster) connectAs(n *node, grant *session.SessionGrant) session.Caller {
	c.t.Helper()
	id := "s"
	made, _, err := n.Connect(c.t.Context(), session.ConnectArgs{Grant: grant, SessionID: &id})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.member(n, made)
}

// member returns a connection's caller on a node.
func (c *cluster) member(n *node, made *session.Connection) session.Caller {
	c.t.Helper()
	caller, err := n.Member(c.t.Context(), session.AccessGrant{SessionID: made.SessionID, ConnectionID: made.ID, Role: made.Role})
	if err != nil {
		c.t.Fatal(err)
	}
	return caller
}

func (c *cluster) add(n *node, caller session.Caller, body string) *session.ChatEntry {
	c.t.Helper()
	e, err := n.AddChatEntry(c.t.Context(), caller, session.EntryArgs{ConnectionID: &caller.Connection.ID, Body: body})
	if err != nil {
		c.t.Fatal(err)
	}
	return e
}

// attach gives a caller a socket on a node; the channel gets the error that ends it.
func (c *cluster) attach(n *node, caller session.Caller) (*session.Attachment, <-chan *session.Error) {
	c.t.Helper()
	ended := make(chan *session.Error, 1)
	a, err := n.Attach(c.t.Context(), caller, func(e *session.Error) { ended <- e })
	if err != nil {
		c.t.Fatal(err)
	}
	return a, ended
}

// entries follows a session's entries until the test ends or stop is called.
func (c *cluster) entries(n *node, caller session.Caller, after *string) (entries <-chan *session.ChatEntry, stop func()) {
	c.t.Helper()
	f, err := n.FollowEntries(c.t.Context(), caller, after)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.following)
	c.t.Cleanup(cancel)
	return f.Deliver(ctx), cancel
}

// wants checks the code and the reason of an error.
func wants(t *testing.T, what string, err error, code session.Code, reason string) {
	t.Helper()
	e, _ := err.(*session.Error)
	if e == nil || e.Code != code || e.Reason != reason {
		t.Errorf("%s: %v, want %s %s", what, err, code, reason)
	}
}

// show returns a list of connections for a message.
func show(connections []*session.Connection) string {
	s := ""
	for _, c := range connections {
		s += fmt.Sprintf(" %.4s", c.ID)
	}
	return s
}
