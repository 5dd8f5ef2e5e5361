package storetest

import (
	"fmt"

	"chattok/session"
)

// testReactions counts reactions by user, or by connection where there is none, in the order of first use.
func (s *suite) testReactions() {
	s.connect("a", "a1", "a2")
	s.connectUser("a", "ann", "u1", "u2")
	ann := func(id string) session.Actor { return session.Actor{ConnectionID: id, UserID: userID("ann")} }
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "one"})
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "two"})
	changed := func(c session.NewChange, version int64, counts ...session.ReactionCount) []string {
		s.Helper()
		s.clock.Advance(bit) // no reaction has to wait
		r := s.change(c)
		equal(s, "version", r.Entry.Version, version)
		equal(s, "counts", r.Entry.Reactions, counts)
		return r.Reactions
	}
	count := func(name string, n int64) session.ReactionCount { return session.ReactionCount{Name: name, Count: n} }
	equal(s, "ann's", changed(react(1, ann("u1"), "b", true), 2, count("b", 1)), []string{"b"})
	equal(s, "from the other device", changed(react(1, ann("u2"), "b", true), 2, count("b", 1)), []string{"b"})
	equal(s, "a1's", changed(react(1, by("a1"), "a", true), 3, count("b", 1), count("a", 1)), []string{"a"})
	changed(react(1, by("a2"), "b", true), 4, count("b", 2), count("a", 1))
	equal(s, "ann's two", changed(react(1, ann("u2"), "a", true), 5, count("b", 2), count("a", 2)), []string{"b", "a"})
	changed(react(1, by("a2"), "none", false), 5, count("b", 2), count("a", 2))
	names, err := s.store.ReactionsOf(s.ctx(), "a", ann("u1"), []int64{1, 2, 9})
	s.ok(err)
	equal(s, "reactions of ann", names, map[int64][]string{1: {"b", "a"}})
	ids, err := s.store.Reactors(s.ctx(), "a", []session.ReactionKey{{Seq: 1, Name: "b"}, {Seq: 1, Name: "a"}, {Seq: 2, Name: "a"}}, 2)
	s.ok(err)
	equal(s, "b's reactors", ids[session.ReactionKey{Seq: 1, Name: "b"}], []string{"u1", "a2"})
	equal(s, "a's reactors", ids[session.ReactionKey{Seq: 1, Name: "a"}], []string{"a1", "u2"})
	ids, err = s.store.Reactors(s.ctx(), "a", []session.ReactionKey{{Seq: 1, Name: "b"}}, 1)
	s.ok(err)
	equal(s, "b's first", ids, map[session.ReactionKey][]string{{Seq: 1, Name: "b"}: {"u1"}})

	changed(react(1, by("a2"), "b", false), 6, count("b", 1), count("a", 2))
	changed(react(1, ann("u2"), "b", false), 7, count("a", 2))
	changed(react(1, by("a2"), "b", true), 8, count("a", 2), count("b", 1)) // the last again
	for n := len([]string{"a", "b"}); n < session.MaxReactionNames; n++ {
		s.clock.Advance(bit)
		s.change(react(1, by("a1"), fmt.Sprint("name ", n), true))
	}
	s.clock.Advance(bit)
	s.refuses("too many", react(1, by("a1"), "one more", true), session.CodeRateLimited, session.ReasonTooManyReactions)
	s.change(react(1, by("a2"), "name 2", true))
}

// testReactionPause reacts at once after another reaction, which has to wait until the pause is over; an edit does not wait.
func (s *suite) testReactionPause() {
	s.connect("a", "a1", "a2")
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "one"})
	waited := false
	for n := 0; !waited; n++ { // on a machine that stands still between the two calls, the next try
		if n == 1000 {
			s.Fatal("no reaction had to wait")
		}
		s.clock.Advance(bit)
		s.change(react(1, by("a1"), "+1", n%2 == 0))
		before := s.lastSeqs("a")
		r := s.store.ChangeEntries(s.ctx(), []session.NewChange{react(1, by("a2"), "+1", n%2 == 0)})[0]
		s.ok(r.Err)
		if waited = r.Wait > 0; waited {
			equal(s, "event", r.Event, nil)
			equal(s, "numbers", s.lastSeqs("a"), before)
			if r.Wait > session.ReactionPause {
				s.Fatalf("it must wait %v", r.Wait)
			}
			s.change(edit(1, by("a1"), "edited"))
			s.change(react(1, by("a2"), "+1", n%2 == 0)) // after an edit
		}
	}
}
