package storetest

import (
	"fmt"
	"time"

	"chattok/session"
)

// join creates one connection in session "a", which must succeed.
func (s *suite) join(id string, role session.Role, user *string, origin int64) *session.Connection {
	s.Helper()
	r := s.tryJoin(id, role, user, origin)
	s.ok(r.Err)
	return r.Change.Connection
}

func (s *suite) tryJoin(id string, role session.Role, user *string, origin int64) session.ConnectionResult {
	s.Helper()
	return s.store.CreateConnections(s.ctx(), []session.NewConnection{{ID: id, SessionID: "a", Role: role, UserID: user, Origin: origin,
		MakeSession: true, NewEpoch: 7, TokenPresented: true}}, idle)[0]
}

// banned checks that err says until when a ban lasts.
func (s *suite) banned(what string, err error, until time.Time) {
	s.Helper()
	s.fails(what, err, session.CodeForbidden, session.ReasonBanned)
	equal(s, what+" until", err.(*session.Error).Until, until)
}

// keptOut checks until when a ban keeps somebody out of session "a"; the zero time where none does.
func (s *suite) keptOut(what string, role session.Role, user *string, origin int64, want time.Time) {
	s.Helper()
	until, err := s.store.BannedUntil(s.ctx(), session.NewConnection{SessionID: "a", Role: role, UserID: user, Origin: origin})
	s.ok(err)
	equal(s, what+" is kept out until", until, want)
}

func (s *suite) ban(b session.NewBan) (*session.Ban, []string) {
	s.Helper()
	if b.SessionID == "" {
		b.SessionID = "a"
	}
	ban, ended, err := s.store.CreateBan(s.ctx(), b)
	s.ok(err)
	equal(s, "length", ban.Until.Sub(ban.CreatedAt), b.Length)
	var ids []string
	for _, c := range ended {
		equal(s, "reason", c.Reason, session.ForceDisconnected)
		ids = append(ids, c.Connection.ID)
	}
	return ban, ids
}

func (s *suite) bans() (ids []string) {
	s.Helper()
	bans, err := s.store.Bans(s.ctx(), "a")
	s.ok(err)
	for _, b := range bans {
		ids = append(ids, b.ID)
	}
	return ids
}

