package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"chattok/graph/transport"
	"chattok/internal/await"
	"chattok/rates"
	"chattok/session"
)

// secretEntry is an entry with its sender.
type secretEntry struct {
	ID, Body, UserID, DeletedBy string
	Seq, Version                int
	MyReactions                 []string
	IdempotencyKey              *string
	Reactions                   []struct{ Count int }
	Connection                  struct{ ID, Data, UserID, Role string }
}

const secretEntryFields = `{id seq version body userId deletedBy myReactions idempotencyKey reactions{count} connection{id data userId role}}`

// bySecret sends an operation on an entry with the API secret, and returns the entry.
func (w *world) bySecret(t testing.TB, field string) secretEntry {
	t.Helper()
	data := w.mustDo(t, testSecret, `mutation{e:`+field+secretEntryFields+`}`, nil)
	return read[struct{ E secretEntry }](t, data).E
}

// The holder of the API secret posts as a bot, as a user and as the server, changes what it may, and is nobody in the session.
func TestSecretActs(t *testing.T) {
	w := newWorld(t, options{})
	ann, reader := w.asUser(t, "room", "ann", session.RolePublisher), w.join(t, "room", session.RoleSubscriber)
	w.mustDo(t, ann.token, `mutation{setData(data:"Ann"){id}}`, nil)
	w.mustDo(t, testSecret, `mutation{updateSession(slowMode:3600,sessionId:"room"){id}}`, nil)

	bot := w.bySecret(t, `addChatEntry(body:"one",idempotencyKey:"k",sessionId:"room",as:{name:"Weather"})`)
	if bot.Seq != 1 || bot.Connection.Data != "Weather" || bot.Connection.Role != "PUBLISHER" || bot.UserID != "" || bot.IdempotencyKey != nil {
		t.Errorf("a bot's entry is %+v", bot)
	}
	again := w.bySecret(t, `addChatEntry(body:"two",sessionId:"room",as:{name:"Weather",data:"{\"icon\":\"sun\"}"})`)
	if again.Connection.ID != bot.Connection.ID || again.Connection.Data != `{"icon":"sun"}` {
		t.Errorf("the bot's second entry is %+v", again)
	}
	user := w.bySecret(t, `addChatEntry(body:"three",sessionId:"room",as:{userId:"ann"})`)
	if user.UserID != "ann" || user.Connection.UserID != "ann" || user.Connection.ID == ann.id || user.Connection.Data != "Ann" {
		t.Errorf("a user's entry is %+v", user)
	}
	server := w.bySecret(t, `addChatEntry(body:"four",sessionId:"room")`)
	if server.Connection.Role != "MODERATOR" || server.UserID != "" {
		t.Errorf("the server's entry is %+v", server)
	}
	if got := w.bySecret(t, `addChatEntry(body:"one",idempotencyKey:"k",sessionId:"room",as:{name:"Weather"})`); got.ID != bot.ID {
		t.Errorf("a retry stores %+v", got)
	}

	// A user's entry is the user's: its own connection may change it, and it has read it.
	if got := w.code(t, ann.token, `mutation($e:ID!){editChatEntry(id:$e,body:"by Ann"){id}}`, map[string]any{"e": user.ID}); got != ok {
		t.Errorf("the user's own edit: %s", got)
	}
	if got := w.code(t, ann.token, `mutation($e:ID!){editChatEntry(id:$e,body:"x"){id}}`, map[string]any{"e": bot.ID}); got != no {
		t.Errorf("the user's edit of the bot's: %s", got)
	}
	edited := w.bySecret(t, `editChatEntry(id:"`+user.ID+`",body:"by the server",sessionId:"room")`)
	if edited.Body != "by the server" || edited.Version != 3 || edited.Connection.ID != user.Connection.ID {
		t.Errorf("the server's edit: %+v", edited)
	}
	for _, as := range []string{`,as:{name:"Weather"}`, `,as:{userId:"ann"}`, ``} {
		w.bySecret(t, `reactToChatEntry(id:"`+again.ID+`",name:"+",sessionId:"room"`+as+`)`)
	}
	reacted := w.bySecret(t, `reactToChatEntry(id:"`+again.ID+`",name:"+",on:false,sessionId:"room",as:{name:"Weather"})`)
	if len(reacted.Reactions) != 1 || reacted.Reactions[0].Count != 2 || len(reacted.MyReactions) != 0 {
		t.Errorf("the reactions are %+v", reacted)
	}
	mine := read[struct {
		ChatEntry struct{ MyReactions []string }
	}](t,
		w.mustDo(t, ann.token, `query($e:ID!){chatEntry(id:$e){myReactions}}`, map[string]any{"e": again.ID}))
	if fmt.Sprint(mine.ChatEntry.MyReactions) != "[+]" {
		t.Errorf("the user's reactions: %v", mine)
	}
	deleted := w.bySecret(t, `deleteChatEntry(id:"`+again.ID+`",sessionId:"room",as:{name:"Weather"})`)
	if deleted.Body != "" || deleted.DeletedBy != bot.Connection.ID {
		t.Errorf("the bot's deletion: %+v", deleted)
	}

	// Readers see their senders, and nobody more in the session.
	const see = `{session{connectionCount connections{id}}connections{nodes{id}}chatEntries{nodes{connection{data}}}}`
	seen := read[struct {
		Session struct {
			ConnectionCount int
			Connections     []struct{ ID string }
		}
		Connections struct{ Nodes []struct{ ID string } }
		ChatEntries struct {
			Nodes []struct{ Connection struct{ Data string } }
		}
	}](t, w.mustDo(t, reader.token, see, nil))
	if s := seen.Session; s.ConnectionCount != 2 || len(s.Connections) != 2 || len(seen.Connections.Nodes) != 2 {
		t.Errorf("there are %+v", seen)
	}
	if n := seen.ChatEntries.Nodes; len(n) != 4 || n[0].Connection.Data != `{"icon":"sun"}` || n[2].Connection.Data != "Ann" {
		t.Errorf("the senders are %+v", n)
	}
	for _, query := range []string{`mutation($c:ID!){sendSignal(type:"t",to:$c){type}}`,
		`mutation($c:ID!){forceDisconnect(connectionId:$c){id}}`, `mutation($c:ID!){banConnection(connectionId:$c,seconds:9){id}}`} {
		if got := w.code(t, w.join(t, "room", session.RoleModerator).token, query, map[string]any{"c": bot.Connection.ID}); got != missing {
			t.Errorf("%s of a bot: %s", query, got)
		}
	}
}

