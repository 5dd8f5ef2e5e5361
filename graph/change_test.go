package graph_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chattok/graph"
	"chattok/internal/await"
	"chattok/session"
)

// changed is an entry as the tests of changes select it.
type changed struct {
	ID, Cursor, Body, CreatedAt string
	Seq, Version                int
	Data, EditedAt, DeletedAt   *string
	UserID, DeletedBy           *string
	IdempotencyKey              *string
	ReplyTo                     *struct{ ID, Body string }
	Reactions                   []struct {
		Name  string
		Count int
		Users []struct{ ID string }
	}
	MyReactions []string
}

const changedFields = `{id cursor body createdAt seq version data editedAt deletedAt userId deletedBy idempotencyKey replyTo{id body}
	reactions{name count users{id}} myReactions}`

const (
	editEntry   = `mutation($i:ID!,$b:String!,$k:ID){entry:editChatEntry(id:$i,body:$b,idempotencyKey:$k)` + changedFields + `}`
	deleteEntry = `mutation($i:ID!){entry:deleteChatEntry(id:$i)` + changedFields + `}`
	react       = `mutation($i:ID!,$n:String!,$on:Boolean,$k:ID){entry:reactToChatEntry(id:$i,name:$n,on:$on,idempotencyKey:$k)` + changedFields + `}`
	reply       = `mutation($c:ID!,$b:String!,$r:ID,$d:String){entry:addChatEntry(connectionId:$c,body:$b,replyTo:$r,data:$d)` + changedFields + `}`
	readEntry   = `query($i:ID!){entry:chatEntry(id:$i)` + changedFields + `}`
)

// entryOf carries out an operation whose one field, an entry, is called "entry".
func (w *world) entryOf(t testing.TB, p person, query string, variables map[string]any) changed {
	t.Helper()
	return read[struct{ Entry changed }](t, w.mustDo(t, p.token, query, variables)).Entry
}

// An entry is edited, reacted to and deleted by its author's other device and by a moderator. Each answer, chatEntry and the page
// show it as it is then, under the same id, and nothing of the text is left at the end.
func TestChangesOfAnEntry(t *testing.T) {
	w := newWorld(t, options{})
	phone, desk := w.asUser(t, "room", "ann", session.RolePublisher), w.asUser(t, "room", "ann", session.RolePublisher)
	ben, moderator := w.asUser(t, "room", "ben", session.RolePublisher), w.join(t, "room", session.RoleModerator)
	first := w.entryOf(t, phone, reply, map[string]any{"c": phone.id, "b": "helo", "d": "card"})
	if first.Version != 1 || first.EditedAt != nil || first.DeletedAt != nil || *first.Data != "card" || *first.UserID != "ann" || len(first.Reactions) != 0 {
		t.Errorf("added: %+v", first)
	}
	same := func(p person, got changed) {
		t.Helper()
		if got.ID != first.ID || got.Seq != 1 || got.Cursor != first.Cursor || got.CreatedAt != first.CreatedAt {
			t.Errorf("the entry has become another: %+v", got)
		}
		if again := w.entryOf(t, p, readEntry, map[string]any{"i": first.ID}); show(again) != show(got) {
			t.Errorf("chatEntry gives\n%s, and the change gave\n%s", show(again), show(got))
		}
	}
	edited := w.entryOf(t, desk, editEntry, map[string]any{"i": first.ID, "b": "hello"})
	same(desk, edited)
	if edited.Version != 2 || edited.Body != "hello" || edited.EditedAt == nil || *edited.Data != "card" {
		t.Errorf("edited: %s", show(edited))
	}
	w.entryOf(t, desk, react, map[string]any{"i": first.ID, "n": "+1"})
	both := w.entryOf(t, ben, react, map[string]any{"i": first.ID, "n": "+1"})
	same(ben, both)
	if r := both.Reactions; len(r) != 1 || r[0].Name != "+1" || r[0].Count != 2 || len(r[0].Users) != 2 || r[0].Users[0].ID != desk.id || r[0].Users[1].ID != ben.id {
		t.Errorf("reacted to: %s", show(both))
	}
	back := w.entryOf(t, phone, react, map[string]any{"i": first.ID, "n": "+1", "on": false}) // what the other device did
	same(phone, back)
	if r := back.Reactions; len(r) != 1 || r[0].Count != 1 || len(back.MyReactions) != 0 {
		t.Errorf("taken back: %s", show(back))
	}
	answer := w.entryOf(t, ben, reply, map[string]any{"c": ben.id, "b": "yes", "r": first.ID})
	if answer.ReplyTo == nil || answer.ReplyTo.ID != first.ID || answer.ReplyTo.Body != "hello" {
		t.Errorf("a reply: %s", show(answer))
	}
	deleted := w.entryOf(t, moderator, deleteEntry, map[string]any{"i": first.ID})
	same(moderator, deleted)
	if deleted.Body != "" || deleted.Data != nil || len(deleted.Reactions) != 0 || deleted.DeletedAt == nil || *deleted.DeletedBy != moderator.id || *deleted.UserID != "ann" {
		t.Errorf("deleted: %s", show(deleted))
	}
	if again := w.entryOf(t, ben, readEntry, map[string]any{"i": answer.ID}); again.ReplyTo == nil || again.ReplyTo.Body != "" {
		t.Errorf("the reply's original after its deletion: %s", show(again))
	}
	page := string(w.mustDo(t, ben.token, `{chatEntries{nodes`+changedFields+`}}`, nil))
	if strings.Contains(page, "hel") || strings.Contains(page, "card") {
		t.Errorf("what was deleted is in a page: %s", page)
	}
	for _, change := range []string{editEntry, react} {
		if got := w.code(t, desk.token, change, map[string]any{"i": first.ID, "b": "x", "n": "x"}); got != "FORBIDDEN ENTRY_DELETED" {
			t.Errorf("a change after the deletion: %s", got)
		}
	}
}

