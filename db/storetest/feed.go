package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"chattok/session"
)

// sequence gives places in the feed as node "n", which must succeed, until nothing is left to do.
func (s *suite) sequence(ids ...string) (end int64) {
	s.Helper()
	held, err := s.store.HoldLease(s.ctx(), session.FeedLease, "n", lease)
	s.ok(err)
	equal(s, "the lease is held", held, true)
	for first := true; first || len(ids) > 0; first = false {
		end, ids, err = s.store.SequenceFeed(s.ctx(), "n", ids)
		s.ok(err)
	}
	return end
}

// compare gives places to everything that a comparison finds, a few sessions at a time, and returns the ids that it found.
func (s *suite) compare() (found []string) {
	s.Helper()
	for after := ""; ; {
		ids, next, err := s.store.FeedBehind(s.ctx(), after, 2)
		s.ok(err)
		s.sequence(ids...)
		found = append(found, ids...)
		if next == "" {
			slices.Sort(found)
			return found
		}
		after = next
	}
}

// told names an event: its place, its session, and its number there.
func told(e *session.FeedEvent) string {
	at := fmt.Sprintf("%d %s ", e.Place, e.SessionID)
	switch e.Kind {
	case session.FeedLog:
		change := string(e.Log.Change)
		if e.Log.Added() {
			change = "ADDED"
		}
		return at + fmt.Sprintf("%s %d v%d at %d", change, e.Log.Entry.Seq, e.Log.Entry.Version, e.Log.Place)
	case session.FeedLogTruncated:
		return at + fmt.Sprint("truncated at ", e.Log.Place)
	case session.FeedRoster:
		kind := strings.TrimPrefix(fmt.Sprintf("%T", e.Change()), "*session.")
		return at + fmt.Sprintf("%s r%d", kind, e.Roster.Revision)
	case session.FeedSessionCreated:
		return at + "created"
	case session.FeedSessionDeleted:
		return at + "deleted"
	}
	return at + fmt.Sprint(e.Kind)
}

// feedEvents returns the events between two places, and checks their order.
func (s *suite) feedEvents(after, before int64) (events []string, through int64) {
	s.Helper()
	run, err := s.store.FeedEvents(s.ctx(), after, before)
	s.ok(err)
	equal(s, "after", run.After, after)
	last := after
	for _, e := range run.Events {
		if e.Place <= last || e.Place > run.Through || before > 0 && e.Place >= before {
			s.Fatalf("between %d and %d, through %d: %s after %d", after, before, run.Through, told(e), last)
		}
		if e.Log != nil && e.Log.Entry.Epoch != e.Epoch || e.At.IsZero() {
			s.Fatalf("%s has epoch %d, and its entry %d; it came at %v", told(e), e.Epoch, e.Log.Entry.Epoch, e.At)
		}
		last = e.Place
		events = append(events, told(e))
	}
	return events, run.Through
}

// wholeFeed returns all events.
func (s *suite) wholeFeed() (events []string) {
	s.Helper()
	for after := int64(0); ; {
		some, through := s.feedEvents(after, 0)
		if through == after {
			return events
		}
		events, after = append(events, some...), through
	}
}

func (s *suite) feedEnd() session.FeedEnd {
	s.Helper()
	end, err := s.store.FeedEnd(s.ctx())
	s.ok(err)
	return end
}

// testNamedLease: one node at a time holds a lease.
func (s *suite) testNamedLease() {
	hold := func(name, node string, length time.Duration, want bool) {
		s.Helper()
		held, err := s.store.HoldLease(s.ctx(), name, node, length)
		s.ok(err)
		equal(s, name+" is held by "+node, held, want)
	}
	hold("x", "a", lease, true)
	hold("x", "b", lease, false)
	hold("y", "b", lease, true)
	s.clock.Advance(lease - bit)
	hold("x", "b", lease, false)
	hold("x", "a", lease, true) // renewed
	s.clock.Advance(lease - bit)
	hold("x", "b", lease, false)
	s.clock.Advance(bit)
	hold("x", "b", lease, true) // a's has run out
	hold("x", "a", lease, false)
	hold("x", "a", 0, false) // which gives up nothing
	hold("x", "c", lease, false)
	hold("x", "b", 0, false)
	hold("x", "c", lease, true)
}

// testSequenceNeedsLease: a node without the lease changes nothing.
func (s *suite) testSequenceNeedsLease() {
	s.connect("a", "a1")
	refused := func(node string) {
		s.Helper()
		_, _, err := s.store.SequenceFeed(s.ctx(), node, []string{"a"})
		if session.CodeOf(err) != session.CodeUnavailable {
			s.Fatalf("%s may give places: %v", node, err)
		}
		equal(s, "end", s.feedEnd().Place, int64(0))
	}
	refused("n")
	_, err := s.store.HoldLease(s.ctx(), session.FeedLease, "m", lease)
	s.ok(err)
	refused("n")
	s.clock.Advance(lease)
	refused("m")
	s.sequence("a")
	equal(s, "end", s.feedEnd().Place, int64(2))
}

