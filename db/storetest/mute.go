package storetest

import "chattok/session"

// A mute that stays holds for streams to come, whoever muted and whatever became of the moderator, until it is ended.
func (s *suite) testMuteStays() {
	made := append(s.connect("a", "a1"), s.connectRole("a", session.RoleModerator, "mod")...)
	elsewhere := s.connect("b", "b1")[0]
	server, err := s.store.ServiceConnection(s.ctx(), "a", session.ServiceActor{})
	s.ok(err)
	mutedBy := func(sessionID string) *session.Connection {
		s.Helper()
		roster, err := s.store.Roster(s.ctx(), sessionID)
		s.ok(err)
		return roster.MutedBy
	}
	publish := func(id string, c *session.Connection, audio bool) (hasAudio bool, by *session.Connection) {
		s.Helper()
		n := newStream(id, c)
		n.HasAudio = audio
		change, err := s.store.PublishStream(s.ctx(), n, many)
		s.ok(err)
		read, err := s.store.Stream(s.ctx(), id)
		s.ok(err)
		equal(s, "stored", read, change.Stream.Stream)
		return change.Stream.Stream.HasAudio, change.Stream.Moderator
	}
	end := func(by string) (session.RosterChange, bool) {
		s.Helper()
		change, changed, err := s.store.EndMute(s.ctx(), "a", by)
		s.ok(err)
		return change, changed
	}

	_, _, err = s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: "mod"}) // it does not stay
	s.ok(err)
	audio, by := publish("s1", made[0], true)
	equal(s, "published before", []any{audio, by, mutedBy("a")}, []any{true, (*session.Connection)(nil), (*session.Connection)(nil)})
	_, changed := end("mod")
	equal(s, "ended where there is none", changed, false)

	for _, moderator := range []*session.Connection{made[1], server} {
		change, muted, err := s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: moderator.ID, Except: []string{"s1"}, Stay: true})
		s.ok(err)
		equal(s, "change", change.Stream, &session.StreamChange{Kind: session.StreamsMuted, Except: []string{"s1"}, Stay: true, Moderator: moderator})
		if moderator == made[1] {
			equal(s, "muted", len(muted), 0)
		}
		equal(s, "muted by", []any{mutedBy("a"), mutedBy("b")}, []any{moderator, (*session.Connection)(nil)})
		id := "by " + moderator.ID
		audio, by = publish(id, made[0], true)
		equal(s, "published", []any{audio, by}, []any{false, moderator})
		audio, by = publish("silent "+id, made[0], false)
		equal(s, "published without audio", []any{audio, by}, []any{false, (*session.Connection)(nil)})
		audio, _ = publish("elsewhere "+id, elsewhere, true)
		equal(s, "published elsewhere", audio, true)
		_, _, err = s.store.UpdateStream(s.ctx(), id, session.StreamUpdate{HasAudio: pointer(true)}, 0)
		s.ok(err)
	}
	_, _, err = s.store.EndMute(s.ctx(), "nope", "mod")
	s.fails("no session", err, session.CodeNotFound, "")
	_, _, err = s.store.EndMute(s.ctx(), "a", "b1")
	s.fails("no moderator", err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)

	change, changed := end("mod")
	equal(s, "ended", []any{changed, change.Stream}, []any{true, &session.StreamChange{Kind: session.MuteEnded, Moderator: made[1]}})
	_, changed = end("mod")
	equal(s, "ended twice", changed, false)
	audio, _ = publish("after", made[0], true)
	equal(s, "published after", []any{audio, mutedBy("a")}, []any{true, (*session.Connection)(nil)})

	changes, err := s.store.RosterChanges(s.ctx(), "a", change.Revision-1, 1)
	s.ok(err)
	equal(s, "the change is kept", changes, []session.RosterChange{change})
}

// A connection may make the session that its token names; that one takes tokens from then on.
func (s *suite) testTakeTokens() {
	create := func(c session.NewConnection) session.ConnectionResult {
		s.Helper()
		c.NewEpoch = 9
		return s.store.CreateConnections(s.ctx(), []session.NewConnection{c}, idle)[0]
	}
	made := create(session.NewConnection{ID: "a1", SessionID: "a", Role: session.RolePublisherOnly, MakeSession: true, TakeTokens: true, TokenPresented: true})
	s.ok(made.Err)
	equal(s, "made", []any{made.Session.TokenRequired, made.Change.Connection.Role}, []any{true, session.RolePublisherOnly})
	without := create(session.NewConnection{ID: "a2", SessionID: "a", Role: session.RolePublisher, MakeSession: true})
	s.fails("without a token", without.Err, session.CodeUnauthenticated, "")
	s.ok(create(session.NewConnection{ID: "b1", SessionID: "b", Role: session.RolePublisher, MakeSession: true}).Err)
	open := create(session.NewConnection{ID: "b2", SessionID: "b", Role: session.RolePublisher, MakeSession: true, TakeTokens: true, TokenPresented: true})
	s.ok(open.Err)
	equal(s, "one that is there stays as it is", open.Session.TokenRequired, false)
}
