package storetest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"chattok/session"
)

// holdRetention makes node "n" the one that removes old entries.
func (s *suite) holdRetention() {
	s.Helper()
	held, err := s.store.HoldLease(s.ctx(), session.RetentionLease, "n", lease)
	s.ok(err)
	equal(s, "the lease is held", held, true)
}

// expire removes up to limit entries of a session that are older than general, and returns where the log begins then.
func (s *suite) expire(sessionID string, general time.Duration, limit, want int) session.LogFront {
	s.Helper()
	s.holdRetention()
	removed, left, err := s.store.RemoveExpired(s.ctx(), "n", []string{sessionID}, general, limit)
	s.ok(err)
	n := 0
	if len(removed) > 0 {
		n = removed[0].Entries
		equal(s, "removed of", removed[0].SessionID, sessionID)
	}
	equal(s, "removed", n, want)
	equal(s, "may have more", len(left) > 0, n == limit)
	front := s.lastSeqs(sessionID).Front
	if n > 0 {
		equal(s, "front", session.LogFront{Seq: removed[0].Front.Seq, Place: removed[0].Front.Place}, front)
	}
	return front
}

// due returns the sessions with entries that are older than general, looked for two at a time.
func (s *suite) due(general time.Duration) (ids []string) {
	s.Helper()
	for after := ""; ; {
		some, next, err := s.store.RetentionDue(s.ctx(), general, after, 2)
		s.ok(err)
		ids = append(ids, some...)
		if next == "" {
			slices.Sort(ids)
			return ids
		}
		after = next
	}
}

// testRetention removes entries from the front of a small log that has changes, and reads what is left at every place.
func (s *suite) testRetention() {
	s.connect("a", "a1")
	s.connectUser("a", "ann", "a2")
	s.connectUser("a", "bob", "a3")
	ann := "ann"
	old := func(body string) *session.ChatEntry {
		return s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: body, IdempotencyKey: "key " + body})
	}
	old("1")                                                                             // 1
	old("2")                                                                             // 2
	s.change(edit(1, by("a1"), "1, edited"))                                             // 3, superseded
	s.change(react(2, by("a1"), "+1", true))                                             // 4
	s.change(edit(1, by("a1"), "1, again"))                                              // 5
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a2", UserID: &ann, Body: "3"}) // 6, which ann has read
	s.clock.Advance(10 * bit)
	young := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "4", ReplyTo: 2}) // 7
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "5"})                      // 8
	s.change(remove(2, by("a1")))                                                               // 9: of an entry that goes
	s.change(edit(4, by("a1"), "4, edited"))                                                    // 10
	s.markRead(session.NewReadMark{SessionID: "a", UserID: "bob", Place: 2})
	equal(s, "not due yet", s.due(10*bit+bit), nil)
	equal(s, "due", s.due(10*bit), []string{"a"})
	equal(s, "kept for ever", s.due(0), nil)
	s.expire("a", 0, many, 0)
	s.expire("a", 10*bit+bit, many, 0)
	before := s.all("a")

	equal(s, "one", s.expire("a", 10*bit, 1, 1), session.LogFront{Seq: 1, Place: 1})
	s.wantLog("a", 1, 1, 10)
	equal(s, "the others", s.expire("a", 10*bit, 5, 2), session.LogFront{Seq: 3, Place: 6})
	equal(s, "then", s.expire("a", 10*bit, many, 0), session.LogFront{Seq: 3, Place: 6})
	equal(s, "not due any more", s.due(10*bit), nil)
	s.wantLog("a", 3, 6, 10)
	left := s.all("a")
	equal(s, "what is left", left, before[3:])
	equal(s, "entries", s.lastSeqs("a"), session.LastSeqs{Seq: 5, Place: 10, Revision: s.lastSeqs("a").Revision, Front: session.LogFront{Seq: 3, Place: 6}})
	sizes, err := s.store.SessionSizes(s.ctx(), []string{"a"})
	s.ok(err)
	bytes := int64(0)
	for _, e := range left {
		bytes += e.QuotaBytes()
	}
	equal(s, "sizes", sizes["a"], session.SessionSize{Entries: 2, Bytes: bytes})

	found, err := s.store.EntriesBySeq(s.ctx(), "a", 7, []int64{1, 2, 3, 4})
	s.ok(err)
	equal(s, "by number", found, map[int64]*session.ChatEntry{4: left[0]})
	equal(s, "what it answers", left[0].ReplyTo, young.ReplyTo)
	r := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: "x", ReplyTo: 3}})[0]
	s.fails("a reply to what is gone", r.Err, session.CodeNotFound, "")
	s.refuses("an edit of what is gone", edit(3, session.Actor{ConnectionID: "a2", UserID: &ann}, "x"), session.CodeNotFound, "")
	s.refuses("a reaction to what is gone", react(1, by("a1"), "+1", true), session.CodeNotFound, "")
	equal(s, "what ann has read", s.mark("ann"), session.ReadMark{Place: 6, Unread: 2})
	equal(s, "what bob has read", s.mark("bob"), session.ReadMark{Place: 6, Unread: 2}) // from where the log begins
	equal(s, "what nobody has read", s.mark("cat"), session.ReadMark{Unread: 2})
	again := old("1") // its key was forgotten with it
	equal(s, "posted anew", []int64{again.Seq, again.Place}, []int64{6, 11})
	s.wantLog("a", 3, 6, 11)

	s.clock.Advance(10 * bit)
	equal(s, "all", s.expire("a", bit, many, 3), session.LogFront{Seq: 6, Place: 11})
	s.wantLog("a", 6, 11, 11)
	equal(s, "nothing is left", len(s.all("a")), 0)
	next := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "7"})
	equal(s, "numbers go on", []int64{next.Seq, next.Place}, []int64{7, 12})
	s.change(edit(7, by("a1"), "7, edited"))
	s.wantLog("a", 6, 11, 13)
}

