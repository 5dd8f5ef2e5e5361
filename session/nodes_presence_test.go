package session_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/session"
)

// TestNodesForceDisconnect: when one node ends a connection, its sockets on every node are told, and every node refuses its
// token, with a bus that works and with one that loses every message.
func TestNodesForceDisconnect(t *testing.T) {
	for name, faults := range map[string]bustest.Faults{"bus": {}, "check": {Drop: 1}} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, faults)
			a, b, requestsOnly := c.start(quick), c.start(quick), c.start(quick)
			moderator := c.moderate(a)
			victim := c.connect(b)
			_, onB := c.attach(b, victim)
			_, onA := c.attach(a, c.member(a, victim.Connection))
			grant := session.AccessGrant{SessionID: "s", ConnectionID: victim.Connection.ID}
			if _, err := requestsOnly.Member(t.Context(), grant); err != nil {
				t.Fatal(err)
			}
			if _, err := a.ForceDisconnect(t.Context(), moderator, victim.Connection.ID); err != nil {
				t.Fatal(err)
			}
			for where, ended := range map[string]<-chan *session.Error{"a": onA, "b": onB} {
				wants(t, "the socket on "+where, await.Value(t, "end", ended), session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
			}
			for _, n := range []*node{a, b, requestsOnly} {
				await.True(t, "the token is refused", func() bool {
					_, err := n.Member(t.Context(), grant)
					return session.CodeOf(err) == session.CodeUnauthenticated
				})
			}
		})
	}
}

// TestNodesKnownForAWhile: a node that neither hears of a connection's end nor checks stops believing in the connection after a
// while.
func TestNodesKnownForAWhile(t *testing.T) {
	c := newCluster(t, bustest.Faults{Drop: 1})
	a, b := c.start(quick), c.start(time.Hour)
	victim := c.connect(a)
	c.member(b, victim.Connection)
	if _, err := a.Disconnect(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	c.clock.Advance(7 * time.Hour)
	_, err := b.Member(t.Context(), session.AccessGrant{SessionID: "s", ConnectionID: victim.Connection.ID})
	wants(t, "seven ticks later", err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
}

// crowd is what a client knows of a session's connections by the events.
type crowd struct {
	mu     sync.Mutex
	there  map[string]bool
	states int
	faults []string
}

func (w *crowd) see(e session.SessionEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := e.(type) {
	case *session.SessionState:
		w.states++
		w.there = make(map[string]bool)
		for _, c := range e.Connections {
			w.there[c.ID] = true
		}
	case *session.ConnectionCreated:
		if w.there[e.Connection.ID] {
			w.faults = append(w.faults, "came twice: "+e.Connection.ID)
		}
		w.there[e.Connection.ID] = true
	case *session.ConnectionDestroyed:
		if !w.there[e.Connection.ID] {
			w.faults = append(w.faults, "went without having come: "+e.Connection.ID)
		}
		delete(w.there, e.Connection.ID)
	case *session.ConnectionsChanged:
		for _, d := range e.Destroyed {
			delete(w.there, d.Connection.ID)
		}
		for _, c := range e.Created {
			w.there[c.ID] = true
		}
	}
}

func (w *crowd) is(ids []string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.there) != len(ids) {
		return false
	}
	return !slices.ContainsFunc(ids, func(id string) bool { return !w.there[id] })
}

// watch returns a crowd that follows the events on a node until the test ends.
func (c *cluster) watch(n *node, caller session.Caller) *crowd {
	c.t.Helper()
	f, err := n.FollowEvents(c.t.Context(), caller)
	if err != nil {
		c.t.Fatal(err)
	}
	w := &crowd{}
	ctx, cancel := context.WithCancel(c.following)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range f.Deliver(ctx) {
			w.see(e)
		}
	}()
	c.t.Cleanup(func() { cancel(); <-done })
	return w
}