func show(e changed) string {
	e.MyReactions, e.IdempotencyKey = nil, nil
	return string(mustMarshal(e))
}

// An edit without data leaves it as it is, and one with null takes it away, in every spelling.
func TestEditedData(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", session.RolePublisher)
	const before = `"before"`
	for _, c := range []struct {
		query     string
		variables map[string]any
		want      string
	}{
		{`mutation($i:ID!){editChatEntry(id:$i,body:"b"){data}}`, nil, before},
		{`mutation($i:ID!,$d:String){editChatEntry(id:$i,body:"b",data:$d){data}}`, nil, before},
		{`mutation($i:ID!,$d:String){editChatEntry(id:$i,body:"b",data:$d){data}}`, map[string]any{"d": nil}, "null"},
		{`mutation($i:ID!,$d:String=null){editChatEntry(id:$i,body:"b",data:$d){data}}`, nil, "null"},
		{`mutation($i:ID!,$d:String="x"){editChatEntry(id:$i,body:"b",data:$d){data}}`, nil, `"x"`},
		{`mutation($i:ID!){editChatEntry(id:$i,body:"b",data:null){data}}`, nil, "null"},
		{`mutation($i:ID!){editChatEntry(id:$i,body:"b",data:""){data}}`, nil, `""`},
		{`mutation($i:ID!){...F} fragment F on Mutation{editChatEntry(id:$i,body:"b",data:"after"){data}}`, nil, `"after"`},
	} {
		e := w.entryOf(t, me, reply, map[string]any{"c": me.id, "b": "a", "d": "before"})
		variables := map[string]any{"i": e.ID}
		for name, value := range c.variables {
			variables[name] = value
		}
		if got := string(w.mustDo(t, me.token, c.query, variables)); got != `{"editChatEntry":{"data":`+c.want+`}}` {
			t.Errorf("%s %v: %s, want %s", c.query, c.variables, got, c.want)
		}
	}
}

// A late retry of a change with its key changes nothing and answers with the entry as it is by then; another change with the key
// is a conflict. Of two people each has keys of its own.
func TestKeysOfChanges(t *testing.T) {
	w := newWorld(t, options{})
	ann, ben := w.asUser(t, "room", "ann", session.RolePublisher), w.asUser(t, "room", "ben", session.RolePublisher)
	again := w.asUser(t, "room", "ann", session.RolePublisher)
	e := w.add(t, ann.token, ann.id, "1")
	change := func(p person, query string, variables map[string]any) changed {
		t.Helper()
		variables["i"], variables["k"] = e.ID, "k"+variables["k"].(string)
		return w.entryOf(t, p, query, variables)
	}
	change(ann, editEntry, map[string]any{"b": "2", "k": "1"})
	change(ann, editEntry, map[string]any{"b": "3", "k": "2"})
	if got := change(again, editEntry, map[string]any{"b": "2", "k": "1"}); got.Body != "3" || got.Version != 3 {
		t.Errorf("a late retry of an edit: %s", show(got))
	}
	change(ben, react, map[string]any{"n": "+", "k": "1"})
	change(ben, react, map[string]any{"n": "+", "on": false, "k": "2"})
	if got := change(ben, react, map[string]any{"n": "+", "k": "1"}); len(got.Reactions) != 0 {
		t.Errorf("a late retry of a reaction: %s", show(got))
	}
	const conflict = "BAD_USER_INPUT IDEMPOTENCY_CONFLICT"
	for name, variables := range map[string]map[string]any{"another name": {"n": "-", "k": "k1"}, "the other way": {"n": "+", "on": false, "k": "k1"}} {
		variables["i"] = e.ID
		if got := w.code(t, ben.token, react, variables); got != conflict {
			t.Errorf("a key with %s: %s", name, got)
		}
	}
}

