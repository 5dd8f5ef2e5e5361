package graph_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"chattok/graph"
	"chattok/internal/await"
	"chattok/session"
)

// mismatch says whether an answer is the error for a cursor that is older than the log's first entry.
func mismatch(got, first string) bool {
	return strings.HasPrefix(got, `{"errors":[{"message":"after is older`) && strings.Contains(got, `"reason":"CURSOR_MISMATCH"`) &&
		strings.Contains(got, fmt.Sprintf(`"firstCursor":%q`, first))
}

// Entries that are older than their session keeps them are gone, and each reader that begins before the log's front is told, in the way
// that it understands, over every framing: with a fragment by LogTruncated, else by CURSOR_MISMATCH.
func TestLogTruncated(t *testing.T) {
	w := newWorld(t, options{domain: session.Config{Tick: 10 * time.Millisecond}})
	w.mustDo(t, testSecret, `mutation{createSession(id:"room",retention:1){id}}`, nil)
	me := w.join(t, "room", session.RoleModerator)
	type state struct {
		Session struct {
			FirstCursor, LastCursor string
			EntryCount, Retention   int
			Bytes                   float64
		}
	}
	now := func() state {
		t.Helper()
		return read[state](t, w.mustDo(t, me.token, `{session{firstCursor lastCursor entryCount retention bytes}}`, nil))
	}
	var cursors, ids []string
	for n := range 3 {
		e := read[struct{ AddChatEntry struct{ ID, Cursor string } }](t, w.mustDo(t, me.token,
			`mutation($b:String!){addChatEntry(body:$b){id cursor}}`, map[string]any{"b": fmt.Sprint("old ", n)})).AddChatEntry
		cursors, ids = append(cursors, e.Cursor), append(ids, e.ID)
	}
	await.True(t, "the old entries are gone", func() bool { return now().Session.EntryCount == 0 })
	if got := now().Session; got.FirstCursor != cursors[2] || got.LastCursor != cursors[2] || got.Retention != 1 || got.Bytes != 0 {
		t.Errorf("the session is %+v, want it to begin and end at %s", got, cursors[2])
	}
	w.mustDo(t, testSecret, `mutation{updateSession(sessionId:"room",retention:0){retention}}`, nil)
	w.mustDo(t, me.token, `mutation{addChatEntry(body:"new"){id}}`, nil)
	first := cursors[2]

	servers := map[string]string{"ours": serve(t, w.handler, 0), "stock": serve(t, graph.Stock(w.service, w.tokens), 0)}
	const (
		knowing = `subscription($a:String){logEvents(after:$a){__typename ...on EntryAdded{entry{body}} ...on LogTruncated{to}}}`
		older   = `subscription($a:String){logEvents(after:$a){__typename ...on EntryAdded{entry{body}}}}`
		entries = `subscription($a:String){entryAdded(after:$a){body}}`
		added   = `{"data":{"logEvents":{"__typename":"EntryAdded","entry":{"body":"new"}}}}`
	)
	for name, address := range servers {
		for _, f := range framings {
			if name == "stock" && f != webSocket {
				continue // gqlgen's own transports for HTTP are not served
			}
			at := fmt.Sprintf("%s over %s", name, f)
			expect := func(query, after string, want ...string) {
				t.Helper()
				s := mustFollow(t, address, f, me.token, query, map[string]any{"a": after})
				for _, want := range want {
					if got := mustRespond(t, s); got != want {
						t.Errorf("%s after %q, %s: %s, want %s", query, after, at, got, want)
					}
				}
				s.stop()
			}
			expect(knowing, cursors[0], fmt.Sprintf(`{"data":{"logEvents":{"__typename":"LogTruncated","to":%q}}}`, first), added)
			expect(knowing, cursors[2], added)
			expect(knowing, "0", added)
			expect(older, first, added)
			expect(older, "0", added)
			expect(entries, first, `{"data":{"entryAdded":{"body":"new"}}}`)
			expect(entries, "0", `{"data":{"entryAdded":{"body":"new"}}}`)
			for _, query := range []string{older, entries} {
				s := mustFollow(t, address, f, me.token, query, map[string]any{"a": cursors[1]})
				got, err := s.response()
				if name == "ours" && f != webSocket && (err != nil || !mismatch(got, first)) || name == "stock" && err == nil {
					t.Errorf("%s, %s: %s, %v", query, at, got, err)
				}
				if name == "ours" && f == webSocket && (err == nil || !strings.Contains(err.Error(), fmt.Sprintf(`"firstCursor":%q`, first))) {
					t.Errorf("%s, %s: %s, %v", query, at, got, err)
				}
				s.stop()
			}
		}
	}
	resumed := mustOpen(t, servers["ours"], sse, me.token, `subscription{entryAdded{body}}`, nil, [2]string{"Last-Event-ID", cursors[0]})
	if got, err := (httpFollower{resumed}).response(); err != nil || !mismatch(got, first) {
		t.Errorf("by Last-Event-ID: %s, %v", got, err)
	}

	page := func(args string) string {
		t.Helper()
		data, failures := w.do(t, me.token, `{chatEntries(`+args+`){nodes{body}pageInfo{hasPreviousPage}}}`, nil)
		return fmt.Sprint(string(data), failures)
	}
	const all = `{"chatEntries":{"nodes":[{"body":"new"}],"pageInfo":{"hasPreviousPage":false}}}[]`
	for args, want := range map[string]string{`after:"0"`: all, `last:5`: all, fmt.Sprintf(`after:%q`, first): all,
		fmt.Sprintf(`last:5,before:%q`, cursors[1]): `{"chatEntries":{"nodes":[],"pageInfo":{"hasPreviousPage":false}}}[]`} {
		if got := page(args); got != want {
			t.Errorf("chatEntries(%s) is %s, want %s", args, got, want)
		}
	}
	if got := page(fmt.Sprintf(`after:%q`, cursors[0])); !strings.Contains(got, "CURSOR_MISMATCH") || !strings.Contains(got, first) {
		t.Errorf("a page after what is gone: %s", got)
	}
	one := read[struct{ ChatEntry *struct{ ID string } }](t, w.mustDo(t, me.token, `query($i:ID!){chatEntry(id:$i){id}}`, map[string]any{"i": ids[0]}))
	if one.ChatEntry != nil {
		t.Errorf("an entry that is gone is %+v", one.ChatEntry)
	}

	feed := mustFollow(t, servers["ours"], webSocket, testSecret,
		`subscription{feed(after:"0",sessionPrefix:"room"){event{__typename ...on LogTruncated{to} ...on EntryAdded{entry{body}}}}}`, nil)
	var told []string
	for len(told) == 0 || !strings.Contains(told[len(told)-1], "new") {
		got := mustRespond(t, feed)
		if strings.Contains(got, "EntryAdded") || strings.Contains(got, "LogTruncated") {
			told = append(told, got)
		}
	}
	want := []string{fmt.Sprintf(`{"data":{"feed":{"event":{"__typename":"LogTruncated","to":%q}}}}`, first),
		`{"data":{"feed":{"event":{"__typename":"EntryAdded","entry":{"body":"new"}}}}}`}
	if fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("the feed told\n%v, want\n%v", told, want)
	}
}