// Each limit of as has a refusal that names it.
func TestActAsLimits(t *testing.T) {
	w := newWorld(t, options{})
	w.join(t, "room", session.RolePublisher)
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		as   map[string]any
		want string // the message; "" for none
	}{
		{map[string]any{"name": long(128)}, ""},
		{map[string]any{"name": "ö ~/"}, ""},
		{map[string]any{"name": long(129)}, "as.name must be at most 128 bytes, but is 129"},
		{map[string]any{"name": ""}, "as.name must be 1 to 128 bytes, but is empty"},
		{map[string]any{"name": "\x00"}, "as.name must not contain U+0000"},
		{map[string]any{"userId": long(128)}, ""},
		{map[string]any{"userId": long(129)}, `as.userId must be 1 to 128 bytes of UTF-8 without U+0000, and must not begin with "~"`},
		{map[string]any{"userId": ""}, `as.userId must be 1 to 128 bytes of UTF-8 without U+0000, and must not begin with "~"`},
		{map[string]any{"userId": "~x"}, `as.userId must be 1 to 128 bytes of UTF-8 without U+0000, and must not begin with "~"`},
		{map[string]any{}, "as must have one of name and userId, and not both"},
		{map[string]any{"data": "x"}, "as must have one of name and userId, and not both"},
		{map[string]any{"name": "x", "userId": "x"}, "as must have one of name and userId, and not both"},
		{map[string]any{"name": nil, "userId": "x", "data": nil}, ""},
		{map[string]any{"name": "x", "data": long(4096)}, ""},
		{map[string]any{"name": "x", "data": ""}, ""},
		{map[string]any{"name": "x", "data": long(4097)}, "as.data must be at most 4096 bytes, but is 4097"},
		{map[string]any{"name": "x", "data": "\x00"}, "as.data must not contain U+0000"},
	} {
		for _, field := range []string{`addChatEntry(body:"x",sessionId:"room",as:$as){seq}`, `sendSignal(sessionId:"room",as:$as){type}`} {
			_, failures := w.do(t, testSecret, `mutation($as:ActAs){`+field+`}`, map[string]any{"as": c.as})
			switch {
			case c.want == "" && len(failures) > 0:
				t.Errorf("%v: %+v", c.as, failures)
			case c.want != "" && (codeOf(failures) != bad || failures[0].Message != c.want):
				t.Errorf("%v: %+v, want %s", c.as, failures, c.want)
			}
		}
	}
}

