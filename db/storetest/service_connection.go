package storetest

import (
	"sync"
	"time"

	"chattok/session"
)

func (s *suite) serviceConnection(sessionID string, actor session.ServiceActor) *session.Connection {
	s.Helper()
	c, err := s.store.ServiceConnection(s.ctx(), sessionID, actor)
	s.ok(err)
	return c
}

// Each actor has one connection in a session, with the data that it was given last.
func (s *suite) testServiceConnections() {
	ann := "ann"
	s.join("a1", session.RolePublisher, nil, 0)
	s.connect("b", "b1")
	bot := s.serviceConnection("a", session.ServiceActor{Name: "ann"})
	equal(s, "a bot", *bot, session.Connection{ID: bot.ID, SessionID: "a", Data: new("ann"), DataFixed: true, Role: session.RolePublisher,
		Service: true, CreatedAt: bot.CreatedAt})
	user := s.serviceConnection("a", session.ServiceActor{UserID: &ann})
	equal(s, "a user", *user, session.Connection{ID: user.ID, SessionID: "a", UserID: &ann, DataFixed: true, Role: session.RolePublisher,
		Service: true, CreatedAt: user.CreatedAt})
	server := s.serviceConnection("a", session.ServiceActor{})
	elsewhere := s.serviceConnection("b", session.ServiceActor{Name: "ann"})
	ids := map[string]bool{bot.ID: true, user.ID: true, server.ID: true, elsewhere.ID: true}
	equal(s, "connections", len(ids), 4)

	equal(s, "the bot again", s.serviceConnection("a", session.ServiceActor{Name: "ann"}), bot)
	for i, data := range []string{"Ann", "", "Ann"} {
		changed := s.serviceConnection("a", session.ServiceActor{Name: "ann", Data: &data})
		want := *bot
		want.Data, want.DataRevision = &data, int64(i+1)
		equal(s, "changed data", *changed, want)
		equal(s, "the same again", s.serviceConnection("a", session.ServiceActor{Name: "ann", Data: &data}), changed)
		equal(s, "as it is stored", s.serviceConnection("a", session.ServiceActor{Name: "ann"}), changed)
	}
	s.join("bob1", session.RolePublisher, new("bob"), 0)
	_, _, err := s.store.SetConnectionData(s.ctx(), "bob1", new("Bob"), 0)
	s.ok(err)
	s.clock.Advance(bit)
	s.join("bob2", session.RolePublisher, new("bob"), 0)
	_, _, err = s.store.SetConnectionData(s.ctx(), "bob2", new("Bobby"), 0)
	s.ok(err)
	equal(s, "the user's newest data", *s.serviceConnection("a", session.ServiceActor{UserID: new("bob")}).Data, "Bobby")
	equal(s, "given data", *s.serviceConnection("a", session.ServiceActor{UserID: new("carl"), Data: new("C")}).Data, "C")

	for _, id := range []string{"nope", "nul\x00"} {
		_, err := s.store.ServiceConnection(s.ctx(), id, session.ServiceActor{Name: "x"})
		s.fails("unknown session", err, session.CodeNotFound, "")
	}
	for _, actor := range []session.ServiceActor{{Name: "nul\x00"}, {UserID: new("nul\x00")}, {Name: "x", Data: new("nul\x00")}} {
		_, err := s.store.ServiceConnection(s.ctx(), "a", actor)
		s.fails("no text", err, session.CodeBadUserInput, "")
	}
	equal(s, "present", s.present("a"), []string{"a1", "bob1", "bob2"})
	listed, err := s.store.ListConnections(s.ctx(), "a", session.RosterPlace{}, many)
	s.ok(err)
	equal(s, "listed", len(listed), 3)
	equal(s, "revision", s.lastSeqs("a").Revision, 5)
	states, err := s.store.Connections(s.ctx(), []string{user.ID})
	s.ok(err)
	equal(s, "state", states, map[string]session.ConnectionState{user.ID: {Connection: user, Destroyed: true}})
	_, err = s.store.DestroyConnection(s.ctx(), bot.ID, "", session.ForceDisconnected)
	s.fails("its end", err, session.CodeNotFound, "")
	_, _, err = s.store.SetConnectionData(s.ctx(), bot.ID, new("x"), 0)
	s.fails("its data by itself", err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
}

// Calls at once make one connection.
func (s *suite) testServiceConnectionConcurrently() {
	s.connect("a", "a1")
	ids := make([]string, 20)
	var work sync.WaitGroup
	for i := range ids {
		work.Go(func() {
			c, err := s.store.ServiceConnection(s.ctx(), "a", session.ServiceActor{Name: "bot"})
			if err != nil {
				s.Error(err)
				return
			}
			ids[i] = c.ID
		})
	}
	work.Wait()
	for _, id := range ids {
		equal(s, "connection", id, ids[0])
	}
}

// A service connection adds and changes without limits of people, and as nobody else.
func (s *suite) testServiceEntries() {
	ann := "ann"
	s.join("ann1", session.RolePublisher, &ann, 0)
	s.join("other", session.RolePublisher, nil, 0)
	s.slow(time.Hour)
	bot, user := s.serviceConnection("a", session.ServiceActor{Name: "bot"}), s.serviceConnection("a", session.ServiceActor{UserID: &ann})
	server, elsewhere := s.serviceConnection("a", session.ServiceActor{}), func() *session.Connection {
		s.connect("b", "b1")
		return s.serviceConnection("b", session.ServiceActor{Name: "bot"})
	}()
	post := func(e session.NewEntry) session.EntryResult {
		e.SessionID, e.Body = "a", "hello"
		return s.store.AppendEntries(s.ctx(), []session.NewEntry{e})[0]
	}
	for range 2 { // slow mode does not hold
		for _, c := range []*session.Connection{bot, user, server} {
			r := post(session.NewEntry{ConnectionID: c.ID, UserID: c.UserID, Service: true})
			s.ok(r.Err)
			equal(s, "sender", r.Entry.ConnectionID, c.ID)
		}
	}
	equal(s, "the user has read", s.mark(ann), session.ReadMark{Place: 5, Unread: 1})
	s.tooSoon("the user itself", post(session.NewEntry{ConnectionID: "ann1", UserID: &ann}).Err, time.Hour)
	for what, e := range map[string]session.NewEntry{
		"not as a service":           {ConnectionID: bot.ID},
		"another session's":          {ConnectionID: elsewhere.ID, Service: true},
		"a connection as a service":  {ConnectionID: "other", Service: true},
		"an unknown one":             {ConnectionID: "nope", Service: true},
		"a guest by a service's id":  {ConnectionID: bot.ID, Guest: true},
		"a guest by another's id":    {ConnectionID: elsewhere.ID, Guest: true},
		"the server, not as service": {ConnectionID: server.ID},
	} {
		if r := post(e); session.CodeOf(r.Err) != session.CodeUnauthenticated {
			s.Errorf("%s: %v", what, r.Err)
		}
	}

	change := func(c session.NewChange) error {
		c.SessionID = "a"
		return s.store.ChangeEntries(s.ctx(), []session.NewChange{c})[0].Err
	}
	s.clock.Advance(48 * time.Hour)
	edit := func(by session.Actor, seq int64, body string) error {
		return change(session.NewChange{Seq: seq, Actor: by, Kind: session.EntryEdited, Body: body, EditedIn: time.Hour})
	}
	asBot, asUser := session.Actor{ConnectionID: bot.ID, Service: true}, session.Actor{ConnectionID: user.ID, UserID: &ann, Service: true}
	asServer := session.Actor{ConnectionID: server.ID, Service: true, Any: true, Moderator: true}
	s.ok(edit(asBot, 1, "later"))
	s.fails("another's", edit(asBot, 2, "x"), session.CodeForbidden, "")
	s.ok(edit(asUser, 2, "later"))
	s.ok(edit(asServer, 1, "the server"))
	s.fails("the user itself, later", edit(session.Actor{ConnectionID: "ann1", UserID: &ann}, 2, "x"), session.CodeForbidden, session.ReasonEditWindow)
	s.fails("of another session", edit(session.Actor{ConnectionID: elsewhere.ID, Service: true, Any: true}, 1, "x"),
		session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	for _, by := range []session.Actor{asBot, asUser, asServer, {ConnectionID: "ann1", UserID: &ann}} {
		s.ok(change(session.NewChange{Seq: 3, Actor: by, Kind: session.EntryReacted, Name: "+", On: true}))
		s.clock.Advance(bit)
	}
	equal(s, "reactions", s.all("a")[2].Reactions, []session.ReactionCount{{Name: "+", Count: 3}}) // the user counts once
	remove := func(by session.Actor, seq int64) error {
		return change(session.NewChange{Seq: seq, Actor: by, Kind: session.EntryDeleted})
	}
	s.fails("another's", remove(asBot, 2), session.CodeForbidden, "")
	s.ok(remove(asBot, 1))
	s.ok(remove(asServer, 2))

	// Nothing of them is swept, whatever time passes, but a session without entries is, with them.
	s.clock.Advance(1000 * time.Hour)
	s.sweeps("ann1", "other", "b1")
	s.clock.Advance(1000 * time.Hour)
	s.sweeps()
	equal(s, "kept", s.serviceConnection("a", session.ServiceActor{Name: "bot"}), bot)
	_, err := s.store.ServiceConnection(s.ctx(), "b", session.ServiceActor{Name: "bot"})
	s.fails("of a session that was removed", err, session.CodeNotFound, "")
	s.connect("b", "b2")
	if again := s.serviceConnection("b", session.ServiceActor{Name: "bot"}); again.ID == elsewhere.ID {
		s.Error("a session that was made again has the service connections of the earlier one")
	}
}

// A user that is banned can't be acted as; a ban of its service connection is a ban of the user; a bot can't be banned.
func (s *suite) testServiceBanned() {
	ann := "ann"
	mod := s.join("mod", session.RoleModerator, nil, 0)
	s.join("ann1", session.RolePublisher, &ann, 0)
	user, bot := s.serviceConnection("a", session.ServiceActor{UserID: &ann}), s.serviceConnection("a", session.ServiceActor{Name: "bot"})
	_, _, err := s.store.CreateBan(s.ctx(), session.NewBan{ID: "b0", SessionID: "a", ConnectionID: bot.ID, ModeratorID: mod.ID, Length: time.Hour})
	s.fails("a ban of a bot", err, session.CodeNotFound, "")
	ban, ended := s.ban(session.NewBan{ID: "b1", ConnectionID: user.ID, ModeratorID: mod.ID, Length: time.Hour})
	equal(s, "ended", ended, []string{"ann1"})
	equal(s, "banned", *ban.UserID, ann)
	_, err = s.store.ServiceConnection(s.ctx(), "a", session.ServiceActor{UserID: &ann})
	s.banned("the user", err, ban.Until)
	_, err = s.store.ServiceConnection(s.ctx(), "a", session.ServiceActor{UserID: &ann, Data: new("x")})
	s.banned("the user, with data", err, ban.Until)
	r := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: user.ID, UserID: &ann, Service: true, Body: "x"},
		{SessionID: "a", ConnectionID: bot.ID, Service: true, Body: "x"}})
	s.banned("its entry", r[0].Err, ban.Until)
	s.ok(r[1].Err)
	s.serviceConnection("a", session.ServiceActor{UserID: new("bob")})
	s.clock.Advance(2 * time.Hour)
	equal(s, "after the ban", s.serviceConnection("a", session.ServiceActor{UserID: &ann}), user)
	s.ok(s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: user.ID, UserID: &ann, Service: true, Body: "x"}})[0].Err)
}