// TestNodesRoster: over a bus that drops, doubles and reorders, while connections come and go on every node, the events of every
// node lead to the roster that the database has.
func TestNodesRoster(t *testing.T) {
	c := newCluster(t, bustest.Faults{Drop: 0.3, Double: 0.3, Hold: 0.3})
	nodes := c.starts(3)
	var crowds []*crowd
	for _, n := range nodes {
		crowds = append(crowds, c.watch(n, c.connect(n)))
	}
	var work sync.WaitGroup
	for i, n := range nodes {
		for k := range 3 {
			work.Go(func() {
				for round := range 8 {
					made, _, err := n.Connect(t.Context(), session.ConnectArgs{SessionID: new("s")})
					if err != nil {
						t.Errorf("connect: %v", err)
						return
					}
					if (round+k)%3 == 0 {
						continue
					}
					other := nodes[(i+round)%3]
					caller, err := other.Member(t.Context(), session.AccessGrant{SessionID: "s", ConnectionID: made.ID})
					if err != nil {
						t.Errorf("member: %v", err)
						return
					}
					if _, err := other.Disconnect(t.Context(), caller); err != nil {
						t.Errorf("disconnect: %v", err)
					}
				}
			})
		}
	}
	work.Wait()
	late := c.watch(nodes[0], c.connect(nodes[1])) // begins with a snapshot that has all of it
	roster, err := c.store.Roster(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(roster.Connections))
	for i, connection := range roster.Connections {
		ids[i] = connection.ID
	}
	await.True(t, "the late one's snapshot", func() bool { return late.is(ids) })
	for i, w := range crowds {
		await.True(t, fmt.Sprint("the crowd of node ", i), func() bool { return w.is(ids) })
		if w.states != 1 || len(w.faults) > 0 {
			t.Errorf("node %d: %d snapshots, %v", i, w.states, w.faults)
		}
	}
	for _, n := range nodes {
		live, count, err := n.Roster(t.Context(), &session.Session{ID: "s"}, session.MaxListConnections)
		if err != nil || count != len(ids) {
			t.Errorf("%d connections, %v, want %d:%s", count, err, len(ids), show(live))
		}
	}
}

