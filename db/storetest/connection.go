package storetest

import (
	"fmt"
	"slices"
	"sync"

	"chattok/session"
)

func (s *suite) testCreateConnections() {
	data := `{"name":"it's ?0"}`
	results := s.store.CreateConnections(s.ctx(), []session.NewConnection{
		{ID: "a1", SessionID: "a", Role: session.RoleModerator, Data: &data, MakeSession: true, NewEpoch: 11},
		{ID: "b1", SessionID: "b", Role: session.RoleSubscriber, MakeSession: true, NewEpoch: 12},
		{ID: "a2", SessionID: "a", Role: session.RolePublisher, MakeSession: true, NewEpoch: 13}, // created by the first
	}, idle)
	for i, want := range []struct {
		epoch      session.Epoch
		revision   int64
		connection session.Connection
	}{
		{11, 1, session.Connection{ID: "a1", SessionID: "a", Role: session.RoleModerator, Data: &data}},
		{12, 1, session.Connection{ID: "b1", SessionID: "b", Role: session.RoleSubscriber}},
		{11, 2, session.Connection{ID: "a2", SessionID: "a", Role: session.RolePublisher}},
	} {
		r := results[i]
		s.ok(r.Err)
		want.connection.CreatedAt = r.Change.Connection.CreatedAt
		equal(s, "result", r, session.ConnectionResult{
			Session: &session.Session{
				ID: want.connection.SessionID, Epoch: want.epoch, MediaMode: session.MediaRelayed, CreatedAt: r.Session.CreatedAt,
			},
			Change: session.RosterChange{
				SessionID: want.connection.SessionID, Revision: want.revision, Connection: &want.connection,
			},
		})
		states, err := s.store.Connections(s.ctx(), []string{want.connection.ID, "nope", "nul\x00"})
		s.ok(err)
		equal(s, "read", states, map[string]session.ConnectionState{want.connection.ID: {Connection: &want.connection}})
		stored, err := s.store.Session(s.ctx(), want.connection.SessionID)
		s.ok(err)
		equal(s, "session", stored, r.Session)
	}
	equal(s, "none", len(s.store.CreateConnections(s.ctx(), nil, idle)), 0)
}

func (s *suite) testCreateFailsAlone() {
	closed, err := s.store.CreateSession(s.ctx(), session.Session{ID: "closed", Epoch: 5, MediaMode: session.MediaRelayed, TokenRequired: true})
	s.ok(err)
	s.connect("a", "a1")
	results := s.store.CreateConnections(s.ctx(), []session.NewConnection{
		{ID: "c1", SessionID: "closed", Role: session.RolePublisher, TokenPresented: true},
		{ID: "c2", SessionID: "closed", Role: session.RolePublisher, MakeSession: true, NewEpoch: 9},
		{ID: "c3", SessionID: "nope", Role: session.RolePublisher, TokenPresented: true},
		{ID: "a1", SessionID: "fresh", Role: session.RolePublisher, MakeSession: true, NewEpoch: 9},
		{ID: "c4", SessionID: "a", Role: session.RolePublisher},
		{ID: "c4", SessionID: "a", Role: session.RolePublisher},
		{ID: "c5", SessionID: "closed", Role: session.RolePublisher, TokenPresented: true, MakeSession: true},
	}, idle)
	for i, want := range map[int]int64{0: 1, 4: 2, 6: 2} {
		s.ok(results[i].Err)
		equal(s, "revision", results[i].Change.Revision, want)
	}
	equal(s, "session", results[0].Session, closed)
	s.fails("no token", results[1].Err, session.CodeUnauthenticated, "")
	s.fails("no session", results[2].Err, session.CodeNotFound, "")
	s.fails("taken id", results[3].Err, session.CodeUnavailable, "")
	s.fails("id twice", results[5].Err, session.CodeUnavailable, "")
	for _, id := range []string{"nope", "fresh"} {
		_, err = s.store.Session(s.ctx(), id)
		s.fails("session of a failure", err, session.CodeNotFound, "")
	}
	equal(s, "closed", s.present("closed"), []string{"c1", "c5"})
	equal(s, "a", s.present("a"), []string{"a1", "c4"})
}

