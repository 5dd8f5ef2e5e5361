package graph_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"chattok/graph"
	"chattok/internal/await"
	"chattok/session"
)

const addEntry = `mutation($c:ID!,$b:String!,$k:ID){addChatEntry(connectionId:$c,body:$b,idempotencyKey:$k){id seq cursor connectionId body createdAt connection{id data role}}}`

// entry is a chat entry as clients see it.
type entry struct {
	ID, Cursor, ConnectionID, Body, CreatedAt string
	Seq                                       int
	Connection                                member
}

// member is a connection as other clients see it.
type member struct{ ID, Data, Role string }

type added struct{ EntryAdded entry }

const entryFields = `{id seq cursor connectionId body createdAt connection{id data role}}`

// read decodes an operation's data.
func read[T any](t testing.TB, data json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return v
}

// add posts an entry.
func (w *world) add(t testing.TB, raw, connection, body string) entry {
	t.Helper()
	data := w.mustDo(t, raw, addEntry, map[string]any{"c": connection, "b": body})
	return read[struct{ AddChatEntry entry }](t, data).AddChatEntry
}

// sockets returns how many sockets and subscriptions the server has.
func (w *world) sockets() (sockets, subscriptions int) {
	open := w.handler.(*graph.Handler).Streams()
	return open.Sockets() + open.HTTPStreams(), open.Subscriptions()
}

// lastCursor returns the cursor of the newest entry in the caller's log.
func (w *world) lastCursor(t testing.TB, raw string) string {
	t.Helper()
	return read[struct{ Session struct{ LastCursor string } }](t, w.mustDo(t, raw, `{session{lastCursor}}`, nil)).Session.LastCursor
}