// A ban of a user ends all its connections, of every role, and keeps it out until the ban ends, is replaced or is lifted.
func (s *suite) testBanUser() {
	ann, bob := "ann", "bob"
	mod := s.join("mod", session.RoleModerator, nil, 1)
	target := s.join("ann1", session.RolePublisher, &ann, 2)
	s.join("ann2", session.RoleModerator, &ann, 3)
	s.join("bob1", session.RolePublisher, &bob, 2)
	before := s.lastSeqs("a").Revision

	ban, ended := s.ban(session.NewBan{ID: "b1", ConnectionID: "ann1", ModeratorID: "mod", Length: 5 * bit})
	equal(s, "ended", ended, []string{"ann1", "ann2"})
	equal(s, "ban", ban, &session.Ban{ID: "b1", SessionID: "a", UserID: &ann, Connection: target, Moderator: mod, CreatedAt: ban.CreatedAt, Until: ban.Until})
	equal(s, "revision", s.lastSeqs("a").Revision, before+2)
	equal(s, "present", s.present("a"), []string{"mod", "bob1"})
	stored, err := s.store.Bans(s.ctx(), "a")
	s.ok(err)
	equal(s, "bans", stored, []*session.Ban{ban})

	s.banned("ann returns", s.tryJoin("ann3", session.RolePublisher, &ann, 9).Err, ban.Until)
	s.banned("ann returns as a moderator", s.tryJoin("ann3", session.RoleModerator, &ann, 0).Err, ban.Until)
	s.keptOut("ann", session.RoleModerator, &ann, 9, ban.Until)
	s.keptOut("bob, of the same address", session.RolePublisher, &bob, 2, time.Time{})
	r := s.store.AppendEntries(s.ctx(), []session.NewEntry{
		{SessionID: "a", ConnectionID: "ann1", UserID: &ann, Body: "still here"},
		{SessionID: "a", ConnectionID: "bob1", UserID: &bob, Body: "hello"},
	})
	s.banned("ann posts", r[0].Err, ban.Until)
	s.ok(r[1].Err)
	s.join("bob2", session.RolePublisher, &bob, 2)  // shares the address
	s.join("nobody", session.RolePublisher, nil, 2) // and has no user
	other := s.store.CreateConnections(s.ctx(), []session.NewConnection{
		{ID: "elsewhere", SessionID: "other", Role: session.RolePublisher, UserID: &ann, MakeSession: true, NewEpoch: 8}}, idle)
	s.ok(other[0].Err)

	// It is replaced, also by a shorter one.
	shorter, ended := s.ban(session.NewBan{ID: "b2", ConnectionID: "ann2", ModeratorID: "mod", Length: 2 * bit})
	equal(s, "ended", ended, nil)
	equal(s, "bans", s.bans(), []string{"b2"})
	s.banned("ann returns", s.tryJoin("ann3", session.RolePublisher, &ann, 9).Err, shorter.Until)
	_, err = s.store.DeleteBan(s.ctx(), "a", "b1", "")
	s.fails("unban what was replaced", err, session.CodeNotFound, "")

	s.clock.Advance(3 * bit)
	equal(s, "bans", s.bans(), nil)
	s.keptOut("ann, whose ban has ended", session.RolePublisher, &ann, 9, time.Time{})
	for _, id := range []string{"other", "unknown", "", "nul\x00"} {
		until, err := s.store.BannedUntil(s.ctx(), session.NewConnection{SessionID: id, UserID: &ann})
		s.ok(err)
		equal(s, "kept out of "+id, until, time.Time{})
	}
	s.join("ann3", session.RolePublisher, &ann, 9)
	_, err = s.store.DeleteBan(s.ctx(), "a", "b2", "")
	s.fails("unban what has ended", err, session.CodeNotFound, "")

	s.ban(session.NewBan{ID: "b3", ConnectionID: "ann1", ModeratorID: "mod", Length: 5 * bit})
	_, err = s.store.DeleteBan(s.ctx(), "other", "b3", "")
	s.fails("unban of another session", err, session.CodeNotFound, "")
	for _, id := range []string{"nope", "", "nul\x00"} {
		_, err = s.store.DeleteBan(s.ctx(), "a", id, "")
		s.fails("unban "+id, err, session.CodeNotFound, "")
	}
	lifted, err := s.store.DeleteBan(s.ctx(), "a", "b3", "")
	s.ok(err)
	equal(s, "lifted", lifted.ID, "b3")
	equal(s, "bans", s.bans(), nil)
	s.join("ann4", session.RolePublisher, &ann, 9)
}

