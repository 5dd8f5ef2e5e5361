package storetest

import (
	"fmt"
	"slices"

	"chattok/session"
)

// list returns the ids of the sessions that q selects, read in pages.
func (s *suite) list(q session.SessionQuery) (ids []string) {
	s.Helper()
	for {
		run, err := s.store.ListSessions(s.ctx(), q)
		s.ok(err)
		if len(run.Sessions) > q.Limit {
			s.Fatalf("%d sessions in a page of %d", len(run.Sessions), q.Limit)
		}
		for _, p := range run.Sessions {
			if p.Place.ID != p.ID || p.Place.At == 0 {
				s.Fatalf("session %s is at %+v", p.ID, p.Place)
			}
			ids = append(ids, p.ID)
		}
		if run.Next == nil {
			return ids
		}
		if *run.Next == q.After {
			s.Fatalf("the next page begins where this one did, at %+v", q.After)
		}
		q.After = *run.Next
	}
}

// lists checks what a query selects, in pages of every size.
func (s *suite) lists(what string, q session.SessionQuery, want ...string) {
	s.Helper()
	for q.Limit = 1; q.Limit < 8; q.Limit++ {
		q.Look = many
		equal(s, fmt.Sprintf("%s, %d at once", what, q.Limit), s.list(q), want)
	}
}

// Sessions are listed newest first, by creation at once and by last entry as the feed has them.
func (s *suite) testListSessions() {
	byCreation, byLastEntry := session.SessionQuery{Order: session.ByCreation}, session.SessionQuery{Order: session.ByLastEntry}
	for _, id := range []string{"a", "b", "bc", "b~", "c"} {
		s.clock.Advance(bit)
		s.connect(id, id+"1")
	}
	s.lists("by creation", byCreation, "c", "b~", "bc", "b", "a", session.Lobby)
	s.lists("not in the feed yet", byLastEntry)
	s.compare()
	s.lists("without entries", byLastEntry, "c", "b~", "bc", "b", "a", session.Lobby)
	post := func(id string) {
		s.clock.Advance(bit)
		s.add(session.NewEntry{SessionID: id, ConnectionID: id + "1", Body: "hello"})
		s.sequence(id)
	}
	post("bc")
	post("a")
	s.lists("after entries", byLastEntry, "a", "bc", "c", "b~", "b", session.Lobby)
	s.lists("by creation still", byCreation, "c", "b~", "bc", "b", "a", session.Lobby)
	s.change(remove(1, by("a1")))
	s.sequence("a")
	s.lists("after a deletion", byLastEntry, "a", "bc", "c", "b~", "b", session.Lobby)

	for prefix, want := range map[string][]string{"b": {"bc", "b~", "b"}, "b~": {"b~"}, "c": {"c"}, "~": nil, "lobby": {"lobby"}, "lobbyx": nil} {
		s.lists("by last entry, prefix "+prefix, session.SessionQuery{Order: session.ByLastEntry, Prefix: prefix}, want...)
		if prefix == "b" {
			want = []string{"b~", "bc", "b"}
		}
		s.lists("by creation, prefix "+prefix, session.SessionQuery{Order: session.ByCreation, Prefix: prefix}, want...)
	}
	for _, q := range []session.SessionQuery{{Prefix: "nul\x00"}, {UserID: pointer("nul\x00")}, {After: session.SessionPlace{At: 1, ID: "\xff"}}} {
		q.Order = session.ByLastEntry
		s.lists("no text", q)
	}
	none, err := s.store.ListSessions(s.ctx(), session.SessionQuery{Order: session.ByLastEntry, Look: many})
	s.ok(err)
	equal(s, "none at once", none, session.SessionRun{Sessions: []session.PlacedSession{}, Next: &session.SessionPlace{}})

	// One that is deleted is left out at once, and comes anew when it is made again.
	_, err = s.store.DeleteSession(s.ctx(), "a")
	s.ok(err)
	s.lists("deleted, by last entry", byLastEntry, "bc", "c", "b~", "b", session.Lobby)
	s.lists("deleted, by creation", byCreation, "c", "b~", "bc", "b", session.Lobby)
	for more := true; more; {
		more, err = s.store.RemoveDeleted(s.ctx(), many)
		s.ok(err)
	}
	s.clock.Advance(bit)
	_, err = s.store.CreateSession(s.ctx(), session.Session{ID: "a", Epoch: 8, MediaMode: session.MediaRelayed, TokenRequired: true})
	s.ok(err)
	s.lists("made again, not in the feed yet", byLastEntry, "bc", "c", "b~", "b", session.Lobby)
	s.lists("made again, by creation", byCreation, "a", "c", "b~", "bc", "b", session.Lobby)
	s.sequence("a")
	s.lists("made again", byLastEntry, "a", "bc", "c", "b~", "b", session.Lobby)
}

