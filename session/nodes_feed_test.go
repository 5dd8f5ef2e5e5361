package session_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/internal/sequence"
	"chattok/session"
)

var secret = session.Caller{Kind: session.Operator}

// connectIn makes a connection in a session, and the session where there is none.
func (c *cluster) connectIn(n *node, id string) session.Caller {
	c.t.Helper()
	made, _, err := n.Connect(c.t.Context(), session.ConnectArgs{SessionID: &id})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.member(n, made)
}

// feed follows the feed until the test ends or stop is called.
func (c *cluster) feed(n *node, after *string, prefix string) (events <-chan *session.FeedEvent, stop func()) {
	c.t.Helper()
	f, err := n.FollowFeed(c.t.Context(), secret, after, prefix)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.following)
	c.t.Cleanup(cancel)
	return f.Deliver(ctx), cancel
}

// feedReplica is the feed as a reader knows it.
type feedReplica struct {
	t        *testing.T
	name     string
	place    int64
	ids      map[string]bool
	logs     map[string]*replica
	revision map[string]int64
}

func newFeedReplica(t *testing.T, name string) *feedReplica {
	return &feedReplica{t: t, name: name, ids: make(map[string]bool), logs: make(map[string]*replica), revision: make(map[string]int64)}
}

// apply applies an event, and checks that it may come next.
func (r *feedReplica) apply(e *session.FeedEvent) {
	r.t.Helper()
	if e.Place <= r.place || r.ids[e.ID()] {
		r.t.Errorf("%s: place %d (%s, %d) after %d", r.name, e.Place, e.SessionID, e.Kind, r.place)
	}
	r.place, r.ids[e.ID()] = e.Place, true
	log := r.logs[e.SessionID]
	switch e.Kind {
	case session.FeedSessionCreated:
		if log != nil || e.Session.ID != e.SessionID {
			r.t.Errorf("%s: session %s was made again", r.name, e.SessionID)
		}
		r.logs[e.SessionID] = newReplica(r.t, r.name+" "+e.SessionID)
		return
	case session.FeedSessionDeleted:
		delete(r.logs, e.SessionID)
		delete(r.revision, e.SessionID)
		return
	}
	switch {
	case log == nil:
		r.t.Errorf("%s: an event of %s, which it has not", r.name, e.SessionID)
	case e.Kind == session.FeedLog:
		log.apply(e.Log)
	case e.Roster.Revision != r.revision[e.SessionID]+1:
		r.t.Errorf("%s: revision %d of %s after %d", r.name, e.Roster.Revision, e.SessionID, r.revision[e.SessionID])
	default:
		r.revision[e.SessionID]++
	}
}

// follow reads the feed of one node after another, on each for a while, until it has this place.
func (r *feedReplica) follow(c *cluster, nodes []*node, random *rand.Rand, until func() int64) {
	cursor := session.StartCursor
	for {
		n := nodes[random.IntN(len(nodes))]
		events, stop := c.feed(n, &cursor, "")
		for left := 1 + random.IntN(200); left > 0; left-- {
			select {
			case e, ok := <-events:
				if !ok {
					r.t.Errorf("%s: the feed ended", r.name)
					return
				}
				r.apply(e)
				cursor = n.FeedCursor(e.Place)
			case <-time.After(20 * time.Millisecond):
				left = 0
			}
		}
		stop()
		if end := until(); end > 0 && r.place >= end {
			return
		}
	}
}

// equal checks that the replica is as the store.
func (r *feedReplica) equal(c *cluster) {
	r.t.Helper()
	for id, log := range r.logs {
		last, err := c.store.LastSeqs(c.t.Context(), []string{id})
		if err != nil {
			r.t.Fatal(err)
		}
		at := last[id]
		if r.revision[id] != at.Revision || log.added != at.Seq {
			r.t.Errorf("%s: %s has revision %d and entry %d, want %d and %d", r.name, id, r.revision[id], log.added, at.Revision, at.Seq)
		}
		want, err := c.store.Entries(c.t.Context(), session.EntryQuery{SessionID: id, Epoch: at.Epoch, Limit: 1 << 20})
		if err != nil {
			r.t.Fatal(err)
		}
		log.equal(want)
	}
}

