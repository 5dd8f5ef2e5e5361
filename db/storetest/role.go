package storetest

import (
	"fmt"
	"sync"

	"chattok/session"
)

// setRole gives a connection of session "a" a role, which must succeed, for the holder of the API secret.
func (s *suite) setRole(id string, role session.Role) (*session.Connection, []session.RosterChange) {
	s.Helper()
	c, changes, err := s.store.SetRole(s.ctx(), session.NewRole{SessionID: "a", ConnectionID: id, Role: role})
	s.ok(err)
	return c, changes
}

// A connection has the role that it was given last: for whoever reads it, and in every transaction.
func (s *suite) testSetRole() {
	made := s.connect("a", "a1", "a2")
	for range 2 { // so that its role is remembered
		s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "one"})
	}
	first, second := s.publish("s1", made[0]), s.publish("s2", made[0])
	s.publish("other", made[1])

	lowered, changes := s.setRole("a1", session.RoleSubscriber)
	want := *made[0]
	want.Role, want.DataRevision = session.RoleSubscriber, 8
	equal(s, "lowered", lowered, &want)
	ended := func(revision int64, stream *session.Stream) session.RosterChange {
		return session.RosterChange{SessionID: "a", Revision: revision,
			Stream: &session.StreamChange{Kind: session.StreamEnded, Stream: stream, Reason: session.ForceUnpublished}}
	}
	equal(s, "changes", changes, []session.RosterChange{ended(6, first), ended(7, second),
		{SessionID: "a", Revision: 8, Connection: &want, Updated: true}})
	equal(s, "streams", s.streamsOf("a"), []string{"other"})
	states, err := s.store.Connections(s.ctx(), []string{"a1"})
	s.ok(err)
	equal(s, "state", states["a1"], session.ConnectionState{Connection: &want})
	later, err := s.store.RosterChanges(s.ctx(), "a", 7, many)
	s.ok(err)
	equal(s, "changes later", later, changes[2:])
	later, err = s.store.RosterChanges(s.ctx(), "a", 5, 1)
	s.ok(err)
	equal(s, "a stream's end", []any{later[0].Stream.Stream.ID, later[0].Stream.Reason}, []any{"s1", session.ForceUnpublished})

	for range 2 {
		r := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: "two"}})
		s.fails("its entry", r[0].Err, session.CodeForbidden, "")
	}
	s.refuses("its edit", edit(1, by("a1"), "x"), session.CodeForbidden, "")
	s.refuses("its reaction", react(1, by("a1"), "+1", true), session.CodeForbidden, "")
	_, err = s.store.PublishStream(s.ctx(), newStream("s3", made[0]), many)
	s.fails("its stream", err, session.CodeForbidden, "")
	s.change(remove(1, by("a1"))) // an author deletes at any time

	same, changes := s.setRole("a1", session.RoleSubscriber)
	equal(s, "the same", same, &want)
	equal(s, "no changes", len(changes), 0)
	equal(s, "revision", s.lastSeqs("a").Revision, 8)

	raised, changes := s.setRole("a1", session.RoleModerator)
	equal(s, "raised", []any{raised.Role, raised.DataRevision, len(changes)}, []any{session.RoleModerator, int64(9), 1})
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "three"})
	roster, err := s.store.Roster(s.ctx(), "a")
	s.ok(err)
	equal(s, "in the roster", roster.Connections[0], raised)

	// The data that is set next keeps the role.
	change, _, err := s.store.SetConnectionData(s.ctx(), "a1", pointer("I"), 0)
	s.ok(err)
	equal(s, "with data", []any{change.Connection.Role, change.Connection.DataRevision}, []any{session.RoleModerator, int64(10)})
	later, err = s.store.RosterChanges(s.ctx(), "a", 7, many)
	s.ok(err)
	roles := []session.Role{}
	for _, c := range later {
		roles = append(roles, c.Connection.Role)
	}
	equal(s, "roles later", roles, []session.Role{session.RoleSubscriber, session.RoleModerator, session.RoleModerator})
}

