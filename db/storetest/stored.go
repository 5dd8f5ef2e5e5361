package storetest

import (
	"fmt"

	"chattok/session"
)

// testPostedBody stores entries with another body than they were posted with: their keys go by the latter.
func (s *suite) testPostedBody() {
	s.connect("a", "a1", "a2")
	s.connectUser("a", "ann", "u1", "u2")
	s.connect("b", "b1")
	entry := func(body, posted string) session.NewEntry {
		return session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: body, PostedBody: posted, IdempotencyKey: "k"}
	}
	results := s.store.AppendEntries(s.ctx(), []session.NewEntry{
		entry("[gone]", "rude"), {SessionID: "a", ConnectionID: "a2", Body: "plain"}, entry("[gone]", "rude"), entry("[gone]", "ruder"),
	})
	s.ok(results[0].Err)
	s.ok(results[1].Err)
	first := results[0].Entry
	equal(s, "stored", s.all("a"), []*session.ChatEntry{first, results[1].Entry})
	equal(s, "body", first.Body, "[gone]")
	equal(s, "in one call", results[2], session.EntryResult{Entry: first, Replayed: true})
	s.fails("another in one call", results[3].Err, session.CodeBadUserInput, session.ReasonIdempotencyConflict)

	// Later, by a caller that does not know what is stored, and by one that was told the same again.
	for _, e := range []session.NewEntry{entry("rude", ""), entry("[gone]", "rude")} {
		again := s.store.AppendEntries(s.ctx(), []session.NewEntry{e})
		equal(s, "again", again[0], session.EntryResult{Entry: first, Replayed: true})
		stored, err := s.store.StoredEntry(s.ctx(), e)
		s.ok(err)
		equal(s, "found", stored, first)
	}
	for _, e := range []session.NewEntry{entry("ruder", ""), entry("[gone]", ""), entry("[gone]", "ruder")} {
		again := s.store.AppendEntries(s.ctx(), []session.NewEntry{e})
		s.fails("another", again[0].Err, session.CodeBadUserInput, session.ReasonIdempotencyConflict)
		_, err := s.store.StoredEntry(s.ctx(), e)
		s.fails("another to be found", err, session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	}

	// The digest has the key and the session in it.
	for i := range 40 {
		e := entry("[gone]", "rude")
		e.IdempotencyKey = fmt.Sprint("k", i)
		s.add(e)
		e.SessionID, e.ConnectionID = "b", "b1"
		s.add(e)
	}

	// It is gone with the text, and then the body is not compared.
	s.change(edit(1, by("a1"), "better"))
	equal(s, "after an edit", s.add(entry("ruder", "")).Body, "better")
	s.change(remove(1, by("a1")))
	equal(s, "after the end", s.add(entry("ruder", "")).Body, "")

	mine := entry("[gone]", "rude")
	mine.ConnectionID, mine.UserID, mine.IdempotencyKey = "u1", userID("ann"), "mine"
	stored := s.add(mine)
	mine.ConnectionID, mine.Body, mine.PostedBody = "u2", "rude", ""
	equal(s, "a user's", s.add(mine), stored)
}

// testStoredEntry finds entries by their keys as AppendEntries does.
func (s *suite) testStoredEntry() {
	s.connect("a", "a1")
	s.connectUser("a", "ann", "u1")
	old := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "hi", IdempotencyKey: "k"})
	mine := s.add(session.NewEntry{SessionID: "a", ConnectionID: "u1", UserID: userID("ann"), Body: "mine", IdempotencyKey: "k"})
	find := func(user *string, body, key string) session.NewEntry {
		return session.NewEntry{SessionID: "a", ConnectionID: "whoever", UserID: user, Body: body, IdempotencyKey: key}
	}
	for _, c := range []struct {
		e    session.NewEntry
		want *session.ChatEntry
	}{
		{find(nil, "hi", "k"), old}, {find(userID("ann"), "mine", "k"), mine}, {find(userID("bob"), "hi", "k"), old},
		{find(userID("bob"), "his", "k"), nil}, {find(nil, "hi", "K"), nil}, {find(nil, "hi", ""), nil}, {find(nil, "hi", "k\x00"), nil},
		{session.NewEntry{SessionID: "b", Body: "hi", IdempotencyKey: "k"}, nil},
	} {
		stored, err := s.store.StoredEntry(s.ctx(), c.e)
		s.ok(err)
		equal(s, show(c.e), stored, c.want)
	}
	for _, e := range []session.NewEntry{find(nil, "ho", "k"), find(userID("ann"), "hi", "k")} {
		_, err := s.store.StoredEntry(s.ctx(), e)
		s.fails("conflict", err, session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	}
}

// testStoredChange finds the entries of changes by the changes' keys as ChangeEntries does.
func (s *suite) testStoredChange() {
	s.connect("a", "a1")
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "one"})
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "two"})
	with := func(c session.NewChange, key string) session.NewChange {
		c.IdempotencyKey = key
		return c
	}
	s.change(with(edit(1, by("a1"), "first"), "e"))
	s.change(with(react(1, by("a1"), "+1", true), "r"))
	now := s.all("a")[0]
	for _, c := range []struct {
		change session.NewChange
		want   *session.ChatEntry
	}{
		{with(edit(1, by("a1"), "first"), "e"), now}, {with(edit(1, by("a1"), "another"), "e"), now},
		{with(react(1, by("a1"), "+1", true), "r"), now},
		{with(edit(1, by("a1"), "first"), "new"), nil}, {edit(1, by("a1"), "first"), nil}, {with(edit(1, by("a1"), "x"), "e\x00"), nil},
		{with(edit(1, session.Actor{ConnectionID: "u1", UserID: userID("ann")}, "first"), "e"), nil},
	} {
		stored, err := s.store.StoredChange(s.ctx(), c.change)
		s.ok(err)
		equal(s, show(c.change), stored, c.want)
	}
	for _, c := range []session.NewChange{with(edit(2, by("a1"), "first"), "e"), with(react(1, by("a1"), "ok", true), "r")} {
		_, err := s.store.StoredChange(s.ctx(), c)
		s.fails("conflict", err, session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	}
}