// The sessions of a user are those that it is in, has a read mark in, or has posted in, be it by the API secret.
func (s *suite) testListSessionsOfUser() {
	ann, bob := "ann", "bob"
	join := func(sessionID, id string, user *string) {
		s.clock.Advance(bit)
		r := s.store.CreateConnections(s.ctx(), []session.NewConnection{{ID: id, SessionID: sessionID, Role: session.RolePublisher, UserID: user,
			MakeSession: true, NewEpoch: 7, TokenPresented: true}}, idle)
		s.ok(r[0].Err)
	}
	leave := func(id string) {
		_, err := s.store.DestroyConnection(s.ctx(), id, "", session.ClientDisconnected)
		s.ok(err)
	}
	post := func(sessionID, id string, user *string) {
		s.add(session.NewEntry{SessionID: sessionID, ConnectionID: id, UserID: user, Body: "hello"})
	}
	join("in", "in1", &ann)
	join("in", "in2", &ann) // twice is once
	join("left", "left1", &ann)
	leave("left1")
	join("posted", "posted1", &ann)
	post("posted", "posted1", &ann)
	leave("posted1")
	join("other", "other1", &bob)
	post("other", "other1", &bob)
	join("marked", "marked1", &bob)
	post("marked", "marked1", &bob)
	equal(s, "marked", s.markRead(session.NewReadMark{SessionID: "marked", UserID: ann, Place: 1}), []bool{true})
	join("as", "as1", nil)
	as := s.serviceConnection("as", session.ServiceActor{UserID: &ann})
	s.ok(s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "as", ConnectionID: as.ID, UserID: &ann, Body: "by mail", Service: true}})[0].Err)
	join("bot", "bot1", nil)
	s.serviceConnection("bot", session.ServiceActor{Name: ann})
	s.compare()
	// The last entries are nearly as old as their sessions, so both orders are the same.
	for _, order := range []session.SessionOrder{session.ByLastEntry, session.ByCreation} {
		of := func(user string) session.SessionQuery { return session.SessionQuery{Order: order, UserID: &user} }
		s.lists("ann's", of(ann), "as", "marked", "posted", "in")
		s.lists("bob's", of(bob), "marked", "other")
		s.lists("nobody's", of("nobody"))
		q := of(ann)
		q.Prefix = "p"
		s.lists("ann's with a prefix", q, "posted")
		q.Prefix = "o"
		s.lists("none of ann's", q)
	}
	// A year later the marks are gone, and what was posted is not.
	s.clock.Advance(2 * session.ReadMarkTime)
	for range 5 {
		_, err := s.store.Sweep(s.ctx(), "", grace, idle, many)
		s.ok(err)
		s.clock.Advance(session.FeedKept + 10*idle)
	}
	s.lists("ann's of old", session.SessionQuery{Order: session.ByCreation, UserID: &ann}, "as", "posted")
}

// While pages are read, sessions are made and get entries: none comes twice, and none that stayed as it was is left out.
func (s *suite) testListSessionsWhileChanging() {
	const n = 40
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("s%02d", i)
		s.connect(names[i], names[i]+"a")
		if i%3 == 0 { // of some the time is the same
			s.clock.Advance(bit)
		}
	}
	s.compare()
	for _, order := range []session.SessionOrder{session.ByLastEntry, session.ByCreation} {
		for _, prefix := range []string{"", "s"} {
			q := session.SessionQuery{Order: order, Prefix: prefix, Limit: 3, Look: many}
			times := make(map[string]int)
			moved := make(map[string]bool)
			for page := 0; ; page++ {
				run, err := s.store.ListSessions(s.ctx(), q)
				s.ok(err)
				for _, p := range run.Sessions {
					times[p.ID]++
				}
				if run.Next == nil {
					break
				}
				q.After = *run.Next
				s.clock.Advance(bit)
				made, busy := fmt.Sprintf("s-%s-%s-%d", order, prefix, page), names[(page*7)%n]
				s.connect(made, made+"a")
				s.add(session.NewEntry{SessionID: busy, ConnectionID: busy + "a", Body: "hello"})
				s.sequence(made, busy)
				moved[busy], moved[made] = true, true
			}
			for _, id := range names {
				if times[id] > 1 || times[id] == 0 && (order == session.ByCreation || !moved[id]) {
					s.Errorf("by %s with prefix %q: %s came %d times", order, prefix, id, times[id])
				}
			}
			for id, n := range times {
				if n > 1 || !slices.Contains(names, id) && moved[id] {
					s.Errorf("by %s with prefix %q: %s came %d times", order, prefix, id, n)
				}
			}
		}
	}
}

// The newest entries and the sizes of rosters are those of each session, read together.
func (s *suite) testSummaries() {
	first := s.connect("a", "a1", "a2")[0]
	s.connect("b", "b1")
	s.connect("empty", "e1")
	s.publish("s1", first)
	s.publish("s2", first)
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "one"})
	two := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a2", Body: "two"})
	s.add(session.NewEntry{SessionID: "b", ConnectionID: "b1", Body: "three"})
	s.ok(s.store.ChangeEntries(s.ctx(), []session.NewChange{{SessionID: "b", Seq: 1, Actor: by("b1"), Kind: session.EntryDeleted}})[0].Err)
	_, err := s.store.DestroyConnection(s.ctx(), "e1", "", session.ClientDisconnected)
	s.ok(err)
	ids := []string{"a", "b", "empty", "nope", "nul\x00"}
	newest, err := s.store.NewestEntries(s.ctx(), ids)
	s.ok(err)
	equal(s, "how many newest", len(newest), 2)
	equal(s, "newest", newest["a"], two)
	equal(s, "newest, deleted", []any{newest["b"].Seq, newest["b"].Deleted(), newest["b"].Epoch}, []any{int64(1), true, session.Epoch(7)})
	sizes := func() map[string]session.RosterSize {
		found, err := s.store.RosterSizes(s.ctx(), ids)
		s.ok(err)
		return found
	}
	equal(s, "sizes", sizes(), map[string]session.RosterSize{"a": {Connections: 2, Streams: 2}, "b": {Connections: 1}, "empty": {}})
	_, err = s.store.DestroyConnection(s.ctx(), "a1", "", session.ClientDisconnected)
	s.ok(err)
	equal(s, "with one less", sizes()["a"], session.RosterSize{Connections: 1})
	_, err = s.store.DeleteSession(s.ctx(), "a")
	s.ok(err)
	_, found := sizes()["a"]
	equal(s, "deleted", found, false)
	newest, err = s.store.NewestEntries(s.ctx(), ids)
	s.ok(err)
	equal(s, "newest of a deleted one", newest["a"], nil)
}
