package graph_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"chattok/session"
)

const (
	sendSignal = `mutation($t:String!,$d:String,$to:ID){sendSignal(type:$t,data:$d,to:$to){type data to fromConnectionId missed}}`
	connectAs  = `mutation($s:ID,$d:String){connect(sessionId:$s,data:$d){connection{data}}}`
	bad        = "BAD_USER_INPUT"
	invalidDoc = "GRAPHQL_VALIDATION_FAILED"
)

// Arguments at and beyond their limits get the expected code, and a refused one stores nothing.
func TestInput(t *testing.T) {
	w := newWorld(t, options{})
	me, peer := w.join(t, "room", "MODERATOR"), w.join(t, "room", "SUBSCRIBER")
	stream := w.publish(t, me, `hasAudio:true`)
	long := strings.Repeat
	const publish = `mutation($n:String,$w:Int,$h:Int){publishStream(name:$n,width:$w,height:$h){id}}`
	const update = `mutation($s:ID!,$n:String,$w:Int,$a:Boolean){updateStream(streamId:$s,name:$n,width:$w,hasAudio:$a){id}}`
	const mute = `mutation($s:ID,$e:[ID!]){forceMute(streamId:$s,except:$e){id}}`
	describe := func(kind, sdp string) map[string]any {
		return map[string]any{"s": stream, "to": peer.id, "d": map[string]any{"type": kind, "sdp": sdp}}
	}
	candidate := func(c map[string]any) map[string]any { return map[string]any{"s": stream, "to": peer.id, "c": c} }
	table := []struct {
		name, query string
		variables   map[string]any
		want        string
	}{
		{"body: empty", addEntry, map[string]any{"c": me.id, "b": ""}, bad},
		{"body: white space", addEntry, map[string]any{"c": me.id, "b": " \n\t\u2003\u00a0"}, bad},
		{"body: 16 KiB", addEntry, map[string]any{"c": me.id, "b": long("x", 16384)}, "ok"},
		{"body: 16 KiB + 1", addEntry, map[string]any{"c": me.id, "b": long("x", 16385)}, bad},
		{"body: 16 KiB in multi-byte text", addEntry, map[string]any{"c": me.id, "b": long("€", 5461) + "x"}, "ok"},
		{"body: 16 KiB + 2 in multi-byte text", addEntry, map[string]any{"c": me.id, "b": long("€", 5462)}, bad},
		{"body: NUL", addEntry, map[string]any{"c": me.id, "b": "a\x00b"}, bad},
		{"body: combining marks", addEntry, map[string]any{"c": me.id, "b": "e" + long("\u0301", 8000)}, "ok"},
		{"body: null", addEntry, map[string]any{"c": me.id, "b": nil}, invalidDoc},
		{"body: a list", addEntry, map[string]any{"c": me.id, "b": []string{"x"}}, invalidDoc},
		{"another's connectionId", addEntry, map[string]any{"c": "x", "b": "x"}, "FORBIDDEN"},
		{"unknown argument", `mutation{addChatEntry(connectionId:"x",body:"x",seq:7){seq}}`, nil, invalidDoc},
		{"unknown field", `{chatEntries{rows}}`, nil, invalidDoc},
		{"first: -1", `{chatEntries(first:-1){nodes{seq}}}`, nil, bad},
		{"first: 201", `{chatEntries(first:201){nodes{seq}}}`, nil, bad},
		{"first: 2^31-1", `{chatEntries(first:2147483647){nodes{seq}}}`, nil, bad},
		{"last: -1", `{chatEntries(last:-1){nodes{seq}}}`, nil, bad},
		{"last: 201", `{chatEntries(last:201){nodes{seq}}}`, nil, bad},
		{"first and last", `{chatEntries(first:1,last:1){nodes{seq}}}`, nil, bad},
		{"connectionId: empty", `{chatEntries(connectionId:""){nodes{seq}} latestChatEntry(connectionId:""){seq}}`, nil, "ok"},
		{"signal data: 8,192 bytes", sendSignal, map[string]any{"t": "t", "d": long("x", 8192)}, "ok"},
		{"signal data: 8,193 bytes", sendSignal, map[string]any{"t": "t", "d": long("x", 8193)}, bad},
		{"signal data: 8,192 bytes in multi-byte text", sendSignal, map[string]any{"t": "t", "d": long("€", 2730) + "xx"}, "ok"},
		{"signal data: 8,193 bytes in multi-byte text", sendSignal, map[string]any{"t": "t", "d": long("€", 2731)}, bad},
		{"signal data: NUL", sendSignal, map[string]any{"t": "t", "d": "\x00"}, bad},
		{"signal data: empty", sendSignal, map[string]any{"t": "t", "d": ""}, "ok"},
		{"signal type: 128", sendSignal, map[string]any{"t": long("t", 128)}, "ok"},
		{"signal type: 129", sendSignal, map[string]any{"t": long("t", 129)}, bad},
		{"signal type: empty", sendSignal, map[string]any{"t": ""}, "ok"},
		{"signal type: a space", sendSignal, map[string]any{"t": "a b"}, bad},
		{"signal type: all that is allowed", sendSignal, map[string]any{"t": "aZ09-_~."}, "ok"},
		{"signal to nobody", sendSignal, map[string]any{"t": "t", "to": "x"}, "NOT_FOUND"},
		{"signal to an empty id", sendSignal, map[string]any{"t": "t", "to": ""}, "NOT_FOUND"},
		{"stream name: 1,024 bytes", publish, map[string]any{"n": long("x", 1024), "w": 16384, "h": 1}, "ok"},
		{"stream name: 1,025 bytes", publish, map[string]any{"n": long("x", 1025)}, bad},
		{"stream name: NUL", publish, map[string]any{"n": "\x00"}, bad},
		{"stream width: 0", publish, map[string]any{"w": 0}, bad},
		{"stream width: -1", publish, map[string]any{"w": -1}, bad},
		{"stream width: 16,385", publish, map[string]any{"w": 16385}, bad},
		{"stream height: 16,385", publish, map[string]any{"h": 16385}, bad},
		{"video type: unknown", `mutation{publishStream(videoType:WINDOW){id}}`, nil, invalidDoc},
		{"update: nothing", update, map[string]any{"s": stream}, "ok"},
		{"update: nulls", update, map[string]any{"s": stream, "n": nil, "a": nil}, "ok"},
		{"update: name of 1,024 bytes", update, map[string]any{"s": stream, "n": long("x", 1024)}, "ok"},
		{"update: name of 1,025 bytes", update, map[string]any{"s": stream, "n": long("x", 1025)}, bad},
		{"update: width of 0", update, map[string]any{"s": stream, "w": 0}, bad},
		{"update: an empty id", update, map[string]any{"s": ""}, "NOT_FOUND"},
		{"update: an id with NUL", update, map[string]any{"s": "\x00"}, "NOT_FOUND"},
		{"mute: one, and except", mute, map[string]any{"s": stream, "e": []string{"x"}}, bad},
		{"mute: one, and except none", mute, map[string]any{"s": stream, "e": []string{}}, "ok"},
		{"mute: except 1,000", mute, map[string]any{"e": slices.Repeat([]string{"x"}, 1000)}, "ok"},
		{"mute: except 1,001", mute, map[string]any{"e": slices.Repeat([]string{"x"}, 1001)}, bad},
		{"mute: except NUL", mute, map[string]any{"e": []string{"\x00", "\xff"}}, "ok"},
		{"negotiate: 64 KiB", negotiate, describe("offer", long("x", 65536)), "ok"},
		{"negotiate: 64 KiB + 1", negotiate, describe("offer", long("x", 65537)), bad},
		{"negotiate: 64 KiB + 2 in multi-byte text", negotiate, describe("answer", long("€", 21846)), bad},
		{"negotiate: NUL", negotiate, describe("answer", "\x00"), bad},
		{"negotiate: a rollback", negotiate, describe("rollback", ""), "ok"},
		{"negotiate: an unknown type", negotiate, describe("OFFER", ""), invalidDoc},
		{"negotiate: no more candidates", negotiate, candidate(map[string]any{"candidate": ""}), "ok"},
		{"negotiate: a whole candidate", negotiate, candidate(map[string]any{"candidate": "c", "sdpMid": "0", "sdpMLineIndex": 65535, "usernameFragment": "f"}), "ok"},
		{"negotiate: candidate of 64 KiB", negotiate, candidate(map[string]any{"candidate": long("x", 65535), "sdpMid": "0"}), "ok"},
		{"negotiate: candidate of 64 KiB + 1 in all", negotiate, candidate(map[string]any{"candidate": long("x", 65535), "sdpMid": "0", "usernameFragment": "f"}), bad},
		{"negotiate: index 65,536", negotiate, candidate(map[string]any{"candidate": "c", "sdpMLineIndex": 65536}), bad},
		{"negotiate: index -1", negotiate, candidate(map[string]any{"candidate": "c", "sdpMLineIndex": -1}), bad},
		{"negotiate: usernameFragment with NUL", negotiate, candidate(map[string]any{"candidate": "c", "usernameFragment": "\x00"}), bad},
		{"negotiate: nothing", negotiate, map[string]any{"s": stream, "to": peer.id}, bad},
		{"negotiate: both", negotiate, map[string]any{"s": stream, "to": peer.id, "c": map[string]any{"candidate": ""}, "d": map[string]any{"type": "offer", "sdp": ""}}, bad},
		{"negotiate: with myself", negotiate, map[string]any{"s": stream, "to": me.id, "c": map[string]any{"candidate": ""}}, bad},
		{"negotiate: with nobody", negotiate, map[string]any{"s": stream, "to": "x", "c": map[string]any{"candidate": ""}}, "NOT_FOUND"},
		{"negotiate: about no stream", negotiate, map[string]any{"s": "x", "to": peer.id, "c": map[string]any{"candidate": ""}}, "NOT_FOUND"},
		{"connection data: 4,096 bytes", connectAs, map[string]any{"s": "s", "d": long("x", 4096)}, "ok"},
		{"connection data: 4,097 bytes", connectAs, map[string]any{"s": "s", "d": long("x", 4097)}, bad},
		{"connection data: NUL", connectAs, map[string]any{"s": "s", "d": "\x00"}, bad},
		{"session: empty", connectAs, map[string]any{"s": ""}, bad},
		{"session: 128", connectAs, map[string]any{"s": long("s", 128)}, "ok"},
		{"session: 129", connectAs, map[string]any{"s": long("s", 129)}, bad},
		{"session: a slash", connectAs, map[string]any{"s": "a/b"}, bad},
		{"session: a letter with an accent", connectAs, map[string]any{"s": "é"}, bad},
	}
	for _, c := range table {
		before := w.lastCursor(t, me.token)
		if got := w.code(t, me.token, c.query, c.variables); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		stored := w.lastCursor(t, me.token) != before
		if want := c.want == "ok" && c.query == addEntry; stored != want {
			t.Errorf("%s: stored is %t, want %t", c.name, stored, want)
		}
	}
}