// A ban of a connection without a user is of its address, and does not hold for moderators who share it.
func (s *suite) testBanAddress() {
	ann := "ann"
	s.join("mod", session.RoleModerator, nil, 5)
	s.join("guilty", session.RolePublisher, nil, 5)
	s.join("second", session.RolePublisher, nil, 5)
	s.join("named", session.RolePublisher, &ann, 5)
	s.join("far", session.RolePublisher, nil, -6)
	s.join("local", session.RolePublisher, nil, 0)
	s.join("local2", session.RolePublisher, nil, 0)
	ban, ended := s.ban(session.NewBan{ID: "b1", ConnectionID: "guilty", ModeratorID: "mod", Length: 5 * bit})
	equal(s, "ended", ended, []string{"guilty", "second", "named"})
	if ban.UserID != nil {
		s.Fatalf("the ban of an address has user %s", *ban.UserID)
	}
	s.banned("it returns", s.tryJoin("x", session.RolePublisher, nil, 5).Err, ban.Until)
	s.banned("it returns as a user", s.tryJoin("x", session.RolePublisher, &ann, 5).Err, ban.Until)
	s.keptOut("it", session.RolePublisher, nil, 5, ban.Until)
	s.keptOut("a user of the address", session.RoleSubscriber, &ann, 5, ban.Until)
	s.keptOut("a moderator of the address", session.RoleModerator, nil, 5, time.Time{})
	s.keptOut("somebody without an address", session.RolePublisher, nil, 0, time.Time{})
	s.join("mod2", session.RoleModerator, nil, 5)
	s.join("ann from elsewhere", session.RolePublisher, &ann, 7)
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "mod", Body: "quiet now"})

	s.clock.Advance(bit)
	// Without a user and an address, only the connection ends.
	none, ended := s.ban(session.NewBan{ID: "b2", ConnectionID: "local", ModeratorID: "mod", Length: 5 * bit})
	equal(s, "ended", ended, []string{"local"})
	s.join("local3", session.RolePublisher, nil, 0)
	equal(s, "bans", s.bans(), []string{"b2", "b1"})
	if none.UserID != nil || none.Connection.ID != "local" {
		s.Fatalf("ban %s", show(none))
	}
	s.clock.Advance(bit)
	s.ban(session.NewBan{ID: "b3", ConnectionID: "local", ModeratorID: "mod", Length: bit})
	equal(s, "replaced", len(s.bans()), 2)
}

func (s *suite) testBanRefused() {
	mod := s.join("mod", session.RoleModerator, nil, 1)
	s.join("mod2", session.RoleModerator, nil, 2)
	s.join("a1", session.RolePublisher, nil, 3)
	ann := "ann"
	s.join("ann1", session.RolePublisher, &ann, 4)
	s.join("ann2", session.RoleModerator, &ann, 4)
	s.connect("other", "o1")
	s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: session.Lobby, ConnectionID: "visitor", Guest: true, Body: "hi"}})
	server, err := s.store.ServiceConnection(s.ctx(), "a", session.ServiceActor{})
	s.ok(err)
	for i, c := range []struct {
		ban  session.NewBan
		code session.Code
	}{
		{session.NewBan{SessionID: "a", ConnectionID: "nope"}, session.CodeNotFound},
		{session.NewBan{SessionID: "a", ConnectionID: "o1"}, session.CodeNotFound},
		{session.NewBan{SessionID: "nope", ConnectionID: "a1"}, session.CodeNotFound},
		{session.NewBan{SessionID: session.Lobby, ConnectionID: "visitor"}, session.CodeUnauthenticated}, // the moderator is of another session
		{session.NewBan{SessionID: "a", ConnectionID: server.ID}, session.CodeNotFound},
		{session.NewBan{SessionID: "a", ConnectionID: "mod2", Protect: true}, session.CodeForbidden},
		{session.NewBan{SessionID: "a", ConnectionID: "ann1", Protect: true}, session.CodeForbidden}, // the user moderates elsewhere
	} {
		c.ban.ID, c.ban.ModeratorID, c.ban.Length = fmt.Sprint("b", i), mod.ID, bit
		_, _, err := s.store.CreateBan(s.ctx(), c.ban)
		if e, ok := err.(*session.Error); !ok || e.Code != c.code {
			s.Errorf("ban %+v: %v, want %s", c.ban, err, c.code)
		}
	}
	equal(s, "present", s.present("a"), []string{"mod", "mod2", "a1", "ann1", "ann2"})
	equal(s, "bans", s.bans(), nil)

	// The server itself may ban a moderator, who can then ban nobody.
	_, ended := s.ban(session.NewBan{ID: "b", ConnectionID: "mod", ModeratorID: server.ID, Length: bit})
	equal(s, "ended", ended, []string{"mod"})
	_, _, err = s.store.CreateBan(s.ctx(), session.NewBan{ID: "c", SessionID: "a", ConnectionID: "a1", ModeratorID: "mod", Length: bit})
	s.fails("a moderator that has ended", err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
}

