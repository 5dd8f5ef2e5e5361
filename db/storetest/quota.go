package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chattok/session"
)

// A session that was created on first use takes entries up to its quota, to the byte. A session of a backend has no
// quota.
func (s *suite) testSessionQuota() {
	_, err := s.store.CreateSession(s.ctx(), session.Session{ID: "made", Epoch: 5, MediaMode: session.MediaRelayed, TokenRequired: true})
	s.ok(err)
	s.connect("a", "a1")
	s.connect("made", "m1")
	first := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "1234567890", IdempotencyKey: "key"})
	quota := 3 * first.QuotaBytes()
	entry := func(sessionID, sender, body, key string) session.NewEntry {
		return session.NewEntry{SessionID: sessionID, ConnectionID: sender, Body: body, IdempotencyKey: key, SessionQuota: quota}
	}
	// In one transaction: an entry that is refused takes no number and no bytes, so a later entry may still fit.
	results := s.store.AppendEntries(s.ctx(), []session.NewEntry{
		entry("a", "a1", "1234567890", "ke2"),
		entry("a", "a1", "12345678901234", ""), // one byte too many
		entry("a", "a1", "1234567890123", ""),
		entry("a", "a1", "x", ""),
		entry("made", "m1", "1234567890", "key"),
		entry(session.Lobby, "guest", "x", ""),
	})
	results[5] = s.store.AppendEntries(s.ctx(), []session.NewEntry{{SessionID: session.Lobby, ConnectionID: "guest", Guest: true, Body: "x", SessionQuota: 100}})[0]
	for i, seq := range []int64{2, 0, 3, 0, 1, 0} {
		if seq > 0 {
			s.ok(results[i].Err)
			equal(s, fmt.Sprint("seq of ", i), results[i].Entry.Seq, seq)
			continue
		}
		s.fails(fmt.Sprint("entry ", i), results[i].Err, session.CodeForbidden, session.ReasonSessionFull)
	}
	// A retry of a stored entry is answered, however full the session is.
	again := s.store.AppendEntries(s.ctx(), []session.NewEntry{entry("a", "a1", "1234567890", "key")})[0]
	s.ok(again.Err)
	equal(s, "replayed", again.Replayed, true)
	equal(s, "its seq", again.Entry.Seq, first.Seq)
	equal(s, "log", len(s.all("a")), 3)
	full := s.store.AppendEntries(s.ctx(), []session.NewEntry{entry("a", "a1", "x", "")})[0]
	s.fails("full", full.Err, session.CodeForbidden, session.ReasonSessionFull)
	for range 5 {
		s.add(entry("made", "m1", "1234567890", ""))
	}
	// Without a quota entries are accepted, and count for a later quota.
	s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "x"})
	raised := entry("a", "a1", "x", "")
	raised.SessionQuota = quota + 2*129
	s.add(raised)
	s.fails("full again", s.store.AppendEntries(s.ctx(), []session.NewEntry{raised})[0].Err, session.CodeForbidden, session.ReasonSessionFull)
}

// A holder has as many live connections as its limit, in all sessions together, and may have new ones when some have
// ended.
func (s *suite) testHolders() {
	token, address := session.Holder{Name: "session token", Key: 1, Limit: 2}, session.Holder{Name: "address", Key: -2, Limit: 3}
	made := 0
	wanted := func(sessionID string, holders ...session.Holder) session.NewConnection {
		made++
		return session.NewConnection{ID: fmt.Sprint("c", made), SessionID: sessionID, Role: session.RolePublisher, MakeSession: true, NewEpoch: 7, Holders: holders}
	}
	create := func(connections ...session.NewConnection) (refused []int) {
		for i, r := range s.store.CreateConnections(s.ctx(), connections, idle) {
			if r.Err != nil {
				s.fails("create", r.Err, session.CodeRateLimited, session.ReasonTooManyConnections)
				refused = append(refused, i)
			}
		}
		return refused
	}
	equal(s, "in one transaction", create(wanted("a", token), wanted("b", token, address), wanted("a", token, address), wanted("a", address), wanted("a", address)),
		[]int{2})
	equal(s, "in another", create(wanted("a", token), wanted("new", address), wanted("a")), []int{0, 1})
	_, err := s.store.Session(s.ctx(), "new")
	s.fails("session of a refusal", err, session.CodeNotFound, "")
	_, err = s.store.DestroyConnection(s.ctx(), "c2", "", session.ClientDisconnected) // of both holders
	s.ok(err)
	equal(s, "after one ended", create(wanted("a", token, address), wanted("a", token), wanted("a", address)), []int{1, 2})
	s.clock.Advance(idle + bit)
	changes, err := s.store.Sweep(s.ctx(), "", grace, idle, many)
	s.ok(err)
	equal(s, "swept", len(changes), 5)
	equal(s, "after the sweep", create(wanted("a", token), wanted("a", token, address), wanted("a", address), wanted("a", address)), []int(nil))
}

