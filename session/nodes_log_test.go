package session_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/internal/sequence"
	"chattok/session"
)

// user makes a connection of a user in session "s".
func (c *cluster) user(n *node, id string) session.Caller {
	c.t.Helper()
	return c.connectAs(n, &session.SessionGrant{SessionID: "s", Role: session.RolePublisher, UserID: &id})
}

// log follows a session's events until the test ends or stop is called.
func (c *cluster) log(n *node, caller session.Caller, after *string) (events <-chan *session.LogEvent, stop func()) {
	c.t.Helper()
	f, err := n.FollowLog(c.t.Context(), caller, after)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.following)
	c.t.Cleanup(cancel)
	return f.Deliver(ctx), cancel
}

// replica is a log as a reader knows it: of each entry the newest version that it was told.
type replica struct {
	t       *testing.T
	name    string
	entries map[int64]*session.ChatEntry
	place   int64 // of the last event
	added   int64 // the Seq of the last entry that was added
}

func newReplica(t *testing.T, name string, entries ...*session.ChatEntry) *replica {
	r := &replica{t: t, name: name, entries: make(map[int64]*session.ChatEntry)}
	for _, e := range entries {
		r.entries[e.Seq] = e
		r.added = e.Seq
	}
	return r
}

// apply applies an event, and checks that it is the next one.
func (r *replica) apply(e *session.LogEvent) {
	r.t.Helper()
	if e.Place <= r.place {
		r.t.Errorf("%s: place %d after %d", r.name, e.Place, r.place)
	}
	r.place = e.Place
	switch {
	case e.Added() && (e.Entry.Place != e.Place || e.Entry.Seq > r.added+1):
		r.t.Errorf("%s: at %d the addition of entry %d with place %d, after that of %d", r.name, e.Place, e.Entry.Seq, e.Entry.Place, r.added)
	case !e.Added() && e.Entry.Changed < e.Place:
		r.t.Errorf("%s: a change at %d has its entry as of %d", r.name, e.Place, e.Entry.Changed)
	}
	if e.Added() {
		r.added = max(r.added, e.Entry.Seq)
	}
	if have := r.entries[e.Entry.Seq]; have == nil || e.Entry.Version > have.Version {
		r.entries[e.Entry.Seq] = e.Entry
	}
}

// read applies events up to the addition of the entry with this body, which is the last event of the log.
func (r *replica) read(events <-chan *session.LogEvent, last string) {
	for e := range events {
		r.apply(e)
		if e.Entry.Body == last {
			return
		}
	}
	r.t.Errorf("%s: the events ended", r.name)
}

// equal checks that the replica is as the entries of the store.
func (r *replica) equal(want []*session.ChatEntry) {
	r.t.Helper()
	if len(r.entries) != len(want) {
		r.t.Errorf("%s: %d entries, want %d", r.name, len(r.entries), len(want))
	}
	for _, e := range want {
		if got := r.entries[e.Seq]; !reflect.DeepEqual(got, e) {
			r.t.Errorf("%s: entry %d is\n%+v, want\n%+v", r.name, e.Seq, got, e)
			return
		}
	}
}

// page returns the whole log as pages show it, and the cursor to follow it from.
func (c *cluster) page(n *node, caller session.Caller) (entries []*session.ChatEntry, cursor string) {
	c.t.Helper()
	most, after := int64(session.MaxPage), session.StartCursor
	for {
		p, err := n.ChatEntries(c.t.Context(), caller, session.PageArgs{First: &most, After: &after})
		if err != nil {
			c.t.Fatal(err)
		}
		if cursor == "" {
			cursor = p.LastCursor // of the first page, which is the oldest
		}
		entries = append(entries, p.Entries...)
		if !p.HasNextPage {
			return entries, cursor
		}
		after = entries[len(entries)-1].Cursor()
	}
}

// changer makes random adds and changes, as one of a few users on one of the nodes.
type changer struct {
	c       *cluster
	random  *rand.Rand
	nodes   []*node
	callers [][]session.Caller // by node, and by user
	ids     []string           // of all entries
}

