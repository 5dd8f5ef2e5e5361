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
	"chattok/internal/pgtest"
	"chattok/session"
)

// keep makes session "s" keep its entries for a time.
func (c *cluster) keep(n *node, d time.Duration) {
	c.t.Helper()
	seconds := int64(d / time.Second)
	by, err := n.In(c.t.Context(), operator, pointerTo("s"))
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := n.UpdateSession(c.t.Context(), by, session.SessionArgs{SetRetention: true, Retention: &seconds}); err != nil {
		c.t.Fatal(err)
	}
}

func pointerTo[T any](v T) *T { return &v }

// first returns where the log of "s" begins in the Store.
func (c *cluster) first() session.LogFront {
	c.t.Helper()
	last, err := c.store.LastSeqs(c.t.Context(), []string{"s"})
	if err != nil {
		c.t.Fatal(err)
	}
	return last["s"].Front
}

// TestRetentionOnNodes: old entries are removed by one of the nodes, and what every node has in memory begins where the log does: also
// windows that had all of it, and with every message about it lost.
func TestRetentionOnNodes(t *testing.T) {
	for name, faults := range map[string]bustest.Faults{"well": {}, "lossy": {Drop: 1}} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, faults)
			nodes := c.starts(3)
			var callers []session.Caller
			for _, n := range nodes {
				callers = append(callers, c.connect(n))
			}
			var old []*session.ChatEntry
			for i := range 20 {
				old = append(old, c.add(nodes[i%3], callers[i%3], fmt.Sprint("old ", i)))
			}
			for i, n := range nodes { // everything is in every window
				events, stop := c.log(n, callers[i], pointerTo(session.StartCursor))
				newReplica(t, "before").read(events, "old 19")
				stop()
			}
			change, err := nodes[0].DeleteChatEntry(t.Context(), callers[0], session.EntryID(7, old[0].Seq))
			if err != nil || change.Version != 2 {
				t.Fatalf("%+v, %v", change, err)
			}
			c.clock.Advance(5 * time.Hour) // no lease runs out
			for i := range 3 {
				c.add(nodes[i], callers[i], fmt.Sprint("new ", i))
			}
			reply, err := nodes[1].AddChatEntry(t.Context(), callers[1], session.EntryArgs{Body: "reply", ReplyTo: pointerTo(session.EntryID(7, 19))})
			if err != nil {
				t.Fatal(err)
			}
			c.keep(nodes[0], 2*time.Hour)
			await.True(t, "the old entries are gone", func() bool { return c.first().Seq == 20 })
			if got := c.first().Place; got != 21 { // with the deletion
				t.Errorf("the log begins after place %d, want 21", got)
			}
			for i, n := range nodes {
				f, err := n.FollowLog(t.Context(), callers[i], pointerTo(session.Cursor(7, 5)))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				var told []string
				for e := range f.Deliver(ctx) {
					told = append(told, fmt.Sprintf("%s %d at %d", e.Change, e.Entry.Seq, e.Place))
					if e.Entry.Body == "reply" {
						break
					}
				}
				cancel()
				want := []string{"TRUNCATED 20 at 21", " 21 at 22", " 22 at 23", " 23 at 24", " 24 at 25"}
				if !slices.Equal(told, want) {
					t.Errorf("node %d told %q, want %q", i, told, want)
				}
				entries, stop := c.entries(n, callers[i], pointerTo(session.StartCursor))
				if e := <-entries; e.Seq != 21 {
					t.Errorf("from the beginning node %d gives %d, want 21", i, e.Seq)
				}
				stop()
				if e, ok := n.KnownEntry("s", 7, 19); ok {
					t.Errorf("node %d knows %+v", i, e)
				}
				if found, err := n.EntriesBySeq(t.Context(), "s", 7, []int64{reply.ReplyTo}); err != nil || len(found) > 0 {
					t.Errorf("what the reply answers is %v, %v", found, err)
				}
				_, err = n.ChatEntries(t.Context(), callers[i], session.PageArgs{After: pointerTo(session.Cursor(7, 20))})
				wants(t, "a page", err, session.CodeBadUserInput, session.ReasonCursorMismatch)
				if e := err.(*session.Error); e.FirstCursor != session.Cursor(7, 21) {
					t.Errorf("the first cursor is %q", e.FirstCursor)
				}
			}
		})
	}
}

