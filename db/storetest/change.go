package storetest

import (
	"fmt"
	"strings"
	"time"

	"chattok/session"
)

func userID(id string) *string { return &id }

// connectUser creates connections of a user in a session.
func (s *suite) connectUser(sessionID, user string, ids ...string) {
	s.Helper()
	wanted := make([]session.NewConnection, len(ids))
	for i, id := range ids {
		wanted[i] = session.NewConnection{ID: id, SessionID: sessionID, UserID: &user, Role: session.RolePublisher,
			MakeSession: true, NewEpoch: 7, TokenPresented: true}
	}
	for _, r := range s.store.CreateConnections(s.ctx(), wanted, idle) {
		s.ok(r.Err)
	}
}

// change makes one change, which must succeed.
func (s *suite) change(c session.NewChange) session.ChangeResult {
	s.Helper()
	r := s.store.ChangeEntries(s.ctx(), []session.NewChange{c})[0]
	s.ok(r.Err)
	equal(s, "wait", r.Wait, time.Duration(0))
	return r
}

// refuses makes a change, which must fail.
func (s *suite) refuses(what string, c session.NewChange, code session.Code, reason string) {
	s.Helper()
	before := s.lastSeqs(c.SessionID)
	r := s.store.ChangeEntries(s.ctx(), []session.NewChange{c})[0]
	s.fails(what, r.Err, code, reason)
	equal(s, "result of "+what, session.ChangeResult{Err: r.Err}, r)
	equal(s, "numbers after "+what, s.lastSeqs(c.SessionID), before)
}

func by(connectionID string) session.Actor { return session.Actor{ConnectionID: connectionID} }

func edit(seq int64, actor session.Actor, body string) session.NewChange {
	return session.NewChange{SessionID: "a", Seq: seq, Actor: actor, Kind: session.EntryEdited, Body: body, EditedIn: 24 * time.Hour}
}

func remove(seq int64, actor session.Actor) session.NewChange {
	return session.NewChange{SessionID: "a", Seq: seq, Actor: actor, Kind: session.EntryDeleted}
}

func react(seq int64, actor session.Actor, name string, on bool) session.NewChange {
	return session.NewChange{SessionID: "a", Seq: seq, Actor: actor, Kind: session.EntryReacted, Name: name, On: on}
}