// Connections with a socket come first, and each connection comes once, whatever the size of the pages.
func (s *suite) testListConnections() {
	s.connect("a", "c1", "c2", "c3", "c4", "c5", "c6")
	s.connect("other", "o1")
	s.renew("n1", false)
	s.attach("n1", "c5", "c2", "o1")
	_, err := s.store.DestroyConnection(s.ctx(), "c4", "", session.ClientDisconnected)
	s.ok(err)
	list := func(size int) (ids []string) {
		var after session.RosterPlace
		for {
			found, err := s.store.ListConnections(s.ctx(), "a", after, size)
			s.ok(err)
			for _, c := range found {
				equal(s, "session", c.SessionID, "a")
				equal(s, "part of "+c.ID, c.Place.Detached, !slices.Contains([]string{"c2", "c5", "c6"}, c.ID))
				ids, after = append(ids, c.ID), c.Place
			}
			if len(found) < size {
				return ids
			}
		}
	}
	s.attach("n1", "c6")
	for size := 1; size < 8; size++ {
		equal(s, fmt.Sprint("pages of ", size), list(size), []string{"c2", "c5", "c6", "c1", "c3"})
	}
	s.ok(s.store.Detach(s.ctx(), "n1", []string{"c2"}, grace))
	found, err := s.store.ListConnections(s.ctx(), "a", session.RosterPlace{}, 9)
	s.ok(err)
	equal(s, "after a detach", found[2].ID+" "+found[3].ID, "c1 c2")
	for _, id := range []string{"nope", session.Lobby, "nul\x00"} {
		found, err := s.store.ListConnections(s.ctx(), id, session.RosterPlace{}, 9)
		s.ok(err)
		equal(s, "list of "+id, len(found), 0)
	}
}