func (s *suite) testDestroy() {
	made := s.connect("a", "a1", "a2", "a3")
	for i, reason := range []session.DisconnectReason{session.ClientDisconnected, session.ForceDisconnected, session.NetworkDisconnected} {
		change, err := s.store.DestroyConnection(s.ctx(), made[i].ID, "", reason)
		s.ok(err)
		equal(s, "change", change, session.RosterChange{
			SessionID: "a", Revision: int64(4 + i), Connection: made[i], Reason: reason,
		})
		_, err = s.store.DestroyConnection(s.ctx(), made[i].ID, "", reason)
		s.fails("destroy twice", err, session.CodeNotFound, "")
	}
	for _, id := range []string{"nope", "", "nul\x00"} {
		_, err := s.store.DestroyConnection(s.ctx(), id, "", session.ClientDisconnected)
		s.fails("destroy "+id, err, session.CodeNotFound, "")
	}
	equal(s, "last numbers", s.lastSeqs("a"), session.LastSeqs{Revision: 6})
	equal(s, "roster", s.present("a"), []string{})
	states, err := s.store.Connections(s.ctx(), []string{"a2"})
	s.ok(err)
	equal(s, "state", states, map[string]session.ConnectionState{"a2": {Connection: made[1], Destroyed: true}})
}

func (s *suite) testRoster() {
	made := s.connect("a", "z", "m", "b")
	s.connect("other", "o1")
	roster, err := s.store.Roster(s.ctx(), "a")
	s.ok(err)
	equal(s, "roster", roster, session.Roster{Revision: 3, Connections: made}) // oldest first, within one commit too
	_, err = s.store.DestroyConnection(s.ctx(), "m", "", session.ClientDisconnected)
	s.ok(err)
	newest := s.connect("a", "a")
	roster, err = s.store.Roster(s.ctx(), "a")
	s.ok(err)
	equal(s, "roster", roster, session.Roster{Revision: 5, Connections: []*session.Connection{made[0], made[2], newest[0]}})
	roster, err = s.store.Roster(s.ctx(), session.Lobby)
	s.ok(err)
	equal(s, "empty roster", roster, session.Roster{Connections: []*session.Connection{}})
}

// history makes seven changes to session "a", and returns them.
func (s *suite) history() []session.RosterChange {
	var changes []session.RosterChange
	for _, c := range s.connect("a", "a1", "a2", "a3") {
		changes = append(changes, session.RosterChange{SessionID: "a", Revision: int64(len(changes)) + 1, Connection: c})
	}
	end := func(id string, reason session.DisconnectReason) {
		change, err := s.store.DestroyConnection(s.ctx(), id, "", reason)
		s.ok(err)
		changes = append(changes, change)
	}
	end("a2", session.ClientDisconnected)
	end("a1", session.ForceDisconnected)
	changes = append(changes, session.RosterChange{SessionID: "a", Revision: 6, Connection: s.connect("a", "a4")[0]})
	end("a4", session.ClientDisconnected)
	return changes
}

func (s *suite) testRosterChanges() {
	s.connect("other", "o1", "o2")
	want := s.history()
	for after := range len(want) + 2 {
		for limit := range len(want) + 2 {
			got, err := s.store.RosterChanges(s.ctx(), "a", int64(after), limit)
			s.ok(err)
			from := min(after, len(want))
			part := want[from:min(from+limit, len(want))]
			if !slices.EqualFunc(got, part, func(a, b session.RosterChange) bool {
				return *a.Connection == *b.Connection && a.Revision == b.Revision && a.SessionID == b.SessionID && a.Reason == b.Reason
			}) {
				s.Fatalf("after %d, limit %d:\n got %s\nwant %s", after, limit, show(got), show(part))
			}
		}
	}
	for _, id := range []string{"nope", session.Lobby, "nul\x00"} {
		got, err := s.store.RosterChanges(s.ctx(), id, 0, many)
		s.ok(err)
		equal(s, "changes of "+id, len(got), 0)
	}
}

