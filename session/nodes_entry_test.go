package session_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/session"
)

// TestNodesLog: over a bus that drops, doubles and reorders, every reader gets every entry once and in one order, though people
// post on every node and some readers go from node to node with a cursor.
func TestNodesLog(t *testing.T) {
	const posters, each = 3, 60
	c := newCluster(t, bustest.Faults{Drop: 0.3, Double: 0.3, Hold: 0.3})
	nodes := c.starts(3)
	total := int64(len(nodes) * posters * each)

	var readers sync.WaitGroup
	for i, n := range nodes {
		reader := c.connect(n)
		start := session.StartCursor
		entries, _ := c.entries(n, reader, &start)
		readers.Go(func() { readAll(t, fmt.Sprint("the reader of node ", i), entries, total) })
		readers.Go(func() { wander(t, c, nodes, reader.Connection, total, uint64(i)) })
	}
	var writers sync.WaitGroup
	for i, n := range nodes {
		for p := range posters {
			poster := c.connect(n)
			writers.Go(func() {
				for k := range each {
					if _, err := n.AddChatEntry(t.Context(), poster, session.EntryArgs{ConnectionID: &poster.Connection.ID, Body: fmt.Sprintf("%d-%d-%d", i, p, k)}); err != nil {
						t.Errorf("add: %v", err)
					}
				}
			})
		}
	}
	writers.Wait()
	readers.Wait()
}

// readAll reads entries 1 to total.
func readAll(t *testing.T, who string, entries <-chan *session.ChatEntry, total int64) {
	for seq := int64(1); seq <= total; seq++ {
		e, ok := <-entries // an entry that never comes is found by the deadline of all tests
		if !ok || e.Seq != seq {
			t.Errorf("%s got %+v, want entry %d", who, e, seq)
			return
		}
	}
}

// wander reads all entries, some on one node, and the next ones after the last cursor on another.
func wander(t *testing.T, c *cluster, nodes []*node, connection *session.Connection, total int64, seed uint64) {
	random := rand.New(rand.NewPCG(seed, seed))
	cursor := session.StartCursor
	for seq := int64(0); seq < total; {
		n := nodes[random.IntN(len(nodes))]
		caller, err := n.Member(t.Context(), session.AccessGrant{SessionID: "s", ConnectionID: connection.ID})
		if err != nil {
			t.Errorf("wanderer: %v", err)
			return
		}
		f, err := n.FollowEntries(t.Context(), caller, &cursor)
		if err != nil {
			t.Errorf("wanderer after %d: %v", seq, err)
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		entries := f.Deliver(ctx)
		for range 1 + random.IntN(20) {
			if seq == total {
				break
			}
			e, ok := <-entries
			if !ok || e.Seq != seq+1 {
				t.Errorf("the wanderer got %+v after %d", e, seq)
				cancel()
				return
			}
			seq, cursor = e.Seq, e.Cursor()
		}
		cancel()
	}
}

// TestNodesFollowFromNow: a follower without a cursor gets the entries that another node answers from then on, and none that it
// answered before, though the bus loses every message about either.
func TestNodesFollowFromNow(t *testing.T) {
	c := newCluster(t, bustest.Faults{Drop: 1})
	a, b := c.start(quick), c.start(quick)
	caller := c.connect(a)
	c.member(b, caller.Connection)
	for i := range 20 {
		before := c.add(a, caller, "before")
		entries, stop := c.entries(b, caller, nil)
		after := c.add(a, caller, "after")
		if got := await.Value(t, "the entry after", entries); got.Seq != after.Seq {
			t.Fatalf("round %d: got entry %d, want %d, which is the one after %d", i, got.Seq, after.Seq, before.Seq)
		}
		stop()
	}
}

// TestNodesCursorAhead: a cursor of an entry that the node has not heard of yet is accepted; one beyond the log, or of another
// log, is refused.
func TestNodesCursorAhead(t *testing.T) {
	c := newCluster(t, bustest.Faults{Drop: 1})
	a, b := c.start(quick), c.start(seldom)
	caller := c.connect(a)
	known := c.add(a, caller, "1")
	at := known.Cursor()
	entries, _ := c.entries(b, caller, &at)
	at = c.add(a, caller, "2").Cursor()
	later, _ := c.entries(b, caller, &at)
	if got := await.Value(t, "the entry that the cursor is of", entries); got.Seq != 2 {
		t.Errorf("got %d, want 2", got.Seq)
	}
	beyond := session.Cursor(known.Epoch, 4)
	_, err := b.FollowEntries(t.Context(), caller, &beyond)
	wants(t, "a cursor beyond the log", err, session.CodeBadUserInput, session.ReasonCursorMismatch)
	other := session.Cursor(known.Epoch+1, 1)
	_, err = b.FollowEntries(t.Context(), caller, &other)
	wants(t, "a cursor of another log", err, session.CodeBadUserInput, session.ReasonCursorMismatch)
	three := c.add(b, caller, "3")
	if got := await.Value(t, "the entry after the cursor", later); got.Seq != three.Seq {
		t.Errorf("got %d, want 3", got.Seq)
	}
}

// TestNodesCheck: entries that a bus lost are found by the next check, and at once where the bus noticed the loss.
func TestNodesCheck(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a, checks, told := c.start(quick), c.start(quick), c.start(seldom)
	caller := c.connect(a)
	byCheck, _ := c.entries(checks, caller, nil)
	byLost, _ := c.entries(told, caller, nil)
	checks.bus.Silence()
	told.bus.Cut()
	for i := range int64(3) {
		c.add(a, caller, "lost")
		if got := await.Value(t, "found by the check", byCheck); got.Seq != i+1 {
			t.Fatalf("got %d, want %d", got.Seq, i+1)
		}
	}
	told.bus.Heal()
	for i := range int64(3) {
		if got := await.Value(t, "found when the bus is back", byLost); got.Seq != i+1 {
			t.Fatalf("got %d, want %d", got.Seq, i+1)
		}
	}
}

// TestNodesDegraded: a node that is cut off from the others says so, and serves.
func TestNodesDegraded(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a := c.start(quick)
	if err := a.Degraded(); err != nil {
		t.Errorf("degraded: %v", err)
	}
	a.bus.Cut()
	wants(t, "degraded", a.Degraded(), session.CodeUnavailable, "")
	if err := a.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
	c.add(a, c.connect(a), "goes on")
}

// TestNodesReplacedDatabase: when the database is replaced under running nodes, so that its sessions have new epochs, every node
// says so, and none delivers an entry of the new log to a follower of the old one.
func TestNodesReplacedDatabase(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	nodes := c.starts(2)
	held := c.start(seldom) // checks only when messages may have been lost
	poster := c.connect(nodes[0])
	entries, _ := c.entries(held, c.connect(held), nil)
	c.add(nodes[0], poster, "before")
	if e := await.Value(t, "the entry before", entries); e.Body != "before" {
		t.Fatalf("got %+v", e)
	}

	c.renewEpochs()
	for _, n := range nodes {
		await.Closed(t, "a node that checks says that the database was replaced", n.Replaced())
	}
	if e := c.add(nodes[0], poster, "after"); e.Seq != 2 {
		t.Errorf("the next entry is %+v", e)
	}
	held.bus.Cut()
	held.bus.Heal()
	await.Closed(t, "a node that looks now says so too", held.Replaced())
	select {
	case e := <-entries:
		t.Errorf("who follows the old log got %+v of the new one", e)
	default:
	}
}