// testEdit edits entries: by the author alone, within the window, and without a trace of a change that changes nothing.
func (s *suite) testEdit() {
	s.connect("a", "a1", "a2", "ended")
	s.connect("b", "b1")
	s.connectUser("a", "ann", "u1", "u2")
	ann := func(id string) session.Actor { return session.Actor{ConnectionID: id, UserID: userID("ann")} }
	first := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "one", Data: userID("d")})
	second := s.add(session.NewEntry{SessionID: "a", ConnectionID: "u1", UserID: userID("ann"), Body: "two", ReplyTo: 1})
	equal(s, "reply", []any{second.ReplyTo, *second.UserID, second.Place}, []any{int64(1), "ann", int64(2)})
	s.clock.Advance(bit)

	r := s.change(edit(1, by("a1"), "uno"))
	want := *first
	want.Body, want.Version, want.Changed, want.EditedAt = "uno", 2, 3, r.Entry.EditedAt
	equal(s, "edited", r, session.ChangeResult{Entry: &want, Event: &session.LogEvent{Place: 3, Change: session.EntryEdited, Entry: &want}})
	if age := want.EditedAt.Sub(want.CreatedAt); age < bit || age > 2*bit {
		s.Errorf("edited %v after it was added", age)
	}
	again := s.change(edit(1, by("a1"), "uno"))
	equal(s, "the same again", again, session.ChangeResult{Entry: &want})
	last, err := s.store.LastSeqs(s.ctx(), []string{"a"})
	s.ok(err)
	equal(s, "last numbers", last["a"], session.LastSeqs{Epoch: 7, Seq: 2, Place: 3, Revision: 5})

	data := edit(1, by("a1"), "uno")
	data.SetData = true
	r = s.change(data)
	equal(s, "data", []any{r.Entry.Data, r.Entry.Version, r.Event.Place, r.Event.Superseded}, []any{(*string)(nil), int64(3), int64(4), int64(3)})
	r = s.change(edit(2, ann("u2"), "due")) // another connection of the user
	equal(s, "by the user", []any{r.Entry.Body, r.Entry.ConnectionID, r.Event.Place}, []any{"due", "u1", int64(5)})

	_, err = s.store.DestroyConnection(s.ctx(), "ended", "", session.ClientDisconnected)
	s.ok(err)
	s.refuses("somebody else's", edit(1, by("a2"), "x"), session.CodeForbidden, "")
	s.refuses("a user's", edit(2, by("a1"), "x"), session.CodeForbidden, "")
	s.refuses("moderator's", edit(1, session.Actor{ConnectionID: "a2", Moderator: true}, "x"), session.CodeForbidden, "")
	s.refuses("ended", edit(1, by("ended"), "x"), session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	s.refuses("of another session", edit(1, by("b1"), "x"), session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	s.refuses("unknown entry", edit(3, by("a1"), "x"), session.CodeNotFound, "")
	s.refuses("no entry", edit(0, by("a1"), "x"), session.CodeNotFound, "")
	s.refuses("no text", edit(1, by("a1"), "nul\x00"), session.CodeBadUserInput, "")
	unknown := edit(1, by("a1"), "x")
	unknown.SessionID = "nope"
	s.fails("unknown session", s.store.ChangeEntries(s.ctx(), []session.NewChange{unknown})[0].Err, session.CodeNotFound, "")
	never := edit(1, by("a1"), "x")
	never.EditedIn = 0
	s.refuses("edits forbidden", never, session.CodeForbidden, session.ReasonEditWindow)
	s.clock.Advance(24 * time.Hour)
	s.refuses("too late", edit(1, by("a1"), "x"), session.CodeForbidden, session.ReasonEditWindow)
	equal(s, "no changes", len(s.store.ChangeEntries(s.ctx(), nil)), 0)
}

// testDelete deletes entries: what is left has no text, and is found by its key.
func (s *suite) testDelete() {
	s.connect("a", "a1", "a2", "ended")
	first := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "one", Data: userID("d"), IdempotencyKey: "k"})
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a2", Body: "two"})
	s.change(react(1, by("a2"), "+1", true))
	s.refuses("somebody else's", remove(1, by("a2")), session.CodeForbidden, "")

	r := s.change(remove(1, by("a1")))
	want := *first
	want.Body, want.Data, want.Version, want.Changed, want.DeletedAt, want.DeletedBy = "", nil, 3, 4, r.Entry.DeletedAt, "a1"
	equal(s, "deleted", r, session.ChangeResult{Entry: &want, Event: &session.LogEvent{Place: 4, Change: session.EntryDeleted, Entry: &want, Superseded: 3}})
	equal(s, "again", s.change(remove(1, session.Actor{ConnectionID: "server", Moderator: true})), session.ChangeResult{Entry: &want})
	s.refuses("edit", edit(1, by("a1"), "x"), session.CodeForbidden, session.ReasonEntryDeleted)
	s.refuses("reaction", react(1, by("a1"), "+1", true), session.CodeForbidden, session.ReasonEntryDeleted)
	names, err := s.store.ReactionsOf(s.ctx(), "a", by("a2"), []int64{1})
	s.ok(err)
	equal(s, "reactions", len(names), 0)

	for _, body := range []string{"one", "other"} { // the body that was posted is not known any more
		replay := s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: body, IdempotencyKey: "k"}})
		equal(s, "replay", replay[0], session.EntryResult{Entry: &want, Replayed: true})
	}
	equal(s, "a reply to it", s.add(session.NewEntry{SessionID: "a", ConnectionID: "a2", Body: "three", ReplyTo: 1}).ReplyTo, 1)

	// By a moderator that is no live connection, such as the server's own.
	r = s.change(remove(2, session.Actor{ConnectionID: "server", Moderator: true}))
	equal(s, "by a moderator", []any{r.Entry.DeletedBy, r.Event.Place}, []any{"server", int64(6)})
	for _, c := range []struct {
		q    session.EntryQuery
		want []int64
	}{
		{session.EntryQuery{}, []int64{1, 2, 3}},
		{session.EntryQuery{NotDeleted: true}, []int64{3}},
		{session.EntryQuery{NotDeleted: true, ConnectionID: "a1"}, nil},
		{session.EntryQuery{NotDeleted: true, ConnectionID: "a2", Backward: true}, []int64{3}},
		{session.EntryQuery{ConnectionID: "a2"}, []int64{2, 3}},
	} {
		c.q.SessionID, c.q.Epoch, c.q.Limit = "a", 7, 5
		found, err := s.store.Entries(s.ctx(), c.q)
		s.ok(err)
		equal(s, fmt.Sprintf("%+v", c.q), seqsOf(found), c.want)
	}
}

