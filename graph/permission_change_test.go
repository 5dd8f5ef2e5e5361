package graph_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"chattok/session"
)

const (
	ok      = "ok"
	no      = "FORBIDDEN"
	who     = "UNAUTHENTICATED"
	missing = "NOT_FOUND"
	invalid = "UNAUTHENTICATED TOKEN_INVALID"
	late    = "UNAUTHENTICATED TOKEN_EXPIRED"
	gone    = "UNAUTHENTICATED CONNECTION_DESTROYED"
	noUser  = "FORBIDDEN NO_USER"
	waits   = "waits" // an event that does not come, or a socket that is closed
)

// asUser joins a session as a user.
func (w *world) asUser(t testing.TB, sessionID, user string, role session.Role) person {
	t.Helper()
	w.mustDo(t, testSecret, `mutation($s:ID!){createSession(id:$s){id}}`, map[string]any{"s": sessionID})
	return w.connect(t, map[string]any{"token": w.admit(t, sessionID, user, role)})
}

// admit mints a session token of a user.
func (w *world) admit(t testing.TB, sessionID, user string, role session.Role) string {
	t.Helper()
	raw, err := w.tokens.MintSession(session.SessionGrant{SessionID: sessionID, Role: role, UserID: &user, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// ban bans a connection of the session "room" and returns the ban's id.
func (w *world) ban(t testing.TB, connectionID string) string {
	t.Helper()
	data := w.mustDo(t, testSecret, `mutation($c:ID!){banConnection(connectionId:$c,seconds:3600,sessionId:"room"){id}}`, map[string]any{"c": connectionID})
	return read[struct{ BanConnection struct{ ID string } }](t, data).BanConnection.ID
}

// permissionCaller is a column of the table.
type permissionCaller struct {
	name  string
	world *world
	token string
	id    string
}

// permissionCallers returns the columns: the entry is the author's, and the banned one was banned from the session "room".
func permissionCallers(t *testing.T, open, closed *world) []permissionCaller {
	author, other := open.asUser(t, "room", "author", session.RolePublisher), open.asUser(t, "elsewhere", "other", session.RoleModerator)
	same, another := open.asUser(t, "room", "author", session.RolePublisher), open.asUser(t, "room", "another", session.RolePublisher)
	subscriber, moderator := open.asUser(t, "room", "subscriber", session.RoleSubscriber), open.join(t, "room", session.RoleModerator)
	banned := open.asUser(t, "room", "banned", session.RolePublisher)
	open.ban(t, banned.id)
	return []permissionCaller{{"guest", open, "", "alice"}, {"nobody", closed, "", "alice"},
		{"session token", open, open.admit(t, "room", "author", session.RolePublisher), author.id},
		{"other session", open, other.token, other.id}, {"subscriber", open, subscriber.token, subscriber.id},
		{"author", open, author.token, author.id}, {"same user", open, same.token, same.id},
		{"another user", open, another.token, another.id}, {"moderator", open, moderator.token, moderator.id},
		{"secret", open, testSecret, "alice"}, {"banned", open, banned.token, banned.id}}
}

// Every operation about entries, what was read and moderation has the expected code for every kind of caller.
func TestPermissionsOfChanges(t *testing.T) {
	open, closed := newWorld(t, options{}), newWorld(t, options{closed: true})
	callers := permissionCallers(t, open, closed)
	author := person{callers[5].id, callers[5].token}
	const bad = "BAD_USER_INPUT"
	// The columns are in the order of callers. $me is the caller's id. Fresh for each cell: $entry of the author with $cursor, the
	// connections $victim and $mod, which is a moderator's, the $ban of somebody else, and the author's $stream.
	table := []struct {
		operation string
		want      [11]string
	}{
		//                                                            guest nobody sess.tok other sub author same another mod secret banned
		{`query($entry:ID!){chatEntry(id:$entry){id}}`, [11]string{ok, who, invalid, ok, ok, ok, ok, ok, ok, bad, gone}},
		{`{session{readCursor unread lastEntry{id} slowMode}}`, [11]string{ok, who, invalid, ok, ok, ok, ok, ok, ok, bad, gone}},
		{`mutation($me:ID!,$entry:ID!){addChatEntry(connectionId:$me,body:"x",replyTo:$entry,data:"d"){id}}`, [11]string{missing, who, invalid, missing, no, ok, ok, ok, ok, bad, gone}},
		{`mutation($entry:ID!){editChatEntry(id:$entry,body:"y"){id}}`, [11]string{who, who, invalid, missing, no, ok, ok, no, no, bad, gone}},
		{`mutation($entry:ID!){deleteChatEntry(id:$entry){id}}`, [11]string{who, who, invalid, missing, no, ok, ok, no, ok, bad, gone}},
		{`mutation($entry:ID!){deleteChatEntry(id:$entry,sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($entry:ID!){deleteChatEntry(id:$entry,sessionId:"elsewhere"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`mutation($entry:ID!){deleteChatEntry(id:$entry,sessionId:"nowhere"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`mutation($entry:ID!){reactToChatEntry(id:$entry,name:"+"){id}}`, [11]string{who, who, invalid, missing, no, ok, ok, ok, ok, bad, gone}},
		{`mutation($cursor:String!){markRead(upTo:$cursor){id}}`, [11]string{who, who, invalid, "BAD_USER_INPUT CURSOR_MISMATCH", ok, ok, ok, ok, noUser, bad, gone}},
		{`mutation($cursor:String!){markRead(upTo:$cursor,sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, noUser, gone}},
		{`mutation($cursor:String!){markRead(upTo:$cursor,sessionId:"room",as:{name:"Bot"}){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, noUser, gone}},
		{`mutation($cursor:String!){markRead(upTo:$cursor,sessionId:"room",as:{userId:"author"}){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($cursor:String!){markRead(upTo:$cursor,sessionId:"room",as:{userId:"banned"}){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, "FORBIDDEN BANNED", gone}},
		{`mutation($cursor:String!){markRead(upTo:$cursor,sessionId:"nowhere",as:{userId:"author"}){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`{session{unread(userId:"author")}}`, [11]string{who, who, invalid, no, no, no, no, no, no, bad, gone}},
		{`{session(sessionId:"room"){unread(userId:"author") readCursor(userId:"author")}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`{session(sessionId:"room"){unread(userId:"")}}`, [11]string{who, who, invalid, no, no, no, no, no, no, bad, gone}},
		{`mutation($victim:ID!){banConnection(connectionId:$victim,seconds:9){id}}`, [11]string{who, who, invalid, missing, no, no, no, no, ok, bad, gone}},
		{`mutation($victim:ID!){banConnection(connectionId:$victim,seconds:9,deleteEntries:true,sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($victim:ID!){banConnection(connectionId:$victim,seconds:9,sessionId:"elsewhere"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`mutation($mod:ID!){banConnection(connectionId:$mod,seconds:9){id}}`, [11]string{who, who, invalid, missing, no, no, no, no, no, bad, gone}},
		{`mutation($mod:ID!){banConnection(connectionId:$mod,seconds:9,sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`{bans{id}}`, [11]string{who, who, invalid, ok, no, no, no, no, ok, bad, gone}},
		{`{bans(sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`{bans(sessionId:"nowhere"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`mutation($ban:ID!){unban(id:$ban){id}}`, [11]string{who, who, invalid, missing, no, no, no, no, ok, bad, gone}},
		{`mutation($ban:ID!){unban(id:$ban,sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation{unban(id:"no-ban-has-this-id"){id}}`, [11]string{who, who, invalid, missing, no, no, no, no, missing, bad, gone}},
		{`mutation{updateSession(slowMode:0){id}}`, [11]string{who, who, invalid, ok, no, no, no, no, ok, bad, gone}},
		{`mutation{deleteSession(id:"nowhere")}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`mutation{deleteSession(id:"lobby")}`, [11]string{who, who, invalid, no, no, no, no, no, no, bad, gone}},
		{`mutation{eraseUser(userId:"nobody"){id state entries createdAt doneAt}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation{eraseUser(userId:"nobody",connectionId:"nobody"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, bad, gone}},
		{`mutation{eraseUser{id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, bad, gone}},
		{`{erasures{id state}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`{erasure(id:"nothing-has-this-id"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`mutation{updateSession(readOnly:false,data:null){id readOnly data entryCount bytes}}`, [11]string{who, who, invalid, ok, no, no, no, no, ok, bad, gone}},
		{`mutation{updateSession(readOnly:false,data:"x",sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($victim:ID!){setRole(connectionId:$victim,role:SUBSCRIBER){role}}`, [11]string{who, who, invalid, missing, no, no, no, no, ok, bad, gone}},
		{`mutation($victim:ID!){setRole(connectionId:$victim,role:MODERATOR,sessionId:"room"){role}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($victim:ID!){setRole(connectionId:$victim,role:MODERATOR,sessionId:"elsewhere"){role}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`mutation($mod:ID!){setRole(connectionId:$mod,role:PUBLISHER){role}}`, [11]string{who, who, invalid, missing, no, no, no, no, no, bad, gone}},
		{`mutation($mod:ID!){setRole(connectionId:$mod,role:PUBLISHER,sessionId:"room"){role}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation{setRole(connectionId:"nobody-has-this-id",role:PUBLISHER){id}}`, [11]string{who, who, invalid, missing, no, no, no, no, missing, bad, gone}},
		{`mutation{updateSession(slowMode:0,sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation{updateSession(sessionId:"nowhere"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`mutation($victim:ID!){forceDisconnect(connectionId:$victim,sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($stream:ID!){forceMute(streamId:$stream,sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($stream:ID!){forceUnpublish(streamId:$stream,sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`subscription{logEvents(after:"0"){__typename}}`, [11]string{waits, who, invalid, waits, ok, ok, ok, ok, ok, bad, waits}},
		{`query($entry:ID!){chatEntry(id:$entry,sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`query($entry:ID!){chatEntry(id:$entry,sessionId:"elsewhere"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}}, // null
		{`query($entry:ID!){chatEntry(id:$entry,sessionId:"nowhere"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`mutation($entry:ID!){addChatEntry(body:"x",replyTo:$entry,sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($entry:ID!){addChatEntry(body:"x",replyTo:$entry,sessionId:"elsewhere"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`mutation{addChatEntry(body:"x",sessionId:"room",as:{userId:"banned"}){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, "FORBIDDEN BANNED", gone}},
		{`mutation($entry:ID!){editChatEntry(id:$entry,body:"y",sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($entry:ID!){editChatEntry(id:$entry,body:"y",sessionId:"elsewhere"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`mutation($entry:ID!){editChatEntry(id:$entry,body:"y",sessionId:"room",as:{name:"Bot"}){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, no, gone}},
		{`mutation($entry:ID!){editChatEntry(id:$entry,body:"y",sessionId:"room",as:{userId:"author"}){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($entry:ID!){deleteChatEntry(id:$entry,sessionId:"room",as:{name:"Bot"}){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, no, gone}},
		{`mutation($entry:ID!){deleteChatEntry(id:$entry,sessionId:"room",as:{userId:"author"}){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($entry:ID!){reactToChatEntry(id:$entry,name:"+",sessionId:"room"){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($entry:ID!){reactToChatEntry(id:$entry,name:"+",sessionId:"room",as:{name:"Bot"}){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, gone}},
		{`mutation($entry:ID!){reactToChatEntry(id:$entry,name:"+",sessionId:"nowhere",as:{name:"Bot"}){id}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, gone}},
		{`subscription{logEvents(after:"0",sessionId:"room"){__typename}}`, [11]string{who, who, invalid, no, no, no, no, no, no, ok, waits}},
		{`subscription{logEvents(sessionId:"nowhere"){__typename}}`, [11]string{who, who, invalid, no, no, no, no, no, no, missing, waits}},
		{`subscription{userEvents{__typename}}`, [11]string{who, who, invalid, ok, ok, ok, ok, ok, noUser, no, waits}},
		{`mutation($admit:String!){connect(token:$admit){connection{id}}}`, [11]string{ok, ok, invalid, ok, ok, ok, ok, ok, ok, ok, gone}},
	}
	for _, row := range table {
		for i, c := range callers {
			if row.want[i] == waits {
				continue
			}
			t.Run(row.operation+"/"+c.name, func(t *testing.T) {
				variables := open.given(t, row.operation, author, c)
				var got string
				if strings.HasPrefix(row.operation, "subscription") {
					got = c.world.firstCode(t, c.token, row.operation, variables)
				} else {
					got = c.world.code(t, c.token, row.operation, variables)
				}
				if got != row.want[i] {
					t.Errorf("got %s, want %s", got, row.want[i])
				}
			})
		}
	}
	// Somebody who is banned is kept out whatever it sends; for others the token works.
	_, failures := open.do(t, "", `mutation($t:String!){connect(token:$t){connection{id}}}`, map[string]any{"t": open.admit(t, "room", "banned", session.RolePublisher)})
	if codeOf(failures) != "FORBIDDEN BANNED" {
		t.Errorf("the banned one connects again: %+v", failures)
	}
}

// given makes what the variables of an operation stand for.
func (w *world) given(t *testing.T, operation string, author person, c permissionCaller) map[string]any {
	make := map[string]func() string{
		"me":     func() string { return c.id },
		"entry":  func() string { return w.add(t, author.token, author.id, "x").ID },
		"cursor": func() string { return w.add(t, author.token, author.id, "x").Cursor },
		"victim": func() string { return w.asUser(t, "room", "victim", session.RolePublisher).id },
		"mod":    func() string { return w.join(t, "room", session.RoleModerator).id },
		"ban":    func() string { return w.ban(t, w.asUser(t, "room", "culprit", session.RolePublisher).id) },
		"stream": func() string { return w.publish(t, author, `name:"other"`) },
		"admit":  func() string { return c.world.admitNew(t) },
	}
	variables := map[string]any{}
	for name, value := range make {
		if strings.Contains(operation, "$"+name+":") {
			variables[name] = value()
		}
	}
	for _, user := range []string{"victim", "culprit"} { // who may be banned by now, and is to come back for the next cell
		t.Cleanup(func() { w.pardon(t, user) })
	}
	if stream, made := variables["stream"]; made {
		t.Cleanup(func() {
			_, _ = w.do(t, author.token, `mutation($s:ID!){unpublishStream(streamId:$s){id}}`, map[string]any{"s": stream})
		})
	}
	return variables
}

// admitNew mints a session token of nobody in particular.
func (w *world) admitNew(t *testing.T) string {
	w.mustDo(t, testSecret, `mutation{createSession(id:"admitting"){id}}`, nil)
	return w.admit(t, "admitting", "new", session.RolePublisher)
}

// pardon ends the bans of a user from the session "room".
func (w *world) pardon(t *testing.T, user string) {
	bans := read[struct{ Bans []struct{ ID, UserID string } }](t, w.mustDo(t, testSecret, `{bans(sessionId:"room"){id userId}}`, nil)).Bans
	for _, b := range bans {
		if b.UserID == user {
			w.mustDo(t, testSecret, `mutation($b:ID!){unban(id:$b,sessionId:"room"){id}}`, map[string]any{"b": b.ID})
		}
	}
}

// A refusal to somebody banned says until when, as a Time.
func TestBannedUntil(t *testing.T) {
	w := newWorld(t, options{})
	bad := w.asUser(t, "room", "bad", session.RolePublisher)
	data := w.mustDo(t, testSecret, `mutation($c:ID!){banConnection(connectionId:$c,seconds:3600,sessionId:"room"){until}}`, map[string]any{"c": bad.id})
	until := read[struct{ BanConnection struct{ Until string } }](t, data).BanConnection.Until
	answer := w.postWith(t, nil, `mutation{connect(token:"`+w.admit(t, "room", "bad", session.RolePublisher)+`"){accessToken}}`)
	var refused struct {
		Errors []struct{ Extensions map[string]any }
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &refused); err != nil {
		t.Fatal(err)
	}
	if len(refused.Errors) != 1 || refused.Errors[0].Extensions["until"] != until || refused.Errors[0].Extensions["reason"] != "BANNED" {
		t.Errorf("got %s, want the ban until %s", answer.Body, until)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", until); err != nil {
		t.Error(err)
	}
}