// Connections that a ban names are kept for it, bans that have ended are removed, and a session with a ban is not.
func (s *suite) testBanKept() {
	mod := s.join("mod", session.RoleModerator, nil, 1)
	gone := s.join("gone", session.RolePublisher, nil, 2)
	_, err := s.store.DestroyConnection(s.ctx(), "gone", "", session.ClientDisconnected)
	s.ok(err)
	ban, ended := s.ban(session.NewBan{ID: "b1", ConnectionID: "gone", ModeratorID: "mod", Length: 1000 * bit})
	equal(s, "ended", ended, nil)
	_, err = s.store.DestroyConnection(s.ctx(), "mod", "", session.ClientDisconnected)
	s.ok(err)
	s.clock.Advance(500 * bit)
	s.sweeps()
	bans, err := s.store.Bans(s.ctx(), "a")
	s.ok(err)
	equal(s, "bans", bans, []*session.Ban{{ID: "b1", SessionID: "a", Connection: gone, Moderator: mod, CreatedAt: ban.CreatedAt, Until: ban.Until}})
	s.banned("it returns", s.tryJoin("x", session.RolePublisher, nil, 2).Err, ban.Until)
	s.clock.Advance(800 * bit)
	s.sweeps()
	_, err = s.store.Session(s.ctx(), "a")
	s.fails("a session whose ban has ended", err, session.CodeNotFound, "")
}

// A guest's name is banned by the origin of its newest entry. The ban holds for guests and for connections.
func (s *suite) testBanGuest() {
	server, err := s.store.ServiceConnection(s.ctx(), session.Lobby, session.ServiceActor{})
	s.ok(err)
	post := func(name string, origin int64) error {
		return s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: session.Lobby, ConnectionID: name, Guest: true, Body: "x", Origin: origin}})[0].Err
	}
	ban := func(id, name string) *session.Ban {
		s.Helper()
		ban, _ := s.ban(session.NewBan{ID: id, SessionID: session.Lobby, ConnectionID: name, ModeratorID: server.ID, Protect: true, Length: 5 * bit})
		return ban
	}
	s.ok(post("moving", 1))
	// In one transaction: the last one counts, also where the first one is new.
	for _, r := range s.store.AppendEntries(s.ctx(), []session.NewEntry{
		{SessionID: session.Lobby, ConnectionID: "moving", Guest: true, Body: "x", Origin: 1},
		{SessionID: session.Lobby, ConnectionID: "new", Guest: true, Body: "x", Origin: 3},
		{SessionID: session.Lobby, ConnectionID: "moving", Guest: true, Body: "x", Origin: 2},
		{SessionID: session.Lobby, ConnectionID: "new", Guest: true, Body: "x", Origin: 4},
		{SessionID: session.Lobby, ConnectionID: "away", Guest: true, Body: "x", Origin: 5},
		{SessionID: session.Lobby, ConnectionID: "away", Guest: true, Body: "x"},
	}) {
		s.ok(r.Err)
	}
	moving, fresh := ban("b1", "moving"), ban("b2", "new")
	away := ban("b3", "away")
	equal(s, "guest", moving.Connection.Guest, true)
	s.banned("moving", post("moving", 2), moving.Until)
	s.banned("another name there", post("x", 2), moving.Until)
	s.banned("new", post("new", 4), fresh.Until)
	for _, origin := range []int64{0, 1, 3, 5} {
		s.ok(post("moving", origin))
	}
	if away.UserID != nil {
		s.Fatalf("the ban of a guest has user %s", *away.UserID)
	}
	refused := s.store.CreateConnections(s.ctx(), []session.NewConnection{{ID: "c", SessionID: session.Lobby, Role: session.RolePublisher, Origin: 2}}, idle)[0]
	s.banned("a connection there", refused.Err, moving.Until)
	_, err = s.store.Connections(s.ctx(), []string{"x"})
	s.ok(err)
	s.clock.Advance(6 * bit)
	s.ok(post("moving", 2))
}