// wantLog reads a log, whose front is at a number and a place, at every place: what is read is as the entries say, and begins with a
// truncation for each reader that begins before the front.
func (s *suite) wantLog(sessionID string, seq, place, end int64) {
	s.Helper()
	equal(s, "last place", s.lastPlace(sessionID), end)
	want := []*session.LogEvent{session.NewTruncation(sessionID, 7, session.LogFront{Seq: seq, Place: place})}
	up := map[int64]int64{} // by place: the number up to it
	run, err := s.store.LogEvents(s.ctx(), session.LogQuery{SessionID: sessionID, Epoch: 7, After: place, Limit: many})
	s.ok(err)
	want = append(want, run.Events...)
	events := 0
	for _, e := range s.all(sessionID) {
		up[e.Place] = e.Seq
		events++
		if e.Changed > 0 {
			events++
		}
	}
	equal(s, "events after the front", len(run.Events), events)
	last := seq
	for after := int64(0); after <= end+1; after++ {
		if n, ok := up[after]; ok {
			last = n
		}
		at, err := s.store.SeqAt(s.ctx(), sessionID, after)
		s.ok(err)
		if after == 0 {
			equal(s, "entries up to nothing", at, 0)
		} else {
			equal(s, fmt.Sprint("entries up to ", after), at, last)
		}
		for before := int64(0); before <= end+2; before++ {
			for limit := 1; limit <= 5; limit++ {
				q := session.LogQuery{SessionID: sessionID, Epoch: 7, After: after, Before: before, Limit: limit}
				got, _ := s.logEvents(q)
				var some []*session.LogEvent
				for _, e := range want {
					if e.Place > after && (before == 0 || e.Place < before) {
						some = append(some, e)
					}
				}
				equal(s, fmt.Sprintf("%+v", q), got, some)
			}
		}
	}
}