// testFeed: each session's events come once and in their order, whatever is read of them at a time.
func (s *suite) testFeed() {
	made := s.connect("a", "a1", "a2")
	s.connect("b", "b1")
	equal(s, "before", s.wholeFeed(), nil)
	s.sequence("a", "unknown", "\x00")
	s.add(session.NewEntry{SessionID: "b", ConnectionID: "b1", Body: "x"})
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "x"})
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "y"})
	s.change(edit(1, by("a1"), "z")) // superseded below
	s.sequence("a", "b")
	s.sequence("a", "b")
	s.publish("stream", made[1])
	s.change(edit(1, by("a1"), "zz"))
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "3"})
	s.change(remove(2, by("a1")))
	_, err := s.store.DestroyConnection(s.ctx(), "a1", "", session.ClientDisconnected)
	s.ok(err)
	s.sequence("b", "a")
	want := []string{
		"1 a created", "2 a ConnectionCreated r1", "3 a ConnectionCreated r2",
		"4 a ADDED 1 v3 at 1", "5 a ADDED 2 v2 at 2",
		"7 b created", "8 b ConnectionCreated r1", "9 b ADDED 1 v1 at 1",
		"10 a StreamCreated r3", "11 a ConnectionDestroyed r4",
		"12 a EDITED 1 v3 at 4", "13 a ADDED 3 v1 at 5", "14 a DELETED 2 v2 at 6",
	}
	equal(s, "the feed", s.wholeFeed(), want)
	end := s.feedEnd()
	lobby, err := s.store.Session(s.ctx(), session.Lobby)
	s.ok(err)
	equal(s, "end", end, session.FeedEnd{Epoch: lobby.Epoch, Place: 14})
	at := func(event string) (place int64) {
		if _, err := fmt.Sscan(event, &place); err != nil {
			s.Fatal(err)
		}
		return place
	}
	for after := int64(0); after <= 15; after++ {
		for before := after + 1; before <= 17; before++ {
			var some []string
			for _, event := range want {
				if place := at(event); place > after && place < before {
					some = append(some, event)
				}
			}
			got, through := s.feedEvents(after, before)
			equal(s, fmt.Sprintf("between %d and %d", after, before), got, some)
			equal(s, "through", through, max(after, min(14, before-1)))
		}
	}
	equal(s, "behind", s.compare(), []string{session.Lobby})
	equal(s, "then", s.compare(), nil)
	run, err := s.store.FeedEvents(s.ctx(), 0, 0)
	s.ok(err)
	ids := make(map[string]bool)
	for _, e := range run.Events {
		ids[e.SessionID+e.ID()] = true // the sessions of this suite have the same epoch
	}
	equal(s, "different ids", len(ids), len(run.Events))
}

// testFeedAtRandom: many sessions that change at random, with places given at random times.
func (s *suite) testFeedAtRandom() {
	r := rand.New(rand.NewPCG(3, 9))
	ids := []string{"a", "b", "c", "d", "e"}
	for _, id := range ids {
		s.connect(id, id+"1")
	}
	for n := range 300 {
		id := ids[r.IntN(len(ids))]
		me := by(id + "1")
		switch last := s.lastSeqs(id).Seq; {
		case r.IntN(3) > 0 || last == 0:
			s.add(session.NewEntry{SessionID: id, ConnectionID: id + "1", Body: fmt.Sprint(n)})
		case r.IntN(2) == 0:
			c := edit(1+r.Int64N(last), me, fmt.Sprint("edit ", n))
			c.SessionID = id
			s.store.ChangeEntries(s.ctx(), []session.NewChange{c}) // refused where it is deleted
		default:
			c := remove(1+r.Int64N(last), me)
			c.SessionID = id
			s.store.ChangeEntries(s.ctx(), []session.NewChange{c})
		}
		if r.IntN(10) == 0 {
			s.connect(id, fmt.Sprint(id, "-", n))
		}
		if r.IntN(4) == 0 {
			s.sequence(ids[:r.IntN(len(ids)+1)]...)
		}
	}
	s.compare()
	got := make(map[string][]string)
	for after := int64(0); ; {
		before := int64(0)
		if r.IntN(2) == 0 {
			before = after + 2 + r.Int64N(150)
		}
		run, err := s.store.FeedEvents(s.ctx(), after, before)
		s.ok(err)
		if run.Through == after {
			break
		}
		after = run.Through
		for _, e := range run.Events {
			if e.Log != nil {
				got[e.SessionID] = append(got[e.SessionID], fmt.Sprint(e.Log.Place, e.Log.Change, *e.Log.Entry))
			}
		}
	}
	for _, id := range ids {
		var want []string
		run, err := s.store.LogEvents(s.ctx(), session.LogQuery{SessionID: id, Epoch: 7, Limit: many})
		s.ok(err)
		for _, e := range run.Events {
			want = append(want, fmt.Sprint(e.Place, e.Change, *e.Entry))
		}
		equal(s, "the log of "+id, got[id], want)
	}
}

