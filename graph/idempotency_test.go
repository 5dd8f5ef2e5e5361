package graph_test

import (
	"fmt"
	"testing"

	"chattok/internal/await"
	"chattok/session"
)

const addWithKey = `mutation($c:ID!,$b:String!,$k:ID){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){seq idempotencyKey}}`

// An entry's key is visible to its sender alone: in queries, in the mutation's answer and in events. Two subscribers
// with the same document each see their own keys.
func TestIdempotencyKeyIsItsSenders(t *testing.T) {
	w := newWorld(t, options{})
	ann, ben := w.join(t, "room", session.RolePublisher), w.join(t, "room", session.RoleSubscriber)
	const selected = `subscription{entryAdded{seq ...K}} fragment K on ChatEntry{...on ChatEntry{k:idempotencyKey}}`
	address := serve(t, w.handler, 0)
	var streams []*stream
	for _, who := range []person{ann, ben} {
		s := mustDial(t, address, who.token)
		if err := s.subscribe("1", selected, nil); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
	}
	await.True(t, "both follow", func() bool { _, n := w.sockets(); return n == 2 })

	if got := string(w.mustDo(t, ann.token, addWithKey, map[string]any{"c": ann.id, "b": "x", "k": "secret"})); got != `{"addChatEntry":{"idempotencyKey":"secret","seq":1}}` {
		t.Errorf("ann's own answer: %s", got)
	}
	w.mustDo(t, ann.token, addWithKey, map[string]any{"c": ann.id, "b": "y"})
	for i, want := range [][2]string{{`"secret"`, "null"}, {"null", "null"}} {
		for n, key := range want {
			payload := fmt.Sprintf(`{"data":{"entryAdded":{"seq":%d,"k":%s}}}`, n+1, key)
			if got := streams[i].next(t, "1"); got != payload {
				t.Errorf("stream %d: %s, want %s", i, got, payload)
			}
		}
	}
	for raw, want := range map[string]string{ann.token: `"secret"`, ben.token: "null"} {
		const page = `{chatEntries{nodes{idempotencyKey} edges{node{idempotencyKey}}}}`
		key := fmt.Sprintf(`{"idempotencyKey":%s}`, want)
		expected := fmt.Sprintf(`{"chatEntries":{"edges":[{"node":%s},{"node":{"idempotencyKey":null}}],"nodes":[%[1]s,{"idempotencyKey":null}]}}`, key)
		if got := string(w.mustDo(t, raw, page, nil)); got != expected {
			t.Errorf("%s, want %s", got, expected)
		}
	}

	// A guest's name belongs to nobody, so a guest sees no key.
	if got := string(w.mustDo(t, "", addWithKey, map[string]any{"c": "guest", "b": "x", "k": "g"})); got != `{"addChatEntry":{"idempotencyKey":null,"seq":1}}` {
		t.Errorf("a guest's own answer: %s", got)
	}
}

// A name that URLs take for a folder, or that looks like a connection's id, is refused.
func TestNamesAreRefused(t *testing.T) {
	w := newWorld(t, options{})
	me := w.connect(t, map[string]any{"s": "lobby"})
	add := func(name string) string {
		return w.code(t, "", addWithKey, map[string]any{"c": name, "b": "x"})
	}
	small := []byte(me.id)
	for i, c := range small {
		if 'A' <= c && c <= 'Z' {
			small[i] = c + 'a' - 'A'
			break
		}
	}
	for name, want := range map[string]string{
		".": "BAD_USER_INPUT", "..": "BAD_USER_INPUT", "...": "ok", ".a": "ok",
		string(small):                "BAD_USER_INPUT",
		"abcdefghijklmnopqrstuvwxyz": "BAD_USER_INPUT",
		"ABCDEFGHIJKLMNOPQRSTUVWX10": "BAD_USER_INPUT",
		"abcdefghijklmnopqrstuvwxy":  "ok", // shorter
		"abcdefghijklmnopqrstuvwxy9": "ok", // has a letter that no id has
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ": "ok", // looks like no id, and is not known
		me.id:                        "UNAUTHENTICATED",
	} {
		if got := add(name); got != want {
			t.Errorf("a guest called %q: %s, want %s", name, got, want)
		}
	}
	for _, id := range []string{".", ".."} {
		if got := w.code(t, testSecret, `mutation($s:ID){createSession(id:$s){id}}`, map[string]any{"s": id}); got != "BAD_USER_INPUT" {
			t.Errorf("a session called %q: %s", id, got)
		}
		if got := w.code(t, "", `mutation($s:ID){connect(sessionId:$s){accessToken}}`, map[string]any{"s": id}); got != "BAD_USER_INPUT" {
			t.Errorf("a session called %q on first use: %s", id, got)
		}
	}
}

// createSession takes over an id that was created on first use, when nobody is in the session; createToken says before
// and after whether a token is needed.
func TestSquattedSession(t *testing.T) {
	w := newWorld(t, options{})
	squatter := w.connect(t, map[string]any{"s": "mine"})
	create := func() string { return w.code(t, testSecret, `mutation{createSession(id:"mine"){id}}`, nil) }
	token := func() string {
		return string(w.mustDo(t, testSecret, `mutation{createToken(sessionId:"mine"){tokenRequired}}`, nil))
	}
	if got := token(); got != `{"createToken":{"tokenRequired":false}}` {
		t.Errorf("a token for the squatted session: %s", got)
	}
	if got := create(); got != "BAD_USER_INPUT" {
		t.Errorf("while somebody is in it: %s", got)
	}
	w.mustDo(t, squatter.token, `mutation{disconnect{id}}`, nil)
	if got := create(); got != "ok" {
		t.Errorf("when nobody is in it: %s", got)
	}
	if got := token(); got != `{"createToken":{"tokenRequired":true}}` {
		t.Errorf("a token for the session taken over: %s", got)
	}
	if got := w.code(t, "", `mutation{connect(sessionId:"mine"){accessToken}}`, nil); got != "UNAUTHENTICATED" {
		t.Errorf("the squatter comes back: %s", got)
	}
	if got := create(); got != "ok" {
		t.Errorf("once more: %s", got)
	}
	for id, want := range map[string]string{"lobby": "BAD_USER_INPUT", "unknown": "NOT_FOUND"} {
		query := `mutation($s:ID!){createToken(sessionId:$s){token}}`
		if id == "lobby" {
			query = `mutation($s:ID){createSession(id:$s){id}}`
		}
		if got := w.code(t, testSecret, query, map[string]any{"s": id}); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}