// Guests' names in the lobby get the expected code.
func TestInputOfGuests(t *testing.T) {
	w := newWorld(t, options{})
	for name, want := range map[string]string{"": bad, strings.Repeat("n", 129): bad, "a b": bad, "é": bad, "a/b": bad, "\x00": bad, "lobby": bad,
		strings.Repeat("n", 128): "ok", "aZ09-_~.": "ok"} {
		before := w.lastCursor(t, "")
		if got := w.code(t, "", addEntry, map[string]any{"c": name, "b": "x"}); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
		if stored := w.lastCursor(t, "") != before; stored != (want == "ok") {
			t.Errorf("%q: stored is %t", name, stored)
		}
	}
}

// A refusal names the argument, its limit and its value.
func TestMessagesNameTheLimit(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", "PUBLISHER")
	_, failures := w.do(t, me.token, sendSignal, map[string]any{"t": "t", "d": strings.Repeat("€", 2731)})
	if len(failures) != 1 || failures[0].Message != "data must be at most 8192 bytes, but is 8193" || fmt.Sprint(failures[0].Path) != "[sendSignal]" {
		t.Errorf("got %+v", failures)
	}
}

// A body with a lone surrogate, which JSON can write and UTF-8 can't, is refused.
func TestLoneSurrogate(t *testing.T) {
	w := newWorld(t, options{})
	post := func(body string) (string, string) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(
			`{"query":"mutation($b:String!){addChatEntry(connectionId:\"alice\",body:$b){body}}","variables":{"b":"`+body+`"}}`))
		r.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, r)
		answer := read[struct {
			Data   struct{ AddChatEntry struct{ Body string } }
			Errors []failure
		}](t, json.RawMessage(recorder.Body.Bytes()))
		return codeOf(answer.Errors), answer.Data.AddChatEntry.Body
	}
	if code, body := post(`\ud83d\ude00`); code != "ok" || body != "😀" {
		t.Errorf("a pair: %s %q", code, body)
	}
	for _, lone := range []string{`a\ud83d`, `\ude00a`, `\ud83d\ud83d`, "a\xff", "\xed\xa0\xbd"} {
		before := w.lastCursor(t, "")
		code, body := post(lone)
		stored := w.lastCursor(t, "") != before
		if code != "BAD_USER_INPUT INVALID_TEXT" || stored {
			t.Errorf("%q: %s, stored is %t with %q", lone, code, stored, body)
		}
	}
}