// Reactions and the keys of changes count to the quota to the byte, and are given back when they are removed.
func (s *suite) testQuotaOfReactions() {
	const body, reaction, key = "1234567890", session.ReactionQuotaBytes, session.ChangeKeyQuotaBytes
	s.connectUser("a", "ann", "u1")
	s.connect("a", "a1")
	ann := session.Actor{ConnectionID: "u1", UserID: userID("ann")}
	want := s.add(session.NewEntry{SessionID: "a", ConnectionID: "u1", UserID: userID("ann"), Body: body}).QuotaBytes()
	want += s.add(session.NewEntry{SessionID: "a", ConnectionID: "u1", UserID: userID("ann"), Body: body}).QuotaBytes()
	// A text of one byte more fits where there is one byte left, and not where there is none.
	used := func(what string) {
		s.Helper()
		longer, back := edit(1, ann, body+"x"), edit(1, ann, body)
		longer.EditedIn, back.EditedIn = 1000*24*time.Hour, 1000*24*time.Hour
		longer.SessionQuota = want
		s.refuses(what+", full", longer, session.CodeForbidden, session.ReasonSessionFull)
		longer.SessionQuota++
		s.change(longer)
		s.change(back)
		s.clock.Advance(bit) // no reaction has to wait
	}
	change := func(what string, c session.NewChange, key string, more int64) {
		s.Helper()
		c.IdempotencyKey = key
		if more > 0 {
			c.SessionQuota = want + more - 1
			s.refuses(what, c, session.CodeForbidden, session.ReasonSessionFull)
		}
		c.SessionQuota = want + max(more, 0)
		s.change(c)
		want += more
		used(what)
	}
	used("two entries")
	change("a reaction", react(2, ann, "+1", true), "", reaction)
	change("the same again", react(2, ann, "+1", true), "", 0)
	change("the same with a key", react(2, ann, "+1", true), "k1", key)
	change("the key again", react(2, ann, "+1", true), "k1", 0)
	change("another's", react(2, by("a1"), "+1", true), "k2", reaction+key)
	change("taken back", react(2, ann, "+1", false), "", -reaction)
	change("taken back with a key", react(2, by("a1"), "+1", false), "k3", key-reaction)
	change("on again", react(2, by("a1"), "+1", true), "", reaction)
	change("another name", react(2, by("a1"), "-1", true), "", reaction)
	change("an edit with a key", edit(1, ann, body), "k4", key)

	// In one transaction: an entry that is deleted gives everything back.
	group := []session.NewChange{react(2, ann, "+1", true), react(2, by("a1"), "-1", false), remove(2, ann)}
	for _, r := range s.store.ChangeEntries(s.ctx(), group) {
		s.ok(r.Err)
	}
	want -= int64(len(body)) + 2*reaction
	used("deleted")

	s.clock.Advance(session.ChangeKeyTime + bit)
	_, err := s.store.Sweep(s.ctx(), "", grace, idle, 3) // ends the connections, and removes three of the keys
	s.ok(err)
	s.connectUser("a", "ann", "u2")
	ann.ConnectionID, want = "u2", want-3*key
	used("three keys removed")
	_, err = s.store.Sweep(s.ctx(), "", grace, idle, many)
	s.ok(err)
	want -= key
	used("all keys removed")

	// A session of a backend has no quota.
	_, err = s.store.CreateSession(s.ctx(), session.Session{ID: "made", Epoch: 5, MediaMode: session.MediaRelayed, TokenRequired: true})
	s.ok(err)
	s.connect("made", "m1")
	s.add(session.NewEntry{SessionID: "made", ConnectionID: "m1", Body: body})
	r := s.store.ChangeEntries(s.ctx(), []session.NewChange{{SessionID: "made", Seq: 1, Actor: by("m1"), Kind: session.EntryReacted, Name: "+1", On: true,
		IdempotencyKey: "k", SessionQuota: 1}})
	s.ok(r[0].Err)
}

// bytesOf returns how many bytes a session counts to its quota.
func (s *suite) bytesOf(id string) int64 {
	s.Helper()
	sizes, err := s.store.SessionSizes(s.ctx(), []string{id})
	s.ok(err)
	return sizes[id].Bytes
}

// Changes of a connection's data count to the quota to the byte, for as long as they are kept.
func (s *suite) testQuotaOfData() {
	_, err := s.store.CreateSession(s.ctx(), session.Session{ID: "made", Epoch: 5, MediaMode: session.MediaRelayed, TokenRequired: true})
	s.ok(err)
	s.connect("made", "m1")
	s.connect("a", "a1")
	entry := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "x"}).QuotaBytes()
	set := func(id string, data *string, quota int64) error {
		s.clock.Advance(bit) // so that the changes are removed in their order
		_, _, err := s.store.SetConnectionData(s.ctx(), id, data, quota)
		return err
	}
	size := s.bytesOf
	s.ok(set("a1", pointer("first"), 0))
	one := size("a") - entry
	if least := int64(session.RosterChangeQuotaBytes + len("first")); one < least {
		s.Fatalf("a change counts %d bytes, want %d at least", one, least)
	}
	s.fails("full", set("a1", pointer("other"), entry+2*one-1), session.CodeForbidden, session.ReasonSessionFull)
	equal(s, "after a refusal", size("a"), entry+one)
	s.ok(set("a1", pointer("first"), 1)) // the same
	equal(s, "after the same", size("a"), entry+one)
	s.ok(set("a1", pointer("other"), entry+2*one))
	s.fails("a byte longer", set("a1", pointer("others"), entry+3*one), session.CodeForbidden, session.ReasonSessionFull)
	equal(s, "of two", size("a"), entry+2*one)
	s.ok(set("a1", nil, 1)) // is never refused
	none := size("a") - entry - 2*one
	s.ok(set("m1", pointer("first"), 1)) // a session of a backend has no quota
	equal(s, "of a backend's session", size("made"), one)

	s.clock.Advance(session.FeedKept + bit)
	_, err = s.store.Sweep(s.ctx(), "", grace, idle, 2)
	s.ok(err)
	equal(s, "two removed", size("a"), entry+none)
	_, err = s.store.Sweep(s.ctx(), "", grace, idle, many)
	s.ok(err)
	equal(s, "all removed", size("a"), entry)
	equal(s, "all removed of the other", size("made"), 0)
}

