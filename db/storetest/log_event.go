package storetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"chattok/session"
)

// logEvents reads the events of a query page by page.
func (s *suite) logEvents(q session.LogQuery) (events []*session.LogEvent, through int64) {
	s.Helper()
	for {
		run, err := s.store.LogEvents(s.ctx(), q)
		s.ok(err)
		equal(s, "after", run.After, q.After)
		for _, e := range run.Events {
			if e.Place <= q.After || q.Before > 0 && e.Place >= q.Before || e.Place > run.Through {
				s.Fatalf("%+v: the event at %d is not of the run to %d", q, e.Place, run.Through)
			}
			q.After = e.Place
			events = append(events, e)
		}
		if len(run.Events) < q.Limit {
			return events, run.Through
		}
		equal(s, "through", run.Through, q.After)
	}
}

// testLogEvents reads a small log at every place.
func (s *suite) testLogEvents() {
	s.connect("a", "a1")
	add := func() *session.ChatEntry {
		return s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "x"})
	}
	add()                                   // 1
	add()                                   // 2
	s.change(edit(1, by("a1"), "y"))        // 3, superseded
	s.change(edit(1, by("a1"), "z"))        // 4
	add()                                   // 5
	s.change(react(3, by("a1"), "a", true)) // 6
	s.change(remove(2, by("a1")))           // 7
	seqAt := []int64{0, 1, 2, 2, 2, 3, 3, 3, 3, 3}
	places := []int64{1, 2, 4, 5, 6, 7}
	want := map[int64]*session.LogEvent{}
	all := s.all("a")
	for i, e := range []session.LogEvent{
		{Entry: all[0]}, {Entry: all[1]}, {Change: session.EntryEdited, Entry: all[0]}, {Entry: all[2]},
		{Change: session.EntryReacted, Entry: all[2]}, {Change: session.EntryDeleted, Entry: all[1]},
	} {
		e.Place = places[i]
		want[e.Place] = &e
	}
	for after := int64(0); after <= 9; after++ {
		at, err := s.store.SeqAt(s.ctx(), "a", after)
		s.ok(err)
		equal(s, fmt.Sprint("entries up to ", after), at, seqAt[after])
		for before := int64(0); before <= 9; before++ {
			for limit := 1; limit <= 7; limit++ {
				q := session.LogQuery{SessionID: "a", Epoch: 7, After: after, Before: before, Limit: limit}
				got, through := s.logEvents(q)
				var events []*session.LogEvent
				for _, place := range places {
					if place > after && (before == 0 || place < before) {
						events = append(events, want[place])
					}
				}
				equal(s, fmt.Sprintf("%+v", q), got, events)
				end := int64(7)
				if before > 0 {
					end = min(end, before-1)
				}
				equal(s, "through", through, max(end, after))
			}
		}
	}
	for _, place := range []int64{math.MaxInt64, math.MinInt64, -1} {
		at, err := s.store.SeqAt(s.ctx(), "a", place)
		s.ok(err)
		equal(s, fmt.Sprint("entries up to ", place), at, max(0, min(place, 3)))
		at, err = s.store.SeqAt(s.ctx(), "nope", place)
		s.ok(err)
		equal(s, "of an unknown session", at, 0)
	}
	run, err := s.store.LogEvents(s.ctx(), session.LogQuery{SessionID: "nul\x00", Limit: 5})
	s.ok(err)
	equal(s, "of no session", run, session.LogRun{})
}

// randomLog is a session's log, in plain Go.
type randomLog struct {
	random  *rand.Rand
	entries []*session.ChatEntry  // by seq
	kinds   []session.EntryChange // of the newest change, by seq
	added   []int64               // by place: entries up to it
	removed int                   // entries, from the front
}