// testFeedLongLog: the log of a session from before is one row of the feed, of which parts are read.
func (s *suite) testFeedLongLog() {
	s.connect("a", "a1")
	entries := make([]session.NewEntry, 2500)
	for i := range entries {
		entries[i] = session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: fmt.Sprint(i)}
	}
	for _, r := range s.store.AppendEntries(s.ctx(), entries) {
		s.ok(r.Err)
	}
	s.sequence("a")
	all := s.wholeFeed()
	equal(s, "events", len(all), 2502)
	for i, event := range all[2:] {
		equal(s, "event", event, fmt.Sprintf("%d a ADDED %d v1 at %d", i+3, i+1, i+1))
	}
	some, through := s.feedEvents(1000, 1129)
	equal(s, "a chunk", some, all[1000:1128])
	equal(s, "through", through, int64(1128))
}

// testFeedOfGoneSession: a session that was removed leaves one event, and a later one with its id begins anew.
func (s *suite) testFeedOfGoneSession() {
	s.connect("a", "a1")
	s.connect("b", "b1")
	s.sequence("a", "b")
	s.add(session.NewEntry{SessionID: "b", ConnectionID: "b1", Body: "x"})
	s.clock.Advance(idle + bit)
	s.sweeps("a1", "b1")
	s.sequence("a", "b")
	s.clock.Advance(idle + bit)
	s.sweeps() // removes a
	equal(s, "behind", s.compare(), []string{"a", session.Lobby})
	want := []string{"3 b created", "6 b ConnectionDestroyed r2", "7 b ADDED 1 v1 at 1", "8 lobby created", "9 a deleted"} // and one that was purged
	equal(s, "the feed", s.wholeFeed(), want)
	made := session.NewConnection{ID: "a2", SessionID: "a", Role: session.RolePublisher, MakeSession: true, NewEpoch: 8, TokenPresented: true}
	s.ok(s.store.CreateConnections(s.ctx(), []session.NewConnection{made}, idle)[0].Err)
	s.sequence("a")
	equal(s, "then", s.wholeFeed(), append(want, "10 a created", "11 a ConnectionCreated r1"))

	// Removed and made again between two looks.
	s.clock.Advance(idle + bit)
	s.sweeps("a2")
	s.clock.Advance(idle + bit)
	s.sweeps()
	made.ID, made.NewEpoch = "a3", 9
	s.ok(s.store.CreateConnections(s.ctx(), []session.NewConnection{made}, idle)[0].Err)
	want = []string{"3 b created", "7 b ADDED 1 v1 at 1", "8 lobby created"}
	equal(s, "before the feed has it", s.wholeFeed(), want)
	equal(s, "behind", s.compare(), []string{"a"})
	equal(s, "at last", s.wholeFeed(), append(want, "12 a deleted", "13 a created", "14 a ConnectionCreated r1"))
	run, err := s.store.FeedEvents(s.ctx(), 11, 13)
	s.ok(err)
	equal(s, "the epoch of what was deleted", run.Events[0].Epoch, session.Epoch(8))
}

// testFeedPurged: roster changes and deletions are kept for a time; a reader can find out that some are gone.
func (s *suite) testFeedPurged() {
	made := s.connect("a", "a1", "a2")
	s.publish("stream", made[0])
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a2", Body: "x"})
	s.sequence("a")
	s.clock.Advance(session.FeedKept - bit)
	s.sweeps("a1", "a2") // the last revision
	s.sequence("a")
	old := []string{"1 a created", "2 a ConnectionCreated r1", "3 a ConnectionCreated r2", "4 a StreamCreated r3", "5 a ADDED 1 v1 at 1",
		"6 a ConnectionDestroyed r4", "7 a ConnectionDestroyed r5"}
	equal(s, "the feed", s.wholeFeed(), old)
	equal(s, "truncated", s.feedEnd().Truncated, int64(0))
	s.clock.Advance(bit)
	s.sweeps()
	equal(s, "when readers are told", s.feedEnd().Truncated, int64(4))
	s.clock.Advance(session.FeedPurgeAfter - session.FeedKept - time.Minute)
	s.sweeps()
	equal(s, "what a reader that was not told still has", s.wholeFeed(), old)
	s.clock.Advance(time.Minute)
	s.sweeps()
	equal(s, "then", s.wholeFeed(), []string{old[0], old[4], old[5], old[6]})
	equal(s, "truncated", s.feedEnd().Truncated, int64(4))
	s.clock.Advance(session.FeedKept)
	s.sweeps()
	equal(s, "at last", s.wholeFeed(), []string{old[0], old[4]})
	equal(s, "end", []int64{s.feedEnd().Place, s.feedEnd().Truncated}, []int64{7, 7})
	s.sequence("a")
	equal(s, "nothing comes again", s.feedEnd().Place, int64(7))
}

// testFeedFromBefore: of a session that was there long before the feed has it, changes may have been purged.
func (s *suite) testFeedFromBefore() {
	s.connect("a", "a1")
	s.clock.Advance(2 * time.Hour)
	s.connect("b", "b1")
	s.sequence("b")
	equal(s, "truncated", s.feedEnd().Truncated, int64(0))
	s.sequence("a")
	equal(s, "truncated", s.feedEnd(), session.FeedEnd{Epoch: s.feedEnd().Epoch, Place: 4, Truncated: 4})
}
