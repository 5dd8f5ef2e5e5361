package storetest

import (
	"time"

	"chattok/session"
)

func (s *suite) testSessions() {
	lobby, err := s.store.Session(s.ctx(), session.Lobby)
	s.ok(err)
	if lobby.Epoch == 0 {
		s.Error("the lobby has no epoch")
	}
	equal(s, "lobby", lobby, &session.Session{
		ID: session.Lobby, Epoch: lobby.Epoch, MediaMode: session.MediaRelayed, CreatedAt: lobby.CreatedAt,
	})

	// An epoch may have its highest bit set.
	wanted := session.Session{ID: "s", Epoch: 1<<63 + 5, MediaMode: session.MediaRouted, TokenRequired: true}
	made, err := s.store.CreateSession(s.ctx(), wanted)
	s.ok(err)
	if made.CreatedAt.IsZero() || made.CreatedAt.Location() != time.UTC {
		s.Errorf("created at %v", made.CreatedAt)
	}
	wanted.CreatedAt = made.CreatedAt
	equal(s, "made", made, &wanted)
	read, err := s.store.Session(s.ctx(), "s")
	s.ok(err)
	equal(s, "read", read, &wanted)

	s.clock.Advance(bit)
	again, err := s.store.CreateSession(s.ctx(), session.Session{ID: "s", Epoch: 9, MediaMode: session.MediaRelayed})
	s.ok(err)
	equal(s, "taken id", again, &wanted)

	// A session that was created on first use is returned unchanged while a connection is in it.
	s.connect("open", "c1")
	open, err := s.store.CreateSession(s.ctx(), session.Session{ID: "open", Epoch: 9, TokenRequired: true})
	s.ok(err)
	equal(s, "made on first use", open, &session.Session{
		ID: "open", Epoch: 7, MediaMode: session.MediaRelayed, CreatedAt: open.CreatedAt,
	})
	if age := open.CreatedAt.Sub(made.CreatedAt); age < bit {
		s.Errorf("made %v after the first, want at least %v by the clock", age, bit)
	}
}

// testSessionTakenOver creates a session as a backend does, under an id that others have used first.
func (s *suite) testSessionTakenOver() {
	s.connect("open", "c1")
	first := s.add(session.NewEntry{SessionID: "open", ConnectionID: "c1", Body: "x", IdempotencyKey: "k"})
	open, err := s.store.Session(s.ctx(), "open")
	s.ok(err)
	want := session.Session{ID: "open", Epoch: 9, MediaMode: session.MediaRouted, TokenRequired: true}
	still, err := s.store.CreateSession(s.ctx(), want)
	s.ok(err)
	equal(s, "while somebody is in it", still, open)
	_, err = s.store.DestroyConnection(s.ctx(), "c1", "", session.ClientDisconnected)
	s.ok(err)
	unasked := want
	unasked.TokenRequired = false
	same, err := s.store.CreateSession(s.ctx(), unasked)
	s.ok(err)
	equal(s, "by one that asks for no tokens", same, open)

	taken, err := s.store.CreateSession(s.ctx(), want)
	s.ok(err)
	expected := *open
	expected.TokenRequired, expected.MediaMode = true, session.MediaRouted
	equal(s, "taken over", taken, &expected)
	read, err := s.store.Session(s.ctx(), "open")
	s.ok(err)
	equal(s, "read", read, &expected)
	equal(s, "its log", s.all("open"), []*session.ChatEntry{first})
	results := s.store.CreateConnections(s.ctx(), []session.NewConnection{
		{ID: "c2", SessionID: "open", Role: session.RolePublisher, MakeSession: true, NewEpoch: 3},
		{ID: "c3", SessionID: "open", Role: session.RolePublisher, TokenPresented: true},
	}, idle)
	s.fails("without a token", results[0].Err, session.CodeUnauthenticated, "")
	s.ok(results[1].Err)

	lobby, err := s.store.CreateSession(s.ctx(), session.Session{ID: session.Lobby, Epoch: 9, MediaMode: session.MediaRelayed, TokenRequired: true})
	s.ok(err)
	equal(s, "the lobby asks for tokens", lobby.TokenRequired, false)
}

func (s *suite) testSessionUnknown() {
	for _, id := range []string{"nope", "", "Lobby", "a'b", "nul\x00", "\xff"} {
		_, err := s.store.Session(s.ctx(), id)
		s.fails("session "+id, err, session.CodeNotFound, "")
		_, err = s.store.Roster(s.ctx(), id)
		s.fails("roster "+id, err, session.CodeNotFound, "")
	}
}

func (s *suite) testLastSeqs() {
	s.connect("a", "a1", "a2")
	s.connect("b", "b1")
	s.add(session.NewEntry{SessionID: "b", ConnectionID: "b1", Body: "1"})
	s.add(session.NewEntry{SessionID: "b", ConnectionID: "b1", Body: "2"})
	last, err := s.store.LastSeqs(s.ctx(), []string{"a", "nope", "b", session.Lobby, "a", "nul\x00"})
	s.ok(err)
	lobby, err := s.store.Session(s.ctx(), session.Lobby)
	s.ok(err)
	equal(s, "last numbers", last, map[string]session.LastSeqs{
		"a": {Epoch: 7, Revision: 2}, "b": {Epoch: 7, Seq: 2, Place: 2, Revision: 1}, session.Lobby: {Epoch: lobby.Epoch},
	})
	last, err = s.store.LastSeqs(s.ctx(), nil)
	s.ok(err)
	equal(s, "last numbers of none", len(last), 0)
}

func (s *suite) testPing() { s.ok(s.store.Ping(s.ctx())) }