// logEvents tells of additions and changes in one order, each with its cursor; any cursor resumes, and the page's lastCursor too.
// All framings have the same payloads as gqlgen's own transport, and SSE's ids are the cursors.
func TestLogEvents(t *testing.T) {
	w := newWorld(t, options{grace: time.Minute})
	me := w.asUser(t, "room", "ann", session.RoleModerator)
	ours, stock := serve(t, w.handler, 0), serve(t, graph.Stock(w.service, w.tokens), 0)
	first := w.add(t, me.token, me.id, "one")
	w.entryOf(t, me, editEntry, map[string]any{"i": first.ID, "b": "uno"}) // superseded by the next
	w.entryOf(t, me, react, map[string]any{"i": first.ID, "n": "<+>"})
	w.entryOf(t, me, reply, map[string]any{"c": me.id, "b": "two \u2028", "r": first.ID, "d": "{}"})
	gone := w.add(t, me.token, me.id, "three")
	w.entryOf(t, me, deleteEntry, map[string]any{"i": gone.ID})
	const events = 5
	for _, query := range []string{
		`subscription($a:String){logEvents(after:$a){__typename ...on EntryAdded{cursor entry` + changedFields + `} ...on EntryChanged{change cursor entry` + changedFields + `}}}`,
		`subscription($a:String){l:logEvents(after:$a){...on EntryChanged{c:cursor change entry{connection{id} reactions{name count}}} __typename ...A}} fragment A on EntryAdded{c:cursor entry{seq replyTo{id}}}`,
	} {
		plain := mustFollow(t, stock, webSocket, me.token, query, map[string]any{"a": "0"})
		var want, ids []string
		for range events {
			want = append(want, plainText.Replace(mustRespond(t, plain)))
		}
		for _, f := range framings {
			s := mustFollow(t, ours, f, me.token, query, map[string]any{"a": "0"})
			for n := range events {
				if got := mustRespond(t, s); got != want[n] {
					t.Errorf("event %d over %s:\ngot  %s\nwant %s", n, f, got, want[n])
				}
				if f == sse {
					ids = append(ids, s.(httpFollower).ID)
					if !strings.Contains(want[n], `"`+ids[n]+`"`) {
						t.Errorf("event %d has the id %s: %s", n, ids[n], want[n])
					}
				}
			}
			s.stop()
		}
		for n, id := range append([]string{"0"}, ids[:events-1]...) {
			again := httpFollower{mustOpen(t, ours, sse, me.token, query, map[string]any{"a": "wrong"}, [2]string{"Last-Event-ID", id})}
			if got := mustRespond(t, again); got != want[n] {
				t.Errorf("after %s:\ngot  %s\nwant %s", id, got, want[n])
			}
			again.stop()
		}
		plain.stop()
	}
	page := read[struct{ ChatEntries struct{ LastCursor string } }](t, w.mustDo(t, me.token, `{chatEntries(first:0){lastCursor}}`, nil)).ChatEntries.LastCursor
	s := mustFollow(t, ours, sse, me.token, `subscription($a:String){logEvents(after:$a){...on EntryAdded{entry{seq}}}}`, map[string]any{"a": page})
	w.add(t, me.token, me.id, "four")
	if got := mustRespond(t, s); got != `{"data":{"logEvents":{"entry":{"seq":4}}}}` || page != w.cursorBefore(t, me, 4) {
		t.Errorf("after the page's lastCursor: %s", got)
	}
}

// cursorBefore returns the place of the event directly before the addition of an entry.
func (w *world) cursorBefore(t *testing.T, p person, seq int) string {
	t.Helper()
	room, err := w.service.Session(t.Context(), session.Caller{Kind: session.Guest, SessionID: "room"})
	if err != nil {
		t.Fatal(err)
	}
	nodes := read[struct {
		ChatEntries struct{ Nodes []struct{ Cursor string } }
	}](t, w.mustDo(t, p.token, `{chatEntries{nodes{cursor}}}`, nil)).ChatEntries.Nodes
	place, err := session.ParseCursor("cursor", room.Epoch, nodes[seq-1].Cursor)
	if err != nil {
		t.Fatal(err)
	}
	return session.Cursor(room.Epoch, place-1)
}