func (s *suite) testSetRoleRefused() {
	made := s.connect("a", "a1", "ended")
	s.connect("b", "b1")
	for _, id := range []string{"mod", "mod2"} {
		s.join(id, session.RoleModerator, nil, 0)
	}
	_, err := s.store.DestroyConnection(s.ctx(), "ended", "", session.ClientDisconnected)
	s.ok(err)
	revision := s.lastSeqs("a").Revision
	set := func(by, id string, role session.Role) error {
		_, _, err := s.store.SetRole(s.ctx(), session.NewRole{SessionID: "a", ConnectionID: id, Role: role, ModeratorID: by})
		return err
	}
	s.fails("by who is no moderator", set("a1", "a1", session.RoleModerator), session.CodeForbidden, "")
	s.fails("by who has gone", set("ended", "a1", session.RoleModerator), session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	s.fails("by nobody", set("nope", "a1", session.RoleModerator), session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	s.fails("by another session's", set("b1", "a1", session.RoleModerator), session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	s.fails("another moderator's", set("mod", "mod2", session.RolePublisher), session.CodeForbidden, "")
	for _, id := range []string{"ended", "b1", "nope", "nul\x00", ""} {
		s.fails("of "+id, set("mod", id, session.RolePublisher), session.CodeNotFound, "")
	}
	_, _, err = s.store.SetRole(s.ctx(), session.NewRole{SessionID: "nope", ConnectionID: "a1", Role: session.RolePublisher})
	s.fails("in an unknown session", err, session.CodeNotFound, "")
	equal(s, "revision", s.lastSeqs("a").Revision, revision)

	s.ok(set("mod", "mod", session.RolePublisher)) // itself
	s.fails("by who was a moderator", set("mod", "a1", session.RoleSubscriber), session.CodeForbidden, "")
	_, _, err = s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: "mod"})
	s.fails("its mute", err, session.CodeForbidden, "")
	_, _, err = s.store.CreateBan(s.ctx(), session.NewBan{ID: "b", SessionID: "a", ConnectionID: "a1", ModeratorID: "mod", Length: bit})
	s.fails("its ban", err, session.CodeForbidden, "")
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "one"})
	s.refuses("its deletion", remove(1, session.Actor{ConnectionID: "mod", Moderator: true}), session.CodeForbidden, "")
	s.publish("s", made[0])
	s.ban(session.NewBan{ID: "b", ConnectionID: "ended", ModeratorID: "mod2", Length: bit})
	was := s.lastSeqs("a")
	for id, fails := range map[string]func(what string, err error){
		"mod": func(what string, err error) { s.Helper(); s.fails(what, err, session.CodeForbidden, "") },
		"b1": func(what string, err error) {
			s.Helper()
			s.fails(what, err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
		},
	} {
		_, _, err = s.store.UpdateSession(s.ctx(), "a", session.SessionUpdate{ReadOnly: pointer(true), ModeratorID: id})
		fails("settings by "+id, err)
		_, err = s.store.DeleteBan(s.ctx(), "a", "b", id)
		fails("unban by "+id, err)
		_, err = s.store.DestroyStream(s.ctx(), "s", id, session.ForceUnpublished)
		fails("end of a stream by "+id, err)
		_, err = s.store.DestroyConnection(s.ctx(), "a1", id, session.ForceDisconnected)
		fails("end of a connection by "+id, err)
	}
	equal(s, "nothing has changed", s.lastSeqs("a"), was)
	equal(s, "the ban stays", s.bans(), []string{"b"})
	_, _, err = s.store.UpdateSession(s.ctx(), "a", session.SessionUpdate{SlowMode: pointer(bit), ModeratorID: "mod2"})
	s.ok(err)
	_, err = s.store.DeleteBan(s.ctx(), "a", "b", "mod2")
	s.ok(err)
	_, err = s.store.DestroyStream(s.ctx(), "s", "mod2", session.ForceUnpublished)
	s.ok(err)
	_, err = s.store.DestroyConnection(s.ctx(), "a1", "mod2", session.ForceDisconnected)
	s.ok(err)
	s.setRole("mod2", session.RoleSubscriber) // with the API secret
}

// Many posts and streams at once with changes of the role: none of a moment in which the connection was a SUBSCRIBER is stored.
func (s *suite) testSetRoleAtOnce() {
	publisher := s.connect("a", "a1")[0]
	for round := range 20 {
		s.setRole("a1", session.RolePublisher)
		var group sync.WaitGroup
		posted := make([]session.EntryResult, 8)
		for i := range posted {
			group.Go(func() {
				posted[i] = s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: fmt.Sprint(round)}})[0]
			})
			group.Go(func() {
				_, _ = s.store.PublishStream(s.ctx(), newStream(fmt.Sprint("s", round, "-", i), publisher), many)
			})
		}
		var lowered []session.RosterChange
		group.Go(func() { _, lowered = s.setRole("a1", session.RoleSubscriber) })
		group.Wait()
		equal(s, "streams of a SUBSCRIBER", s.streamsOf("a"), []string{})
		late := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: "late"}})
		s.fails("a post that comes later", late[0].Err, session.CodeForbidden, "")
		stored := 0
		for _, r := range posted {
			if r.Err == nil {
				stored++
				continue
			}
			s.fails("a post of a SUBSCRIBER", r.Err, session.CodeForbidden, "")
		}
		equal(s, "of this round", len(s.ofRound(fmt.Sprint(round))), stored)
		equal(s, "the change", lowered[len(lowered)-1].Connection.Role, session.RoleSubscriber)
	}
}

// ofRound returns the entries of session "a" with this text.
func (s *suite) ofRound(body string) (found []*session.ChatEntry) {
	for _, e := range s.all("a") {
		if e.Body == body {
			found = append(found, e)
		}
	}
	return found
}
