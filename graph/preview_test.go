package graph_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"chattok/session"
)

// TestSessionPreview: a person at the door sees who is inside where connect would admit them, and nothing is made by that.
func TestSessionPreview(t *testing.T) {
	const query = `query($t:String,$s:ID){sessionPreview(token:$t,sessionId:$s){connectionCount connections{data}}}`
	const empty = `{"sessionPreview":{"connectionCount":0,"connections":[]}}`
	w := newWorld(t, options{})
	see := func(variables map[string]any, want string) {
		t.Helper()
		if got := string(w.mustDo(t, "", query, variables)); got != want {
			t.Errorf("%v: %s, want %s", variables, got, want)
		}
	}
	refuse := func(variables map[string]any, want string) {
		t.Helper()
		if got := w.code(t, "", query, variables); got != want {
			t.Errorf("%v: %s, want %s", variables, got, want)
		}
	}
	see(map[string]any{"s": "open"}, empty)
	w.mustDo(t, testSecret, `mutation{createSession(id:"open"){id}}`, nil) // it would be taken otherwise
	refuse(map[string]any{"s": "open"}, "UNAUTHENTICATED")

	w.connectAs(t, map[string]any{"s": "room", "d": "Ann"})
	w.connectAs(t, map[string]any{"s": "room", "d": "Ben"})
	see(map[string]any{"s": "room"}, `{"sessionPreview":{"connectionCount":2,"connections":[{"data":"Ann"},{"data":"Ben"}]}}`)
	for range session.MaxPreviewConnections {
		w.connectAs(t, map[string]any{"s": "room"})
	}
	answer := read[struct {
		SessionPreview struct {
			ConnectionCount int
			Connections     []struct{}
		}
	}](t, w.mustDo(t, "", query, map[string]any{"s": "room"})).SessionPreview
	if answer.ConnectionCount != 22 || len(answer.Connections) != session.MaxPreviewConnections {
		t.Errorf("%d of %d connections", len(answer.Connections), answer.ConnectionCount)
	}

	grant := session.SessionGrant{SessionID: "open", Role: session.RoleSubscriber, ExpiresAt: time.Now().Add(time.Hour)}
	raw, err := w.tokens.MintSession(grant)
	if err != nil {
		t.Fatal(err)
	}
	see(map[string]any{"t": raw}, empty)
	refuse(map[string]any{"t": raw, "s": "room"}, "FORBIDDEN")
	refuse(map[string]any{"t": raw + "x"}, "UNAUTHENTICATED TOKEN_INVALID")
	refuse(map[string]any{}, "BAD_USER_INPUT")
	refuse(map[string]any{"s": "no such name"}, "BAD_USER_INPUT")
	grant.SessionID = "unknown"
	if raw, err = w.tokens.MintSession(grant); err != nil {
		t.Fatal(err)
	}
	refuse(map[string]any{"t": raw}, "NOT_FOUND")

	w.mustDo(t, testSecret, `mutation{deleteSession(id:"room")}`, nil)
	refuse(map[string]any{"s": "room"}, "NOT_FOUND SESSION_DELETED")
	if got := w.code(t, "", `mutation{connect(sessionId:"room"){expiresAt}}`, nil); got != "NOT_FOUND SESSION_DELETED" {
		t.Errorf("connect to a deleted session: %s", got)
	}

	closed := newWorld(t, options{closed: true})
	if got := closed.code(t, "", query, map[string]any{"s": "room"}); got != "UNAUTHENTICATED" {
		t.Errorf("closed: %s", got)
	}
}

// TestSessionPreviewOfTheBanned: a ban keeps its user, or its address, from seeing who is inside as it keeps it from connecting,
// and the refusal says until when.
func TestSessionPreviewOfTheBanned(t *testing.T) {
	w := newWorld(t, options{streams: from})
	key, other := strings.Repeat("k", 16), strings.Repeat("o", 16)
	w.connectAs(t, map[string]any{"s": "room", "d": "Ann"})
	bad := w.connectAs(t, map[string]any{"s": "room", "k": key})
	bans := map[string]string{}
	ban := func(who, connection string) {
		t.Helper()
		const query = `mutation($c:ID!){banConnection(connectionId:$c,seconds:3600,sessionId:"room"){until}}`
		answer := read[struct{ BanConnection struct{ Until string } }](t, w.mustDo(t, testSecret, query, map[string]any{"c": connection}))
		bans[who] = answer.BanConnection.Until
	}
	// see returns the code of the answer to a preview with these arguments from an address, and until when a ban lasts.
	see := func(address, arguments string) string {
		t.Helper()
		answer := w.postWith(t, http.Header{"X-Test-Address": {address}}, `{sessionPreview(`+arguments+`){connectionCount}}`)
		var failed struct {
			Errors []struct {
				Extensions struct{ Code, Reason, Until string }
			}
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &failed); err != nil {
			t.Fatal(err)
		}
		if len(failed.Errors) == 0 {
			return "seen"
		}
		e := failed.Errors[0].Extensions
		return strings.TrimSpace(e.Code + " " + e.Reason + " " + e.Until)
	}
	ban("user", bad.Connection.ID)
	connect := w.postWith(t, http.Header{"X-Test-Address": {"192.0.2.7"}}, `mutation{connect(sessionId:"room",data:"no user"){connection{id}}}`)
	ban("address", read[struct{ Data struct{ Connect somebody } }](t, connect.Body.Bytes()).Data.Connect.Connection.ID)
	moderator := w.admit(t, "room", "chair", session.RoleModerator)
	named := w.admit(t, "room", "ann", session.RolePublisher)
	banned := w.connectAs(t, map[string]any{"token": w.admit(t, "room", "culprit", session.RolePublisher)})
	ban("token", banned.Connection.ID)

	const home, away = "192.0.2.1", "192.0.2.7"
	const room = `sessionId:"room"`
	for _, c := range []struct{ name, address, arguments, want string }{
		{"the banned user", home, room + `,userKey:"` + key + `"`, "FORBIDDEN BANNED " + bans["user"]},
		{"another user", home, room + `,userKey:"` + other + `"`, "seen"},
		{"nobody", home, room, "seen"},
		{"a session without bans", away, `sessionId:"elsewhere",userKey:"` + key + `"`, "seen"},
		{"the banned address", away, room, "FORBIDDEN BANNED " + bans["address"]},
		{"a user at the banned address", away, room + `,userKey:"` + other + `"`, "FORBIDDEN BANNED " + bans["address"]},
		{"a token at the banned address", away, `token:"` + named + `"`, "FORBIDDEN BANNED " + bans["address"]},
		{"a moderator at the banned address", away, `token:"` + moderator + `"`, "seen"},
		{"the token of a banned user", home, `token:"` + w.admit(t, "room", "culprit", session.RolePublisher) + `"`, "FORBIDDEN BANNED " + bans["token"]},
		{"a key beside a token", home, `token:"` + named + `",userKey:"` + key + `"`, "BAD_USER_INPUT"},
		{"a short key", home, room + `,userKey:"short"`, "BAD_USER_INPUT"},
	} {
		if got := see(c.address, c.arguments); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