// same compares an operation's data with JSON.
func same(t testing.TB, data json.RawMessage, want string) {
	t.Helper()
	normal := func(raw string) string {
		var v any
		if err := json.Unmarshal([]byte(raw), &v); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got, want := normal(string(data)), normal(want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestGuestInTheLobby(t *testing.T) {
	w := newWorld(t, options{})
	same(t, w.mustDo(t, "", `{session{id mediaMode lastCursor connectionCount connections{id}}}`, nil),
		`{"session":{"id":"lobby","mediaMode":"RELAYED","lastCursor":"0","connectionCount":0,"connections":[]}}`)
	same(t, w.mustDo(t, "", `{latestChatEntry(connectionId:"alice"){id}}`, nil), `{"latestChatEntry":null}`)
	same(t, w.mustDo(t, "", `{chatEntries{edges{cursor} nodes{id} pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}}`, nil),
		`{"chatEntries":{"edges":[],"nodes":[],"pageInfo":{"hasNextPage":false,"hasPreviousPage":false,"startCursor":null,"endCursor":null}}}`)

	live := w.subscribe(t, "", `subscription{entryAdded(after:"0")`+entryFields+`}`, nil)
	const body = " <b>&\"\u2028 e\u0301 👩‍👩‍👧\r\n "
	first := w.add(t, "", "alice", body)
	second := w.add(t, "", "bob", "2")
	if first.Seq != 1 || second.Seq != 2 || first.Body != body || first.ConnectionID != "alice" || first.ID == first.Cursor || first.ID == second.ID {
		t.Errorf("added %+v and %+v", first, second)
	}
	if first.Connection != (member{ID: "alice", Role: "PUBLISHER"}) {
		t.Errorf("a guest's connection is %+v", first.Connection)
	}
	if at, err := time.Parse("2006-01-02T15:04:05.000Z", first.CreatedAt); err != nil || time.Since(at).Abs() > time.Hour {
		t.Errorf("createdAt is %s (%v)", first.CreatedAt, err)
	}
	for _, want := range []entry{first, second} {
		if got := next[added](t, live).EntryAdded; got != want {
			t.Errorf("received %+v, want %+v", got, want)
		}
	}
	got := read[struct{ LatestChatEntry entry }](t, w.mustDo(t, "", `{latestChatEntry(connectionId:"alice")`+entryFields+`}`, nil))
	if got.LatestChatEntry != first {
		t.Errorf("latest is %+v, want %+v", got.LatestChatEntry, first)
	}
	page := read[struct {
		ChatEntries struct {
			Edges []struct {
				Cursor string
				Node   entry
			}
			Nodes []entry
		}
	}](t, w.mustDo(t, "", `{chatEntries{edges{cursor node`+entryFields+`} nodes`+entryFields+`}}`, nil)).ChatEntries
	if len(page.Edges) != 2 || len(page.Nodes) != 2 {
		t.Fatalf("page is %+v", page)
	}
	for i, want := range []entry{first, second} {
		if page.Nodes[i] != want || page.Edges[i].Node != want || page.Edges[i].Cursor != want.Cursor {
			t.Errorf("entry %d of the page is %+v", i, page.Edges[i])
		}
	}
	if got := w.lastCursor(t, ""); got != second.Cursor {
		t.Errorf("lastCursor is %s, want %s", got, second.Cursor)
	}
}

// A subscription without a cursor gets the entries committed after it began, and none from before.
func TestEntryAddedWithoutCursor(t *testing.T) {
	w := newWorld(t, options{})
	w.add(t, "", "alice", "before")
	live := w.subscribe(t, "", `subscription{entryAdded{seq body}}`, nil)
	received := make(chan added, 1)
	go func() {
		defer close(received)
		var first added
		if live.Next(&first) == nil {
			received <- first
		}
	}()
	// The subscription begins at some entry and has every one from there on.
	var first added
	posted := 1
	await.True(t, "the subscription has begun", func() bool {
		posted = w.add(t, "", "alice", "during").Seq
		select {
		case first = <-received:
			return true
		default:
			return false
		}
	})
	if first.EntryAdded.Body != "during" {
		t.Fatalf("the first entry is %+v", first)
	}
	for seq := first.EntryAdded.Seq + 1; seq <= posted; seq++ {
		if got := next[added](t, live).EntryAdded.Seq; got != seq {
			t.Fatalf("got %d, want %d", got, seq)
		}
	}
}

func TestConnection(t *testing.T) {
	w := newWorld(t, options{})
	data := w.mustDo(t, "", `mutation{connect(sessionId:"free",data:"Ann"){accessToken expiresAt connection{id data role createdAt} session{id mediaMode connectionCount connections{id data}}}}`, nil)
	got := read[struct {
		Connect struct {
			AccessToken string
			ExpiresAt   time.Time
			Connection  member
			Session     struct {
				ID, MediaMode   string
				ConnectionCount int
				Connections     []member
			}
		}
	}](t, data).Connect
	me := got.Connection
	if me.Role != "PUBLISHER" || me.Data != "Ann" || me.ID == "" || got.Session.ID != "free" || got.Session.MediaMode != "RELAYED" {
		t.Errorf("connected as %+v", got)
	}
	if n := got.Session.Connections; got.Session.ConnectionCount != 1 || len(n) != 1 || n[0].ID != me.ID || n[0].Data != "Ann" {
		t.Errorf("the new connection is not in its session: %+v", got.Session)
	}
	if left := time.Until(got.ExpiresAt); left < 50*time.Minute || left > time.Hour {
		t.Errorf("the token ends in %s, want an hour", left)
	}
	if c := read[struct{ Connection member }](t, w.mustDo(t, got.AccessToken, `{connection{id data role}}`, nil)).Connection; c != me {
		t.Errorf("connection is %+v, want %+v", c, me)
	}
	renewed := read[struct{ RenewAccess struct{ AccessToken string } }](t, w.mustDo(t, got.AccessToken, `mutation{renewAccess{accessToken expiresAt}}`, nil)).RenewAccess.AccessToken
	e := w.add(t, renewed, me.ID, "hi")
	if e.Seq != 1 || e.Connection != me {
		t.Errorf("posted %+v", e)
	}
	other := w.connect(t, map[string]any{"s": "free"})
	same(t, w.mustDo(t, renewed, `{session{connectionCount connections{id data}}}`, nil),
		`{"session":{"connectionCount":2,"connections":[{"id":"`+me.ID+`","data":"Ann"},{"id":"`+other.id+`","data":null}]}}`)
	same(t, w.mustDo(t, got.AccessToken, `mutation{disconnect{id data}}`, nil), `{"disconnect":{"id":"`+me.ID+`","data":"Ann"}}`)
	if code := w.code(t, renewed, `{connection{id}}`, nil); code != "UNAUTHENTICATED CONNECTION_DESTROYED" {
		t.Errorf("the renewed token of an ended connection: %s", code)
	}
	same(t, w.mustDo(t, other.token, `query($c:ID!){latestChatEntry(connectionId:$c){seq connection{data}} session{connectionCount}}`, map[string]any{"c": me.ID}),
		`{"latestChatEntry":{"seq":1,"connection":{"data":"Ann"}},"session":{"connectionCount":1}}`)
}

func TestCreateSessionAndToken(t *testing.T) {
	w := newWorld(t, options{})
	const create = `mutation($id:ID,$m:MediaMode){createSession(id:$id,mediaMode:$m){id mediaMode createdAt lastCursor}}`
	first := w.mustDo(t, testSecret, create, map[string]any{"id": "made"})
	same(t, w.mustDo(t, testSecret, create, map[string]any{"id": "made", "m": "RELAYED"}), string(first))
	w.connect(t, map[string]any{"s": "free"})
	codes := map[string]map[string]any{
		"a session made on first use": {"id": "free"}, "the lobby": {"id": "lobby"}, "ROUTED": {"id": "other", "m": "ROUTED"},
		"ROUTED, taken": {"id": "made", "m": "ROUTED"}, "a space": {"id": "a b"}, "empty": {"id": ""}, "129": {"id": strings.Repeat("x", 129)},
	}
	for name, variables := range codes {
		if code := w.code(t, testSecret, create, variables); code != "BAD_USER_INPUT" {
			t.Errorf("%s: %s", name, code)
		}
	}
	if id := read[struct{ CreateSession struct{ ID string } }](t, w.mustDo(t, testSecret, create, nil)).CreateSession.ID; len(id) < 20 {
		t.Errorf("a made up id is %q", id)
	}

	const mint = `mutation($s:ID!,$r:Role,$d:String,$e:Int){createToken(sessionId:$s,role:$r,data:$d,expiresIn:$e){token expiresAt}}`
	type minted struct {
		CreateToken struct {
			Token     string
			ExpiresAt time.Time
		}
	}
	got := read[minted](t, w.mustDo(t, testSecret, mint, map[string]any{"s": "made", "r": "MODERATOR", "d": "Mod", "e": 60})).CreateToken
	if left := time.Until(got.ExpiresAt); left > time.Minute || left < 0 {
		t.Errorf("ends in %s", left)
	}
	const connect = `mutation($t:String,$s:ID,$d:String){connect(token:$t,sessionId:$s,data:$d){connection{data role} session{id}}}`
	same(t, w.mustDo(t, "", connect, map[string]any{"t": got.Token, "s": "made"}),
		`{"connect":{"connection":{"data":"Mod","role":"MODERATOR"},"session":{"id":"made"}}}`)
	table := []struct {
		name, token, query string
		variables          map[string]any
		want               string
	}{
		{"another session than the token's", "", connect, map[string]any{"t": got.Token, "s": "free"}, "FORBIDDEN"},
		{"other data than the token's", "", connect, map[string]any{"t": got.Token, "d": "Me"}, "BAD_USER_INPUT"},
		{"no token where one is asked for", "", connect, map[string]any{"s": "made"}, "UNAUTHENTICATED"},
		{"garbage for a token", "", connect, map[string]any{"t": "x"}, "UNAUTHENTICATED TOKEN_INVALID"},
		{"the secret for a token", "", connect, map[string]any{"t": testSecret}, "UNAUTHENTICATED TOKEN_INVALID"},
		{"neither token nor session", "", connect, nil, "BAD_USER_INPUT"},
		{"a token of an unknown session", testSecret, mint, map[string]any{"s": "nowhere"}, "NOT_FOUND"},
		{"no time", testSecret, mint, map[string]any{"s": "made", "e": 0}, "BAD_USER_INPUT"},
		{"31 days", testSecret, mint, map[string]any{"s": "made", "e": 2_592_001}, "BAD_USER_INPUT"},
		{"4,097 bytes of data", testSecret, mint, map[string]any{"s": "made", "d": strings.Repeat("x", 4097)}, "BAD_USER_INPUT"},
	}
	for _, c := range table {
		if code := w.code(t, c.token, c.query, c.variables); code != c.want {
			t.Errorf("%s: %s, want %s", c.name, code, c.want)
		}
	}
	lost, err := w.tokens.MintSession(session.SessionGrant{SessionID: "nowhere", Role: session.RolePublisher, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if code := w.code(t, "", connect, map[string]any{"t": lost}); code != "NOT_FOUND" {
		t.Errorf("a token's unknown session: %s", code)
	}
}

func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the tests' own types
	}
	return b
}
