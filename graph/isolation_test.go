package graph_test

import (
	"encoding/json"
	"fmt"
	"testing"
)

// The token decides which session a caller sees. An id of another session is answered exactly like an unknown one.
func TestIsolation(t *testing.T) {
	w := newWorld(t, options{})
	ann, bob, spy := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "PUBLISHER"), w.join(t, "elsewhere", "MODERATOR")
	entries := w.subscribe(t, spy.token, `subscription{entryAdded(after:"0"){seq body}}`, nil)
	presence := w.subscribe(t, spy.token, events, nil)
	signalled := w.subscribe(t, spy.token, signals, nil)
	wantEvents(t, presence, "state "+spy.id)
	w.add(t, ann.token, ann.id, "secret")
	w.mustDo(t, ann.token, sendSignal, map[string]any{"t": "secret"})
	before := w.lastCursor(t, ann.token)

	const unknown = "no-such-connection"
	for _, query := range []string{
		`query($c:ID!){latestChatEntry(connectionId:$c){body}}`,
		`query($c:ID){chatEntries(connectionId:$c){nodes{body} pageInfo{hasNextPage hasPreviousPage}}}`,
		`query($c:ID!){a:latestChatEntry(connectionId:$c){body} b:chatEntries(connectionId:$c,last:1){nodes{body}}}`,
		`mutation($c:ID!){addChatEntry(connectionId:$c,body:"x"){seq}}`,
		`mutation($c:ID!){a:addChatEntry(connectionId:$c,body:"x"){seq} b:sendSignal(type:"t",to:$c){type}}`,
		`mutation($c:ID!){sendSignal(type:"t",to:$c){type}}`,
		`mutation($c:ID!){forceDisconnect(connectionId:$c){id}}`,
	} {
		data, failures := w.do(t, spy.token, query, map[string]any{"c": ann.id})
		wantData, wantFailures := w.do(t, spy.token, query, map[string]any{"c": unknown})
		if got, want := fmt.Sprint(string(data), failures), fmt.Sprint(string(wantData), wantFailures); got != want {
			t.Errorf("%s:\nanother's %s\nunknown   %s", query, got, want)
		}
	}
	for query, want := range map[string]string{
		`mutation($c:ID!){addChatEntry(connectionId:$c,body:"x"){seq}}`: "FORBIDDEN",
		`mutation($c:ID!){sendSignal(type:"t",to:$c){type}}`:            "NOT_FOUND",
		`mutation($c:ID!){forceDisconnect(connectionId:$c){id}}`:        "NOT_FOUND",
	} {
		if got := w.code(t, spy.token, query, map[string]any{"c": ann.id}); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if got := w.code(t, bob.token, addEntry, map[string]any{"c": ann.id, "b": "x"}); got != "FORBIDDEN" {
		t.Errorf("as another of the same session: %s", got)
	}
	if after := w.lastCursor(t, ann.token); after != before {
		t.Error("something was stored")
	}
	// The streams carry events of the spy's own session alone, so its own come first.
	w.add(t, spy.token, spy.id, "own")
	if got := next[added](t, entries).EntryAdded; got.Seq != 1 || got.Body != "own" {
		t.Errorf("an entry of another session: %+v", got)
	}
	w.mustDo(t, spy.token, sendSignal, map[string]any{"t": "own"})
	if got := next[received](t, signalled).SignalReceived; got.Type != "own" {
		t.Errorf("a signal of another session: %+v", got)
	}
	w.join(t, "room", "PUBLISHER")
	own := w.join(t, "elsewhere", "PUBLISHER")
	wantEvents(t, presence, "created "+own.id)
}

// A guest can't take the name of a connection, whether it is in the lobby, elsewhere or ended; and a guest's entries
// belong to no connection.
func TestGuestsTakeNoNameOfAConnection(t *testing.T) {
	w := newWorld(t, options{})
	inLobby, ended, elsewhere := w.connect(t, map[string]any{"s": "lobby"}), w.connect(t, map[string]any{"s": "lobby"}), w.connect(t, map[string]any{"s": "free"})
	w.mustDo(t, ended.token, `mutation{disconnect{id}}`, nil)
	for name, id := range map[string]string{"in the lobby": inLobby.id, "ended": ended.id, "elsewhere": elsewhere.id} {
		if code := w.code(t, "", addEntry, map[string]any{"c": id, "b": "x"}); code != "UNAUTHENTICATED" {
			t.Errorf("the name of a connection %s: %s", name, code)
		}
	}
	var nobody json.RawMessage
	if nobody = w.mustDo(t, "", `{session{lastCursor}}`, nil); string(nobody) != `{"session":{"lastCursor":"0"}}` {
		t.Errorf("something was stored: %s", nobody)
	}
	w.add(t, "", "alice", "hi")
	same(t, w.mustDo(t, inLobby.token, `{session{connections{id}}}`, nil), `{"session":{"connections":[{"id":"`+inLobby.id+`"}]}}`)
	if code := w.code(t, inLobby.token, sendSignal, map[string]any{"t": "t", "to": "alice"}); code != "NOT_FOUND" {
		t.Errorf("a signal to a guest: %s", code)
	}
}
