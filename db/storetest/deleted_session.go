package storetest

import (
	"fmt"
	"sync"

	"chattok/session"
)

// furnish makes a session that has something of everything, with epoch 7, and returns its first connection, which is a moderator's
// with a socket on node "n".
func (s *suite) furnish(sessionID string) (first *session.Connection) {
	s.Helper()
	ann := "ann"
	id := func(n int) string { return fmt.Sprint(sessionID, n) }
	made := s.store.CreateConnections(s.ctx(), []session.NewConnection{
		{ID: id(1), SessionID: sessionID, UserID: &ann, Role: session.RoleModerator, MakeSession: true, NewEpoch: 7, Holders: []session.Holder{{Name: "token", Key: 5, Limit: 2}}},
		{ID: id(2), SessionID: sessionID, Role: session.RolePublisher, MakeSession: true, Origin: 9},
		{ID: id(3), SessionID: sessionID, Role: session.RolePublisher, MakeSession: true},
	}, idle)
	for _, r := range made {
		s.ok(r.Err)
	}
	first = made[0].Change.Connection
	s.attach("n", id(1))
	for n := range 5 {
		s.add(session.NewEntry{SessionID: sessionID, ConnectionID: id(1), UserID: &ann, Body: fmt.Sprint("text ", n), IdempotencyKey: fmt.Sprint("key", n)})
		s.add(session.NewEntry{SessionID: sessionID, ConnectionID: id(2), Body: "plain"})
	}
	for _, r := range s.store.ChangeEntries(s.ctx(), []session.NewChange{
		{SessionID: sessionID, Seq: 1, Actor: by(id(2)), Kind: session.EntryReacted, Name: "+1", On: true, IdempotencyKey: "r"},
		{SessionID: sessionID, Seq: 3, Actor: by(id(1)), Kind: session.EntryDeleted},
	}) {
		s.ok(r.Err)
	}
	s.slowIn(sessionID)
	s.publish(id(4), first)
	for _, actor := range []session.ServiceActor{{}, {Name: "bot"}, {UserID: &ann}} {
		_, err := s.store.ServiceConnection(s.ctx(), sessionID, actor)
		s.ok(err)
	}
	s.ban(session.NewBan{ID: "ban " + sessionID, SessionID: sessionID, ConnectionID: id(3), ModeratorID: id(1), Length: bit})
	return first
}

// slowIn begins slow mode in a session, for which posts are marked.
func (s *suite) slowIn(sessionID string) {
	s.Helper()
	_, _, err := s.store.UpdateSession(s.ctx(), sessionID, session.SessionUpdate{SlowMode: pointer(bit), SetData: true, Data: pointer("data")})
	s.ok(err)
	s.add(session.NewEntry{SessionID: sessionID, ConnectionID: sessionID + "2", Body: "slow"})
}

// A session that was deleted is gone at once, for every method, and its rows are removed little by little. Another one keeps what it
// has, and the id is good for a new session afterwards, which has nothing of the old one's.
func (s *suite) testDeleteSession() {
	s.renew("n", false)
	first := s.furnish("a")
	s.furnish("b")
	b := s.all("b")
	epoch, err := s.store.DeleteSession(s.ctx(), "a")
	s.ok(err)
	equal(s, "epoch", epoch, 7)
	s.wantDeleted("a", first)

	s.clock.Advance(2 * idle)
	s.renew("n", false) // its lease had run out, and a sweep ends connections of the other session alone
	s.sweeps("b1", "b2")
	_, err = s.store.CreateSession(s.ctx(), session.Session{ID: "a", Epoch: 8, MediaMode: session.MediaRelayed, TokenRequired: true})
	s.fails("made again too soon", err, session.CodeUnavailable, "")
	steps := 0
	for more := true; more; steps++ {
		more, err = s.store.RemoveDeleted(s.ctx(), 3)
		s.ok(err)
	}
	if steps < 10 {
		s.Errorf("all was removed in %d steps", steps)
	}
	s.wantDeleted("a", nil)
	_, err = s.store.DeleteSession(s.ctx(), "a")
	s.fails("deleted again", err, session.CodeNotFound, session.ReasonSessionDeleted)
	states, err := s.store.Connections(s.ctx(), []string{"a1", "a2", "a3"})
	s.ok(err)
	equal(s, "connections", len(states), 0)

	made, err := s.store.CreateSession(s.ctx(), session.Session{ID: "a", Epoch: 8, MediaMode: session.MediaRelayed, TokenRequired: true})
	s.ok(err)
	equal(s, "made again", []any{made.Epoch, made.SlowMode, made.Data}, []any{session.Epoch(8), 0 * bit, (*string)(nil)})
	equal(s, "last numbers", s.lastSeqs("a"), session.LastSeqs{})
	r := s.store.CreateConnections(s.ctx(), []session.NewConnection{{ID: "a1", SessionID: "a", UserID: pointer("ann"), Role: session.RolePublisher,
		TokenPresented: true, Holders: []session.Holder{{Name: "token", Key: 5, Limit: 1}}}}, idle)
	s.ok(r[0].Err)
	equal(s, "mark", s.mark("ann"), session.ReadMark{})
	e := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", UserID: pointer("ann"), Body: "again", IdempotencyKey: "key0"})
	equal(s, "first entry", []any{e.Seq, e.Place, len(s.all("a"))}, []any{int64(1), int64(1), 1})
	bans, err := s.store.Bans(s.ctx(), "a")
	s.ok(err)
	equal(s, "bans", len(bans), 0)
	equal(s, "the other's log", s.all("b"), b)
	_, err = s.store.DeleteSession(s.ctx(), "nope")
	s.fails("an unknown one", err, session.CodeNotFound, "")
}