// Every kind of wrong cursor is refused by both fields that take one.
func TestCursors(t *testing.T) {
	w, replaced := newWorld(t, options{}), newWorld(t, options{})
	first := w.add(t, "", "alice", "1")
	w.add(t, "", "alice", "2")
	foreign := replaced.add(t, "", "alice", "1")
	room := w.join(t, "room", "PUBLISHER")
	other := w.add(t, room.token, room.id, "1")
	lobby, err := w.service.Session(t.Context(), w.service.Anonymous())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(first.Cursor)
	if err != nil {
		t.Fatal(err)
	}
	cursors := map[string]string{
		"letters": "abc", "negative": "-1", "a number": "1", "huge": strings.Repeat("9", 10_000), "empty": "", "a space": " ", "00": "00",
		"another session's": other.Cursor, "an id": first.ID, "of a replaced database": foreign.Cursor,
		"beyond the head": session.Cursor(lobby.Epoch, 3), "far beyond": session.Cursor(lobby.Epoch, 1<<62),
		"padded": base64.URLEncoding.EncodeToString(raw), "with a byte more": base64.RawURLEncoding.EncodeToString(append(raw, 0)),
		"cut": first.Cursor[:len(first.Cursor)-2],
	}
	const want = "BAD_USER_INPUT CURSOR_MISMATCH"
	for name, cursor := range cursors {
		if cursor == first.Cursor {
			continue // the padding of a whole number of groups is empty
		}
		v := map[string]any{"a": cursor}
		for _, query := range []string{`query($a:String){chatEntries(after:$a){nodes{seq}}}`, `query($a:String){chatEntries(before:$a){nodes{seq}}}`} {
			if got := w.code(t, "", query, v); got != want {
				t.Errorf("%s: %s: %s", name, query, got)
			}
		}
		if got := w.firstCode(t, "", `subscription($a:String){entryAdded(after:$a){seq}}`, v); got != want {
			t.Errorf("%s: entryAdded: %s", name, got)
		}
	}
}
