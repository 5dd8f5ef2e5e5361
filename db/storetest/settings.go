package storetest

import (
	"chattok/session"
)

// In a session that is read-only nobody but moderators posts, edits or reacts; a retry is no post, and entries are still deleted. A
// change of settings keeps the others, and is found later as it was then.
func (s *suite) testReadOnly() {
	mod := s.join("mod", session.RoleModerator, nil, 0)
	s.connect("a", "a1")
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "one", IdempotencyKey: "k"})
	update := func(u session.SessionUpdate) *session.Session {
		change, changed, err := s.store.UpdateSession(s.ctx(), "a", u)
		s.ok(err)
		equal(s, "changed", changed, true)
		equal(s, "revision", change.Session.SettingsRevision, change.Revision)
		return change.Session
	}
	first := update(session.SessionUpdate{ReadOnly: pointer(true)})
	second := update(session.SessionUpdate{SlowMode: pointer(bit), SetData: true, Data: pointer("it's ?0 \u20ac")})
	equal(s, "settings", []any{second.ReadOnly, second.SlowMode, *second.Data}, []any{true, bit, "it's ?0 \u20ac"})
	stored, err := s.store.Session(s.ctx(), "a")
	s.ok(err)
	equal(s, "stored", stored, second)
	changes, err := s.store.RosterChanges(s.ctx(), "a", 2, many)
	s.ok(err)
	equal(s, "changes", changes, []session.RosterChange{{SessionID: "a", Revision: 3, Session: first}, {SessionID: "a", Revision: 4, Session: second}})
	_, _, err = s.store.UpdateSession(s.ctx(), "a", session.SessionUpdate{SetData: true, Data: pointer("nul\x00")})
	s.fails("no text", err, session.CodeBadUserInput, "")

	post := func(e session.NewEntry) session.EntryResult {
		e.SessionID, e.Body = "a", "one"
		return s.store.AppendEntries(s.ctx(), []session.NewEntry{e})[0]
	}
	s.fails("a post", post(session.NewEntry{ConnectionID: "a1"}).Err, session.CodeForbidden, session.ReasonReadOnly)
	again := post(session.NewEntry{ConnectionID: "a1", IdempotencyKey: "k"})
	s.ok(again.Err)
	equal(s, "replayed", again.Replayed, true)
	s.ok(post(session.NewEntry{ConnectionID: mod.ID}).Err)
	s.refuses("an edit", edit(1, by("a1"), "x"), session.CodeForbidden, session.ReasonReadOnly)
	s.refuses("a reaction", react(1, by("a1"), "+1", true), session.CodeForbidden, session.ReasonReadOnly)
	s.change(edit(2, by(mod.ID), "two"))
	s.change(react(1, by(mod.ID), "+1", true))
	s.change(remove(1, by("a1")))
	s.publish("s1", mod)
	bot, err := s.store.ServiceConnection(s.ctx(), "a", session.ServiceActor{Name: "bot"})
	s.ok(err)
	s.ok(post(session.NewEntry{ConnectionID: bot.ID, Service: true}).Err)
	s.change(react(2, by(bot.ID), "+1", true))
	open := update(session.SessionUpdate{ReadOnly: pointer(false), SlowMode: pointer(0 * bit), SetData: true})
	equal(s, "settings taken back", []any{open.ReadOnly, open.Data}, []any{false, (*string)(nil)})
	s.ok(post(session.NewEntry{ConnectionID: "a1"}).Err)

	_, _, err = s.store.UpdateSession(s.ctx(), session.Lobby, session.SessionUpdate{ReadOnly: pointer(true)})
	s.ok(err)
	r := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: session.Lobby, ConnectionID: "alice", Guest: true, Body: "I"}})
	s.fails("a guest's", r[0].Err, session.CodeForbidden, session.ReasonReadOnly)
}

// A session's size grows with its entries, and a deletion gives bytes back and no entry.
func (s *suite) testSessionSizes() {
	s.connect("a", "a1")
	s.connect("b", "b1")
	first := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "one", IdempotencyKey: "key"})
	second := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "two", Data: pointer("data")})
	sizes := func() map[string]session.SessionSize {
		found, err := s.store.SessionSizes(s.ctx(), []string{"a", "b", "nope", "nul\x00"})
		s.ok(err)
		return found
	}
	equal(s, "sizes", sizes(), map[string]session.SessionSize{"a": {Entries: 2, Bytes: first.QuotaBytes() + second.QuotaBytes()}, "b": {}})
	deleted := s.change(remove(2, by("a1"))).Entry
	equal(s, "after a deletion", sizes()["a"], session.SessionSize{Entries: 2, Bytes: first.QuotaBytes() + deleted.QuotaBytes()})
	none, err := s.store.SessionSizes(s.ctx(), nil)
	s.ok(err)
	equal(s, "of none", len(none), 0)
}