// wantDeleted checks that nothing finds or changes a deleted session, in which member was, unless it has been removed.
func (s *suite) wantDeleted(id string, member *session.Connection) {
	s.Helper()
	const gone = session.ReasonSessionDeleted
	_, err := s.store.Session(s.ctx(), id)
	s.fails("Session", err, session.CodeNotFound, gone)
	_, err = s.store.Roster(s.ctx(), id)
	s.fails("Roster", err, session.CodeNotFound, gone)
	_, _, err = s.store.UpdateSession(s.ctx(), id, session.SessionUpdate{})
	s.fails("UpdateSession", err, session.CodeNotFound, gone)
	_, err = s.store.ServiceConnection(s.ctx(), id, session.ServiceActor{Name: "bot"})
	s.fails("ServiceConnection", err, session.CodeNotFound, gone)
	_, _, err = s.store.CreateBan(s.ctx(), session.NewBan{ID: "x", SessionID: id, ConnectionID: id + "2", ModeratorID: id + "1", Length: bit})
	s.fails("CreateBan", err, session.CodeNotFound, gone)
	_, _, err = s.store.MuteStreams(s.ctx(), session.Mute{SessionID: id, ModeratorID: id + "1"})
	s.fails("MuteStreams", err, session.CodeNotFound, gone)
	_, _, err = s.store.SetRole(s.ctx(), session.NewRole{SessionID: id, ConnectionID: id + "2", Role: session.RoleModerator})
	s.fails("SetRole", err, session.CodeNotFound, gone)
	_, err = s.store.PublishStream(s.ctx(), session.NewStream{ID: "x", SessionID: id, ConnectionID: id + "1", VideoType: session.VideoCamera}, many)
	s.fails("PublishStream", err, session.CodeNotFound, gone)
	r := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: id, ConnectionID: id + "2", Body: "late"}})
	if member != nil {
		s.fails("AppendEntries", r[0].Err, session.CodeNotFound, gone)
		_, _, err = s.store.SetConnectionData(s.ctx(), member.ID, pointer("I"), 0)
		s.fails("SetConnectionData", err, session.CodeNotFound, gone)
	}
	s.fails("ChangeEntries", s.store.ChangeEntries(s.ctx(), []session.NewChange{
		{SessionID: id, Seq: 1, Actor: by(id + "1"), Kind: session.EntryDeleted}})[0].Err, session.CodeNotFound, gone)
	for _, n := range []session.NewConnection{{MakeSession: true, NewEpoch: 9}, {TokenPresented: true},
		{TokenPresented: true, MakeSession: true, TakeTokens: true, NewEpoch: 9}} {
		n.ID, n.SessionID, n.Role = "late", id, session.RolePublisher
		s.fails("CreateConnections", s.store.CreateConnections(s.ctx(), []session.NewConnection{n}, idle)[0].Err, session.CodeNotFound, gone)
	}
	_, err = s.store.DestroyConnection(s.ctx(), id+"1", "", session.ForceDisconnected)
	s.fails("DestroyConnection", err, session.CodeNotFound, "")
	last, err := s.store.LastSeqs(s.ctx(), []string{id})
	s.ok(err)
	equal(s, "LastSeqs", len(last), 0)
	sizes, err := s.store.SessionSizes(s.ctx(), []string{id})
	s.ok(err)
	equal(s, "SessionSizes", len(sizes), 0)
	if member == nil {
		return
	}
	states, err := s.store.Connections(s.ctx(), []string{member.ID})
	s.ok(err)
	equal(s, "Connections", states, map[string]session.ConnectionState{member.ID: {Connection: member, Destroyed: true, SessionDeleted: true}})
}

// Nothing of what comes at the same time as a deletion is left after it.
func (s *suite) testDeleteSessionAtOnce() {
	for round := range 10 {
		id := fmt.Sprint("s", round)
		s.connect(id, id+"-1")
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				for n := range 10 {
					s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: id, ConnectionID: id + "-1", Body: fmt.Sprint(n)}})
				}
			})
			group.Go(func() {
				_, _ = s.store.MarkRead(s.ctx(), []session.NewReadMark{{SessionID: id, UserID: fmt.Sprint("u", i), Place: 1}})
			})
			group.Go(func() {
				s.store.CreateConnections(s.ctx(), []session.NewConnection{{ID: fmt.Sprint(id, "+", i), SessionID: id, Role: session.RolePublisher, MakeSession: true}}, idle)
			})
		}
		group.Go(func() {
			_, err := s.store.DeleteSession(s.ctx(), id)
			if err != nil {
				s.Error(err)
			}
			for more := true; more && err == nil; { // until another transaction has the session's row, perhaps
				if more, err = s.store.RemoveDeleted(s.ctx(), 5); err != nil {
					s.Error(err)
				}
			}
		})
		group.Wait()
		for more := true; more; {
			var err error
			more, err = s.store.RemoveDeleted(s.ctx(), 5)
			s.ok(err)
		}
		_, err := s.store.CreateSession(s.ctx(), session.Session{ID: id, Epoch: 7, MediaMode: session.MediaRelayed})
		s.ok(err)
		equal(s, "log", len(s.all(id)), 0)
		equal(s, "present", s.present(id), []string{})
		for i := range 4 {
			mark, err := s.store.ReadMark(s.ctx(), id, fmt.Sprint("u", i))
			s.ok(err)
			equal(s, "mark", mark, session.ReadMark{})
		}
	}
}
