package graph_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"chattok/internal/wsclient"
)

// opening is how a client opens a socket.
type opening struct {
	name    string
	header  []string // Authorization headers of the upgrade
	payload string   // of connection_init; "" for no payload
	want    string   // the caller: "me", "guest", or the close code with the reason's first word
}

// A token counts in the upgrade's header and in every place of connection_init where clients put it. An invalid one is
// refused in each of them, and so are two that differ.
func TestWhereTokensAreLookedFor(t *testing.T) {
	w := newWorld(t, options{})
	me, other := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "PUBLISHER")
	good, second, bad := "Bearer "+me.token, "Bearer "+other.token, "Bearer false"
	const refused = "4403 TOKEN_INVALID"
	in := func(payload string) string {
		return strings.NewReplacer("GOODTOKEN", me.token, "OTHERTOKEN", other.token, "GOOD", good, "OTHER", second, "BAD", bad).Replace(payload)
	}
	table := []opening{
		{"nothing", nil, "", "guest"},
		{"an empty payload", nil, `{}`, "guest"},
		{"nulls", nil, `{"Authorization":null,"headers":null,"token":null,"authToken":null}`, "guest"},
		{"empty texts", nil, `{"Authorization":"","token":"","headers":{}}`, "guest"},
		{"the header", []string{good}, "", "me"},
		{"the header, in lower case", []string{"bearer " + me.token}, `{}`, "me"},
		{"the header, twice", []string{good, good}, "", "me"},
		{"a proxy's Basic", []string{"Basic dXNlcjpwYXNz"}, "", "guest"},
		{"a proxy's Basic beside the payload", []string{"Basic dXNlcjpwYXNz"}, `{"Authorization":"GOOD"}`, "me"},
		{"a proxy's Basic beside ours", []string{"Basic dXNlcjpwYXNz", good}, "", "me"},
		{"a proxy's Negotiate", []string{"Negotiate YII="}, "", "guest"},
		{"Authorization", nil, `{"Authorization":"GOOD"}`, "me"},
		{"authorization", nil, `{"authorization":"GOOD"}`, "me"},
		{"headers.Authorization", nil, `{"headers":{"Authorization":"GOOD","x":1}}`, "me"},
		{"headers.authorization", nil, `{"headers":{"authorization":"GOOD"}}`, "me"},
		{"token", nil, `{"token":"GOODTOKEN"}`, "me"},
		{"token with its scheme", nil, `{"token":"GOOD"}`, "me"},
		{"authToken", nil, `{"authToken":"GOODTOKEN"}`, "me"},
		{"the same everywhere", []string{good}, `{"Authorization":"GOOD","headers":{"authorization":"GOOD"},"token":"GOODTOKEN","authToken":"GOOD"}`, "me"},
		{"a false header", []string{bad}, "", refused},
		{"a false header beside a good payload", []string{bad}, `{"Authorization":"GOOD"}`, refused},
		{"a false Authorization", nil, `{"Authorization":"BAD"}`, refused},
		{"an Authorization of another scheme", nil, `{"Authorization":"Basic dXNlcjpwYXNz"}`, refused},
		{"a false headers.Authorization", nil, `{"headers":{"Authorization":"BAD"}}`, refused},
		{"a false token", nil, `{"token":"false"}`, refused},
		{"a false authToken", nil, `{"authToken":"false"}`, refused},
		{"a false token beside a good one", nil, `{"Authorization":"GOOD","token":"false"}`, refused},
		{"two headers that differ", []string{good, second}, "", refused},
		{"a header and a payload that differ", []string{good}, `{"Authorization":"OTHER"}`, refused},
		{"two in the payload that differ", nil, `{"Authorization":"GOOD","authToken":"OTHERTOKEN"}`, refused},
		{"two spellings that differ", nil, `{"Authorization":"GOOD","authorization":"OTHER"}`, refused},
		{"a token that is a number", nil, `{"token":5}`, "4400 connection_init's"},
		{"headers that are a text", nil, `{"headers":"GOOD"}`, "4400 connection_init's"},
	}
	server := httptest.NewServer(w.handler)
	defer server.Close()
	for _, c := range table {
		c.payload = in(c.payload)
		for _, protocol := range []string{"graphql-transport-ws", "graphql-ws"} {
			if got := whoOpens(t, server.URL, protocol, c); got != strings.Replace(c.want, "me", me.id, 1) {
				t.Errorf("%s, %s: %s, want %s", c.name, protocol, got, c.want)
			}
		}
	}
}