// Concurrent changes are numbered without a hole.
func (s *suite) testRosterConcurrently() {
	const comers, turns = 6, 10
	var wg sync.WaitGroup
	for c := range comers {
		wg.Go(func() {
			for i := range turns {
				id := fmt.Sprintf("c%d-%d", c, i)
				r := s.store.CreateConnections(s.ctx(), []session.NewConnection{
					{ID: id, SessionID: "a", Role: session.RolePublisher, MakeSession: true, NewEpoch: 7},
				}, idle)
				if r[0].Err != nil {
					s.Error(r[0].Err)
				}
				if _, err := s.store.DestroyConnection(s.ctx(), id, "", session.ClientDisconnected); err != nil {
					s.Error(err)
				}
			}
		})
	}
	wg.Wait()
	changes, err := s.store.RosterChanges(s.ctx(), "a", 0, many)
	s.ok(err)
	equal(s, "changes", len(changes), 2*comers*turns)
	there := map[string]bool{}
	for i, c := range changes {
		equal(s, "revision", c.Revision, int64(i)+1)
		if c.Destroyed() != there[c.Connection.ID] {
			s.Fatalf("change %d of %s is out of order", c.Revision, c.Connection.ID)
		}
		there[c.Connection.ID] = true
	}
}

func (s *suite) testSetConnectionData() {
	user, first, second := "user \"7\" ü", "Ann", `{"name":"it's ?0"}`
	results := s.store.CreateConnections(s.ctx(), []session.NewConnection{
		{ID: "a1", SessionID: "a", Role: session.RolePublisher, Data: &first, UserID: &user, MakeSession: true, NewEpoch: 11},
		{ID: "a2", SessionID: "a", Role: session.RoleSubscriber, Data: &first, DataFixed: true, MakeSession: true, NewEpoch: 11},
	}, idle)
	for _, r := range results {
		s.ok(r.Err)
	}
	made := *results[0].Change.Connection
	equal(s, "user", *made.UserID, user)
	equal(s, "fixed", results[1].Change.Connection.DataFixed, true)
	stream, err := s.store.PublishStream(s.ctx(), session.NewStream{ID: "t", SessionID: "a", ConnectionID: "a1", VideoType: session.VideoCamera}, 8)
	s.ok(err)

	same := first
	change, changed, err := s.store.SetConnectionData(s.ctx(), "a1", &same, 0)
	s.ok(err)
	equal(s, "the same", changed, false)
	equal(s, "the same", change.Connection, &made)

	want := made
	want.Data, want.DataRevision = &second, 4
	change, changed, err = s.store.SetConnectionData(s.ctx(), "a1", &second, 0)
	s.ok(err)
	equal(s, "changed", changed, true)
	equal(s, "change", change, session.RosterChange{SessionID: "a", Revision: 4, Connection: &want, Updated: true})
	changes := []session.RosterChange{change}
	states, err := s.store.Connections(s.ctx(), []string{"a1"})
	s.ok(err)
	equal(s, "read", states, map[string]session.ConnectionState{"a1": {Connection: &want}})
	roster, err := s.store.Roster(s.ctx(), "a")
	s.ok(err)
	equal(s, "roster", roster.Connections[0], &want)
	equal(s, "stream's connection", roster.Streams[0].Connection, &want)

	none, changed, err := s.store.SetConnectionData(s.ctx(), "a1", nil, 0)
	s.ok(err)
	equal(s, "none", changed, true)
	equal(s, "none", none.Connection.Data, nil)
	changes = append(changes, none)

	// Each change is read as it was, with what came between.
	told, err := s.store.RosterChanges(s.ctx(), "a", 2, 10)
	s.ok(err)
	equal(s, "changes", len(told), 3)
	equal(s, "published", told[0].Revision, stream.Revision)
	equal(s, "changes", told[1:], changes)

	for id, data := range map[string]*string{"nope": &first, "nul\x00": &first} {
		_, _, err := s.store.SetConnectionData(s.ctx(), id, data, 0)
		s.fails(id, err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	}
	bad := "nul\x00"
	_, _, err = s.store.SetConnectionData(s.ctx(), "a1", &bad, 0)
	s.fails("data", err, session.CodeBadUserInput, "")
	_, err = s.store.DestroyConnection(s.ctx(), "a1", "", session.ClientDisconnected)
	s.ok(err)
	_, _, err = s.store.SetConnectionData(s.ctx(), "a1", &first, 0)
	s.fails("ended", err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
}
