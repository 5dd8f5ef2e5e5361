package storetest

import (
	"fmt"

	"chattok/session"
)

func (s *suite) testIdempotency() {
	s.connect("a", "a1", "a2", "ended")
	s.connect("b", "b1")
	first := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "hi", IdempotencyKey: "k"})
	for _, sender := range []string{"a1", "a2"} {
		results := s.store.AppendEntries(s.ctx(), []session.NewEntry{
			{SessionID: "a", ConnectionID: sender, Body: "hi", IdempotencyKey: "k"},
			{SessionID: "a", ConnectionID: sender, Body: "other", IdempotencyKey: "k"},
		})
		equal(s, "replay by "+sender, results[0], session.EntryResult{Entry: first, Replayed: true})
		s.fails("conflict by "+sender, results[1].Err, session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	}
	equal(s, "last numbers", s.lastSeqs("a").Seq, 1)

	// A key is used in one session alone, and an empty key is none.
	equal(s, "other session", s.add(session.NewEntry{SessionID: "b", ConnectionID: "b1", Body: "x", IdempotencyKey: "k"}).Seq, 1)
	equal(s, "other key", s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "hi", IdempotencyKey: "K"}).Seq, 2)
	equal(s, "no key", s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "hi"}).Seq, 3)
	equal(s, "no key again", s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "hi"}).Seq, 4)

	// A user's entry is stored though somebody else has used its key and changed what that entry says.
	ann := "ann"
	for i, change := range []session.NewChange{edit(5, by("a1"), "taken"), remove(7, by("a1"))} {
		key := fmt.Sprint("guessed ", i)
		s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "x", IdempotencyKey: key})
		s.change(change)
		mine := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a2", UserID: &ann, Body: "mine", IdempotencyKey: key})
		equal(s, "a guessed key", mine.Body, "mine")
	}

	// Without a user, a text that has changed since is its own connection's alone to get again.
	for i, change := range []session.NewChange{edit(9, by("a1"), "new"), remove(10, by("a1"))} {
		key := fmt.Sprint("changed ", i)
		s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "old", IdempotencyKey: key})
		now := s.change(change).Entry
		results := s.store.AppendEntries(s.ctx(), []session.NewEntry{
			{SessionID: "a", ConnectionID: "a1", Body: "old", IdempotencyKey: key},
			{SessionID: "a", ConnectionID: "a2", Body: "old", IdempotencyKey: key},
		})
		equal(s, "its own", results[0], session.EntryResult{Entry: now, Replayed: true})
		s.fails("another's", results[1].Err, session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	}

	// A key does not admit a sender that may not append.
	_, err := s.store.DestroyConnection(s.ctx(), "ended", "", session.ClientDisconnected)
	s.ok(err)
	results := s.store.AppendEntries(s.ctx(), []session.NewEntry{
		{SessionID: "a", ConnectionID: "ended", Body: "hi", IdempotencyKey: "k"},
		{SessionID: "a", ConnectionID: "b1", Body: "hi", IdempotencyKey: "k"},
	})
	for _, r := range results {
		s.fails("replay without right", r.Err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	}

	// A retry of an entry whose sender has ended since is answered.
	_, err = s.store.DestroyConnection(s.ctx(), "a1", "", session.ClientDisconnected)
	s.ok(err)
	again := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: "a2", Body: "hi", IdempotencyKey: "k"}})
	equal(s, "replay after the end", again[0], session.EntryResult{Entry: first, Replayed: true})
}