func (w *changer) do(i int) {
	n, u := w.random.IntN(len(w.nodes)), w.random.IntN(len(w.callers[0]))
	on, caller := w.nodes[n], w.callers[n][u]
	ctx := w.c.t.Context()
	kind := w.random.IntN(10)
	if kind < 4 || len(w.ids) == 0 {
		a := session.EntryArgs{ConnectionID: &caller.Connection.ID, Body: fmt.Sprint("entry ", i)}
		if len(w.ids) > 0 && kind == 0 {
			a.ReplyTo, a.Data = &w.ids[w.random.IntN(len(w.ids))], &a.Body
		}
		e, err := on.AddChatEntry(ctx, caller, a)
		if err != nil {
			w.c.t.Errorf("add: %v", err)
			return
		}
		w.ids = append(w.ids, e.ID())
		return
	}
	id := w.ids[w.random.IntN(len(w.ids))]
	if w.random.IntN(3) > 0 {
		id = w.ids[max(0, len(w.ids)-1-w.random.IntN(5))]
	}
	var err error
	switch kind {
	case 4, 5, 6:
		_, err = on.EditChatEntry(ctx, caller, session.EditArgs{ID: id, Body: fmt.Sprint("edit ", i)})
	case 7:
		_, err = on.DeleteChatEntry(ctx, caller, id)
	default:
		_, err = on.ReactToChatEntry(ctx, caller, session.ReactArgs{ID: id, Name: fmt.Sprint("r", w.random.IntN(3)), On: w.random.IntN(3) > 0})
	}
	if session.CodeOf(err) != session.CodeForbidden && err != nil { // of another's, or deleted
		w.c.t.Errorf("change %d: %v", kind, err)
	}
}

// TestNodesReplicas: over a bus that drops, doubles and reorders, while people on every node add, edit, delete and react, readers that
// begin at the beginning, in the middle from a page, or live, or go from node to node, end with every entry as it is; and those
// who follow the additions alone get each once.
func TestNodesReplicas(t *testing.T) {
	logReplicas(newCluster(t, bustest.Faults{Drop: 0.3, Double: 0.3, Hold: 0.3}))
}

func logReplicas(c *cluster) {
	const writers, each = 4, 150
	t := c.t
	nodes := c.starts(3)
	callers := make([][]session.Caller, len(nodes))
	for i, n := range nodes {
		for u := range 3 {
			callers[i] = append(callers[i], c.user(n, fmt.Sprint("user ", u)))
		}
	}
	start := session.StartCursor
	var replicas []*replica
	var reading sync.WaitGroup
	follow := func(name string, n *node, caller session.Caller, after *string, entries ...*session.ChatEntry) {
		r := newReplica(t, name, entries...)
		events, _ := c.log(n, caller, after)
		replicas = append(replicas, r)
		reading.Go(func() { r.read(events, "the end") })
	}
	for i, n := range nodes {
		follow(fmt.Sprint("live on node ", i), n, callers[i][0], nil)
		additions, _ := c.entries(n, callers[i][0], &start)
		reading.Go(func() {
			seq := int64(0)
			for e := range additions {
				if seq++; e.Seq != seq {
					t.Errorf("node %d: entry %d comes after %d", i, e.Seq, seq-1)
				}
				if e.Body == "the end" {
					return
				}
			}
		})
		wanderer := newReplica(t, fmt.Sprint("wanderer ", i))
		replicas = append(replicas, wanderer)
		reading.Go(func() { roam(t, nodes, callers[i][0].Connection, wanderer, uint64(i)) })
	}

	var writing sync.WaitGroup
	for i := range writers {
		w := &changer{c: c, random: rand.New(rand.NewPCG(uint64(i), 1)), nodes: nodes, callers: callers}
		writing.Go(func() {
			for k := range each {
				w.do(i*each + k)
			}
		})
	}
	for i, n := range nodes {
		entries, cursor := c.page(n, callers[i][0])
		follow(fmt.Sprint("from a page on node ", i), n, callers[i][0], &cursor, entries...)
	}
	writing.Wait()
	for i, n := range nodes {
		follow(fmt.Sprint("from the beginning on node ", i), n, callers[i][0], &start)
	}
	c.add(nodes[0], callers[0][0], "the end")
	reading.Wait()
	want, _ := c.page(nodes[0], callers[0][0])
	for _, r := range replicas {
		r.equal(want)
	}
	changed := slices.DeleteFunc(slices.Clone(want), func(e *session.ChatEntry) bool { return e.Version < 3 })
	if len(changed) < 20 {
		t.Errorf("only %d entries have changed more than once", len(changed))
	}
}

