package session_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chattok/bus/bustest"
	"chattok/db"
	"chattok/db/storetest"
	"chattok/session"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// The times of the nodes in these tests, of which only the ticks pass by themselves.
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
}

// node is one of them.
type node struct {
	*session.Service
	bus   *bustest.HubNode
	store *pausable
	stop  func()
}

func newCluster(t *testing.T, faults bustest.Faults) *cluster {
	t.Helper()
	c := &cluster{t: t, hub: bustest.NewHub(1, faults), clock: new(storetest.Clock), grace: grace,
		path: filepath.Join(t.TempDir(), "nodes.db")}
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

// The ticks of a node that looks after things all the time, and of one that does so only when it is told.
const (
	quick  = 20 * time.Millisecond
	seldom = 1000 * time.Hour
)

// start adds a node, which stops with the test, or earlier by stop.
func (c *cluster) start(tick time.Duration) *node {
	c.t.Helper()
	n := &node{bus: c.hub.Node(), store: &pausable{Store: c.store}}
	n.Service = session.NewService(session.Config{Store: n.store, Bus: n.bus, Open: true, Grace: c.grace, Idle: idle, Lease: lease, Tick: tick,
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

// pausable is a Store that a node can be stopped at, as by SIGSTOP: what it asks for waits until it may go on.
type pausable struct {
	session.Store
	gate sync.RWMutex // held for writing during a pause
	once sync.Mutex
	held bool

	renewals atomic.Int64
	checks   atomic.Int64 // calls of Heads, which every fifth tick makes where a session is open
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

func (p *pausable) Heads(ctx context.Context, ids []string) (map[string]session.Head, error) {
	p.pass()
	defer p.checks.Add(1)
	return p.Store.Heads(ctx, ids)
}

func (p *pausable) RenewNode(ctx context.Context, node string, lease time.Duration) (bool, error) {
	p.pass()
	defer p.renewals.Add(1)
	return p.Store.RenewNode(ctx, node, lease)
}

func (p *pausable) Touch(ctx context.Context, ids []string, idle, grace time.Duration) error {
	p.pass()
	return p.Store.Touch(ctx, ids, idle, grace)
}

func (p *pausable) Sweep(ctx context.Context, node string, grace, idle time.Duration, limit int) ([]session.RosterChange, error) {
	p.pass()
	return p.Store.Sweep(ctx, node, grace, idle, limit)
}

// renewEpochs gives every session a new epoch, as where the database was put back from a copy.
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

// pass moves the clock on, in steps that these nodes keep their leases over.
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
			eventually(c.t, "the lease is renewed", func() bool { return n.store.renewals.Load() > before[i] })
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

// member returns the caller that a connection is on a node.
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
	e, err := n.AddChatEntry(c.t.Context(), caller, caller.Connection.ID, body, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return e
}

// attach gives a caller a socket on a node; the channel gets why it is ended.
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
	ctx, cancel := context.WithCancel(c.t.Context())
	c.t.Cleanup(cancel)
	return f.Deliver(ctx), cancel
}

// take returns the next value of a channel.
func take[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v, ok := <-from:
		if !ok {
			t.Fatalf("%s: the channel is closed", what)
		}
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing after %v", what, patience)
	}
	panic("not reached")
}

// eventually waits for a condition that nothing announces.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not so after %v", what, patience)
		}
	}
}

// wants checks the code and the reason of an error.
func wants(t *testing.T, what string, err error, code session.Code, reason string) {
	t.Helper()
	e, _ := err.(*session.Error)
	if e == nil || e.Code != code || e.Reason != reason {
		t.Errorf("%s: %v, want %s %s", what, err, code, reason)
	}
}

// show is a list of connections for a message.
func show(connections []*session.Connection) string {
	s := ""
	for _, c := range connections {
		s += fmt.Sprintf(" %.4s", c.ID)
	}
	return s
}