// awaitFeed waits until the feed has everything, and returns its end.
func (c *cluster) awaitFeed() (end int64) {
	c.t.Helper()
	await.True(c.t, "the feed has everything", func() bool {
		ids, _, err := c.store.FeedBehind(c.t.Context(), "", 1<<20)
		return err == nil && len(ids) == 0
	})
	at, err := c.store.FeedEnd(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return at.Place
}

// busy makes each node add, change, connect and disconnect in these sessions.
func (c *cluster) busy(nodes []*node, sessions, each int) {
	var work sync.WaitGroup
	for i, n := range nodes {
		work.Go(func() {
			random := rand.New(rand.NewPCG(5, uint64(i)))
			callers := make([]session.Caller, sessions)
			for s := range callers {
				callers[s] = c.connectIn(n, fmt.Sprint("feed-", s))
			}
			for k := range each {
				s := random.IntN(sessions)
				me := callers[s]
				e := c.add(n, me, fmt.Sprint(i, " adds ", k))
				switch random.IntN(6) {
				case 0:
					if _, err := n.EditChatEntry(c.t.Context(), me, session.EditArgs{ID: e.ID(), Body: fmt.Sprint(i, " edits ", k)}); err != nil {
						c.t.Error(err)
					}
				case 1:
					if _, err := n.Disconnect(c.t.Context(), me); err != nil {
						c.t.Error(err)
					}
					callers[s] = c.connectIn(n, fmt.Sprint("feed-", s))
				}
			}
		})
	}
	work.Wait()
}

// TestNodesFeed: on three nodes, whose bus loses, doubles and reorders, readers of the feed get everything of all sessions once, and
// each session in its order, wherever they break off and go on.
func TestNodesFeed(t *testing.T) {
	feedReplicas(newCluster(t, bustest.Faults{Drop: 0.3, Double: 0.3, Hold: 0.3}), 60)
}

func feedReplicas(c *cluster, each int) {
	nodes := c.starts(3)
	const readers = 4
	var mu sync.Mutex
	end := int64(0)
	until := func() int64 { mu.Lock(); defer mu.Unlock(); return end }
	replicas := make([]*feedReplica, readers)
	var reading sync.WaitGroup
	for i := range replicas {
		replicas[i] = newFeedReplica(c.t, fmt.Sprint("reader ", i))
		reading.Go(func() { replicas[i].follow(c, nodes, rand.New(rand.NewPCG(11, uint64(i))), until) })
	}
	c.busy(nodes, 7, each)
	c.hub.SetFaults(bustest.Faults{})
	c.hub.Release()
	last := c.awaitFeed()
	mu.Lock()
	end = last
	mu.Unlock()
	reading.Wait()
	for _, r := range replicas {
		if len(r.logs) != 9 { // with "s" and the lobby
			c.t.Errorf("%s has %d sessions", r.name, len(r.logs))
		}
		r.equal(c)
	}
	late := newFeedReplica(c.t, "late")
	late.follow(c, nodes, rand.New(rand.NewPCG(1, 1)), until)
	late.equal(c)
}

// TestFeedTakeover: the node that gives places stands still. Another one takes over when its lease has run out, and the first one
// does no harm when it goes on: nothing is missed, and nothing comes twice.
func TestFeedTakeover(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	first := c.start(quick)
	c.awaitFeed()
	second := c.start(quick)
	me := c.connect(second)
	events, _ := c.feed(second, pointer(session.StartCursor), "")
	r := newFeedReplica(t, "reader")
	read := func(body string) {
		t.Helper()
		for e := range events {
			r.apply(e)
			if e.Kind == session.FeedLog && e.Log.Entry.Body == body {
				return
			}
		}
		t.Fatal("the feed ended")
	}
	c.add(second, me, "one")
	read("one") // by the first node
	first.store.pause()
	c.add(second, me, "two")
	c.clock.Advance(lease + time.Hour)
	c.add(second, me, "three")
	read("three") // by the second
	first.store.resume()
	c.add(first, c.member(first, me.Connection), "four")
	read("four")
	c.awaitFeed()
	second.stop()
	c.add(first, c.member(first, me.Connection), "five") // the first takes over again, without waiting for the lease to run out
	c.awaitFeed()
	late := newFeedReplica(t, "late")
	late.follow(c, []*node{first}, rand.New(rand.NewPCG(1, 1)), func() int64 { return c.awaitFeed() })
	late.equal(c)
}

func pointer[T any](v T) *T { return &v }

// TestFeedFromNowOn: a reader without a cursor gets what comes later, and a prefix leaves out other sessions.
func TestFeedFromNowOn(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	n := c.start(quick)
	me, other := c.connectIn(n, "abc-1"), c.connectIn(n, "ab")
	c.add(n, me, "before")
	c.awaitFeed()
	all, _ := c.feed(n, nil, "")
	some, _ := c.feed(n, nil, "abc")
	c.add(n, other, "other's")
	c.add(n, me, "after")
	bodies := func(events <-chan *session.FeedEvent, count int) string {
		var got []string
		for range count {
			e := <-events
			got = append(got, e.SessionID+" "+e.Log.Entry.Body)
		}
		return strings.Join(got, ", ")
	}
	if got := bodies(some, 1); got != "abc-1 after" {
		t.Errorf("with a prefix: %s", got)
	}
	if got := bodies(all, 2); got != "ab other's, abc-1 after" && got != "abc-1 after, ab other's" {
		t.Errorf("without: %s", got)
	}
}

// TestFeedShowsNothingOlder: a reader that begins after a deletion is in the feed gets no text of before, from the window or from
// chunks.
func TestFeedShowsNothingOlder(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	n := c.start(quick)
	me := c.connect(n)
	keeps, _ := c.feed(n, pointer(session.StartCursor), "")
	var first *session.ChatEntry
	for i := range 300 { // more than a chunk
		if e := c.add(n, me, fmt.Sprint("text ", i)); i == 0 {
			first = e
		}
	}
	last := c.add(n, me, "the last text")
	next := func(body string) {
		for e := range keeps {
			if e.Kind == session.FeedLog && e.Log.Entry.Body == body {
				return
			}
		}
	}
	next("the last text")
	early, _ := c.feed(n, pointer(session.StartCursor), "") // brings the beginning into memory
	for e := range early {
		if e.Kind == session.FeedLog && e.Log.Entry.Seq == 200 {
			break
		}
	}
	for _, e := range []*session.ChatEntry{first, last} {
		if _, err := n.DeleteChatEntry(t.Context(), me, e.ID()); err != nil {
			t.Fatal(err)
		}
	}
	c.awaitFeed()
	c.add(n, me, "end")
	next("end")
	late, _ := c.feed(n, pointer(session.StartCursor), "")
	deleted := 0
	for e := range late {
		if e.Kind != session.FeedLog {
			continue
		}
		if e.Log.Entry.Seq == first.Seq || e.Log.Entry.Seq == last.Seq {
			if e.Log.Entry.Body != "" {
				t.Errorf("place %d still has %q", e.Place, e.Log.Entry.Body)
			}
			deleted++
		}
		if e.Log.Entry.Body == "end" {
			break
		}
	}
	if deleted != 4 {
		t.Errorf("%d events of the two deleted entries, want 4", deleted)
	}
}

// TestFeedRefused: who may read the feed, from where, and how many at once.
func TestFeedRefused(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	n := c.start(quick)
	me := c.connect(n)
	c.add(n, me, "x")
	end := c.awaitFeed()
	follow := func(caller session.Caller, after, prefix string) error {
		f, err := n.FollowFeed(t.Context(), caller, &after, prefix)
		if err == nil {
			f.Close()
		}
		return err
	}
	if err := follow(secret, n.FeedCursor(end), ""); err != nil {
		t.Error(err)
	}
	wants(t, "a connection", follow(me, "0", ""), session.CodeForbidden, "")
	wants(t, "a guest", follow(session.Caller{Kind: session.Guest, SessionID: session.Lobby}, "0", ""), session.CodeUnauthenticated, "")
	wants(t, "behind the end", follow(secret, n.FeedCursor(end+1), ""), session.CodeBadUserInput, session.ReasonCursorMismatch)
	wants(t, "a log's cursor", follow(secret, session.Cursor(7, 1), ""), session.CodeBadUserInput, session.ReasonCursorMismatch)
	wants(t, "a wrong prefix", follow(secret, "0", "a b"), session.CodeBadUserInput, "")
	before := n.FeedCursor(end)
	for range session.MaxFeeds {
		if _, err := n.FollowFeed(t.Context(), secret, nil, ""); err != nil {
			t.Fatal(err)
		}
	}
	wants(t, "one more", follow(secret, "0", ""), session.CodeRateLimited, session.ReasonTooManyFeeds)
	if _, err := n.FollowFeedFrom(t.Context(), 0, ""); err != nil {
		t.Errorf("one of the server's own: %v", err)
	}
	c.renewEpochs()
	wants(t, "of another life", follow(secret, before, ""), session.CodeBadUserInput, session.ReasonCursorMismatch)
}

// TestFeedNobodyReads: a node on which nobody reads the feed reads no events.
func TestFeedNobodyReads(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	n := c.start(quick)
	me := c.connect(n)
	events, stop := c.feed(n, pointer(session.StartCursor), "")
	c.add(n, me, "x")
	for end := c.awaitFeed(); ; {
		if e := <-events; e.Place == end {
			break
		}
	}
	stop()
	for range events { // ends when the reader has left
	}
	before := n.store.feedReads.Load()
	for i := range 50 {
		c.add(n, me, fmt.Sprint(i))
	}
	c.awaitFeed()
	if got := n.store.feedReads.Load(); got != before {
		t.Errorf("%d reads for nobody", got-before)
	}
}

// TestFeedTruncated: a reader that begins before what is kept is told so first.
func TestFeedTruncated(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	if _, _, err := c.store.UpdateSession(t.Context(), "s", session.SessionUpdate{SlowMode: pointer(time.Second)}); err != nil {
		t.Fatal(err)
	}
	c.clock.Advance(2 * time.Hour) // it may have had changes that are gone
	n := c.start(quick)
	end := c.awaitFeed()
	kinds := func(after string) string {
		var got []string
		f, err := n.FollowFeed(t.Context(), secret, &after, "s")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for e := range f.Deliver(ctx) {
			got = append(got, strings.TrimPrefix(fmt.Sprintf("%T", e.Change()), "*session."))
			if e.Place == end {
				break
			}
		}
		return strings.Join(got, " ")
	}
	if got := kinds("0"); got != "Truncation SessionCreated SessionChanged" {
		t.Errorf("from the beginning: %s", got)
	}
	if got := kinds(n.FeedCursor(end - 1)); got != "Truncation SessionChanged" {
		t.Errorf("from the last event: %s", got)
	}
	f, err := n.FollowFeed(t.Context(), secret, pointer(n.FeedCursor(end)), "")
	if err != nil || len(f.First) != 0 {
		t.Errorf("from the end: %v, %v", f.First, err)
	}
}

// TestFeedPassedOver: the node passes over a part of the feed that is too large to be kept. A text that was deleted in that part is
// not shown to a reader that begins afterwards, though it was in memory before.
func TestFeedPassedOver(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	n := c.start(quick)
	me := c.connect(n)
	first := c.add(n, me, "secret")
	for range 300 { // more than two chunks
		c.add(n, me, "text")
	}
	end := c.awaitFeed()
	keeps, _ := c.feed(n, pointer(session.StartCursor), "")
	for e := range keeps { // which brings the beginning into memory
		if e.Place == end {
			break
		}
	}
	n.store.pause() // so that all of these get their places at once
	for _, r := range c.store.ChangeEntries(t.Context(), []session.NewChange{{SessionID: "s", Seq: first.Seq, Kind: session.EntryDeleted,
		Actor: session.Actor{ConnectionID: me.Connection.ID}}}) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	more := make([]session.NewEntry, 3000)
	for i := range more {
		more[i] = session.NewEntry{SessionID: "s", ConnectionID: me.Connection.ID, Body: "more"}
	}
	for _, r := range c.store.AppendEntries(t.Context(), more) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	n.store.resume()
	c.add(n, me, "end")
	for e := range keeps {
		if e.Kind == session.FeedLog && e.Log.Entry.Body == "end" {
			break
		}
	}
	late, _ := c.feed(n, pointer(session.StartCursor), "")
	for e := range late {
		if e.Kind != session.FeedLog {
			continue
		}
		if e.Log.Entry.Seq != first.Seq || e.Log.Entry.Body != "" {
			t.Errorf("the log begins with entry %d, %q", e.Log.Entry.Seq, e.Log.Entry.Body)
		}
		break
	}
}

// TestFeedReadsLittle: a reader that passes over what was superseded reads no more at once than others do, whatever comes then: there
// may be many such readers.
func TestFeedReadsLittle(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	n := c.start(quick)
	me := c.connect(n)
	e := c.add(n, me, "edited")
	for i := range 400 { // more than three chunks, so that there is one without any event
		if _, err := n.EditChatEntry(t.Context(), me, session.EditArgs{ID: e.ID(), Body: fmt.Sprint("edit ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		c.add(n, me, "text")
	}
	end := c.awaitFeed()
	events, _ := c.feed(n, pointer(session.StartCursor), "")
	n.store.feedRun.Store(0)
	got := 0
	for e := range events {
		if e.Kind == session.FeedLog {
			got++
		}
		if e.Place == end {
			break
		}
	}
	if got != 1+1+1000 { // the entry, its last edit, and the others
		t.Errorf("%d events of the log", got)
	}
	if most := n.store.feedRun.Load(); most > sequence.ChunkSize {
		t.Errorf("%d events were read at once", most)
	}
}

// TestFeedGoesOnWhileASessionIsCleared: a session that had much in the feed is deleted. The events of other sessions don't wait until
// all of its rows are removed.
func TestFeedGoesOnWhileASessionIsCleared(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	n := c.start(quick)
	me := c.connect(n)
	c.add(n, c.connectIn(n, "large"), "text")
	c.awaitFeed()
	raw, err := sql.Open("sqlite", "file:"+c.path+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	const rows = 200_000 // as of a few months, a row for each time that something happened
	_, err = raw.ExecContext(t.Context(), "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)"+
		" INSERT INTO feed (first_place, last_place, session_id, kind, from_place, after_seq, through_seq, at) SELECT -i, -i, 'large', 'log', 1, 0, 0, 0 FROM n", rows)
	if err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		if err := raw.QueryRowContext(t.Context(), "SELECT count(*) FROM feed WHERE session_id = 'large' AND kind <> 'deleted'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	events, _ := c.feed(n, nil, "s")
	if err := n.DeleteSession(t.Context(), operator, "large"); err != nil {
		t.Fatal(err)
	}
	await.True(t, "the session is being cleared", func() bool { return left() < rows })
	c.add(n, me, "meanwhile")
	if e := await.Value(t, "the event of the other session", events); e.Kind != session.FeedLog || e.Log.Entry.Body != "meanwhile" {
		t.Errorf("the event is %+v", e)
	}
	if left() == 0 {
		t.Error("the event has waited until all was cleared")
	}
	c.awaitFeed()
}
