package storetest

import (
	"fmt"
	"sync"
	"time"

	"chattok/session"
)

// mark returns a user's mark in session "a".
func (s *suite) mark(user string) session.ReadMark {
	s.Helper()
	mark, err := s.store.ReadMark(s.ctx(), "a", user)
	s.ok(err)
	return mark
}

func (s *suite) markRead(marks ...session.NewReadMark) []bool {
	s.Helper()
	moved, err := s.store.MarkRead(s.ctx(), marks)
	s.ok(err)
	return moved
}

// Marks go forwards only, posting is a mark, and what is unread leaves out what was deleted.
func (s *suite) testReadMarks() {
	ann, bob := "ann", "bob"
	s.join("ann1", session.RolePublisher, &ann, 0)
	s.join("bob1", session.RolePublisher, &bob, 0)
	equal(s, "no mark", s.mark(ann), session.ReadMark{})
	add := func(id string, user *string) *session.ChatEntry {
		return s.add(session.NewEntry{SessionID: "a", ConnectionID: id, UserID: user, Body: "hello"})
	}
	for range 5 {
		add("bob1", &bob)
	}
	equal(s, "all is unread", s.mark(ann), session.ReadMark{Unread: 5})
	equal(s, "own is read", s.mark(bob), session.ReadMark{Place: 5})
	equal(s, "moved", s.markRead(session.NewReadMark{SessionID: "a", UserID: ann, Place: 3}), []bool{true})
	equal(s, "read", s.mark(ann), session.ReadMark{Place: 3, Unread: 2})
	equal(s, "same", s.markRead(session.NewReadMark{SessionID: "a", UserID: ann, Place: 3}), []bool{false})
	equal(s, "back", s.markRead(session.NewReadMark{SessionID: "a", UserID: ann, Place: 2}), []bool{false})
	equal(s, "together", s.markRead(
		session.NewReadMark{SessionID: "a", UserID: ann, Place: 4}, session.NewReadMark{SessionID: "a", UserID: "carl", Place: 1},
		session.NewReadMark{SessionID: "a", UserID: ann, Place: 5}, session.NewReadMark{SessionID: "a", UserID: bob, Place: 5},
		session.NewReadMark{SessionID: "a", UserID: "nul\x00", Place: 5}, session.NewReadMark{SessionID: "a", UserID: "dora"},
	), []bool{false, true, true, false, false, false})
	equal(s, "read", s.mark(ann), session.ReadMark{Place: 5})
	equal(s, "of who never connected", s.mark("carl"), session.ReadMark{Place: 1, Unread: 4})
	add("ann1", &ann)
	add("bob1", &bob)
	add("bob1", &bob)
	equal(s, "after posting", s.mark(ann), session.ReadMark{Place: 6, Unread: 2})
	equal(s, "none", len(s.markRead()), 0)
	unknown, err := s.store.ReadMark(s.ctx(), "nope", ann)
	s.ok(err)
	equal(s, "unknown session", unknown, session.ReadMark{})

	// A change has a place and is no entry; a deleted entry is not unread.
	r := s.store.ChangeEntries(s.ctx(), []session.NewChange{{SessionID: "a", Seq: 7, Actor: session.Actor{ConnectionID: "bob1", UserID: &bob}, Kind: session.EntryDeleted}})
	s.ok(r[0].Err)
	equal(s, "after a deletion", s.mark(ann), session.ReadMark{Place: 6, Unread: 1})
	equal(s, "to the deletion", s.markRead(session.NewReadMark{SessionID: "a", UserID: ann, Place: 9}), []bool{true})
	equal(s, "all read", s.mark(ann), session.ReadMark{Place: 9})
	last := add("bob1", &bob)
	equal(s, "after the deletion", last.Place, 10)
	equal(s, "one more", s.mark(ann), session.ReadMark{Place: 9, Unread: 1})
}

func (s *suite) slow(d time.Duration) session.RosterChange {
	s.Helper()
	change, _, err := s.store.UpdateSession(s.ctx(), "a", session.SessionUpdate{SlowMode: &d})
	s.ok(err)
	return change
}