// testRetentionAtRandom makes random additions and changes, and removes entries from the front now and then. The rest is as the
// additions and changes made it, at every place.
func (s *suite) testRetentionAtRandom() {
	log := &randomLog{random: rand.New(rand.NewPCG(23, 5)), added: []int64{0}}
	s.connect("a", "a0", "a1", "a2", "a3")
	front := session.LogFront{}
	for range 150 {
		s.clock.Advance(time.Minute) // no reaction has to wait
		switch n := log.random.IntN(8); {
		case n < 3 || len(log.entries) == log.removed:
			s.addAtRandom(log, 1+log.random.IntN(20))
		case n < 6:
			s.changeAtRandom(log, 1+log.random.IntN(20))
		default:
			limit := 1 + log.random.IntN(25)
			want := min(limit, len(log.entries)-log.removed)
			front = s.expire("a", time.Second, limit, want)
			log.removed += want
			equal(s, "front", front.Seq, int64(log.removed))
		}
	}
	if front.Seq < 200 || int64(len(log.entries))-front.Seq < 5 {
		s.Fatalf("%d of %d entries were removed", front.Seq, len(log.entries))
	}
	kept := log.entries[front.Seq:]
	equal(s, "what is left", reflect.DeepEqual(s.all("a"), kept), true)
	end := int64(len(log.added) - 1)
	for place := front.Place; place <= end; place++ {
		at, err := s.store.SeqAt(s.ctx(), "a", place)
		s.ok(err)
		equal(s, fmt.Sprint("entries up to ", place), at, log.added[place])
	}
	for _, after := range []int64{0, front.Place - 1, front.Place, front.Place + 1, (front.Place + end) / 2, end} {
		var want []string
		if after < front.Place {
			want = append(want, fmt.Sprint(front.Place, session.LogTruncated, front.Seq))
		}
		events := map[int64]string{}
		for i, e := range kept {
			events[e.Place] = fmt.Sprint(e.Place, "", e.Seq)
			if e.Changed > 0 {
				events[e.Changed] = fmt.Sprint(e.Changed, log.kinds[front.Seq+int64(i)], e.Seq)
			}
		}
		for place := after + 1; place <= end; place++ {
			if e, ok := events[place]; ok {
				want = append(want, e)
			}
		}
		got, through := s.logEvents(session.LogQuery{SessionID: "a", Epoch: 7, After: after, Limit: 1 + log.random.IntN(50)})
		equal(s, "through", through, end)
		var told []string
		for _, e := range got {
			told = append(told, fmt.Sprint(e.Place, e.Change, e.Entry.Seq))
		}
		equal(s, fmt.Sprint("events after ", after), told, want)
	}
	sizes, err := s.store.SessionSizes(s.ctx(), []string{"a"})
	s.ok(err)
	bytes := int64(0)
	for _, e := range kept {
		bytes += e.QuotaBytes() + e.ReactionBytes()
	}
	equal(s, "sizes", sizes["a"], session.SessionSize{Entries: int64(len(kept)), Bytes: bytes})
	s.wantNothingOf(log, front.Seq)
}

// wantNothingOf checks that no query finds an entry up to a number.
func (s *suite) wantNothingOf(log *randomLog, removed int64) {
	s.Helper()
	for id := range 4 {
		found, err := s.store.Entries(s.ctx(), session.EntryQuery{SessionID: "a", Epoch: 7, ConnectionID: fmt.Sprint("a", id), Limit: many})
		s.ok(err)
		want := 0
		for _, e := range log.entries[removed:] {
			if e.ConnectionID == fmt.Sprint("a", id) {
				want++
			}
		}
		equal(s, fmt.Sprint("entries of a", id), len(found), want)
	}
}