// removalLeavesTime checks that removing from many sessions, with an old entry each, leaves the database nine tenths of the time, and
// takes several sessions at once.
func removalLeavesTime(t *testing.T, c *cluster) {
	const sessions = 100
	c.keeps = time.Hour
	connections, entries := make([]session.NewConnection, sessions), make([]session.NewEntry, sessions)
	ids := make([]string, sessions)
	for i := range sessions {
		ids[i] = fmt.Sprintf("s%03d", i)
		connections[i] = session.NewConnection{ID: ids[i] + "c", SessionID: ids[i], Role: session.RolePublisher, MakeSession: true, NewEpoch: 7}
		entries[i] = session.NewEntry{SessionID: ids[i], ConnectionID: ids[i] + "c", Body: "old"}
	}
	for _, r := range c.store.CreateConnections(t.Context(), connections, idle) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	for _, r := range c.store.AppendEntries(t.Context(), entries) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	c.clock.Advance(2 * time.Hour)
	n := c.start(quick)
	await.True(t, "all old entries are gone", func() bool {
		last, err := c.store.LastSeqs(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range last {
			if l.Front.Seq != 1 {
				return false
			}
		}
		return len(last) == sessions
	})
	n.stop()
	removed, took := 0, time.Duration(0)
	for i, r := range n.store.removals {
		removed, took = removed+r.sessions, took+r.ended.Sub(r.began)
		if i == 0 {
			continue
		}
		before := n.store.removals[i-1]
		if spent, pause := before.ended.Sub(before.began), r.began.Sub(before.ended); pause < 9*spent {
			t.Errorf("transaction %d begins %v after one of %v", i+1, pause, spent)
		}
	}
	t.Logf("%d transactions took %v", len(n.store.removals), took)
	if removed != sessions || len(n.store.removals) > sessions/5 {
		t.Errorf("%d transactions removed from %d sessions, want %d", len(n.store.removals), removed, sessions)
	}
}

func TestRemovalLeavesTime(t *testing.T) {
	removalLeavesTime(t, newCluster(t, bustest.Faults{}))
}

func TestRemovalLeavesTimeOnPostgres(t *testing.T) {
	removalLeavesTime(t, newClusterOn(t, pgtest.StartT(t, pgtest.Config{}).DatabaseT(t), bustest.Faults{}))
}

// TestErasedAfterRetention: entries that were removed while a node heard nothing are gone from its memory when it says that it has
// nothing of their user any more.
func TestErasedAfterRetention(t *testing.T) {
	c := newCluster(t, bustest.Faults{Drop: 1})
	a, b := c.start(quick), c.start(seldom)
	ann, bob := c.connectUser(a, "ann"), c.moderate(b)
	secret := c.add(a, ann, "secret")
	c.add(b, bob, "public")
	c.readAll(b, bob, 2)
	c.clock.Advance(5 * time.Hour) // no lease runs out
	c.keep(a, 2*time.Hour)
	await.True(t, "the old entries are gone", func() bool { return c.first().Seq == 2 })
	if e, ok := b.KnownEntry("s", 7, secret.Seq); !ok || e.Body != "secret" {
		t.Fatalf("the node that heard nothing knows %+v", e)
	}
	if _, err := b.EraseUser(t.Context(), operator, text("ann"), nil); err != nil {
		t.Fatal(err)
	}
	await.True(t, "the node has forgotten it", func() bool {
		_, ok := b.KnownEntry("s", 7, secret.Seq)
		return !ok
	})
}

// TestReadersWhileEntriesAreRemoved: many readers, quick and slow, on three nodes whose bus loses much, read a log that is added to,
// changed and removed from the front, from the beginning, from its end and from old cursors. None misses an entry without being told, and
// each has all that is left in the end.
func TestReadersWhileEntriesAreRemoved(t *testing.T) {
	const total, batch = 1500, 25
	c := newCluster(t, bustest.Faults{Drop: 0.3, Double: 0.1, Hold: 0.1})
	nodes := c.starts(3)
	var callers []session.Caller
	for _, n := range nodes {
		callers = append(callers, c.connect(n))
	}
	c.keep(nodes[0], time.Hour)
	var reading sync.WaitGroup
	var mu sync.Mutex
	told := 0
	read := func(what string, n int, after *string, pause int) {
		f, err := nodes[n].FollowLog(t.Context(), callers[n], after)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		events := f.Deliver(c.following)
		reading.Go(func() {
			seq, place, got := int64(-1), int64(-1), 0
			for e := range events {
				if e.Place <= place {
					t.Errorf("%s: place %d after %d", what, e.Place, place)
				}
				place = e.Place
				switch {
				case e.Truncated():
					// It may have had that entry, and none of the changes between it and the next one.
					if seq > e.Entry.Seq {
						t.Errorf("%s is told that %d is gone after it had %d", what, e.Entry.Seq, seq)
					}
					seq = e.Entry.Seq
					mu.Lock()
					told++
					mu.Unlock()
				case e.Added():
					if seq >= 0 && e.Entry.Seq != seq+1 {
						t.Errorf("%s: entry %d after %d", what, e.Entry.Seq, seq)
					}
					seq = e.Entry.Seq
				}
				if seq == total {
					return
				}
				if got++; pause > 0 && got%pause == 0 {
					// A slow reader: the log goes on by some batches meanwhile.
					at := c.last()
					await.True(t, "the log goes on", func() bool { return c.last() > min(at+4*batch, total-1) || c.last() == total })
				}
			}
			t.Errorf("%s ended at %d", what, seq)
		})
	}
	var cursors []string
	for n := 0; n < total; n += batch {
		for i := range batch {
			e := c.add(nodes[n/batch%3], callers[n/batch%3], fmt.Sprint(n+i))
			cursors = append(cursors, e.Cursor())
		}
		if n%(4*batch) == 0 {
			if _, err := nodes[0].DeleteChatEntry(t.Context(), callers[0], session.EntryID(7, int64(len(cursors)))); n/batch%3 == 0 && err != nil {
				t.Error(err)
			}
			read(fmt.Sprint("quick from the beginning at ", n), n/batch%3, pointerTo(session.StartCursor), 0)
			read(fmt.Sprint("slow from the beginning at ", n), (n/batch+1)%3, pointerTo(session.StartCursor), 40)
			read(fmt.Sprint("from an old cursor at ", n), (n/batch+2)%3, &cursors[n/3], 0)
		}
		c.clock.Advance(20 * time.Minute)
	}
	c.clock.Advance(20 * time.Minute)
	reading.Wait()
	if told == 0 {
		t.Error("nobody was told of anything")
	}
	c.keep(nodes[1], 0)
}

// last returns the number of the newest entry of "s" in the Store.
func (c *cluster) last() int64 {
	last, err := c.store.LastSeqs(context.Background(), []string{"s"})
	if err != nil {
		c.t.Error(err)
	}
	return last["s"].Seq
}