// roam reads all events, some on one node, and the next ones after the last cursor on another.
func roam(t *testing.T, nodes []*node, connection *session.Connection, r *replica, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 2))
	for cursor := session.StartCursor; ; {
		n := nodes[random.IntN(len(nodes))]
		caller, err := n.Member(t.Context(), session.AccessGrant{SessionID: "s", ConnectionID: connection.ID})
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
			return
		}
		f, err := n.FollowLog(t.Context(), caller, &cursor)
		if err != nil {
			t.Errorf("%s after %d: %v", r.name, r.place, err)
			return
		}
		if roamOn(t, f, r, 1+random.IntN(40)) {
			return
		}
		cursor = session.Cursor(7, r.place)
	}
}

// roamOn reads so many events of a follower, and says whether the last one of the log was among them.
func roamOn(t *testing.T, f *sequence.Follower[*session.LogEvent], r *replica, n int) bool {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := f.Deliver(ctx)
	for range n {
		e := <-events
		if e == nil {
			t.Errorf("%s: the events ended after %d", r.name, r.place)
			return true
		}
		r.apply(e)
		if e.Entry.Body == "the end" {
			return true
		}
	}
	return false
}

// TestNodesNothingOlder: a reader that begins after a change was answered, on whatever node, gets nothing older, though the bus loses
// every message and the node has read the log before. The entry lies in a whole chunk, in the log's last one, or at its live end.
func TestNodesNothingOlder(t *testing.T) { nothingOlder(newCluster(t, bustest.Faults{Drop: 1})) }

func nothingOlder(c *cluster) {
	t := c.t
	a, b := c.start(quick), c.start(seldom)
	caller := c.user(a, "u")
	c.member(b, caller.Connection)
	var ids []string
	for i := range 2*sequence.ChunkSize + 20 {
		ids = append(ids, c.add(a, caller, fmt.Sprint("old ", i)).ID())
	}
	live, _ := c.log(b, caller, nil) // keeps the room open
	ids = append(ids, c.add(a, caller, "old and live").ID())
	start := session.StartCursor
	find := func(id string) *session.ChatEntry {
		t.Helper()
		events, stop := c.log(b, caller, &start)
		defer stop()
		additions, stopToo := c.entries(b, caller, &start)
		defer stopToo()
		var found *session.ChatEntry
		for found == nil {
			if e := await.Value(t, "an event", events); e.Entry.ID() == id {
				found = e.Entry
			}
		}
		for {
			e := await.Value(t, "an entry", additions)
			if e.ID() != id {
				continue
			}
			if !reflect.DeepEqual(e, found) {
				t.Errorf("entryAdded has %+v, logEvents %+v", e, found)
			}
			return found
		}
	}
	for i, at := range []int{0, sequence.ChunkSize - 1, 2*sequence.ChunkSize + 5, len(ids) - 1, 7} {
		id := ids[at]
		if e := find(id); e.Version != 1 {
			t.Fatalf("entry %d has version %d", at, e.Version)
		}
		for version, change := range []func() (*session.ChatEntry, error){
			func() (*session.ChatEntry, error) {
				return a.EditChatEntry(t.Context(), caller, session.EditArgs{ID: id, Body: fmt.Sprint("new ", i)})
			},
			func() (*session.ChatEntry, error) {
				return a.ReactToChatEntry(t.Context(), caller, session.ReactArgs{ID: id, Name: "👍", On: true})
			},
			func() (*session.ChatEntry, error) { return a.DeleteChatEntry(t.Context(), caller, id) },
		} {
			answered, err := change()
			if err != nil {
				t.Fatal(err)
			}
			if got := find(id); got.Version != int64(version+2) || !reflect.DeepEqual(got, answered) {
				t.Errorf("entry %d: who begins to read gets %+v, and %+v was answered", at, got, answered)
			}
		}
	}
	if e := await.Value(t, "the first event", live); e.Entry.Seq != int64(len(ids)) {
		t.Errorf("live: %+v", e)
	}
}