// The holder of the API secret follows a session by each framing, resumes there, and gets signals to all alone.
func TestSecretFollows(t *testing.T) {
	for _, f := range framings {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			w := newWorld(t, options{})
			ann, elsewhere := w.join(t, "room", session.RolePublisher), w.join(t, "elsewhere", session.RolePublisher)
			address := serve(t, w.handler, 0)
			open := func(query string) follower { return mustFollow(t, address, f, testSecret, query, nil) }
			first := w.add(t, ann.token, ann.id, "first")

			entries := open(`subscription{entryAdded(after:"0",sessionId:"room"){body myReactions connection{data}}}`)
			log := open(`subscription{logEvents(after:"` + first.Cursor + `",sessionId:"room"){__typename ...on EntryAdded{entry{body}} ...on EntryChanged{entry{body}}}}`)
			events := open(`subscription{sessionEvents(sessionId:"room"){__typename ...on SessionState{connectionCount} ...on SessionChanged{session{slowMode unread}}}}`)
			expect := func(f follower, want string) {
				t.Helper()
				if got := mustRespond(t, f); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			w.settleSubscriptions(t, 3)
			expect(entries, `{"data":{"entryAdded":{"body":"first","myReactions":[],"connection":{"data":null}}}}`)
			expect(events, `{"data":{"sessionEvents":{"__typename":"SessionState","connectionCount":1}}}`)
			w.add(t, elsewhere.token, elsewhere.id, "not here")
			bot := w.bySecret(t, `addChatEntry(body:"second",sessionId:"room",as:{name:"Bot"})`)
			expect(entries, `{"data":{"entryAdded":{"body":"second","myReactions":[],"connection":{"data":"Bot"}}}}`)
			expect(log, `{"data":{"logEvents":{"__typename":"EntryAdded","entry":{"body":"second"}}}}`)
			w.bySecret(t, `editChatEntry(id:"`+bot.ID+`",body:"edited",sessionId:"room")`)
			expect(log, `{"data":{"logEvents":{"__typename":"EntryChanged","entry":{"body":"edited"}}}}`)
			w.mustDo(t, testSecret, `mutation{updateSession(slowMode:5,sessionId:"room"){id}}`, nil)
			expect(events, `{"data":{"sessionEvents":{"__typename":"SessionChanged","session":{"slowMode":5,"unread":null}}}}`)

			signals := open(`subscription{signalReceived(type:"t",sessionId:"room"){data fromConnectionId}}`)
			w.settleSubscriptions(t, 4)
			send := `mutation($d:String,$to:ID,$s:ID,$as:ActAs){sendSignal(type:"t",data:$d,to:$to,sessionId:$s,as:$as){fromConnectionId}}`
			w.mustDo(t, ann.token, send, map[string]any{"d": "to one", "to": ann.id})
			w.mustDo(t, ann.token, send, map[string]any{"d": "to all"})
			w.mustDo(t, testSecret, send, map[string]any{"d": "by the bot", "s": "room", "as": map[string]any{"name": "Bot"}})
			w.mustDo(t, testSecret, send, map[string]any{"d": "by the server", "s": "room"})
			expect(signals, `{"data":{"signalReceived":{"data":"to all","fromConnectionId":"`+ann.id+`"}}}`)
			expect(signals, `{"data":{"signalReceived":{"data":"by the bot","fromConnectionId":"`+bot.Connection.ID+`"}}}`)
			expect(signals, `{"data":{"signalReceived":{"data":"by the server","fromConnectionId":null}}}`)
		})
	}
}

// settleSubscriptions waits until so many subscriptions run.
func (w *world) settleSubscriptions(t testing.TB, n int) {
	t.Helper()
	await.True(t, fmt.Sprint(n, " subscriptions"), func() bool {
		_, subscriptions := w.sockets()
		return subscriptions == n
	})
}

// An event's id resumes a stream of the holder of the API secret after it.
func TestSecretResumesByLastEventID(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", session.RolePublisher)
	address := serve(t, w.handler, 0)
	first := w.add(t, me.token, me.id, "first")
	w.add(t, me.token, me.id, "second")
	s := mustOpen(t, address, sse, testSecret, `subscription{entryAdded(after:"0",sessionId:"room"){body}}`, nil, [2]string{"Last-Event-ID", first.Cursor})
	if got := mustRespond(t, httpFollower{s}); got != `{"data":{"entryAdded":{"body":"second"}}}` {
		t.Errorf("got %s", got)
	}
}

