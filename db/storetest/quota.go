package storetest

import (
	"fmt"
	"slices"

	"chattok/session"
)

// A session that was made on first use takes entries up to its quota, to the byte; one of a backend's has none.
func (s *suite) testSessionQuota() {
	_, err := s.store.CreateSession(s.ctx(), session.Session{ID: "made", Epoch: 5, MediaMode: session.MediaRelayed, TokenRequired: true})
	s.ok(err)
	s.connect("a", "a1")
	s.connect("made", "m1")
	first := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "1234567890", IdempotencyKey: "key"})
	quota := 3 * first.QuotaBytes()
	entry := func(sessionID, sender, body, key string) session.NewEntry {
		return session.NewEntry{SessionID: sessionID, ConnectionID: sender, Body: body, IdempotencyKey: key, SessionQuota: quota}
	}
	// In one transaction: what is refused takes no number and no bytes, and who comes after it may still fit.
	results := s.store.AppendEntries(s.ctx(), []session.NewEntry{
		entry("a", "a1", "1234567890", "ke2"),
		entry("a", "a1", "12345678901234", ""), // one byte too many
		entry("a", "a1", "1234567890123", ""),
		entry("a", "a1", "x", ""),
		entry("made", "m1", "1234567890", "key"),
		entry(session.Lobby, "guest", "x", ""),
	})
	results[5] = s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: session.Lobby, ConnectionID: "guest", Guest: true, Body: "x", SessionQuota: 100}})[0]
	for i, seq := range []int64{2, 0, 3, 0, 1, 0} {
		if seq > 0 {
			s.ok(results[i].Err)
			equal(s, fmt.Sprint("seq of ", i), results[i].Entry.Seq, seq)
			continue
		}
		s.fails(fmt.Sprint("entry ", i), results[i].Err, session.CodeForbidden, session.ReasonSessionFull)
	}
	// A retry of what is stored is answered, however full it is.
	again := s.store.AppendEntries(s.ctx(), []session.NewEntry{entry("a", "a1", "1234567890", "key")})[0]
	s.ok(again.Err)
	equal(s, "replayed", again.Replayed, true)
	equal(s, "its seq", again.Entry.Seq, first.Seq)
	equal(s, "log", len(s.all("a")), 3)
	full := s.store.AppendEntries(s.ctx(), []session.NewEntry{entry("a", "a1", "x", "")})[0]
	s.fails("full", full.Err, session.CodeForbidden, session.ReasonSessionFull)
	for range 5 {
		s.add(entry("made", "m1", "1234567890", ""))
	}
	// Without a quota it goes on, and what came so counts too.
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "x"})
	raised := entry("a", "a1", "x", "")
	raised.SessionQuota = quota + 2*129
	s.add(raised)
	s.fails("full again", s.store.AppendEntries(s.ctx(), []session.NewEntry{raised})[0].Err, session.CodeForbidden, session.ReasonSessionFull)
}

// Holders have as many live connections as they may, in any session, and again when some have ended.
func (s *suite) testHolders() {
	token, address := session.Holder{Name: "session token", Key: 1, Limit: 2}, session.Holder{Name: "address", Key: -2, Limit: 3}
	made := 0
	wanted := func(sessionID string, holders ...session.Holder) session.NewConnection {
		made++
		return session.NewConnection{ID: fmt.Sprint("c", made), SessionID: sessionID, Role: session.RolePublisher, MakeSession: true, NewEpoch: 7, Holders: holders}
	}
	create := func(connections ...session.NewConnection) (refused []int) {
		for i, r := range s.store.CreateConnections(s.ctx(), connections, idle) {
			if r.Err != nil {
				s.fails("create", r.Err, session.CodeRateLimited, session.ReasonTooManyConnections)
				refused = append(refused, i)
			}
		}
		return refused
	}
	equal(s, "in one transaction", create(wanted("a", token), wanted("b", token, address), wanted("a", token, address), wanted("a", address), wanted("a", address)),
		[]int{2})
	equal(s, "in another", create(wanted("a", token), wanted("new", address), wanted("a")), []int{0, 1})
	_, err := s.store.Session(s.ctx(), "new")
	s.fails("session of a refusal", err, session.CodeNotFound, "")
	_, err = s.store.DestroyConnection(s.ctx(), "c2", session.ClientDisconnected) // of both
	s.ok(err)
	equal(s, "after one ended", create(wanted("a", token, address), wanted("a", token), wanted("a", address)), []int{1, 2})
	s.clock.Advance(idle + bit)
	changes, err := s.store.Sweep(s.ctx(), "", grace, idle, many)
	s.ok(err)
	equal(s, "swept", len(changes), 5)
	equal(s, "after the sweep", create(wanted("a", token), wanted("a", token, address), wanted("a", address), wanted("a", address)), []int(nil))
}

// Those with a socket come first, and everybody comes once, whatever the size of the pages.
func (s *suite) testListConnections() {
	s.connect("a", "c1", "c2", "c3", "c4", "c5", "c6")
	s.connect("other", "o1")
	s.renew("n1", false)
	s.attach("n1", "c5", "c2", "o1")
	_, err := s.store.DestroyConnection(s.ctx(), "c4", session.ClientDisconnected)
	s.ok(err)
	list := func(size int) (ids []string) {
		var after session.RosterPlace
		for {
			found, err := s.store.ListConnections(s.ctx(), "a", after, size)
			s.ok(err)
			for _, c := range found {
				equal(s, "session", c.SessionID, "a")
				equal(s, "part of "+c.ID, c.Place.Detached, !slices.Contains([]string{"c2", "c5", "c6"}, c.ID))
				ids, after = append(ids, c.ID), c.Place
			}
			if len(found) < size {
				return ids
			}
		}
	}
	s.attach("n1", "c6")
	for size := 1; size < 8; size++ {
		equal(s, fmt.Sprint("pages of ", size), list(size), []string{"c2", "c5", "c6", "c1", "c3"})
	}
	s.ok(s.store.Detach(s.ctx(), "n1", []string{"c2"}, grace))
	found, err := s.store.ListConnections(s.ctx(), "a", session.RosterPlace{}, 9)
	s.ok(err)
	equal(s, "after a detach", found[2].ID+" "+found[3].ID, "c1 c2")
	for _, id := range []string{"nope", session.Lobby, "nul\x00"} {
		found, err := s.store.ListConnections(s.ctx(), id, session.RosterPlace{}, 9)
		s.ok(err)
		equal(s, "list of "+id, len(found), 0)
	}
}
