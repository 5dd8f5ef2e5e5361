package storetest

import (
	"context"
	"fmt"
	"sync"

	"chattok/session"
)

func (s *suite) testAppend() {
	s.connect("a", "a1", "a2")
	s.connect("b", "b1")
	results := s.store.AppendEntries(s.ctx(), []session.NewEntry{
		{SessionID: "a", ConnectionID: "a1", Body: "one"},
		{SessionID: "b", ConnectionID: "b1", Body: "one of b", IdempotencyKey: "k"},
		{SessionID: "a", ConnectionID: "a2", Body: "two"},
		{SessionID: "a", ConnectionID: "a1", Body: "three"},
	})
	want := []*session.ChatEntry{
		{SessionID: "a", Epoch: 7, Seq: 1, Place: 1, Version: 1, ConnectionID: "a1", Body: "one"},
		{SessionID: "b", Epoch: 7, Seq: 1, Place: 1, Version: 1, ConnectionID: "b1", Body: "one of b", IdempotencyKey: "k"},
		{SessionID: "a", Epoch: 7, Seq: 2, Place: 2, Version: 1, ConnectionID: "a2", Body: "two"},
		{SessionID: "a", Epoch: 7, Seq: 3, Place: 3, Version: 1, ConnectionID: "a1", Body: "three"},
	}
	for i, r := range results {
		s.ok(r.Err)
		if r.Entry.CreatedAt.IsZero() {
			s.Errorf("entry %d has no time", i)
		}
		want[i].CreatedAt = r.Entry.CreatedAt
		equal(s, "result", r, session.EntryResult{Entry: want[i]})
	}
	equal(s, "log of a", s.all("a"), []*session.ChatEntry{want[0], want[2], want[3]})
	equal(s, "log of b", s.all("b"), []*session.ChatEntry{want[1]})

	s.clock.Advance(bit)
	later := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "four"})
	equal(s, "seq", later.Seq, 4)
	if age := later.CreatedAt.Sub(want[0].CreatedAt); age < bit {
		s.Errorf("appended %v later, want at least %v by the clock", age, bit)
	}
	equal(s, "no entries", len(s.store.AppendEntries(s.ctx(), nil)), 0)
	equal(s, "last numbers", s.lastSeqs("a"), session.LastSeqs{Seq: 4, Place: 4, Revision: 2})
}

func (s *suite) testAppendFailsAlone() {
	s.connect("a", "a1", "ended")
	s.connect("b", "b1")
	s.add(session.NewEntry{SessionID: session.Lobby, ConnectionID: "guest", Guest: true, Body: "hi"})
	_, err := s.store.DestroyConnection(s.ctx(), "ended", "", session.ClientDisconnected)
	s.ok(err)

	const destroyed = session.ReasonConnectionDestroyed
	cases := []struct {
		entry  session.NewEntry
		code   session.Code
		reason string
	}{
		{entry: session.NewEntry{SessionID: "a", ConnectionID: "a1"}},
		{session.NewEntry{SessionID: "nope", ConnectionID: "a1"}, session.CodeNotFound, ""},
		{session.NewEntry{SessionID: "nope", ConnectionID: "new", Guest: true}, session.CodeNotFound, ""},
		{session.NewEntry{SessionID: "a", ConnectionID: "unknown"}, session.CodeUnauthenticated, destroyed},
		{session.NewEntry{SessionID: "a", ConnectionID: "b1"}, session.CodeUnauthenticated, destroyed},
		{entry: session.NewEntry{SessionID: "a", ConnectionID: "a1"}},
		{session.NewEntry{SessionID: "a", ConnectionID: "ended"}, session.CodeUnauthenticated, destroyed},
		{session.NewEntry{SessionID: session.Lobby, ConnectionID: "guest"}, session.CodeUnauthenticated, destroyed},
		{session.NewEntry{SessionID: session.Lobby, ConnectionID: "a1", Guest: true}, session.CodeUnauthenticated, ""},
		{entry: session.NewEntry{SessionID: "a", ConnectionID: "a1"}},
	}
	entries := make([]session.NewEntry, len(cases))
	for i, c := range cases {
		c.entry.Body = fmt.Sprint(i)
		entries[i] = c.entry
	}
	var stored []*session.ChatEntry
	for i, r := range s.store.AppendEntries(s.ctx(), entries) {
		if c := cases[i]; c.code != "" {
			s.fails(fmt.Sprintf("entry %d", i), r.Err, c.code, c.reason)
			equal(s, "entry of a failure", r.Entry, nil)
			continue
		}
		s.ok(r.Err)
		stored = append(stored, r.Entry)
	}
	equal(s, "log", s.all("a"), stored)
	equal(s, "last numbers", []session.LastSeqs{s.lastSeqs("a"), s.lastSeqs("b"), s.lastSeqs(session.Lobby)},
		[]session.LastSeqs{{Seq: 3, Place: 3, Revision: 3}, {Revision: 1}, {Seq: 1, Place: 1}})
}