// No rate and no number of selections bounds the holder of the API secret, from any address, as they bound everybody else.
func TestSecretIsNotLimited(t *testing.T) {
	from := func(*http.Request) netip.Addr { return netip.MustParseAddr("203.0.113.7") }
	w := newWorld(t, options{rates: scarce(rates.Posts, 1), streams: transport.StreamConfig{Client: from, MaxSelections: 2}})
	address := serve(t, w.handler, 0)
	w.join(t, "room", session.RolePublisher)
	for i := range 5 {
		w.bySecret(t, fmt.Sprintf(`addChatEntry(body:"%d",sessionId:"room")`, i+1))
	}
	socket := mustDial(t, address, testSecret)
	for i := range 5 {
		id := fmt.Sprint(i)
		if err := socket.subscribe(id, fmt.Sprintf(`subscription{a%d:entryAdded(after:"0",sessionId:"room"){body}}`, i), nil); err != nil {
			t.Fatal(err)
		}
	}
	events := map[string]int{}
	for range 25 {
		m, err := socket.read()
		if err != nil || m.Type != "next" {
			t.Fatalf("%s %s, %v", m.Type, m.Payload, err)
		}
		events[m.ID]++
	}
	if len(events) != 5 {
		t.Errorf("events: %v", events)
	}
}

// A guest needs a name, and a connection none.
func TestConnectionIDIsOptional(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", session.RolePublisher)
	for _, variables := range []map[string]any{nil, {"c": nil}, {"c": me.id}} {
		data := w.mustDo(t, me.token, `mutation($c:ID){addChatEntry(connectionId:$c,body:"x"){connectionId}}`, variables)
		if got := read[struct{ AddChatEntry struct{ ConnectionID string } }](t, data).AddChatEntry.ConnectionID; got != me.id {
			t.Errorf("%v: posted by %s", variables, got)
		}
	}
	_, failures := w.do(t, "", `mutation{addChatEntry(body:"x"){seq}}`, nil)
	if codeOf(failures) != bad || failures[0].Message != "connectionId is needed without an access token: it is a name of your choice" {
		t.Errorf("a guest without a name: %+v", failures)
	}
}

// The bodies of requests by the API secret are answered by the handler that everybody's are, also where they come by GET.
func TestSecretReadsByGet(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", session.RolePublisher)
	w.add(t, me.token, me.id, "hello")
	r := httptest.NewRequest(http.MethodGet, `/graphql?query={chatEntries(sessionId:"room"){nodes{body}}}`, nil)
	r.Header.Set("Authorization", "Bearer "+testSecret)
	r.Header.Set("Accept", "application/json")
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	want := `{"data":{"chatEntries":{"nodes":[{"body":"hello"}]}}}`
	if got := read[json.RawMessage](t, answer.Body.Bytes()); string(got) != want {
		t.Errorf("got %s", answer.Body)
	}
}

// The subscriptions of the API secret to a session end with the session: it has no connection of which it could be told.
func TestSecretsSubscriptionsEnd(t *testing.T) {
	w := newWorld(t, options{})
	address := serve(t, w.handler, 0)
	w.createSession(t, "room")
	w.join(t, "other", session.RolePublisher)
	for _, f := range framings {
		var ending []follower
		for _, query := range []string{`entryAdded(sessionId:"room"){id}`, `logEvents(sessionId:"room"){__typename}`, `signalReceived(sessionId:"room"){type}`} {
			ending = append(ending, mustFollow(t, address, f, testSecret, `subscription{`+query+`}`, nil))
		}
		goesOn := mustFollow(t, address, f, testSecret, `subscription{signalReceived(sessionId:"other"){type}}`, nil)
		w.mustDo(t, testSecret, `mutation{deleteSession(id:"room")}`, nil)
		for i, s := range ending {
			got, err := s.response()
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, `"code":"NOT_FOUND"`) || !strings.Contains(got, `"reason":"SESSION_DELETED"`) {
				t.Errorf("%s: subscription %d ends with %s", f, i, got)
			}
		}
		w.mustDo(t, testSecret, `mutation{sendSignal(type:"t",sessionId:"other"){type}}`, nil)
		if got := mustRespond(t, goesOn); got != `{"data":{"signalReceived":{"type":"t"}}}` {
			t.Errorf("%s: of another session comes %s", f, got)
		}
		w.createSession(t, "room")
	}
}

// createSession makes a session as soon as one with its id is removed.
func (w *world) createSession(t testing.TB, id string) {
	t.Helper()
	await.True(t, "the session is made", func() bool {
		_, failures := w.do(t, testSecret, `mutation($id:ID){createSession(id:$id){id}}`, map[string]any{"id": id})
		if len(failures) > 0 && codeOf(failures) != "UNAVAILABLE" {
			t.Fatal(failures)
		}
		return len(failures) == 0
	})
}