func seqsOf(entries []*session.ChatEntry) (seqs []int64) {
	for _, e := range entries {
		seqs = append(seqs, e.Seq)
	}
	return seqs
}

// testChangesTogether makes several changes of an entry in one call: they have one event, and count each.
func (s *suite) testChangesTogether() {
	s.connect("a", "a1", "a2", "a3")
	for n := range 4 {
		s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: fmt.Sprint(n + 1)})
	}
	s.change(edit(2, by("a1"), "before"))
	results := s.store.ChangeEntries(s.ctx(), []session.NewChange{
		react(1, by("a2"), "+1", true),
		edit(2, by("a1"), "x"),
		react(1, by("a3"), "+1", true),
		react(1, by("a2"), "ok", true),
		react(1, by("a2"), "ok", true), // changes nothing
		edit(3, by("a2"), "x"),         // not its author
		edit(2, by("a1"), "y"),
		react(4, by("a2"), "+1", true),
		remove(4, by("a1")),
		react(4, by("a2"), "+1", true),
	})
	s.fails("edit", results[5].Err, session.CodeForbidden, "")
	s.fails("reaction to a deleted entry", results[9].Err, session.CodeForbidden, session.ReasonEntryDeleted)
	for i, want := range []struct{ seq, version, place, superseded int64 }{
		{1, 2, 0, 0}, {2, 4, 0, 0}, {1, 2, 0, 0}, {1, 2, 6, 0}, {1, 2, 0, 0}, {}, {2, 4, 7, 5}, {4, 3, 0, 0}, {4, 3, 8, 0}, {},
	} {
		r := results[i]
		if want.seq == 0 {
			continue
		}
		s.ok(r.Err)
		equal(s, fmt.Sprint("version after ", i), []int64{r.Entry.Seq, r.Entry.Version}, []int64{want.seq, want.version})
		if r.Event == nil {
			r.Event = &session.LogEvent{}
		} else {
			equal(s, "entry of an event", r.Event.Entry, r.Entry)
		}
		equal(s, fmt.Sprint("event of ", i), []int64{r.Event.Place, r.Event.Superseded}, []int64{want.place, want.superseded})
	}
	equal(s, "reactions", results[0].Entry.Reactions, []session.ReactionCount{{Name: "+1", Count: 2}, {Name: "ok", Count: 1}})
	equal(s, "of one", [][]string{results[0].Reactions, results[2].Reactions, results[7].Reactions}, [][]string{{"+1", "ok"}, {"+1"}, nil})
	equal(s, "stored", s.all("a")[1], results[6].Entry)
	equal(s, "next place", s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "5"}).Place, 9)
}

