package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"chattok/session"
)

// Arguments of changes, of reading and of moderation at and beyond their limits get the expected code. A refused change leaves the
// log as it was.
func TestInputOfChanges(t *testing.T) {
	w := newWorld(t, options{})
	me, elsewhere := w.asUser(t, "room", "ann", session.RoleModerator), w.asUser(t, "elsewhere", "ann", session.RoleModerator)
	foreign := w.add(t, elsewhere.token, elsewhere.id, "x")
	long := strings.Repeat
	const (
		conflict = "BAD_USER_INPUT IDEMPOTENCY_CONFLICT"
		mismatch = "BAD_USER_INPUT CURSOR_MISMATCH"
		add      = `mutation($c:ID!,$b:String!,$r:ID,$d:String){addChatEntry(connectionId:$c,body:$b,replyTo:$r,data:$d){seq}}`
		edit     = `mutation($i:ID!,$b:String!,$d:String,$k:ID){editChatEntry(id:$i,body:$b,data:$d,idempotencyKey:$k){seq}}`
		react    = `mutation($i:ID!,$n:String!,$k:ID){reactToChatEntry(id:$i,name:$n,idempotencyKey:$k){seq}}`
		remove   = `mutation($i:ID!){deleteChatEntry(id:$i){seq}}`
		mark     = `mutation($u:String!){markRead(upTo:$u){id}}`
		ban      = `mutation($c:ID!,$s:Int!){banConnection(connectionId:$c,seconds:$s){id}}`
		slow     = `mutation($s:Int){updateSession(slowMode:$s){slowMode}}`
		settings = `mutation($d:String){updateSession(data:$d){data}}`
		reactors = `query($i:ID!,$n:Int){chatEntry(id:$i){reactions{users(first:$n){id}}}}`
	)
	for _, c := range []struct {
		name, query string
		variables   map[string]any // with i for a fresh entry, unless it is given
		want        string
	}{
		{"data: 4,096 bytes", add, map[string]any{"d": long("x", 4096)}, ok},
		{"data: 4,097 bytes", add, map[string]any{"d": long("x", 4097)}, bad},
		{"data: 4,098 bytes in multi-byte text", add, map[string]any{"d": long("€", 1366)}, bad},
		{"data: empty", add, map[string]any{"d": ""}, ok},
		{"data: NUL", add, map[string]any{"d": "\x00"}, bad},
		{"replyTo: null", add, map[string]any{"r": nil}, ok},
		{"replyTo: empty", add, map[string]any{"r": ""}, missing},
		{"replyTo: another session's", add, map[string]any{"r": foreign.ID}, missing},
		{"replyTo: a cursor", add, map[string]any{"r": w.add(t, me.token, me.id, "x").Cursor}, missing},
		{"replyTo: long", add, map[string]any{"r": long("x", 10_000)}, missing},
		{"session's data: 4,096 bytes", settings, map[string]any{"d": long("x", 4096)}, ok},
		{"session's data: 4,097 bytes", settings, map[string]any{"d": long("x", 4097)}, bad},
		{"session's data: NUL", settings, map[string]any{"d": "\x00"}, bad},
		{"session's data: empty", settings, map[string]any{"d": ""}, ok},
		{"session's data: null", settings, map[string]any{"d": nil}, ok},
		{"edit: 16 KiB", edit, map[string]any{"b": long("x", 16384)}, ok},
		{"edit: 16 KiB + 1", edit, map[string]any{"b": long("x", 16385)}, bad},
		{"edit: empty", edit, map[string]any{"b": ""}, bad},
		{"edit: white space", edit, map[string]any{"b": " \n\u2003"}, bad},
		{"edit: NUL", edit, map[string]any{"b": "a\x00"}, bad},
		{"edit: data of 4,096 bytes", edit, map[string]any{"b": "y", "d": long("x", 4096)}, ok},
		{"edit: data of 4,097 bytes", edit, map[string]any{"b": "y", "d": long("x", 4097)}, bad},
		{"edit: data with NUL", edit, map[string]any{"b": "y", "d": "\x00"}, bad},
		{"edit: key of 128 bytes", edit, map[string]any{"b": "y", "k": long("k", 128)}, ok},
		{"edit: key of 129 bytes", edit, map[string]any{"b": "y", "k": long("k", 129)}, bad},
		{"edit: an empty key", edit, map[string]any{"b": "y", "k": ""}, bad},
		{"edit: a key used for another entry", edit, map[string]any{"b": "y", "k": long("k", 128)}, conflict},
		{"edit: another session's", edit, map[string]any{"i": foreign.ID, "b": "y"}, missing},
		{"edit: an empty id", edit, map[string]any{"i": "", "b": "y"}, missing},
		{"edit: an id with NUL", edit, map[string]any{"i": "\x00", "b": "y"}, missing},
		{"edit: a cursor", edit, map[string]any{"i": w.add(t, me.token, me.id, "x").Cursor, "b": "y"}, missing},
		{"react: 64 bytes", react, map[string]any{"n": long("€", 21) + "x"}, ok},
		{"react: 65 bytes", react, map[string]any{"n": long("x", 65)}, bad},
		{"react: empty", react, map[string]any{"n": ""}, bad},
		{"react: white space", react, map[string]any{"n": " \t"}, bad},
		{"react: NUL", react, map[string]any{"n": "\x00"}, bad},
		{"react: an emoji of many signs", react, map[string]any{"n": "👩🏽‍❤️‍💋‍👨🏿"}, ok},
		{"react: key of 129 bytes", react, map[string]any{"n": "+", "k": long("k", 129)}, bad},
		{"react: a key used for an edit", react, map[string]any{"n": "+", "k": long("k", 128)}, conflict},
		{"react: another session's", react, map[string]any{"i": foreign.ID, "n": "+"}, missing},
		{"delete: another session's", remove, map[string]any{"i": foreign.ID}, missing},
		{"delete: nothing", remove, map[string]any{"i": "x"}, missing},
		{"markRead: the beginning", mark, map[string]any{"u": "0"}, ok},
		{"markRead: empty", mark, map[string]any{"u": ""}, mismatch},
		{"markRead: another session's", mark, map[string]any{"u": foreign.Cursor}, mismatch},
		{"markRead: an id", mark, map[string]any{"u": w.add(t, me.token, me.id, "x").ID}, mismatch},
		{"ban: 0 seconds", ban, map[string]any{"c": "x", "s": 0}, bad},
		{"ban: -1 seconds", ban, map[string]any{"c": "x", "s": -1}, bad},
		{"ban: 31,536,001 seconds", ban, map[string]any{"c": "x", "s": 31_536_001}, bad},
		{"ban: nobody", ban, map[string]any{"c": "x", "s": 1}, missing},
		{"ban: an empty id", ban, map[string]any{"c": "", "s": 1}, missing},
		{"ban: NUL", ban, map[string]any{"c": "\x00", "s": 1}, missing},
		{"ban: a year", ban, map[string]any{"c": w.join(t, "room", session.RolePublisher).id, "s": 31_536_000}, ok},
		{"slow mode: -1", slow, map[string]any{"s": -1}, bad},
		{"slow mode: 86,401", slow, map[string]any{"s": 86_401}, bad},
		{"slow mode: 86,400", slow, map[string]any{"s": 86_400}, ok},
		{"slow mode: null", slow, map[string]any{"s": nil}, ok},
		{"slow mode: 0", slow, map[string]any{"s": 0}, ok},
		{"reactors: -1", reactors, map[string]any{"n": -1}, bad},
		{"reactors: 0", reactors, map[string]any{"n": 0}, ok},
		{"reactors: 50", reactors, map[string]any{"n": 50}, ok},
		{"reactors: 51", reactors, map[string]any{"n": 51}, bad},
	} {
		variables := map[string]any{"c": me.id, "b": "x"}
		if fresh := w.add(t, me.token, me.id, "x"); strings.Contains(c.query, "$i:ID!") {
			variables["i"] = fresh.ID
			w.mustDo(t, me.token, react, map[string]any{"i": fresh.ID, "n": "-"})
		}
		for name, value := range c.variables {
			variables[name] = value
		}
		for name := range variables {
			if !strings.Contains(c.query, "$"+name+":") {
				delete(variables, name)
			}
		}
		before := w.lastCursor(t, me.token)
		if got := w.code(t, me.token, c.query, variables); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		changes := c.want == ok && (c.query == add || c.query == edit || c.query == react)
		if changed := w.lastCursor(t, me.token) != before; changed != changes {
			t.Errorf("%s: the log changed: %t, want %t", c.name, changed, changes)
		}
	}
}