// testRetentionOnce: a session's own setting takes precedence, one node removes, and only one that holds the lease.
func (s *suite) testRetentionOnce() {
	set := func(id string, keep *time.Duration) {
		s.Helper()
		change, changed, err := s.store.UpdateSession(s.ctx(), id, session.SessionUpdate{SetRetention: true, Retention: keep})
		s.ok(err)
		equal(s, "changed", changed, true)
		equal(s, "retention", change.Session.Retention, keep)
		stored, err := s.store.Session(s.ctx(), id)
		s.ok(err)
		equal(s, "stored", stored.Retention, keep)
	}
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		s.connect(id, id+"1")
		if id != "e" {
			s.add(session.NewEntry{SessionID: id, ConnectionID: id + "1", Body: "x"})
		}
	}
	set("b", pointer(5*bit))
	set("c", pointer(0*bit))
	set("d", pointer(20*bit))
	s.clock.Advance(10 * bit)
	equal(s, "due", s.due(10*bit), []string{"a", "b"})
	equal(s, "due where the server keeps all", s.due(0), []string{"b"})
	set("b", nil)
	equal(s, "due where the server keeps all", s.due(0), nil)
	equal(s, "due", s.due(10*bit), []string{"a", "b"})
	_, changed, err := s.store.UpdateSession(s.ctx(), "b", session.SessionUpdate{SetRetention: true})
	s.ok(err)
	equal(s, "changed again", changed, false)

	_, _, err = s.store.RemoveExpired(s.ctx(), "n", []string{"a"}, bit, many)
	s.fails("without the lease", err, session.CodeUnavailable, "")
	_, err = s.store.HoldLease(s.ctx(), session.RetentionLease, "other", lease)
	s.ok(err)
	_, _, err = s.store.RemoveExpired(s.ctx(), "n", []string{"a"}, bit, many)
	s.fails("with another's lease", err, session.CodeUnavailable, "")
	_, err = s.store.HoldLease(s.ctx(), session.RetentionLease, "other", 0)
	s.ok(err)
	equal(s, "kept", len(s.all("a")), 1)
	for id, want := range map[string]int{"a": 1, "b": 1, "c": 0, "d": 0, "e": 0, "nope": 0, "nul\x00": 0} {
		s.expire(id, bit, many, want)
	}
	changes, err := s.store.RosterChanges(s.ctx(), "b", 1, many)
	s.ok(err)
	equal(s, "changes", []*time.Duration{changes[0].Session.Retention, changes[1].Session.Retention}, []*time.Duration{pointer(5 * bit), nil})
}

// testRetentionOfMany removes from several sessions in one transaction, one after the other, up to a limit.
func (s *suite) testRetentionOfMany() {
	ids := []string{"e", "nope", "d", "nul\x00", "c", "b", "a"} // in the order that the caller gives
	for i, id := range []string{"a", "b", "c", "d", "e"} {
		s.connect(id, id+"1")
		for range i + 1 {
			s.add(session.NewEntry{SessionID: id, ConnectionID: id + "1", Body: "x"})
		}
	}
	s.clock.Advance(10 * bit)
	s.add(session.NewEntry{SessionID: "c", ConnectionID: "c1", Body: "young"})
	s.holdRetention()
	remove := func(ids []string, limit int, wantLeft []string, want ...string) []string {
		s.Helper()
		removed, left, err := s.store.RemoveExpired(s.ctx(), "n", ids, 10*bit, limit)
		s.ok(err)
		var got []string
		for _, one := range removed {
			got = append(got, fmt.Sprint(one.SessionID, " ", one.Entries, " through ", one.Front.Seq))
			equal(s, "front of "+one.SessionID, one.Front, session.NewFront{Epoch: 7, Seq: one.Front.Seq, Place: one.Front.Seq})
			equal(s, "stored front of "+one.SessionID, s.lastSeqs(one.SessionID).Front, session.LogFront{Seq: one.Front.Seq, Place: one.Front.Seq})
		}
		equal(s, "removed", got, want)
		equal(s, "left", left, wantLeft)
		return left
	}
	left := remove(ids, 3, []string{"e", "d", "nul\x00", "c", "b", "a"}, "e 3 through 3")
	left = remove(left, 7, []string{"c", "b", "a"}, "e 2 through 5", "d 4 through 4", "c 1 through 1")
	remove(left, many, nil, "c 2 through 3", "b 2 through 2", "a 1 through 1")
	remove(ids, many, nil)
	remove(nil, many, nil)
	remove(ids, 0, ids)
	for id, want := range map[string]int{"a": 0, "b": 0, "c": 1, "d": 0, "e": 0} {
		equal(s, "entries of "+id, len(s.all(id)), want)
	}
}