// entryAdded gives additions alone, each once and in the entry's present form, whatever was changed since.
func TestEntryAddedHasPresentForms(t *testing.T) {
	w := newWorld(t, options{grace: time.Minute})
	me := w.join(t, "room", session.RolePublisher)
	address := serve(t, w.handler, 0)
	const query = `subscription{entryAdded(after:"0"){seq body version}}`
	edited, gone := w.add(t, me.token, me.id, "one"), w.add(t, me.token, me.id, "two")
	live := mustFollow(t, address, sse, me.token, query, nil)
	for _, want := range []string{`{"seq":1,"body":"one","version":1}`, `{"seq":2,"body":"two","version":1}`} {
		if got := mustRespond(t, live); got != `{"data":{"entryAdded":`+want+`}}` {
			t.Errorf("live: %s", got)
		}
	}
	w.entryOf(t, me, editEntry, map[string]any{"i": edited.ID, "b": "uno"})
	w.entryOf(t, me, deleteEntry, map[string]any{"i": gone.ID})
	w.add(t, me.token, me.id, "three")
	third := `{"data":{"entryAdded":{"seq":3,"body":"three","version":1}}}`
	if got := mustRespond(t, live); got != third {
		t.Errorf("live: %s", got)
	}
	for _, f := range framings {
		late := mustFollow(t, address, f, me.token, query, nil)
		for _, want := range []string{`{"data":{"entryAdded":{"seq":1,"body":"uno","version":2}}}`, `{"data":{"entryAdded":{"seq":2,"body":"","version":2}}}`, third} {
			if got := mustRespond(t, late); got != want {
				t.Errorf("late over %s: %s, want %s", f, got, want)
			}
		}
	}
}

