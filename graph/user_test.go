package graph_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chattok/session"
)

// somebody is a connection with what the API tells of it.
type somebody struct {
	AccessToken string
	Connection  struct {
		ID     string
		UserID *string
		Data   *string
	}
}

func (s somebody) user() string {
	if s.Connection.UserID == nil {
		return "nobody"
	}
	return *s.Connection.UserID
}

// connectAs connects with these arguments, and fails the test where that is refused.
func (w *world) connectAs(t *testing.T, variables map[string]any) somebody {
	t.Helper()
	const query = `mutation($token:String,$s:ID,$d:String,$k:String){connect(token:$token,sessionId:$s,data:$d,userKey:$k){accessToken connection{id userId data}}}`
	var answer struct{ Connect somebody }
	if err := json.Unmarshal(w.mustDo(t, "", query, variables), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Connect
}

// TestUsersByKey: the same key is the same user in every session, another key another one, and no key none.
func TestUsersByKey(t *testing.T) {
	w := newWorld(t, options{})
	key := strings.Repeat("ü", 8)
	first := w.connectAs(t, map[string]any{"s": "room", "k": key})
	again := w.connectAs(t, map[string]any{"s": "elsewhere", "k": key})
	other := w.connectAs(t, map[string]any{"s": "room", "k": key + "!"})
	if first.user() != again.user() || first.user() == other.user() || !strings.HasPrefix(first.user(), "~") || strings.Contains(first.user(), key) {
		t.Errorf("users are %s, %s and %s", first.user(), again.user(), other.user())
	}
	if none := w.connectAs(t, map[string]any{"s": "room"}); none.user() != "nobody" {
		t.Errorf("without a key: %s", none.user())
	}
	if longest := w.connectAs(t, map[string]any{"s": "room", "k": strings.Repeat("k", 128)}); longest.user() == "nobody" {
		t.Error("a key of 128 bytes is none")
	}
	const connect = `mutation($s:ID,$k:String){connect(sessionId:$s,userKey:$k){accessToken}}`
	for _, bad := range []string{"", strings.Repeat("k", 15), strings.Repeat("k", 129), strings.Repeat("k", 20) + "\x00"} {
		_, failures := w.do(t, "", connect, map[string]any{"s": "room", "k": bad})
		if len(failures) != 1 || failures[0].Extensions.Code != "BAD_USER_INPUT" || !strings.Contains(failures[0].Message, "userKey") {
			t.Errorf("%q: %+v", bad, failures)
		}
		if bad != "" && strings.Contains(failures[0].Message, bad) {
			t.Errorf("the message repeats the key: %s", failures[0].Message)
		}
	}
	// Everybody sees the user, in the roster and in events.
	var answer struct {
		Session struct{ Connections []struct{ ID, UserID string } }
	}
	if err := json.Unmarshal(w.mustDo(t, first.AccessToken, `{session{connections{id userId}}}`, nil), &answer); err != nil {
		t.Fatal(err)
	}
	if there := answer.Session.Connections; len(there) != 4 || there[0].UserID != first.user() || there[2].UserID != "" {
		t.Errorf("connections are %+v", there)
	}
	// A guest has none.
	guest := w.mustDo(t, "", `mutation{addChatEntry(connectionId:"ann",body:"x"){connection{userId}}}`, nil)
	if string(guest) != `{"addChatEntry":{"connection":{"userId":null}}}` {
		t.Errorf("a guest: %s", guest)
	}
}

// TestUsersByToken: a session token's sub is the user, unless it is outside the limits.
func TestUsersByToken(t *testing.T) {
	w := newWorld(t, options{})
	w.mustDo(t, testSecret, `mutation{createSession(id:"room"){id}}`, nil)
	mint := func(sub string) string {
		raw, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"aud": "chattok:session", "session": "room", "role": "PUBLISHER",
			"exp": time.Now().Add(time.Hour).Unix(), "sub": sub}).SignedString([]byte(testSecret))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	long := strings.Repeat("é", 64)
	for sub, want := range map[string]string{"user 7": "user 7", long: long, long + "x": "nobody", "": "nobody", "~abc": "nobody", "a\x00b": "nobody"} {
		if got := w.connectAs(t, map[string]any{"token": mint(sub)}).user(); got != want {
			t.Errorf("sub %q: user %q", sub, got)
		}
	}
	const create = `mutation($u:ID){createToken(sessionId:"room",userId:$u){token}}`
	var minted struct{ CreateToken struct{ Token string } }
	if err := json.Unmarshal(w.mustDo(t, testSecret, create, map[string]any{"u": "user 7"}), &minted); err != nil {
		t.Fatal(err)
	}
	if got := w.connectAs(t, map[string]any{"token": minted.CreateToken.Token}).user(); got != "user 7" {
		t.Errorf("by createToken: %q", got)
	}
	for _, bad := range []string{"", "~x", long + "x"} {
		_, failures := w.do(t, testSecret, create, map[string]any{"u": bad})
		if len(failures) != 1 || failures[0].Extensions.Code != "BAD_USER_INPUT" || !strings.Contains(failures[0].Message, "userId") {
			t.Errorf("%q: %+v", bad, failures)
		}
	}
	code := w.code(t, "", `mutation($t:String,$k:String){connect(token:$t,userKey:$k){accessToken}}`, map[string]any{"t": mint("x"), "k": strings.Repeat("k", 20)})
	if code != "BAD_USER_INPUT" {
		t.Errorf("a token with a key: %s", code)
	}
}

