//go:build unix

package chaos

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/internal/cluster"
	"chattok/internal/history"
	"chattok/internal/natstest"
	"chattok/internal/wsclient"
)

// stage is a world whose people stay where the test puts them.
type stage struct {
	*world
	t    *testing.T
	ctx  context.Context
	room *room
	all  *crowd
}

// newStage starts a cluster of three nodes and puts people into one session.
func newStage(t *testing.T, people int, env ...string) *stage {
	t.Helper()
	c := startCluster(t, cluster.Config{NATS: natstest.Binary(t), Env: env})
	s := &stage{world: newWorld(Config{Cluster: c, Rooms: 1, People: people, Stubborn: true}), t: t}
	s.settling.Store(true)
	s.room = s.rooms[0]
	s.feeds = nil // nobody of this stage reads the feed
	s.ctx, s.all = newCrowd(t.Context())
	t.Cleanup(s.all.end)
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range c.Nodes {
				t.Logf("%s:\n%s", n.Name(), n.Tail())
			}
		}
	})
	return s
}

// settle makes a person follow the session on a node, from now on.
func (s *stage) settle(p *person, node int) {
	s.t.Helper()
	p.home = node
	s.all.all.Go(func() { p.follow(s.ctx) })
	s.await("everyone is online", func() bool { return p.isOnline() })
}

func (p *person) isOnline() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.online
}

// await waits until a condition holds.
func (s *stage) await(what string, holds func() bool) {
	s.t.Helper()
	await.Within(s.t, time.Minute, what, holds)
}