// testRetentionAhead: entries that were stored while the clock was ahead by years are as old as those after them.
func (s *suite) testRetentionAhead() {
	const years = 10 * 365 * 24 * time.Hour
	ids := []string{"a", "b", "c", "d", "e", "f", "g"}
	for _, id := range ids {
		s.connect(id, id+"1")
	}
	add := func(id string, n int) {
		s.Helper()
		group := make([]session.NewEntry, n)
		for i := range group {
			group[i] = session.NewEntry{SessionID: id, ConnectionID: id + "1", Body: "x"}
		}
		for _, r := range s.store.AppendEntries(s.ctx(), group) {
			s.ok(r.Err)
		}
	}
	ahead := func(id string, n int) {
		s.Helper()
		s.clock.Advance(years)
		add(id, n)
		s.clock.Advance(-years)
	}
	_, _, err := s.store.UpdateSession(s.ctx(), "g", session.SessionUpdate{SetRetention: true, Retention: pointer(5 * bit)})
	s.ok(err)
	ahead("a", 30) // more than are removed at once
	add("a", 3)
	ahead("b", 5) // nothing came since
	ahead("c", 5) // and here nothing that is old
	add("d", 2)
	ahead("d", 20) // not at the beginning
	add("d", 1)
	ahead("e", 3)
	add("e", 1)
	ahead("f", 4) // twice
	add("f", 1)
	ahead("f", 40)
	ahead("g", 20)
	add("g", 2)
	s.clock.Advance(10 * bit)
	for _, id := range []string{"a", "c", "d", "f"} {
		add(id, 2)
	}
	s.expire("b", 10*bit, 8, 0)
	s.expire("c", 10*bit, 3, 0)
	equal(s, "due", s.due(10*bit), []string{"a", "d", "e", "g"})
	equal(s, "due where the server keeps all", s.due(0), []string{"g"})
	for _, want := range []int{8, 8, 8, 8, 1, 0} {
		s.expire("a", 10*bit, 8, want)
	}
	equal(s, "left of a", len(s.all("a")), 2)
	for _, want := range []int{2, 8, 8, 5, 0} { // the two before the others are removed first
		equal(s, "d is due", slices.Contains(s.due(10*bit), "d"), want > 0)
		s.expire("d", 10*bit, 8, want)
	}
	equal(s, "left of d", len(s.all("d")), 2)
	s.expire("e", 10*bit, 8, 4)
	for _, want := range []int{8, 8, 6, 0} {
		s.expire("g", 0, 8, want)
	}
	equal(s, "due still", s.due(10*bit), nil)

	// With two such times in a log, it is as old as what came after the second one.
	s.clock.Advance(10 * bit)
	equal(s, "due later", s.due(10*bit), []string{"a", "c", "d", "f"})
	for _, want := range []int{5, 8, 8, 8, 8, 8, 2, 0} {
		s.expire("f", 10*bit, 8, want)
	}
	s.expire("c", 10*bit, many, 7)
	equal(s, "left of b", len(s.all("b")), 5)
}