// tooSoon checks that err is of slow mode, with about this wait.
func (s *suite) tooSoon(what string, err error, wait time.Duration) {
	s.Helper()
	s.fails(what, err, session.CodeRateLimited, session.ReasonSlowMode)
	if got := err.(*session.Error).RetryAfter; got > wait || got < wait-bit/2 {
		s.Fatalf("%s: wait %v, want about %v", what, got, wait)
	}
}

// In slow mode each user, and each connection without one, posts once in so long, moderators aside; a retry is no post.
func (s *suite) testSlowMode() {
	ann := "ann"
	s.join("ann1", session.RolePublisher, &ann, 0)
	s.join("ann2", session.RolePublisher, &ann, 0)
	s.join("plain", session.RolePublisher, nil, 0)
	s.join("mod", session.RoleModerator, nil, 0)
	post := func(e session.NewEntry) error {
		e.SessionID, e.Body = "a", "hello"
		return s.store.AppendEntries(s.ctx(), []session.NewEntry{e})[0].Err
	}
	s.ok(post(session.NewEntry{ConnectionID: "ann1", UserID: &ann, IdempotencyKey: "k"}))
	s.slow(4 * bit)
	s.tooSoon("posted before it began", post(session.NewEntry{ConnectionID: "ann2", UserID: &ann}), 4*bit)
	s.ok(post(session.NewEntry{ConnectionID: "ann2", UserID: &ann, IdempotencyKey: "k"})) // found by its key
	s.clock.Advance(3 * bit)
	s.tooSoon("an hour before", post(session.NewEntry{ConnectionID: "ann1", UserID: &ann}), bit)
	s.clock.Advance(2 * bit)
	s.ok(post(session.NewEntry{ConnectionID: "ann1", UserID: &ann}))

	s.ok(post(session.NewEntry{ConnectionID: "plain"}))
	s.tooSoon("without a user", post(session.NewEntry{ConnectionID: "plain"}), 4*bit)
	for range 2 {
		s.ok(post(session.NewEntry{ConnectionID: "mod"}))
	}
	s.slow(bit)
	s.clock.Advance(2 * bit)
	results := s.store.AppendEntries(s.ctx(), []session.NewEntry{
		{SessionID: "a", ConnectionID: "plain", Body: "one"}, {SessionID: "a", ConnectionID: "plain", Body: "two"},
		{SessionID: "a", ConnectionID: "ann1", UserID: &ann, Body: "one"}, {SessionID: "a", ConnectionID: "ann2", UserID: &ann, Body: "two"},
	})
	s.ok(results[0].Err)
	s.tooSoon("twice at once", results[1].Err, bit)
	s.ok(results[2].Err)
	s.tooSoon("twice at once by two connections", results[3].Err, bit)
	s.slow(0)
	s.ok(post(session.NewEntry{ConnectionID: "plain"}))
	s.ok(post(session.NewEntry{ConnectionID: "ann1", UserID: &ann}))

	// The times of posts without a user are no marks for good.
	s.clock.Advance(session.MaxSlowMode + bit)
	s.sweeps()
	s.slow(session.MaxSlowMode)
	s.ok(post(session.NewEntry{ConnectionID: "plain"}))
}

// Of many posts at once only one is stored, whichever connection it comes from.
func (s *suite) testSlowModeConcurrently() {
	const connections, each = 4, 5
	ann := "ann"
	for i := range connections {
		s.join(fmt.Sprint("c", i), session.RolePublisher, &ann, 0)
	}
	s.slow(bit)
	for round := range 3 {
		var group sync.WaitGroup
		errs := make(chan error, connections*each)
		for i := range connections {
			for range each {
				group.Go(func() {
					errs <- s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: fmt.Sprint("c", i), UserID: &ann, Body: "me"}})[0].Err
				})
			}
		}
		group.Wait()
		stored := 0
		for range connections * each {
			if err := <-errs; err == nil {
				stored++
			} else {
				s.tooSoon("the others", err, bit)
			}
		}
		equal(s, "stored", stored, 1)
		equal(s, "the log", len(s.all("a")), round+1)
		s.clock.Advance(2 * bit)
	}
}