// Changes of streams, roles and mutes count to the quota for as long as they are kept. In a full session nobody publishes, or renames a
// stream; what ends or switches off is never refused, and moderators are not.
func (s *suite) testQuotaOfStreams() {
	_, err := s.store.CreateSession(s.ctx(), session.Session{ID: "made", Epoch: 5, MediaMode: session.MediaRelayed, TokenRequired: true})
	s.ok(err)
	publisher, made := s.connect("a", "a1")[0], s.connect("made", "m1")[0]
	s.connectRole("a", session.RoleModerator, "mod")
	n := newStream("s", publisher)
	_, err = s.store.PublishStream(s.ctx(), n, many)
	s.ok(err)
	one := s.bytesOf("a")
	if one <= session.RosterChangeQuotaBytes {
		s.Fatalf("a stream counts %d bytes", one)
	}
	n.ID, n.SessionQuota = "t", 2*one-1
	_, err = s.store.PublishStream(s.ctx(), n, many)
	s.fails("publish in a full session", err, session.CodeForbidden, session.ReasonSessionFull)
	update := func(u session.StreamUpdate, quota int64) error {
		_, _, err := s.store.UpdateStream(s.ctx(), "s", u, quota)
		return err
	}
	named := session.StreamUpdate{Name: pointer("named")}
	s.fails("rename in a full session", update(named, one), session.CodeForbidden, session.ReasonSessionFull)
	equal(s, "streams", s.streamsOf("a"), []string{"s"})
	equal(s, "after refusals", s.bytesOf("a"), one)
	s.ok(update(session.StreamUpdate{}, 1)) // it stays as it is
	equal(s, "after nothing", s.bytesOf("a"), one)
	s.ok(update(named, 3*one))
	used := s.bytesOf("a")
	s.fails("off, and larger", update(session.StreamUpdate{HasAudio: pointer(false), Width: pointer(int64(9))}, used), session.CodeForbidden, session.ReasonSessionFull)
	s.ok(update(session.StreamUpdate{HasAudio: pointer(false), HasVideo: pointer(false), Name: pointer("named")}, 1)) // of which one changes
	s.fails("on again", update(session.StreamUpdate{HasAudio: pointer(true)}, used), session.CodeForbidden, session.ReasonSessionFull)
	_, _, err = s.store.MuteStreams(s.ctx(), session.Mute{SessionID: "a", ModeratorID: "mod", Stay: true})
	s.ok(err)
	_, _, err = s.store.EndMute(s.ctx(), "a", "mod")
	s.ok(err)
	_, _, err = s.store.SetRole(s.ctx(), session.NewRole{SessionID: "a", ConnectionID: "a1", Role: session.RoleModerator})
	s.ok(err)
	_, err = s.store.DestroyStream(s.ctx(), "s", "", session.ClientDisconnected)
	s.ok(err)
	if after := s.bytesOf("a"); after < used+5*session.RosterChangeQuotaBytes {
		s.Errorf("five changes more count %d bytes", after-used)
	}
	n = newStream("m", made)
	n.SessionQuota = 1
	_, err = s.store.PublishStream(s.ctx(), n, many)
	s.ok(err) // a session of a backend has no quota

	s.clock.Advance(session.FeedKept + 2*time.Hour)
	_, err = s.store.Sweep(s.ctx(), "", grace, idle, many)
	s.ok(err)
	equal(s, "all removed", s.bytesOf("a"), 0)
}

// Ids that are longer than usual count.
func (s *suite) testQuotaOfLongIDs() {
	long := strings.Repeat("n", session.MaxNameBytes)
	short := s.add(session.NewEntry{SessionID: session.Lobby, ConnectionID: long[:48], Guest: true, Body: "x"})
	equal(s, "usual", short.QuotaBytes(), 129)
	e := session.NewEntry{SessionID: session.Lobby, ConnectionID: long, Guest: true, Body: "x", SessionQuota: 2*129 + 3*(session.MaxNameBytes-48) - 1}
	s.fails("a byte too long", s.store.AppendEntries(s.ctx(), []session.NewEntry{e})[0].Err, session.CodeForbidden, session.ReasonSessionFull)
	e.SessionQuota++
	s.add(e)
}