// testRetentionOfSenders: a connection that has ended goes when its last entry does, and its time is up; a guest's name at once. Live
// connections, service connections and those that a ban names stay.
func (s *suite) testRetentionOfSenders() {
	s.renew("n", false)
	s.furnish("a") // a1 has a socket; a3 is banned by a1
	s.connect(session.Lobby, "l1")
	guest := func(name string) {
		s.Helper()
		s.add(session.NewEntry{SessionID: session.Lobby, ConnectionID: name, Guest: true, Body: "x"})
	}
	guest("gus")
	guest("gil")
	for _, id := range []string{"a3", "a2"} {
		_, _ = s.store.DestroyConnection(s.ctx(), id, "", session.ClientDisconnected)
	}
	known := func(ids ...string) (found []string) {
		s.Helper()
		states, err := s.store.Connections(s.ctx(), ids)
		s.ok(err)
		for id := range states {
			found = append(found, id)
		}
		slices.Sort(found)
		return found
	}
	s.clock.Advance(10 * bit)
	guest("gil")
	s.expire("a", bit, many, 11)
	s.expire(session.Lobby, bit, many, 2)
	equal(s, "names", known("gus", "gil", "l1"), []string{"gil", "l1"})
	equal(s, "connections", known("a1", "a2", "a3"), []string{"a1", "a2", "a3"})
	s.clock.Advance(session.FeedKept + 2*bit)
	s.renew("n", false)
	_, err := s.store.Sweep(s.ctx(), "", grace, idle, many)
	s.ok(err)
	equal(s, "after a week", known("a1", "a2"), []string{"a1"})
	s.serviceConnection("a", session.ServiceActor{Name: "bot"})
	guest("gus") // is new
	s.clock.Advance(bit)
	s.expire(session.Lobby, bit/2, many, 2)
	equal(s, "names", known("gus", "gil"), nil)
}

// testRetentionFeed: the feed says where a log begins now, in the place of what was there, whatever is read of it at a time, and gets
// shorter.
func (s *suite) testRetentionFeed() {
	s.connect("a", "a1")
	s.connect("b", "b1")
	post := func(id string) {
		s.Helper()
		s.add(session.NewEntry{SessionID: id, ConnectionID: id + "1", Body: "x"})
	}
	post("a")
	post("b")
	post("a")
	s.sequence("a", "b") // 1 to 7
	post("a")
	s.sequence("a") // 8
	s.clock.Advance(10 * bit)
	post("a")
	s.change(remove(1, by("a1"))) // of an entry that goes
	s.change(edit(4, by("a1"), "y"))
	s.sequence("a") // 9 to 11
	all := []string{"1 a created", "2 a ConnectionCreated r1", "3 a ADDED 1 v2 at 1", "4 a ADDED 2 v1 at 2", "5 b created",
		"6 b ConnectionCreated r1", "7 b ADDED 1 v1 at 1", "8 a ADDED 3 v1 at 3", "9 a ADDED 4 v2 at 4", "10 a DELETED 1 v2 at 5", "11 a EDITED 4 v2 at 6"}
	equal(s, "the feed", s.wholeFeed(), all)
	gone := func(place, at int64) string { return fmt.Sprintf("%d a truncated at %d", place, at) }

	s.expire("a", bit, 1, 1)
	s.wantFeed(all[0], all[1], gone(3, 1), all[3], all[4], all[5], all[6], all[7], all[8], all[10])
	s.expire("a", bit, 1, 1)
	s.wantFeed(all[0], all[1], gone(4, 2), all[4], all[5], all[6], all[7], all[8], all[10])
	s.expire("a", bit, 1, 1)
	s.wantFeed(all[0], all[1], all[4], all[5], all[6], gone(8, 3), all[8], all[10])
	s.clock.Advance(10 * bit)
	s.expire("a", bit, 1, 1)
	s.wantFeed(all[0], all[1], all[4], all[5], all[6], gone(11, 6))
	post("a")
	s.sequence("a")
	s.wantFeed(all[0], all[1], all[4], all[5], all[6], gone(11, 6), "12 a ADDED 5 v1 at 7")
	run, err := s.store.FeedEvents(s.ctx(), 10, 12)
	s.ok(err)
	equal(s, "the event", []any{run.Events[0].EventKind(), run.Events[0].Log.Entry.Seq, run.Events[0].Epoch},
		[]any{session.EventLogTruncated, int64(4), session.Epoch(7)})
}

// wantFeed reads the feed as a whole, and between all places.
func (s *suite) wantFeed(want ...string) {
	s.Helper()
	equal(s, "the feed", s.wholeFeed(), want)
	end := s.feedEnd().Place
	for after := int64(0); after <= end; after++ {
		for before := after + 1; before <= end+2; before++ {
			var some []string
			for _, event := range want {
				place := int64(0)
				if _, err := fmt.Sscan(event, &place); err != nil {
					s.Fatal(err)
				}
				if place > after && place < before {
					some = append(some, event)
				}
			}
			got, _ := s.feedEvents(after, before)
			equal(s, fmt.Sprintf("between %d and %d", after, before), got, some)
		}
	}
}