// TestRetentionSetting: the holder of the API secret alone sets it, within its limits.
func TestRetentionSetting(t *testing.T) {
	w := newWorld(t, options{})
	mod := w.join(t, "room", session.RoleModerator)
	for _, c := range []struct{ token, query, want string }{
		{mod.token, `mutation{updateSession(retention:5){id}}`, "FORBIDDEN"},
		{mod.token, `mutation{updateSession(retention:null){id}}`, "FORBIDDEN"},
		{mod.token, `mutation{updateSession(slowMode:0){id}}`, "ok"},
		{testSecret, `mutation{updateSession(sessionId:"room",retention:-1){id}}`, "BAD_USER_INPUT"},
		{testSecret, `mutation{updateSession(sessionId:"room",retention:1576800001){id}}`, "BAD_USER_INPUT"},
		{testSecret, `mutation{createSession(id:"other",retention:-1){id}}`, "BAD_USER_INPUT"},
		{testSecret, `mutation{createSession(id:"other",retention:60){id}}`, "ok"},
		{testSecret, `mutation{createSession(id:"other",retention:60){id}}`, "ok"},
		{testSecret, `mutation{createSession(id:"other"){id}}`, "ok"},
		{testSecret, `mutation{createSession(id:"other",retention:61){id}}`, "BAD_USER_INPUT"},
		{testSecret, `mutation{updateSession(sessionId:"room",retention:1576800000){id}}`, "ok"},
	} {
		if got := w.code(t, c.token, c.query, nil); got != c.want {
			t.Errorf("%s: %s, want %s", c.query, got, c.want)
		}
	}
	for _, c := range []struct{ query, want string }{
		{`{session(sessionId:"room"){retention firstCursor}}`, `{"session":{"firstCursor":"0","retention":1576800000}}`},
		{`{session(sessionId:"other"){retention}}`, `{"session":{"retention":60}}`},
		{`mutation{updateSession(sessionId:"other",readOnly:true){retention}}`, `{"updateSession":{"retention":60}}`},
		{`mutation{updateSession(sessionId:"other",retention:null){retention}}`, `{"updateSession":{"retention":null}}`},
	} {
		if got := string(w.mustDo(t, testSecret, c.query, nil)); got != c.want {
			t.Errorf("%s: %s, want %s", c.query, got, c.want)
		}
	}
}

// TestReplyToWhatIsGone: an entry that answers one that is no longer kept answers null, whatever is selected of it, from the Store as
// from memory.
func TestReplyToWhatIsGone(t *testing.T) {
	w := newWorld(t, options{domain: session.Config{Tick: 10 * time.Millisecond}})
	w.mustDo(t, testSecret, `mutation{createSession(id:"room"){id}}`, nil)
	me := w.join(t, "room", session.RoleModerator)
	add := func(body string, replyTo *string) string {
		t.Helper()
		return read[struct{ AddChatEntry struct{ ID string } }](t, w.mustDo(t, me.token,
			`mutation($b:String!,$r:ID){addChatEntry(body:$b,replyTo:$r){id}}`, map[string]any{"b": body, "r": replyTo})).AddChatEntry.ID
	}
	old := add("old", nil)
	reply := add("reply", &old)
	of := func(fields string) string {
		t.Helper()
		return string(w.mustDo(t, me.token, `query($id:ID!){chatEntry(id:$id){replyTo{`+fields+`}}}`, map[string]any{"id": reply}))
	}
	same(t, []byte(of("id")), `{"chatEntry":{"replyTo":{"id":"`+old+`"}}}`)
	raw, err := sql.Open("sqlite", w.path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.ExecContext(t.Context(), "UPDATE entries SET created_at = created_at - 3600000 WHERE seq = 1"); err != nil {
		t.Fatal(err)
	}
	w.mustDo(t, testSecret, `mutation{updateSession(sessionId:"room",retention:1800){retention}}`, nil)
	for _, fields := range []string{"id", "seq", "id body"} {
		await.True(t, "the original is gone", func() bool { return of(fields) == `{"chatEntry":{"replyTo":null}}` })
	}
}