func (s *suite) testIdempotencyInBatch() {
	s.connect("a", "a1", "a2")
	results := s.store.AppendEntries(s.ctx(), []session.NewEntry{
		{SessionID: "a", ConnectionID: "unknown", Body: "hi", IdempotencyKey: "k"}, // fails, so the key stays unused
		{SessionID: "a", ConnectionID: "a1", Body: "hi", IdempotencyKey: "k"},
		{SessionID: "a", ConnectionID: "a2", Body: "hi", IdempotencyKey: "k"},
		{SessionID: "a", ConnectionID: "a1", Body: "other", IdempotencyKey: "k"},
		{SessionID: "a", ConnectionID: "a1", Body: "next"},
		{SessionID: "a", ConnectionID: "a1", Body: "hi", IdempotencyKey: "k"},
	})
	s.fails("unknown sender", results[0].Err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	s.ok(results[1].Err)
	s.ok(results[4].Err)
	first := results[1].Entry
	equal(s, "first", []any{first.Seq, first.ConnectionID, results[1].Replayed}, []any{int64(1), "a1", false})
	equal(s, "second", results[2], session.EntryResult{Entry: first, Replayed: true})
	s.fails("conflict", results[3].Err, session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	equal(s, "next", results[4].Entry.Seq, 2)
	equal(s, "third", results[5], session.EntryResult{Entry: first, Replayed: true})
	equal(s, "log", s.all("a"), []*session.ChatEntry{first, results[4].Entry})
}

// A guest is stored with its first entry, and is in no roster.
func (s *suite) testGuests() {
	results := s.store.AppendEntries(s.ctx(), []session.NewEntry{
		{SessionID: session.Lobby, ConnectionID: "alice", Guest: true, Body: "1"},
		{SessionID: session.Lobby, ConnectionID: "bob", Guest: true, Body: "2"},
		{SessionID: session.Lobby, ConnectionID: "alice", Guest: true, Body: "3"},
	})
	for i, r := range results {
		s.ok(r.Err)
		equal(s, "seq", r.Entry.Seq, int64(i)+1)
	}
	s.clock.Advance(bit)
	equal(s, "seq", s.add(session.NewEntry{SessionID: session.Lobby, ConnectionID: "alice", Guest: true, Body: "4"}).Seq, 4)

	states, err := s.store.Connections(s.ctx(), []string{"alice", "bob"})
	s.ok(err)
	guest := func(name string, first *session.ChatEntry) session.ConnectionState {
		return session.ConnectionState{Connection: &session.Connection{
			ID: name, SessionID: session.Lobby, Role: session.RolePublisher, Guest: true, CreatedAt: first.CreatedAt,
		}}
	}
	equal(s, "guests", states, map[string]session.ConnectionState{
		"alice": guest("alice", results[0].Entry), "bob": guest("bob", results[1].Entry),
	})
	equal(s, "last numbers", s.lastSeqs(session.Lobby), session.LastSeqs{Seq: 4, Place: 4})
	equal(s, "roster", s.present(session.Lobby), []string{})
	_, err = s.store.DestroyConnection(s.ctx(), "alice", "", session.ForceDisconnected)
	s.fails("destroy a guest", err, session.CodeNotFound, "")

	// A guest has no lease, so nothing ends it.
	s.clock.Advance(1000 * idle)
	s.sweeps()
	equal(s, "seq", s.add(session.NewEntry{SessionID: session.Lobby, ConnectionID: "alice", Guest: true, Body: "5"}).Seq, 5)
}

func (s *suite) testGuestNameRefused() {
	s.connect(session.Lobby, "live", "ended")
	s.connect("other", "elsewhere")
	_, err := s.store.DestroyConnection(s.ctx(), "ended", "", session.ClientDisconnected)
	s.ok(err)
	before, err := s.store.Connections(s.ctx(), []string{"live", "ended", "elsewhere"})
	s.ok(err)
	for _, name := range []string{"live", "ended", "elsewhere"} {
		r := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: session.Lobby, ConnectionID: name, Guest: true, Body: "hi"}})
		s.fails(name, r[0].Err, session.CodeUnauthenticated, "")
	}
	after, err := s.store.Connections(s.ctx(), []string{"live", "ended", "elsewhere"})
	s.ok(err)
	equal(s, "connections", after, before)
	equal(s, "log", len(s.all(session.Lobby)), 0)
}

// A replay stores no entry, and so no guest.
func (s *suite) testGuestReplay() {
	first := s.add(session.NewEntry{SessionID: session.Lobby, ConnectionID: "alice", Guest: true, Body: "hi", IdempotencyKey: "k"})
	again := s.store.AppendEntries(s.ctx(), []session.NewEntry{
		{SessionID: session.Lobby, ConnectionID: "bob", Guest: true, Body: "hi", IdempotencyKey: "k"},
	})
	equal(s, "replay", again[0], session.EntryResult{Entry: first, Replayed: true})
	states, err := s.store.Connections(s.ctx(), []string{"bob"})
	s.ok(err)
	equal(s, "guests recorded", len(states), 0)
}