// testLogEventsAtRandom makes 5,000 random additions and changes, in groups. Readers from the beginning, from places in the middle
// and from a page end in the state that is stored, and SeqAt is right at every place.
func (s *suite) testLogEventsAtRandom() {
	const total = 5000
	log := &randomLog{random: rand.New(rand.NewPCG(13, 7)), added: []int64{0}}
	s.connect("a", "a0", "a1", "a2", "a3")
	s.connect("b", "b1")
	var page map[int64]*session.ChatEntry // of the middle
	var middle int64
	for done := 0; done < total; {
		size := 1 + log.random.IntN(30)
		done += size
		s.clock.Advance(time.Second) // no reaction has to wait
		if log.random.IntN(3) == 0 || len(log.entries) == 0 {
			s.addAtRandom(log, size)
		} else {
			s.changeAtRandom(log, size)
		}
		if page == nil && done > total/2 {
			middle = int64(len(log.added) - 1)
			page = byNumber(s.all("a"))
		}
		if log.random.IntN(20) == 0 {
			s.add(session.NewEntry{SessionID: "b", ConnectionID: "b1", Body: "noise"})
		}
	}
	stored := byNumber(s.all("a"))
	for i, e := range log.entries {
		if !reflect.DeepEqual(stored[int64(i+1)], e) {
			s.Fatalf("entry %d:\n got %s\nwant %s", i+1, show(stored[int64(i+1)]), show(e))
		}
	}
	end := int64(len(log.added) - 1)
	equal(s, "last place", s.lastPlace("a"), end)
	for place, want := range log.added {
		at, err := s.store.SeqAt(s.ctx(), "a", int64(place))
		s.ok(err)
		equal(s, fmt.Sprint("entries up to ", place), at, want)
	}
	for _, after := range []int64{0, middle, log.random.Int64N(end), end - 1, end} {
		state := make(map[int64]*session.ChatEntry)
		if after == middle {
			state = page
		}
		events, through := s.logEvents(session.LogQuery{SessionID: "a", Epoch: 7, After: after, Limit: 1 + log.random.IntN(300)})
		equal(s, "through", through, end)
		equal(s, "events", s.follow(log, state, events), log.eventsAfter(after))
		if after == 0 || after == middle {
			equal(s, "final state", reflect.DeepEqual(state, stored), true)
		}
	}
}

// follow applies events to a reader's state, and returns their number.
func (s *suite) follow(log *randomLog, state map[int64]*session.ChatEntry, events []*session.LogEvent) int {
	s.Helper()
	for _, e := range events {
		if e.Added() && e.Place != e.Entry.Place || !e.Added() && (e.Place != e.Entry.Changed || e.Change != log.kinds[e.Entry.Seq-1]) {
			s.Fatalf("event at %d, %q, of %s", e.Place, e.Change, show(e.Entry))
		}
		if old := state[e.Entry.Seq]; old != nil && old.Version > e.Entry.Version {
			s.Fatalf("entry %d goes back from version %d to %d", e.Entry.Seq, old.Version, e.Entry.Version)
		}
		state[e.Entry.Seq] = e.Entry
	}
	return len(events)
}

// eventsAfter counts the events after a place that no later one has superseded.
func (l *randomLog) eventsAfter(after int64) (n int) {
	for _, e := range l.entries {
		if e.Place > after {
			n++
		}
		if e.Changed > after {
			n++
		}
	}
	return n
}

func byNumber(entries []*session.ChatEntry) map[int64]*session.ChatEntry {
	found := make(map[int64]*session.ChatEntry, len(entries))
	for _, e := range entries {
		found[e.Seq] = e
	}
	return found
}

func (s *suite) addAtRandom(log *randomLog, size int) {
	s.Helper()
	group := make([]session.NewEntry, size)
	for i := range group {
		group[i] = session.NewEntry{SessionID: "a", ConnectionID: fmt.Sprint("a", log.random.IntN(4)), Body: fmt.Sprint("body ", log.random.Int())}
		if n := len(log.entries) - log.removed; n > 0 && log.random.IntN(3) == 0 {
			group[i].ReplyTo = int64(log.removed + 1 + log.random.IntN(n+i))
		}
	}
	for _, r := range s.store.AppendEntries(s.ctx(), group) {
		s.ok(r.Err)
		equal(s, "place", r.Entry.Place, int64(len(log.added)))
		log.entries, log.kinds = append(log.entries, r.Entry), append(log.kinds, "")
		log.added = append(log.added, r.Entry.Seq)
	}
}

func (s *suite) changeAtRandom(log *randomLog, size int) {
	s.Helper()
	group := make([]session.NewChange, size)
	for i := range group {
		entry := log.entries[log.removed+log.random.IntN(len(log.entries)-log.removed)]
		switch n := log.random.IntN(10); {
		case n < 4:
			group[i] = edit(entry.Seq, by(entry.ConnectionID), fmt.Sprint("edited ", log.random.Int()))
		case n < 5:
			group[i] = remove(entry.Seq, by(entry.ConnectionID))
		default:
			group[i] = react(entry.Seq, by(fmt.Sprint("a", log.random.IntN(4))), fmt.Sprint(log.random.IntN(3)), log.random.IntN(3) > 0)
		}
	}
	for i, r := range s.store.ChangeEntries(s.ctx(), group) {
		seq := group[i].Seq
		if r.Err != nil {
			s.fails("change", r.Err, session.CodeForbidden, session.ReasonEntryDeleted)
			if before := log.entries[seq-1]; !before.Deleted() && r.Entry != nil {
				s.Fatalf("change of %s: %v", show(before), r.Err)
			}
			continue
		}
		if r.Event == nil {
			continue
		}
		equal(s, "place", r.Event.Place, int64(len(log.added)))
		equal(s, "superseded", r.Event.Superseded, log.entries[seq-1].Changed)
		log.added = append(log.added, int64(len(log.entries)))
		log.entries[seq-1], log.kinds[seq-1] = r.Entry, r.Event.Change
	}
}