// TestNodesFarBehind: a node that missed changes which the database no longer has reads the whole roster, gives its followers a
// fresh snapshot, and ends the sockets of the connections that went.
func TestNodesFarBehind(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a, behind := c.start(quick), c.start(seldom)
	moderator := c.moderate(a)
	c.attach(a, moderator)
	gone := c.connect(a)
	_, ended := c.attach(behind, c.member(behind, gone.Connection))
	watching := c.watch(behind, c.member(behind, moderator.Connection))
	await.True(t, "both are there", func() bool { return watching.is([]string{moderator.Connection.ID, gone.Connection.ID}) })

	behind.bus.Cut()
	passing := c.connect(a)
	for _, caller := range []session.Caller{gone, passing} {
		if _, err := a.ForceDisconnect(t.Context(), moderator, caller.Connection.ID); err != nil {
			t.Fatal(err)
		}
	}
	c.pass(session.FeedKept+2*time.Hour, a) // ended connections are kept for the feed
	await.True(t, "they are purged", func() bool {
		states, err := c.store.Connections(t.Context(), []string{gone.Connection.ID, passing.Connection.ID})
		return err == nil && len(states) == 0
	})
	behind.bus.Heal()
	await.True(t, "one is left", func() bool { return watching.is([]string{moderator.Connection.ID}) })
	watching.mu.Lock()
	defer watching.mu.Unlock()
	if watching.states != 2 || len(watching.faults) > 0 {
		t.Errorf("%d snapshots, %v; want a second one", watching.states, watching.faults)
	}
	wants(t, "the socket of the connection that went", await.Value(t, "end", ended), session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
}

// gone says whether a connection has ended, by the database.
func (c *cluster) gone(caller session.Caller) bool {
	c.t.Helper()
	states, err := c.store.Connections(c.t.Context(), []string{caller.Connection.ID})
	if err != nil {
		c.t.Fatal(err)
	}
	return states[caller.Connection.ID].Destroyed
}

// TestNodesRestart: nodes that start again and again keep no connection alive whose sockets on a steady node have closed.
func TestNodesRestart(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	c.grace = 500 * time.Millisecond
	steady := c.start(quick)
	stays, leaves := c.connect(steady), c.connect(steady)
	c.attach(steady, stays)
	socket, _ := c.attach(steady, leaves)
	socket.Detach()
	await.True(t, "the connection that left has ended, though nodes start all the time", func() bool {
		c.start(quick).stop()
		return c.gone(leaves)
	})
	if c.gone(stays) {
		t.Error("the connection with a socket has ended")
	}
}

// TestNodesOutage: after an outage of any length, every connection has a grace time to come back.
func TestNodesOutage(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	before := c.start(quick)
	returns, leaves := c.connect(before), c.connect(before)
	c.attach(before, returns)
	c.attach(before, leaves)
	before.store.pause() // for the others the node is dead
	c.clock.Advance(10 * (lease + grace + idle))
	after := c.start(quick)
	c.connect(after)
	checks := after.store.checks.Load()
	await.True(t, "ticks have passed", func() bool { return after.store.checks.Load() >= checks+2 })
	if c.gone(returns) || c.gone(leaves) {
		t.Fatal("swept at once")
	}
	c.attach(after, returns)
	c.pass(grace, after)
	await.True(t, "the connection that did not come back has ended", func() bool { return c.gone(leaves) })
	if c.gone(returns) {
		t.Error("the connection that came back has ended")
	}
}

// TestNodesPaused stops a node past its lease, as SIGSTOP does. Its connections have ended when it goes on, and each end is told
// once; its late writes are refused, or come after those of others; its sockets are told.
func TestNodesPaused(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a, paused := c.start(quick), c.start(quick)
	watching := c.watch(a, c.connect(a))
	stays, moves, lost := c.connect(a), c.connect(a), c.connect(a)
	c.attach(a, stays)
	c.attach(paused, c.member(paused, moves.Connection))
	_, ended := c.attach(paused, c.member(paused, lost.Connection))
	c.add(paused, lost, "before")

	paused.store.pause()
	paused.bus.Silence()
	c.attach(a, moves) // comes back on another node in time
	answers := make(chan error, 2)
	var late session.ChatEntry
	go func() {
		e, err := paused.AddChatEntry(t.Context(), moves, session.EntryArgs{ConnectionID: &moves.Connection.ID, Body: "late"})
		if err == nil {
			late = *e
		}
		answers <- err
	}()
	c.pass(lease+grace, a)
	await.True(t, "the lost connection has ended", func() bool { return c.gone(lost) })
	during := c.add(a, stays, "during")

	paused.store.resume()
	paused.bus.Heal()
	wants(t, "the lost one's socket", await.Value(t, "end", ended), session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	if err := await.Value(t, "the late entry's answer", answers); err != nil || late.Seq != during.Seq+1 {
		t.Errorf("the late entry: %v, number %d, want %d", err, late.Seq, during.Seq+1)
	}
	_, err := paused.AddChatEntry(t.Context(), lost, session.EntryArgs{ConnectionID: &lost.Connection.ID, Body: "late"})
	wants(t, "the lost one's late entry", err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	if c.gone(moves) || c.gone(stays) {
		t.Error("a connection with a socket on a living node has ended")
	}
	await.True(t, "the events tell of one end", func() bool {
		watching.mu.Lock()
		defer watching.mu.Unlock()
		return !watching.there[lost.Connection.ID] && watching.there[moves.Connection.ID]
	})
	if watching.states != 1 || len(watching.faults) > 0 {
		t.Errorf("%d snapshots, %v", watching.states, watching.faults)
	}
}