const setData = `mutation($d:String){setData(data:$d){id data}}`

// TestSetData: a name that changes is told to everybody, and stands beside what was posted before.
func TestSetData(t *testing.T) {
	w := newWorld(t, options{})
	me := w.connectAs(t, map[string]any{"s": "room", "d": "Ann"})
	s := w.subscribe(t, me.AccessToken, `subscription{sessionEvents{__typename ...on ConnectionUpdated{connection{id data}}}}`, nil)
	next[any](t, s) // the snapshot
	w.mustDo(t, me.AccessToken, `mutation($me:ID!){addChatEntry(connectionId:$me,body:"x"){seq}}`, map[string]any{"me": me.Connection.ID})
	for _, data := range []any{"Anne", nil, strings.Repeat("x", session.MaxDataBytes)} {
		want, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		said := fmt.Sprintf(`{"data":%s,"id":%q}`, want, me.Connection.ID)
		if got := w.mustDo(t, me.AccessToken, setData, map[string]any{"d": data}); string(got) != `{"setData":`+said+`}` {
			t.Errorf("answer %s", got)
		}
		event := next[map[string]any](t, s)["sessionEvents"]
		if got, err := json.Marshal(event); err != nil || string(got) != `{"__typename":"ConnectionUpdated","connection":`+said+`}` {
			t.Errorf("event %s, %v", got, err)
		}
		if got := w.mustDo(t, me.AccessToken, `{chatEntries{nodes{connection{id data}}}}`, nil); string(got) != `{"chatEntries":{"nodes":[{"connection":`+said+`}]}}` {
			t.Errorf("the log says %s", got)
		}
	}
	for _, bad := range []string{strings.Repeat("x", session.MaxDataBytes+1), "\x00"} {
		if code := w.code(t, me.AccessToken, setData, map[string]any{"d": bad}); code != "BAD_USER_INPUT" {
			t.Errorf("%.5q: %s", bad, code)
		}
	}
}

// TestDataOfToken: data that a session token carries is not its holder's to change; without any it is.
func TestDataOfToken(t *testing.T) {
	w := newWorld(t, options{})
	w.mustDo(t, testSecret, `mutation{createSession(id:"room"){id}}`, nil)
	for data, want := range map[string]string{"Ann": "FORBIDDEN DATA_FIXED", "": "ok"} {
		grant := session.SessionGrant{SessionID: "room", Role: session.RoleSubscriber, ExpiresAt: time.Now().Add(time.Hour)}
		if data != "" {
			grant.Data = &data
		}
		raw, err := w.tokens.MintSession(grant)
		if err != nil {
			t.Fatal(err)
		}
		me := w.connectAs(t, map[string]any{"token": raw})
		if code := w.code(t, me.AccessToken, setData, map[string]any{"d": "Eve"}); code != want {
			t.Errorf("a token with data %q: %s, want %s", data, code, want)
		}
	}
}