// A change of settings is a change of the roster, which tells of it later too.
func (s *suite) testUpdateSession() {
	s.connect("a", "a1")
	before, err := s.store.Session(s.ctx(), "a")
	s.ok(err)
	change := s.slow(30 * time.Second)
	want := *before
	want.SlowMode, want.SettingsRevision = 30*time.Second, 2
	equal(s, "change", change, session.RosterChange{SessionID: "a", Revision: 2, Session: &want})
	stored, err := s.store.Session(s.ctx(), "a")
	s.ok(err)
	equal(s, "session", stored, &want)
	for _, u := range []session.SessionUpdate{{}, {SlowMode: &want.SlowMode}} {
		same, changed, err := s.store.UpdateSession(s.ctx(), "a", u)
		s.ok(err)
		equal(s, "changed", changed, false)
		equal(s, "same", same.Session, &want)
	}
	s.slow(time.Hour)
	changes, err := s.store.RosterChanges(s.ctx(), "a", 1, many)
	s.ok(err)
	later := want
	later.SlowMode, later.SettingsRevision = time.Hour, 3
	equal(s, "changes", changes, []session.RosterChange{
		{SessionID: "a", Revision: 2, Session: &want}, {SessionID: "a", Revision: 3, Session: &later}})
	_, _, err = s.store.UpdateSession(s.ctx(), "nope", session.SessionUpdate{})
	s.fails("unknown session", err, session.CodeNotFound, "")
	_, err = s.store.DestroyConnection(s.ctx(), "a1", "", session.ClientDisconnected)
	s.ok(err)
	s.clock.Advance(1000 * bit)
	s.sweeps()
	if stored, err = s.store.Session(s.ctx(), "a"); err != nil || stored.SlowMode != time.Hour {
		s.Fatalf("a session with settings: %v, %v", stored, err)
	}
}

// The server has one connection in a session, which is a moderator and never live.
func (s *suite) testServerConnection() {
	s.connect("a", "a1")
	s.connect("b", "b1")
	first, err := s.store.ServiceConnection(s.ctx(), "a", session.ServiceActor{})
	s.ok(err)
	equal(s, "role", first.Role, session.RoleModerator)
	again, err := s.store.ServiceConnection(s.ctx(), "a", session.ServiceActor{})
	s.ok(err)
	equal(s, "again", again, first)
	other, err := s.store.ServiceConnection(s.ctx(), "b", session.ServiceActor{})
	s.ok(err)
	if other.ID == first.ID || other.SessionID != "b" {
		s.Fatalf("in another session: %s", show(other))
	}
	for _, id := range []string{"nope", "nul\x00"} {
		_, err = s.store.ServiceConnection(s.ctx(), id, session.ServiceActor{})
		s.fails("unknown session", err, session.CodeNotFound, "")
	}
	equal(s, "present", s.present("a"), []string{"a1"})
	equal(s, "revision", s.lastSeqs("a").Revision, 1)
	states, err := s.store.Connections(s.ctx(), []string{first.ID})
	s.ok(err)
	equal(s, "state", states, map[string]session.ConnectionState{first.ID: {Connection: first, Destroyed: true}})
	_, err = s.store.DestroyConnection(s.ctx(), first.ID, "", session.ForceDisconnected)
	s.fails("its end", err, session.CodeNotFound, "")
	r := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: first.ID, Body: "I"}})
	s.fails("its entry", r[0].Err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	change, _, err := s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: first.ID})
	s.ok(err)
	equal(s, "moderator", change.Stream.Moderator, first)
	changes, err := s.store.RosterChanges(s.ctx(), "a", 1, many)
	s.ok(err)
	equal(s, "changes", changes, []session.RosterChange{change})
	_, _, err = s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: other.ID})
	s.fails("another session's", err, session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
}