// An entry has 32 reactions of different names; one more is refused, and one of them still counts.
func TestTooManyReactions(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", session.RolePublisher)
	e := w.add(t, me.token, me.id, "x")
	codes := make(chan string, 33)
	for n := range 33 { // at once, as those within a quarter of a second are one change
		go func() { codes <- w.code(t, me.token, react, map[string]any{"i": e.ID, "n": fmt.Sprint("n", n)}) }()
	}
	counts := map[string]int{}
	for range 33 {
		counts[<-codes]++
	}
	if counts[ok] != 32 || counts["RATE_LIMITED TOO_MANY_REACTIONS"] != 1 {
		t.Errorf("33 names: %v", counts)
	}
	after := w.entryOf(t, me, readEntry, map[string]any{"i": e.ID})
	if len(after.Reactions) != 32 || len(after.MyReactions) != 32 {
		t.Fatalf("reactions are %s", show(after))
	}
	for i, r := range after.Reactions {
		if r.Name != after.MyReactions[i] {
			t.Errorf("myReactions has another order: %v", after.MyReactions)
		}
	}
	other := w.join(t, "room", session.RolePublisher)
	if got := w.entryOf(t, other, react, map[string]any{"i": e.ID, "n": after.Reactions[31].Name}); got.Reactions[31].Count != 2 {
		t.Errorf("a known name: %s", show(got))
	}
}

// Slow mode says when the next entry is taken, and does not hold for moderators.
func TestSlowMode(t *testing.T) {
	w := newWorld(t, options{})
	ann, again := w.asUser(t, "room", "ann", session.RolePublisher), w.asUser(t, "room", "ann", session.RolePublisher)
	moderator := w.join(t, "room", session.RoleModerator)
	w.mustDo(t, moderator.token, `mutation{updateSession(slowMode:3600){id}}`, nil)
	w.add(t, ann.token, ann.id, "1")
	answer := w.postWith(t, map[string][]string{"Authorization": {"Bearer " + again.token}}, `mutation{addChatEntry(connectionId:"`+again.id+`",body:"2"){seq}}`)
	refused := read[refusal](t, answer.Body.Bytes())
	if len(refused.Errors) != 1 || refused.Errors[0].Extensions.Reason != "SLOW_MODE" || refused.Errors[0].Extensions.RetryAfterMs == nil {
		t.Fatalf("the user's other device: %s", answer.Body)
	}
	if ms := *refused.Errors[0].Extensions.RetryAfterMs; ms < 3_000_000 || ms > 3_600_000 {
		t.Errorf("retryAfterMs is %v, want about an hour", ms)
	}
	w.add(t, moderator.token, moderator.id, "1")
	w.add(t, moderator.token, moderator.id, "2")
}