// whoOpens opens a socket and returns the id of its connection, "guest", or how it was closed.
func whoOpens(t *testing.T, url, protocol string, o opening) string {
	t.Helper()
	c := wsclient.DialT(t, url, &wsclient.Options{Subprotocols: []string{protocol}, HTTPHeader: http.Header{"Authorization": o.header}})
	c.SendT(t, wsclient.Message{Type: "connection_init", Payload: json.RawMessage(o.payload)})
	for {
		m, err := c.Receive(t.Context())
		if code := wsclient.CloseCode(err); code != -1 {
			reason, _, _ := strings.Cut(wsclient.CloseReason(err), ":")
			reason, _, _ = strings.Cut(reason, " ")
			return strings.TrimSpace(strconv.Itoa(code) + " " + reason)
		}
		if err != nil {
			t.Fatal(err)
		}
		switch m.Type {
		case "connection_ack":
			kind := map[string]string{"graphql-transport-ws": "subscribe", "graphql-ws": "start"}[protocol]
			c.SendT(t, wsclient.Message{ID: "1", Type: kind, Payload: json.RawMessage(`{"query":"{connection{id}}"}`)})
		case "next", "data":
			var payload struct {
				Data struct{ Connection *struct{ ID string } }
			}
			if err := json.Unmarshal(m.Payload, &payload); err != nil {
				t.Fatal(err)
			}
			if payload.Data.Connection == nil {
				return "guest"
			}
			return payload.Data.Connection.ID
		}
	}
}

// A request with two Authorization headers that differ is refused, whichever of them is valid.
func TestTwoAuthorizationHeaders(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", "PUBLISHER")
	for want, values := range map[string][]string{
		"ok": {"Bearer " + me.token, "Bearer " + me.token}, "UNAUTHENTICATED TOKEN_INVALID": {"Bearer " + me.token, "Bearer false"}} {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{connection{id}}"}`))
		r.Header["Content-Type"], r.Header["Authorization"] = []string{"application/json"}, values
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, r)
		answer := read[struct{ Errors []failure }](t, recorder.Body.Bytes())
		if got := codeOf(answer.Errors); got != want {
			t.Errorf("%d headers: %s, want %s", len(values), got, want)
		}
	}
}

// In closed mode a socket without a token can only connect.
func TestClosedModeWithoutToken(t *testing.T) {
	w := newWorld(t, options{closed: true})
	address := serve(t, w.handler, 0)
	s := mustDial(t, address, "")
	for i, query := range []string{
		`{session{id}}`, `{connection{id}}`, `{chatEntries{nodes{seq}}}`, `{latestChatEntry(connectionId:"a"){seq}}`, `{iceServers{urls}}`,
		`mutation{addChatEntry(connectionId:"a",body:"x"){seq}}`, `mutation{sendSignal(type:"t"){type}}`, `mutation{renewAccess{expiresAt}}`,
		`mutation{disconnect{id}}`, `mutation{forceDisconnect(connectionId:"a"){id}}`, `mutation{publishStream{id}}`,
		`mutation{updateStream(streamId:"s"){id}}`, `mutation{unpublishStream(streamId:"s"){id}}`, `mutation{forceUnpublish(streamId:"s"){id}}`,
		`mutation{forceMute{id}}`, `mutation{negotiate(streamId:"s",to:"t",candidate:{candidate:""}){to}}`, `mutation{createSession{id}}`,
		`mutation{createToken(sessionId:"room"){token}}`, `mutation{connect(sessionId:"room"){accessToken}}`,
		`subscription{entryAdded{seq}}`, `subscription{signalReceived{type}}`, `subscription{sessionEvents{__typename}}`, `subscription{negotiationReceived{to}}`,
	} {
		if err := s.subscribe(strconv.Itoa(i), query, nil); err != nil {
			t.Fatal(err)
		}
		m, err := s.read()
		if err != nil || !strings.Contains(string(s.payload), `"code":"UNAUTHENTICATED"`) {
			t.Errorf("%s: %s %v", query, s.payload, err)
		}
		if m.Type == "next" {
			_, _ = s.read() // the complete of the operation
		}
	}
}