// testLogEventsWhileChanging follows a log while it changes: nothing is missed.
func (s *suite) testLogEventsWhileChanging() {
	const rounds = 60
	s.connect("a", "a1")
	var writing sync.WaitGroup
	done := make(chan struct{})
	writing.Go(func() {
		defer close(done)
		for n := range rounds {
			add := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: "x"}})
			if add[0].Err != nil {
				s.Errorf("add: %v", add[0].Err)
				return
			}
			for seq := range int64(3) {
				if r := s.store.ChangeEntries(s.ctx(), []session.NewChange{edit(1+seq*seq%int64(n+1), by("a1"), fmt.Sprint(n, seq))})[0]; r.Err != nil {
					s.Errorf("edit: %v", r.Err)
					return
				}
			}
		}
	})
	state := make(map[int64]*session.ChatEntry)
	var at int64
	for writes := true; writes; {
		select {
		case <-done:
			writes = false // and one more look
		default:
		}
		events, through := s.logEvents(session.LogQuery{SessionID: "a", Epoch: 7, After: at, Limit: 7})
		for _, e := range events {
			if old := state[e.Entry.Seq]; old == nil || e.Entry.Version > old.Version {
				state[e.Entry.Seq] = e.Entry
			}
		}
		at = through
	}
	writing.Wait()
	equal(s, "final state", state, byNumber(s.all("a")))
	equal(s, "place", at, s.lastPlace("a"))
}

// testLogEventsOfOneState reads the whole log while an entry changes all the time: every run has the newest change of the entry as
// it was at the run's end. A feed that took in a run without it would show the entry as it was before changes that were answered.
func (s *suite) testLogEventsOfOneState() {
	s.connect("a", "a1")
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "x"})
	s.change(edit(1, by("a1"), "first"))
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		defer close(done)
		for n := range 200 {
			if r := s.store.ChangeEntries(s.ctx(), []session.NewChange{edit(1, by("a1"), fmt.Sprint(n))})[0]; r.Err != nil {
				s.Errorf("edit: %v", r.Err)
				return
			}
		}
	})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for reading := true; reading; {
				select {
				case <-done:
					reading = false
				default:
				}
				run, err := s.store.LogEvents(s.ctx(), session.LogQuery{SessionID: "a", Epoch: 7, Limit: 10})
				if err != nil {
					s.Errorf("log events: %v", err)
					return
				}
				if n := len(run.Events); n != 2 || run.Events[1].Place != run.Through || run.Events[0].Entry.Changed != run.Through {
					s.Errorf("a run to %d has %d events, and the entry as it was changed at %d", run.Through, n, run.Events[0].Entry.Changed)
					return
				}
			}
		})
	}
	writing.Wait()
	readers.Wait()
}

// testChangeConcurrently changes and adds on many goroutines: no place is given twice, and none is left out.
func (s *suite) testChangeConcurrently() {
	const workers, each = 8, 20
	s.connect("a", "a1")
	s.connect("b", "b1")
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "x"})
	var all sync.WaitGroup
	places := make([][]int64, workers)
	for w := range workers {
		all.Go(func() {
			for n := range each {
				if n%2 == w%2 {
					r := s.store.AppendEntries(s.ctx(), []session.NewEntry{
						{SessionID: "a", ConnectionID: "a1", Body: "x"}, {SessionID: "b", ConnectionID: "b1", Body: "x"}})
					if r[0].Err != nil || r[1].Err != nil {
						s.Errorf("add: %v, %v", r[0].Err, r[1].Err)
						return
					}
					places[w] = append(places[w], r[0].Entry.Place)
					continue
				}
				other := edit(1, by("b1"), fmt.Sprint(w, n))
				other.SessionID = "b"
				r := s.store.ChangeEntries(s.ctx(), []session.NewChange{other, edit(1, by("a1"), fmt.Sprint(w, n))})
				if r[1].Err != nil {
					s.Errorf("edit: %v", r[1].Err)
					return
				}
				places[w] = append(places[w], r[1].Event.Place)
			}
		})
	}
	all.Wait()
	seen := map[int64]bool{1: true}
	for _, some := range places {
		for _, place := range some {
			if seen[place] {
				s.Fatalf("place %d was given twice", place)
			}
			seen[place] = true
		}
	}
	equal(s, "last place", s.lastPlace("a"), int64(len(seen)))
	equal(s, "places", len(seen), 1+workers*each)
	equal(s, "version", s.all("a")[0].Version, int64(1+workers*each/2))
}
