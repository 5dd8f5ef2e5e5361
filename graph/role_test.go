package graph_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"chattok/session"
)

// over opens a socket, and returns a function that runs operations over it and returns their codes.
func (w *world) over(t *testing.T, raw string) func(query string) string {
	socket, n := w.dial(t, raw), 0
	return func(query string) (code string) {
		t.Helper()
		n++
		socket.SubscribeT(t, strconv.Itoa(n), query, nil)
		for {
			var failures []failure
			switch m := socket.NextT(t); m.Type {
			case "next":
				var answer struct{ Errors []failure }
				if err := json.Unmarshal(m.Payload, &answer); err != nil {
					t.Fatal(err)
				}
				code = codeOf(answer.Errors)
			case "error":
				if err := json.Unmarshal(m.Payload, &failures); err != nil {
					t.Fatal(err)
				}
				return codeOf(failures)
			case "complete":
				return code
			}
		}
	}
}

// A role that was changed holds for sockets that were opened before, in both directions, and is told by ConnectionUpdated. The
// access token is as good as before.
func TestSetRole(t *testing.T) {
	w := newWorld(t, options{})
	viewer, moderator := w.join(t, "room", session.RoleSubscriber), w.join(t, "room", session.RoleModerator)
	events := w.subscribe(t, moderator.token, `subscription{sessionEvents{__typename ... on ConnectionUpdated{connection{id role}}... on StreamDestroyed{reason}}}`, nil)
	next[any](t, events) // the SessionState
	socket := w.over(t, viewer.token)
	add := `mutation{addChatEntry(connectionId:"` + viewer.id + `",body:"x"){seq}}`
	set := func(role session.Role) {
		t.Helper()
		w.mustDo(t, moderator.token, `mutation($c:ID!,$r:Role!){setRole(connectionId:$c,role:$r){id role}}`, map[string]any{"c": viewer.id, "r": role})
	}
	type event struct {
		Typename   string `json:"__typename"`
		Connection struct{ ID, Role string }
		Reason     string
	}
	told := func(typename string) event {
		t.Helper()
		for {
			if e := next[struct{ SessionEvents event }](t, events).SessionEvents; e.Typename == typename {
				return e
			}
		}
	}
	if got := socket(add); got != "FORBIDDEN" {
		t.Errorf("a viewer's entry: %s", got)
	}
	set(session.RolePublisher)
	if e := told("ConnectionUpdated"); e.Connection.ID != viewer.id || e.Connection.Role != "PUBLISHER" {
		t.Errorf("told of %+v", e)
	}
	for _, operation := range []string{add, `mutation{publishStream{id}}`, `mutation{sendSignal{type}}`} {
		if got := socket(operation); got != "ok" {
			t.Errorf("a speaker's %s: %s", operation, got)
		}
	}
	if got := w.code(t, viewer.token, add, nil); got != "ok" {
		t.Errorf("a speaker's entry by POST: %s", got)
	}
	set(session.RoleSubscriber)
	if e := told("StreamDestroyed"); e.Reason != "forceUnpublished" {
		t.Errorf("the stream ended with %q", e.Reason)
	}
	if e := told("ConnectionUpdated"); e.Connection.ID != viewer.id || e.Connection.Role != "SUBSCRIBER" {
		t.Errorf("told of %+v", e)
	}
	for _, operation := range []string{add, `mutation{publishStream{id}}`, `mutation{sendSignal{type}}`} {
		if got := socket(operation); got != "FORBIDDEN" {
			t.Errorf("a viewer's %s: %s", operation, got)
		}
	}
	role := read[struct{ Connection struct{ Role string } }](t, w.mustDo(t, viewer.token, `{connection{role}}`, nil)).Connection.Role
	if role != "SUBSCRIBER" {
		t.Errorf("it is %s", role)
	}
}

// A session's settings and sizes are answered as they are, and a read-only session refuses all but moderators.
func TestReadOnly(t *testing.T) {
	w := newWorld(t, options{})
	ann, moderator := w.join(t, "room", session.RolePublisher), w.join(t, "room", session.RoleModerator)
	e := w.add(t, ann.token, ann.id, "hello")
	type answer struct {
		UpdateSession struct {
			ReadOnly          bool
			Data              *string
			SlowMode          int
			EntryCount, Bytes float64
		}
	}
	update := func(arguments string) answer {
		t.Helper()
		return read[answer](t, w.mustDo(t, moderator.token, `mutation{updateSession`+arguments+`{readOnly data slowMode entryCount bytes}}`, nil))
	}
	if got := update(`(readOnly:true,data:"t")`).UpdateSession; !got.ReadOnly || got.Data == nil || *got.Data != "t" || got.EntryCount != 1 ||
		got.Bytes != 128+5+206 { // an entry, and the change, which is kept
		t.Errorf("updated: %+v", got)
	}
	for _, operation := range []string{`mutation{addChatEntry(connectionId:"` + ann.id + `",body:"x"){seq}}`,
		`mutation{editChatEntry(id:"` + e.ID + `",body:"x"){seq}}`, `mutation{reactToChatEntry(id:"` + e.ID + `",name:"+"){seq}}`} {
		if got := w.code(t, ann.token, operation, nil); got != "FORBIDDEN READ_ONLY" {
			t.Errorf("%s: %s", operation, got)
		}
	}
	if got := w.code(t, ann.token, `mutation{deleteChatEntry(id:"`+e.ID+`"){seq}}`, nil); got != ok {
		t.Errorf("a deletion: %s", got)
	}
	w.add(t, moderator.token, moderator.id, "news")
	if got := update(`(slowMode:5)`).UpdateSession; !got.ReadOnly || got.Data == nil || got.SlowMode != 5 {
		t.Errorf("settings that are absent: %+v", got)
	}
	if got := update(`(readOnly:null,data:null)`).UpdateSession; !got.ReadOnly || got.Data != nil || got.SlowMode != 5 {
		t.Errorf("settings that are null: %+v", got)
	}
	if got := update(`(readOnly:false)`).UpdateSession; got.ReadOnly {
		t.Errorf("it is still read-only: %+v", got)
	}
	w.add(t, ann.token, ann.id, "I")
}