// testChangeKeys retries changes that were undone since.
func (s *suite) testChangeKeys() {
	s.connect("a", "a1", "a2")
	s.connectUser("a", "ann", "u1", "u2")
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "u1", UserID: userID("ann"), Body: "one"})
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "two"})
	with := func(c session.NewChange, key string) session.NewChange {
		c.IdempotencyKey = key
		return c
	}
	ann := func(id string) session.Actor { return session.Actor{ConnectionID: id, UserID: userID("ann")} }
	s.change(with(edit(1, ann("u1"), "first"), "k"))
	s.change(edit(1, ann("u2"), "second"))
	late := s.change(with(edit(1, ann("u2"), "first"), "k"))
	equal(s, "late retry", []any{late.Entry.Body, late.Event}, []any{"second", (*session.LogEvent)(nil)})
	s.refuses("another entry", with(edit(2, ann("u1"), "first"), "k"), session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	s.refuses("another kind", with(react(1, ann("u1"), "+1", true), "k"), session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	s.change(with(edit(2, by("a1"), "first"), "k")) // the session's key is another one
	s.refuses("the session's", with(edit(1, by("a2"), "first"), "k"), session.CodeBadUserInput, session.ReasonIdempotencyConflict)

	// Also a change that changed nothing has used its key.
	s.change(react(1, ann("u1"), "+1", true))
	s.clock.Advance(bit)
	s.change(with(react(1, ann("u1"), "+1", true), "on"))
	s.clock.Advance(bit)
	s.change(with(react(1, ann("u2"), "+1", false), "off"))
	s.clock.Advance(bit)
	equal(s, "retry", s.change(with(react(1, ann("u1"), "+1", true), "on")).Reactions, nil)
	s.refuses("the other way", with(react(1, ann("u1"), "+1", false), "on"), session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	s.refuses("another name", with(react(1, ann("u1"), "ok", true), "on"), session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	together := s.store.ChangeEntries(s.ctx(), []session.NewChange{
		with(react(1, ann("u1"), "ok", true), "t"), react(1, ann("u1"), "ok", false), with(react(1, ann("u1"), "ok", true), "t"),
	})
	equal(s, "in one call", together[2].Reactions, nil)

	// A change that failed has not used its key, and a key's time ends.
	s.refuses("not the author", with(edit(1, by("a1"), "x"), "new"), session.CodeForbidden, "")
	s.change(with(edit(2, by("a1"), "x"), "new"))
	s.clock.Advance(session.ChangeKeyTime - bit)
	s.sweeps("a1", "a2", "u1", "u2")
	s.connectUser("a", "ann", "u3")
	s.refuses("before the end", with(react(2, ann("u3"), "+1", true), "t"), session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	s.clock.Advance(2 * bit)
	s.sweeps()
	s.change(with(react(2, ann("u3"), "+1", true), "t"))
}

// testKeysOfUsers posts with keys of users, which are their own, and with some that look like it.
func (s *suite) testKeysOfUsers() {
	s.connect("a", "a1")
	s.connectUser("a", "ann", "u1", "u2")
	s.connectUser("a", "bob", "b1")
	entry := func(id string, user *string, body, key string) session.NewEntry {
		return session.NewEntry{SessionID: "a", ConnectionID: id, UserID: user, Body: body, IdempotencyKey: key}
	}
	old := s.add(entry("a1", nil, "old", "k"))
	equal(s, "retry after the user came", s.store.AppendEntries(s.ctx(), []session.NewEntry{entry("u1", userID("ann"), "old", "k")})[0],
		session.EntryResult{Entry: old, Replayed: true})
	anns := s.add(entry("u1", userID("ann"), "ann's", "k"))
	bobs := s.add(entry("b1", userID("bob"), "bob's", "k"))
	equal(s, "numbers", []int64{anns.Seq, bobs.Seq}, []int64{2, 3})
	equal(s, "from the other device", s.store.AppendEntries(s.ctx(), []session.NewEntry{entry("u2", userID("ann"), "ann's", "k")})[0],
		session.EntryResult{Entry: anns, Replayed: true})
	s.fails("conflict", s.store.AppendEntries(s.ctx(), []session.NewEntry{entry("u2", userID("ann"), "x", "k")})[0].Err,
		session.CodeBadUserInput, session.ReasonIdempotencyConflict)
	for i, key := range []string{"\x013:annk", "\x01", "\x01\x013:annk", "3:annk"} {
		e := s.add(entry("a1", nil, "x", key))
		equal(s, "number", e.Seq, int64(4+i))
		equal(s, "key", s.all("a")[e.Seq-1].IdempotencyKey, key)
	}
	equal(s, "keys", []string{s.all("a")[1].IdempotencyKey, s.all("a")[2].IdempotencyKey}, []string{"k", "k"})
}

// testReplies replies to entries of the session alone, also to earlier ones of the same call.
func (s *suite) testReplies() {
	s.connect("a", "a1")
	s.connect("b", "b1")
	s.add(session.NewEntry{SessionID: "b", ConnectionID: "b1", Body: "b"})
	reply := func(to int64) session.NewEntry {
		return session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "x", ReplyTo: to}
	}
	results := s.store.AppendEntries(s.ctx(), []session.NewEntry{reply(1), reply(0), reply(1), reply(3), reply(2), reply(-1), reply(1 << 62)})
	for i, want := range []int64{0, 1, 2, 0, 3, 0, 0} {
		if want == 0 {
			s.fails(fmt.Sprint("reply ", i), results[i].Err, session.CodeNotFound, "")
			continue
		}
		s.ok(results[i].Err)
		equal(s, "seq", results[i].Entry.Seq, want)
	}
	found, err := s.store.EntriesBySeq(s.ctx(), "a", 7, []int64{3, 1, 9, 1})
	s.ok(err)
	equal(s, "by number", found, map[int64]*session.ChatEntry{1: results[1].Entry, 3: results[4].Entry})
}

// testQuotaOfChanges counts bytes of edited and deleted entries, and of data.
func (s *suite) testQuotaOfChanges() {
	s.connect("a", "a1")
	entry := session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: strings.Repeat("x", 100), Data: userID(strings.Repeat("d", 50))}
	used := 2 * s.add(entry).QuotaBytes()
	equal(s, "data counts", used, 2*278)
	s.add(entry)
	longer := edit(1, by("a1"), strings.Repeat("x", 101))
	longer.SessionQuota = used
	s.refuses("longer", longer, session.CodeForbidden, session.ReasonSessionFull)
	longer.SessionQuota++
	s.change(longer)
	entry.SessionQuota = used + 1
	s.fails("full", s.store.AppendEntries(s.ctx(), []session.NewEntry{entry})[0].Err, session.CodeForbidden, session.ReasonSessionFull)
	s.change(remove(2, by("a1"))) // frees 150 bytes
	entry.Body, entry.Data = strings.Repeat("x", 22), nil
	s.add(entry)
	entry.Body = "x"
	s.fails("full again", s.store.AppendEntries(s.ctx(), []session.NewEntry{entry})[0].Err, session.CodeForbidden, session.ReasonSessionFull)
}

// testDeleteEntries deletes all entries of a connection, and of a user, newest first.
func (s *suite) testDeleteEntries() {
	s.connect("a", "a1")
	s.connectUser("a", "ann", "u1", "u2")
	for n := range 30 {
		e := session.NewEntry{SessionID: "a", ConnectionID: []string{"a1", "u1", "u2"}[n%3], Body: fmt.Sprint(n)}
		if n%3 > 0 {
			e.UserID = userID("ann")
		}
		s.add(e)
	}
	s.change(remove(30, session.Actor{ConnectionID: "u2", UserID: userID("ann")}))
	s.change(edit(29, by("u1"), "edited"))
	moderator := by("moderator")
	var got []int64
	next := int64(0)
	for _, part := range []struct {
		deleted int
		next    int64
	}{{7, 20}, {7, 9}, {5, 0}, {0, 0}} {
		before := s.lastSeqs("a")
		run, at, err := s.store.DeleteEntries(s.ctx(), "a", "u1", userID("ann"), moderator, next, 7)
		s.ok(err)
		equal(s, "deleted", len(run.Events), part.deleted)
		equal(s, "where to go on", at, part.next)
		equal(s, "run", []int64{run.After, run.Through}, []int64{before.Place, before.Place + int64(part.deleted)})
		for i, e := range run.Events {
			equal(s, "event", []any{e.Place, e.Change, e.Entry.DeletedBy, e.Entry.Body}, []any{run.After + int64(i) + 1, session.EntryDeleted, "moderator", ""})
			got = append(got, e.Entry.Seq)
		}
		next = at
	}
	want := []int64{29}
	for seq := int64(27); seq > 0; seq-- {
		if seq%3 != 1 {
			want = append(want, seq)
		}
	}
	equal(s, "newest first", got, want)
	run, _, err := s.store.DeleteEntries(s.ctx(), "a", "a1", nil, moderator, 10, 100)
	s.ok(err)
	equal(s, "of a connection, before one", len(run.Events), 3)
	run, _, err = s.store.DeleteEntries(s.ctx(), "a", "a1", nil, moderator, 0, 100)
	s.ok(err)
	equal(s, "of a connection", len(run.Events), 7)
	found, err := s.store.Entries(s.ctx(), session.EntryQuery{SessionID: "a", NotDeleted: true, Limit: 9})
	s.ok(err)
	equal(s, "left", len(found), 0)
	for _, id := range []string{"nope", "nul\x00"} {
		run, next, err := s.store.DeleteEntries(s.ctx(), id, "a1", nil, moderator, 0, 100)
		s.ok(err)
		equal(s, "of "+id, []any{run, next}, []any{session.LogRun{}, int64(0)})
	}
}