// finish waits until everybody has everything, and checks the history.
func (s *stage) finish() *history.History {
	s.t.Helper()
	if err := s.converge(s.ctx); err != nil {
		s.t.Errorf("not everyone had everything in the end: %v", err)
	}
	s.signalAll(s.ctx)
	s.room.complete(s.ctx)
	log, err := s.room.log(s.ctx, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	events, err := s.room.events(s.ctx, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.all.end()
	h := s.room.recorder.History(log, events)
	v := history.Check(h)
	s.t.Log(v)
	if !v.Holds() {
		s.t.Error("the history is not as it should be")
	}
	for _, fault := range s.faults {
		s.t.Error(fault)
	}
	return h
}

// TestPausedNode stops a node for longer than its leases. The connections that stayed with it end once, and those that
// moved in time don't. When it wakes up, it refuses the late writes of connections that have ended, and numbers those
// of live connections after everything that came before.
func TestPausedNode(t *testing.T) {
	t.Parallel()
	s := newStage(t, 4, "CHATTOK_GRACE=2s") // leases of 5 s
	ann, bob, carl, eve := s.room.people[0], s.room.people[1], s.room.people[2], s.room.people[3]
	ann.patience = time.Minute // she waits for her node, however long it is silent
	s.settle(eve, 2)
	s.settle(carl, 1)
	s.settle(bob, 0)
	left := make(chan error, 1)
	s.all.all.Go(func() { left <- ann.visit(s.ctx, 0) })
	s.await("ann is online", ann.isOnline)
	annsFirst, bobs := ann.member(), bob.member()

	paused := s.cluster.Nodes[0]
	if err := paused.Pause(); err != nil {
		t.Fatal(err)
	}
	woken := time.Now().Add(pauseTime)
	bob.home = 1 // he moves when his socket has been silent for too long
	// The node gets these requests now, and answers them when it wakes up.
	type late struct {
		entry entry
		err   error
	}
	write := func(p *person, m member, body string) <-chan late {
		recorded := s.room.recorder.Add(m.id, body)
		answer := make(chan late, 1)
		s.all.all.Go(func() {
			var data struct{ AddChatEntry entry }
			var err error
			for { // the first try may be refused, since it took so long
				err = askFor(s.ctx, time.Minute, &http.Client{}, s.nodes[0], m.token, addOperation, map[string]any{"c": m.id, "b": body, "k": body}, &data)
				if e, ok := errors.AsType[*problem](err); !ok || e.Extensions.Code != "UNAVAILABLE" {
					break
				}
			}
			if err == nil {
				recorded.Answered(data.AddChatEntry.recorded())
			}
			answer <- late{data.AddChatEntry, err}
		})
		return answer
	}
	annsLate, bobsLate := write(ann, annsFirst, "ann's, late"), write(bob, bobs, "bob's, late")
	for _, body := range []string{"one", "two", "three"} {
		carl.add(s.ctx, carl.member(), body)
	}
	gone := func() bool { return !eve.watching.There()[annsFirst.id] }
	s.await("ann has ended", gone)
	if !eve.watching.There()[bobs.id] {
		t.Error("bob, who moved in time, has ended with the node he left")
	}
	carl.add(s.ctx, carl.member(), "four")
	pause(s.ctx, time.Until(woken))
	if err := paused.Resume(); err != nil {
		t.Fatal(err)
	}

	if l := <-annsLate; !destroyed(l.err) {
		t.Errorf("the late write of who has ended: %+v, %v", l.entry, l.err)
	}
	if l := <-bobsLate; l.err != nil || l.entry.Seq != 5 {
		t.Errorf("the late write of who has not: %+v, %v; want number 5", l.entry, l.err)
	}
	if err := <-left; !errors.Is(err, errDestroyed) {
		t.Errorf("ann's socket ended with %v, want that her connection has ended", err)
	}
	ann.forget(annsFirst)
	s.settle(ann, 0)
	h := s.finish()
	if slices.ContainsFunc(h.Log, func(e history.Entry) bool { return e.Body == "ann's, late" }) {
		t.Error("the log has the late write of who had ended")
	}
	for _, w := range h.Watchers[2:] { // carl's and eve's nodes were never away
		var ends []history.Change
		for _, c := range w.Changes {
			if c.Kind == history.Destroyed {
				c.At = 0
				ends = append(ends, c)
			}
		}
		if len(ends) != 1 || ends[0].Connection != annsFirst.id || ends[0].Reason != "networkDisconnected" {
			t.Errorf("%s was told of the ends %+v, want ann's once", w.Name, ends)
		}
	}
}

// checkInterval is the longest time between two comparisons of a node's sessions with the database, where a tick takes
// a second. A node that knows that it is cut off, and has few sessions, compares them at every tick.
const checkInterval = 5 * time.Second

// TestBusOff stops NATS for a while under load: every entry arrives on every node, once and at most the check's
// interval late, and signals between nodes fail and don't vanish.
func TestBusOff(t *testing.T) {
	t.Parallel()
	off := 15 * time.Second
	if s := os.Getenv("CHATTOK_BUS_OFF"); s != "" {
		var err error
		if off, err = time.ParseDuration(s); err != nil {
			t.Fatal("CHATTOK_BUS_OFF: ", err)
		}
	}
	s := newStage(t, 6)
	for i, p := range s.room.people {
		s.settle(p, i%len(s.nodes))
	}
	s.room.reader = newReader(s.room.people[1])
	s.all.all.Go(func() { s.room.reader.follow(s.ctx) })
	working, workers := newCrowd(s.ctx)
	defer workers.end()
	for _, p := range s.room.people {
		if p.home == 2 {
			continue // a node that writes finds by itself what it lacks; this one does not write
		}
		workers.all.Go(func() { p.post(s.ctx, working) })
	}
	pause(s.ctx, 2*time.Second)
	if err := s.cluster.NATS.Kill(); err != nil {
		t.Fatal(err)
	}
	back := time.Now().Add(off)
	for _, n := range s.cluster.Nodes {
		s.await("the node says that it is degraded", func() bool { return n.Degraded(s.ctx) })
	}
	for _, p := range s.room.people {
		err := p.send(s.ctx, p.node(), p.member(), "", false)
		if e, ok := errors.AsType[*problem](err); !ok || e.Extensions.Code != "UNAVAILABLE" {
			t.Errorf("a signal without a bus: %v, want UNAVAILABLE", err)
		}
	}
	pause(s.ctx, time.Until(back))
	if err := s.cluster.BeginNATS(s.ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.heal(s.ctx); err != nil {
		t.Fatal(err)
	}
	pause(s.ctx, 2*time.Second)
	workers.end()
	h := s.finish()
	v := history.Check(h)
	if v.Unanswered != 0 || v.Answered < 100 {
		t.Errorf("%d adds were answered, %d not", v.Answered, v.Unanswered)
	}
	late := history.Lateness(h)
	t.Logf("the bus was off for %v; %d entries came at most %v late", off, v.Entries, late)
	// A busy machine may take its time for a check, and for the entries that it finds.
	if late > checkInterval+5*time.Second {
		t.Errorf("an entry came %v late", late)
	}
	// Hundreds of entries are found by a check a second: some of them come soon after a check, and wait for the next
	// one.
	if late < 500*time.Millisecond {
		t.Errorf("nothing was more than %v late: the bus can't have been off", late)
	}
}

// crowdSize is how many guests have sockets to a node that is restarted.
const crowdSize = 200

// TestRollingRestart restarts the three nodes one after another while people use them: every add is answered, nothing
// is lost, and a node's sockets are closed with 1012, spread over time.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	c := startCluster(t, cluster.Config{NATS: natstest.Binary(t), Env: environment})
	closed := make(chan time.Time, crowdSize)
	_, guests := newCrowd(t.Context())
	defer guests.all.Wait()
	for range crowdSize {
		guest, err := dial(t.Context(), c.Nodes[0].URL(), "")
		if err != nil {
			t.Fatal(err)
		}
		guest.patience = time.Minute
		guests.all.Go(func() {
			defer guest.close()
			if m, err := guest.next(t.Context()); wsclient.CloseCode(err) != 1012 {
				t.Errorf("a guest's socket ended with %+v, %v; want a close with 1012", m, err)
			}
			closed <- time.Now()
		})
	}
	var schedule []Event
	for i := range c.Nodes {
		schedule = append(schedule, Event{Kind: TerminateNode, Node: i, At: time.Duration(2+7*i) * time.Second})
	}
	report, err := Run(t.Context(), Config{Cluster: c, Rooms: 2, Stubborn: true, Schedule: schedule, Log: t.Logf})
	judge(t, c, always, report, err)
	if err != nil {
		t.FailNow()
	}
	for id, v := range report.Verdicts {
		if v.Unanswered != 0 {
			t.Errorf("%s: %d adds were not answered", id, v.Unanswered)
		}
	}
	guests.all.Wait()
	close(closed)
	windows := map[int64]int{} // of 100 ms each
	for at := range closed {
		windows[at.UnixMilli()/100]++
	}
	if len(windows) < 4 {
		t.Errorf("%d sockets were closed in %d tenths of a second", crowdSize, len(windows))
	}
}