func (s *suite) testAppendSizes() {
	s.connect("a", "a1", "a2", "a3")
	total := int64(0)
	for _, n := range []int{1, 2, 3, 7, 255, 256, 257, 600} {
		entries := make([]session.NewEntry, n)
		for i := range entries {
			entries[i] = session.NewEntry{
				SessionID: "a", ConnectionID: fmt.Sprintf("a%d", i%3+1), Body: "b", IdempotencyKey: fmt.Sprint(n, "/", i),
			}
		}
		for i, r := range s.store.AppendEntries(s.ctx(), entries) {
			s.ok(r.Err)
			equal(s, fmt.Sprintf("seq of entry %d of %d", i, n), r.Entry.Seq, total+int64(i)+1)
		}
		for i, r := range s.store.AppendEntries(s.ctx(), entries) {
			s.ok(r.Err)
			equal(s, fmt.Sprintf("replay %d of %d", i, n), r.Replayed && r.Entry.Seq == total+int64(i)+1, true)
		}
		total += int64(n)
	}
	equal(s, "length", len(s.all("a")), int(total))

	// There are as many senders, and as many sessions, as entries.
	connections, entries := make([]session.NewConnection, 300), make([]session.NewEntry, 300)
	for i := range entries {
		id := fmt.Sprintf("m%d", i)
		connections[i] = session.NewConnection{ID: id, SessionID: id, Role: session.RolePublisher, MakeSession: true, NewEpoch: 7}
		entries[i] = session.NewEntry{SessionID: id, ConnectionID: id, Body: "b"}
	}
	for _, r := range s.store.CreateConnections(s.ctx(), connections, idle) {
		s.ok(r.Err)
		equal(s, "revision", r.Change.Revision, 1)
	}
	for _, r := range s.store.AppendEntries(s.ctx(), entries) {
		s.ok(r.Err)
		equal(s, "seq", r.Entry.Seq, 1)
	}
}

func (s *suite) testAppendBytes() {
	s.connect("a", "a1")
	bodies := []string{
		"it's", `"quoted"`, `back\slash`, "?", "?0 ?TableName $1 :a", "a\nb\r\n\t", "-- ; DROP TABLE entries", "héllo 🎈 ﷽",
		" ", "\u00a0", "%s", "1", "0x1", "NULL", "X'00'", "2026-01-01T00:00:00Z",
	}
	for i, body := range bodies {
		e := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: body, IdempotencyKey: body + "k"})
		equal(s, "read back", s.all("a")[i], e)
		equal(s, "body", e.Body, body)
		again := s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: body, IdempotencyKey: body + "k"})
		equal(s, "replay", again, e)
	}
}

func (s *suite) testAppendConcurrently() {
	s.connect("a", "a1")
	s.connect("b", "b1")
	const writers, groups = 8, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for g := range groups {
				entries := []session.NewEntry{
					{SessionID: "b", ConnectionID: "b1", Body: fmt.Sprint(w, g)},
					{SessionID: "a", ConnectionID: "a1", Body: fmt.Sprint(w, g)},
					{SessionID: "a", ConnectionID: "a1", Body: fmt.Sprint(w, g)},
				}
				results := s.store.AppendEntries(s.ctx(), entries)
				if results[1].Err != nil || results[2].Err != nil || results[2].Entry.Seq != results[1].Entry.Seq+1 {
					s.Errorf("a group is not together: %s", show(results))
				}
			}
		})
	}
	wg.Wait()
	for id, n := range map[string]int{"a": 2 * writers * groups, "b": writers * groups} {
		log := s.all(id)
		equal(s, "length", len(log), n)
		for i, e := range log {
			equal(s, "seq", e.Seq, int64(i)+1)
		}
	}
}

func (s *suite) testAppendCancelled() {
	s.connect("a", "a1")
	ctx, cancel := context.WithCancel(s.ctx())
	cancel()
	results := s.store.AppendEntries(ctx, []session.NewEntry{{SessionID: "a", ConnectionID: "a1", Body: "b"}})
	s.fails("append", results[0].Err, session.CodeUnavailable, "")
	_, err := s.store.Session(ctx, session.Lobby)
	s.fails("session", err, session.CodeUnavailable, "")
	s.fails("touch", s.store.Touch(ctx, []string{"a1"}, idle, grace), session.CodeUnavailable, "")
	equal(s, "next seq", s.add(session.NewEntry{SessionID: "a", ConnectionID: "a1", Body: "b"}).Seq, 1)
}