// testRetentionWhileReading: readers of the log and of the feed, by chunks that begin anywhere, never miss an entry without being told,
// while entries are added, changed and removed.
func (s *suite) testRetentionWhileReading() {
	const total = 600
	s.connect("a", "a1")
	s.holdRetention()
	done := make(chan struct{})
	var writing, reading sync.WaitGroup
	writing.Go(func() {
		defer close(done)
		for n := 0; n < total; n += 10 {
			group := make([]session.NewEntry, 10)
			for i := range group {
				group[i] = session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "x"}
			}
			for _, r := range s.store.AppendEntries(s.ctx(), group) {
				if r.Err != nil {
					s.Errorf("add: %v", r.Err)
					return
				}
			}
			s.store.ChangeEntries(s.ctx(), []session.NewChange{edit(int64(n+3), by("a1"), fmt.Sprint(n))})
			s.clock.Advance(time.Second)
			if _, _, err := s.store.RemoveExpired(s.ctx(), "n", []string{"a"}, 3*time.Second, 8+n%7); err != nil {
				s.Errorf("remove: %v", err)
				return
			}
			if _, err := s.store.HoldLease(s.ctx(), session.FeedLease, "n", lease); err != nil {
				s.Errorf("lease: %v", err)
			}
			if _, _, err := s.store.SequenceFeed(s.ctx(), "n", []string{"a"}); err != nil {
				s.Errorf("sequence: %v", err)
				return
			}
		}
	})
	type logReader struct{ seq, told int64 }
	take := func(r *logReader, e *session.LogEvent, what string) bool {
		switch {
		case e.Truncated():
			r.seq = max(r.seq, e.Entry.Seq)
			r.told++
		case e.Added() && e.Entry.Seq != r.seq+1:
			s.Errorf("%s: entry %d at %d after %d", what, e.Entry.Seq, e.Place, r.seq)
			return false
		case e.Added():
			r.seq = e.Entry.Seq
		}
		return true
	}
	read := func(what string, next func(after int64) (events []*session.LogEvent, through int64, err error)) {
		reading.Go(func() {
			for finished := false; !finished; {
				select {
				case <-done:
					finished = true
				default:
				}
				r, after := logReader{}, int64(0)
				for {
					events, through, err := next(after)
					if err != nil {
						s.Errorf("%s: %v", what, err)
						return
					}
					for _, e := range events {
						if !take(&r, e, what) {
							return
						}
					}
					if through <= after {
						break
					}
					after = through
				}
				if finished && (r.seq < total || r.told == 0) {
					s.Errorf("%s ended at %d, told %d times", what, r.seq, r.told)
				}
			}
		})
	}
	for size := range int64(3) {
		read(fmt.Sprint("chunks of ", 7+size*20), func(after int64) ([]*session.LogEvent, int64, error) {
			run, err := s.store.LogEvents(s.ctx(), session.LogQuery{SessionID: "a", Epoch: 7, After: after, Before: after + 8 + size*20, Limit: many})
			return run.Events, run.Through, err
		})
	}
	read("runs", func(after int64) ([]*session.LogEvent, int64, error) {
		run, err := s.store.LogEvents(s.ctx(), session.LogQuery{SessionID: "a", Epoch: 7, After: after, Limit: 50})
		return run.Events, run.Through, err
	})
	writing.Wait()
	reading.Wait()
	if s.Failed() {
		return
	}
	r, after := logReader{}, int64(0)
	for {
		run, err := s.store.FeedEvents(s.ctx(), after, after+20)
		s.ok(err)
		for _, e := range run.Events {
			if e.Log != nil {
				take(&r, e.Log, "the feed")
			}
		}
		if run.Through <= after {
			break
		}
		after = run.Through
	}
	equal(s, "the feed's end", r.seq, int64(total))
}