// userEvents begins with what is read, and tells a user's other devices, and nobody else, what is read and reacted to.
func TestUserEvents(t *testing.T) {
	w := newWorld(t, options{grace: time.Minute})
	phone, desk, ben := w.asUser(t, "room", "ann", session.RolePublisher), w.asUser(t, "room", "ann", session.RolePublisher), w.asUser(t, "room", "ben", session.RolePublisher)
	address := serve(t, w.handler, 0)
	const query = `subscription{userEvents{...on ReadMarked{readCursor} ...on ReactionsChanged{entryId version myReactions}}}`
	e := w.add(t, ben.token, ben.id, "one")
	devices := map[string]follower{}
	for _, f := range framings {
		devices["phone over "+string(f)] = mustFollow(t, address, f, phone.token, query, nil)
	}
	other := mustFollow(t, address, sse, ben.token, query, nil)
	for name, s := range devices {
		if got := mustRespond(t, s); got != `{"data":{"userEvents":{"readCursor":"0"}}}` {
			t.Errorf("%s begins with %s", name, got)
		}
	}
	if got := mustRespond(t, other); !strings.Contains(got, `"readCursor"`) {
		t.Errorf("ben begins with %s", got)
	}
	marked := w.mustDo(t, desk.token, `mutation($c:String!){markRead(upTo:$c){readCursor unread}}`, map[string]any{"c": e.Cursor})
	if string(marked) != `{"markRead":{"readCursor":"`+e.Cursor+`","unread":0}}` {
		t.Errorf("markRead: %s", marked)
	}
	w.entryOf(t, desk, react, map[string]any{"i": e.ID, "n": "+"})
	for name, s := range devices {
		for _, want := range []string{`{"readCursor":"` + e.Cursor + `"}`, `{"entryId":"` + e.ID + `","version":2,"myReactions":["+"]}`} {
			if got := mustRespond(t, s); got != `{"data":{"userEvents":`+want+`}}` {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	w.entryOf(t, ben, react, map[string]any{"i": e.ID, "n": "-"})
	if got := mustRespond(t, other); got != `{"data":{"userEvents":{"entryId":"`+e.ID+`","version":3,"myReactions":["-"]}}}` {
		t.Errorf("ben got %s", got)
	}
}

// Reading marks as read on another device shows in unread, and deleted entries are not counted.
func TestUnread(t *testing.T) {
	w := newWorld(t, options{})
	phone, desk, ben := w.asUser(t, "room", "ann", session.RolePublisher), w.asUser(t, "room", "ann", session.RolePublisher), w.asUser(t, "room", "ben", session.RolePublisher)
	nobody := w.join(t, "room", session.RolePublisher)
	var entries []entry
	for i := range 3 {
		entries = append(entries, w.add(t, ben.token, ben.id, fmt.Sprint(i)))
	}
	unread := func(p person, want string) {
		t.Helper()
		if got := string(w.mustDo(t, p.token, `{session{unread readCursor lastEntry{body}}}`, nil)); got != `{"session":`+want+`}` {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	unread(phone, `{"lastEntry":{"body":"2"},"readCursor":"0","unread":3}`)
	unread(nobody, `{"lastEntry":{"body":"2"},"readCursor":null,"unread":null}`)
	w.mustDo(t, desk.token, `mutation($c:String!){markRead(upTo:$c){id}}`, map[string]any{"c": entries[1].Cursor})
	w.mustDo(t, desk.token, `mutation($c:String!){markRead(upTo:$c){id}}`, map[string]any{"c": entries[0].Cursor}) // goes forwards only
	unread(phone, `{"lastEntry":{"body":"2"},"readCursor":"`+entries[1].Cursor+`","unread":1}`)
	w.entryOf(t, ben, deleteEntry, map[string]any{"i": entries[2].ID})
	unread(phone, `{"lastEntry":{"body":"1"},"readCursor":"`+entries[1].Cursor+`","unread":0}`)

	// The API secret reads the marks of several users at once, and marks for one of them.
	marks := func(want string) {
		t.Helper()
		const query = `{session(sessionId:"room"){unread ann:unread(userId:"ann") ben:unread(userId:"ben") cat:unread(userId:"cat") at:readCursor(userId:"cat") nobody:readCursor}}`
		if got := string(w.mustDo(t, testSecret, query, nil)); got != `{"session":`+want+`}` {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	marks(`{"ann":0,"at":"0","ben":0,"cat":2,"nobody":null,"unread":null}`)
	events := mustFollow(t, serve(t, w.handler, 0), framings[0], phone.token, `subscription{userEvents{...on ReadMarked{readCursor}}}`, nil)
	mustRespond(t, events)
	w.add(t, ben.token, ben.id, "3")
	last := w.add(t, ben.token, ben.id, "4")
	marks(`{"ann":2,"at":"0","ben":0,"cat":4,"nobody":null,"unread":null}`)
	for _, user := range []string{"ann", "cat"} {
		w.mustDo(t, testSecret, `mutation($c:String!,$u:ID!){markRead(upTo:$c,sessionId:"room",as:{userId:$u}){id}}`, map[string]any{"c": last.Cursor, "u": user})
	}
	marks(`{"ann":0,"at":"` + last.Cursor + `","ben":0,"cat":0,"nobody":null,"unread":null}`)
	if got := mustRespond(t, events); got != `{"data":{"userEvents":{"readCursor":"`+last.Cursor+`"}}}` {
		t.Errorf("ann's phone got %s", got)
	}
	for query, want := range map[string]string{
		`{session(sessionId:"room"){unread(userId:"")}}`:                                     "userId must be 1 to 128 bytes, but is empty",
		`{session(sessionId:"room"){readCursor(userId:"` + strings.Repeat("x", 129) + `")}}`: "userId must be at most 128 bytes, but is 129",
		`{session(sessionId:"room"){unread(userId:"\u0000")}}`:                               "userId must not contain U+0000",
	} {
		if _, failures := w.do(t, testSecret, query, nil); codeOf(failures) != bad || failures[0].Message != want {
			t.Errorf("%s: %+v, want %s", query, failures, want)
		}
	}
}

// A key is told to its author's other connections, and to nobody else.
func TestIdempotencyKeyIsItsUsers(t *testing.T) {
	w := newWorld(t, options{})
	phone, desk, ben := w.asUser(t, "room", "ann", session.RolePublisher), w.asUser(t, "room", "ann", session.RolePublisher), w.asUser(t, "room", "ben", session.RoleModerator)
	address := serve(t, w.handler, 0)
	streams := map[string]follower{}
	for want, p := range map[string]person{`"secret"`: desk, "null": ben} {
		streams[want] = mustFollow(t, address, webSocket, p.token, `subscription{logEvents{...on EntryAdded{entry{idempotencyKey}}}}`, nil)
	}
	await.True(t, "both follow", func() bool { _, n := w.sockets(); return n == 2 })
	w.mustDo(t, phone.token, addWithKey, map[string]any{"c": phone.id, "b": "x", "k": "secret"})
	for want, s := range streams {
		if got := mustRespond(t, s); got != `{"data":{"logEvents":{"entry":{"idempotencyKey":`+want+`}}}}` {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := string(w.mustDo(t, desk.token, `{chatEntries{nodes{idempotencyKey}}}`, nil)); got != `{"chatEntries":{"nodes":[{"idempotencyKey":"secret"}]}}` {
		t.Errorf("in a page of the other device: %s", got)
	}
}
