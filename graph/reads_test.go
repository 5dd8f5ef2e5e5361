package graph_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chattok/internal/await"
	"chattok/session"
)

// countingStore is a Store that counts the reads behind the fields of an entry.
type countingStore struct {
	session.Store
	*reads
}

type reads struct{ originals, mine, reactors, connections, marks atomic.Int64 }

func (s countingStore) EntriesBySeq(ctx context.Context, sessionID string, epoch session.Epoch, seqs []int64) (map[int64]*session.ChatEntry, error) {
	s.originals.Add(1)
	return s.Store.EntriesBySeq(ctx, sessionID, epoch, seqs)
}

func (s countingStore) ReactionsOf(ctx context.Context, sessionID string, by session.Actor, seqs []int64) (map[int64][]string, error) {
	s.mine.Add(1)
	return s.Store.ReactionsOf(ctx, sessionID, by, seqs)
}

func (s countingStore) Reactors(ctx context.Context, sessionID string, reactions []session.ReactionKey, limit int) (map[session.ReactionKey][]string, error) {
	s.reactors.Add(1)
	return s.Store.Reactors(ctx, sessionID, reactions, limit)
}

func (s countingStore) Connections(ctx context.Context, ids []string) (map[string]session.ConnectionState, error) {
	s.connections.Add(1)
	return s.Store.Connections(ctx, ids)
}

func (s countingStore) ReadMark(ctx context.Context, sessionID, userID string) (session.ReadMark, error) {
	s.marks.Add(1)
	return s.Store.ReadMark(ctx, sessionID, userID)
}

// take returns the counts since the last call.
func (r *reads) take() [5]int64 {
	return [5]int64{r.originals.Swap(0), r.mine.Swap(0), r.reactors.Swap(0), r.connections.Swap(0), r.marks.Swap(0)}
}

// countedWorld starts a world whose reads are counted.
func countedWorld(t *testing.T, path string) (*world, *reads) {
	r := &reads{}
	return newWorld(t, options{path: path, grace: time.Minute, store: func(s session.Store) session.Store { return countingStore{s, r} }}), r
}

// A page's entries share their reads, which are few however long the page is, and nothing is read for fields that are not selected
// or that need no read.
func TestPagesShareReads(t *testing.T) {
	w, _ := countedWorld(t, "")
	me, first := w.join(t, "room", session.RolePublisher), ""
	const length = 60
	for i := range length {
		reactor := w.join(t, "room", session.RolePublisher)
		variables := map[string]any{"c": me.id, "b": fmt.Sprint(i)}
		if i > 0 {
			variables["r"] = first
		}
		e := w.entryOf(t, me, reply, variables)
		if i == 0 {
			first = e.ID
		}
		w.entryOf(t, reactor, react, map[string]any{"i": e.ID, "n": "+"})
	}
	w.stop()
	w, r := countedWorld(t, w.path) // which remembers no connection
	w.mustDo(t, me.token, `{session{id}}`, nil)
	r.take()
	for _, c := range []struct {
		query string
		read  [5]bool // originals, the caller's reactions, reactors, connections, read marks
	}{
		{`{chatEntries(first:200){nodes{id body reactions{name count}}}}`, [5]bool{}},
		{`{chatEntries(first:200){nodes{replyTo{id}}}}`, [5]bool{0: true}}, // which may be no longer kept
		{`{chatEntries(first:200){nodes{replyTo{body replyTo{body}}}}}`, [5]bool{0: true}},
		{`{chatEntries(first:200){nodes{myReactions}}}`, [5]bool{1: true}},
		{`{chatEntries(first:100){nodes{reactions{users(first:2){id}}}}}`, [5]bool{2: true, 3: true}},
		{`{chatEntries(first:100){nodes{reactions{users(first:0){id}}}}}`, [5]bool{}},
		{`{chatEntries(first:100){nodes{a:reactions{users(first:1){id}} b:reactions{users(first:2){id}}}}}`, [5]bool{2: true}},
		{`{session{unread readCursor}}`, [5]bool{}}, // without a user
	} {
		data := string(w.mustDo(t, me.token, c.query, nil))
		for kind, n := range r.take() {
			if most := int64(length / 3); (n > 0) != c.read[kind] || n > most {
				t.Errorf("%s: %d reads of kind %d", c.query, n, kind)
			}
		}
		if strings.Contains(c.query, "users(first:2)") && strings.Count(data, `{"id":`) < length {
			t.Errorf("%s: %s", c.query, data)
		}
	}
	// A node that follows the session knows where its log begins.
	w.subscribe(t, me.token, `subscription{entryAdded{seq}}`, nil)
	await.True(t, "ids of originals are known without a read", func() bool {
		r.take()
		w.mustDo(t, me.token, `{chatEntries(first:200){nodes{replyTo{id}}}}`, nil)
		return r.take() == [5]int64{}
	})
}

// A subscription that selects myReactions is executed for its subscriber alone and costs the others nothing: they share one
// execution of each event as before. One that selects a reply's original has it from memory.
func TestPersonalFieldsDoNotSplitOthers(t *testing.T) {
	w, r := countedWorld(t, "")
	address := serve(t, w.handler, 0)
	poster := w.join(t, "room", session.RolePublisher)
	e := w.add(t, poster.token, poster.id, "x")
	const shared = `subscription{logEvents{...on EntryChanged{entry{reactions{name users{id}}}}}}`
	const personal = `subscription{logEvents{...on EntryChanged{entry{myReactions reactions{name users{id}}}}}}`
	const others, personals = 9, 3
	var all []follower
	for i := range others + personals {
		p, query := w.join(t, "room", session.RolePublisher), shared
		if i%4 == 3 {
			query = personal
		}
		all = append(all, mustFollow(t, address, framings[i%3], p.token, query, nil))
	}
	await.True(t, "all follow", func() bool { _, n := w.sockets(); return n == len(all) })
	r.take()
	w.mustDo(t, poster.token, `mutation($i:ID!){reactToChatEntry(id:$i,name:"+"){seq}}`, map[string]any{"i": e.ID})
	for i, s := range all {
		mine := ""
		if i%4 == 3 {
			mine = `"myReactions":[],`
		}
		want := `{"data":{"logEvents":{"entry":{` + mine + `"reactions":[{"name":"+","users":[{"id":"` + poster.id + `"}]}]}}}}`
		if got := mustRespond(t, s); got != want {
			t.Errorf("follower %d: %s, want %s", i, got, want)
		}
	}
	if got := r.take(); got != [5]int64{0, personals, 1 + personals, 0, 0} {
		t.Errorf("reads %v, want one of reactors for the %d that share, and for each of the %d others one and one of its own", got, others, personals)
	}

	original := mustFollow(t, address, sse, poster.token, `subscription{logEvents{...on EntryAdded{entry{replyTo{body connection{id}}}}}}`, nil)
	w.mustDo(t, poster.token, `mutation($c:ID!,$r:ID){addChatEntry(connectionId:$c,body:"y",replyTo:$r){seq}}`, map[string]any{"c": poster.id, "r": e.ID})
	if got := mustRespond(t, original); got != `{"data":{"logEvents":{"entry":{"replyTo":{"body":"x","connection":{"id":"`+poster.id+`"}}}}}}` {
		t.Errorf("a reply's original: %s", got)
	}
	if got := r.take(); got != [5]int64{} {
		t.Errorf("a reply's original, which is known: reads %v", got)
	}
}
