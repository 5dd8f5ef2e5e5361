package graph_test

import (
	"strings"
	"testing"
	"time"

	"chattok/session"
	"chattok/token"
)

// TestPermissions holds every operation against every kind of caller. "ok" is no error.
func TestPermissions(t *testing.T) {
	open, closed := newWorld(t, options{}), newWorld(t, options{closed: true})
	me := map[session.Role]person{}
	for _, role := range []session.Role{session.RoleSubscriber, session.RolePublisher, session.RoleModerator} {
		me[role] = open.join(t, "room", role)
	}
	other := open.join(t, "elsewhere", session.RoleModerator)
	publisher := open.join(t, "room", session.RolePublisher) // of the streams that are not the caller's own
	forger, err := token.New([]byte(strings.Repeat("another secret ", 4)), nil)
	if err != nil {
		t.Fatal(err)
	}
	grant := session.AccessGrant{SessionID: "room", ConnectionID: me[session.RoleModerator].id, Role: session.RoleModerator, ExpiresAt: time.Now().Add(time.Hour)}
	forged, err := forger.MintAccess(grant)
	if err != nil {
		t.Fatal(err)
	}
	grant.ExpiresAt = time.Now().Add(-time.Minute)
	expired, err := open.tokens.MintAccess(grant)
	if err != nil {
		t.Fatal(err)
	}
	admit, err := open.tokens.MintSession(session.SessionGrant{SessionID: "room", Role: session.RolePublisher, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}

	const (
		ok      = "ok"
		no      = "FORBIDDEN"
		who     = "UNAUTHENTICATED"
		missing = "NOT_FOUND"
		invalid = "UNAUTHENTICATED TOKEN_INVALID"
		late    = "UNAUTHENTICATED TOKEN_EXPIRED"
	)
	callers := []struct {
		name  string
		world *world
		token string
		id    string // for operations on oneself
	}{
		{"guest", open, "", "alice"}, {"nobody", closed, "", "alice"},
		{"forged", open, forged, "alice"}, {"expired", open, expired, "alice"}, {"session token", open, admit, "alice"},
		{"other session", open, other.token, me[session.RolePublisher].id},
		{"subscriber", open, me[session.RoleSubscriber].token, me[session.RoleSubscriber].id},
		{"publisher", open, me[session.RolePublisher].token, me[session.RolePublisher].id},
		{"moderator", open, me[session.RoleModerator].token, me[session.RoleModerator].id},
		{"secret", open, testSecret, "alice"},
	}
	// The columns are in the order of callers. $me is the caller's id, or for the other session's one of this session;
	// $stream is the publisher's, whose id is $publisher, and $own the caller's own where it may have one, else $stream.
	table := []struct {
		operation string
		want      [10]string
	}{
		//                                                    guest nobody forged  expired sess.tok other sub pub mod secret
		{`mutation($me:ID!){addChatEntry(connectionId:$me,body:"x"){seq}}`, [10]string{ok, who, invalid, late, invalid, no, no, ok, ok, no}},
		{`query($me:ID!){latestChatEntry(connectionId:$me){seq}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`query($me:ID!){chatEntries(connectionId:$me){nodes{seq}}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`{session{id lastCursor connections{id} connectionCount}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`{connection{id}}`, [10]string{who, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`mutation{sendSignal(type:"t"){type}}`, [10]string{who, who, invalid, late, invalid, ok, no, ok, ok, "BAD_USER_INPUT"}},
		{`mutation($me:ID!){sendSignal(type:"t",to:$me){type}}`, [10]string{who, who, invalid, late, invalid, missing, no, ok, ok, "BAD_USER_INPUT"}},
		{`mutation{sendSignal(type:"t",sessionId:"room"){type}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`mutation{connect(sessionId:"free"){connection{id}}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, ok}},
		{`mutation{connect(sessionId:"room"){connection{id}}}`, [10]string{who, who, invalid, late, invalid, who, who, who, who, who}},
		{`mutation{renewAccess{expiresAt}}`, [10]string{who, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`mutation{createSession(id:"room"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`mutation{createToken(sessionId:"room"){token}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{iceServers{urls}}`, [10]string{who, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`{session{streams{id} streamCount}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`mutation{publishStream{id}}`, [10]string{who, who, invalid, late, invalid, ok, no, ok, ok, no}},
		{`mutation($own:ID!){updateStream(streamId:$own,hasAudio:true){id}}`, [10]string{who, who, invalid, late, invalid, ok, no, ok, ok, no}},
		{`mutation($stream:ID!){updateStream(streamId:$stream,hasAudio:true){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, no, no}},
		{`mutation($own:ID!){unpublishStream(streamId:$own){id}}`, [10]string{who, who, invalid, late, invalid, ok, no, ok, ok, no}},
		{`mutation($stream:ID!){unpublishStream(streamId:$stream){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, no, no}},
		{`mutation{unpublishStream(streamId:"nothing-has-this-id"){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, missing, missing, no}},
		{`mutation($stream:ID!){forceUnpublish(streamId:$stream){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, ok, no}},
		{`mutation($stream:ID!){forceMute(streamId:$stream){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, ok, no}},
		{`mutation{forceMute(except:["x"]){id}}`, [10]string{who, who, invalid, late, invalid, ok, no, no, ok, no}},
		{`mutation($stream:ID!,$publisher:ID!){negotiate(streamId:$stream,to:$publisher,candidate:{candidate:""}){to}}`, [10]string{who, who, invalid, late, invalid, missing, ok, ok, ok, no}},
		{`mutation($stream:ID!,$me:ID!){negotiate(streamId:$stream,to:$me,candidate:{candidate:""}){to}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, no, no}},
		{`subscription{negotiationReceived{to}}`, [10]string{who, who, invalid, late, invalid, "waits", "waits", "waits", "waits", no}},
		{`mutation($me:ID!){forceDisconnect(connectionId:$me){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, "skip", no}},
		{`mutation{forceDisconnect(connectionId:"nobody-has-this-id"){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, missing, no}},
		{`subscription{entryAdded(after:"0"){seq}}`, [10]string{ok, who, invalid, late, invalid, "waits", "waits", ok, ok, no}},
		{`subscription{signalReceived{type}}`, [10]string{who, who, invalid, late, invalid, "waits", "waits", "waits", "waits", no}},
		{`subscription{sessionEvents{__typename}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		// The last, since it ends the callers.
		{`mutation{disconnect{id}}`, [10]string{who, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`{connection{id}}`, [10]string{who, who, invalid, late, invalid, "UNAUTHENTICATED CONNECTION_DESTROYED", "UNAUTHENTICATED CONNECTION_DESTROYED", "UNAUTHENTICATED CONNECTION_DESTROYED", "UNAUTHENTICATED CONNECTION_DESTROYED", no}},
	}
	for _, row := range table {
		for i, c := range callers {
			want := row.want[i]
			if want == "skip" || want == "waits" {
				continue // has nothing to show; the tests of the single operations have it
			}
			t.Run(row.operation+"/"+c.name, func(t *testing.T) {
				given := map[string]any{"me": c.id, "publisher": publisher.id}
				if strings.Contains(row.operation, "(streamId:$") {
					stream := open.publish(t, publisher, `name:"other"`)
					defer open.unpublish(t, publisher, stream)
					given["stream"], given["own"] = stream, stream
				}
				if strings.Contains(row.operation, "$own") && want == ok {
					given["own"] = open.publish(t, person{token: c.token}, `name:"own"`)
				}
				variables := map[string]any{}
				for name, value := range given {
					if strings.Contains(row.operation, "$"+name) {
						variables[name] = value
					}
				}
				var got string
				if strings.HasPrefix(row.operation, "subscription") {
					got = c.world.firstCode(t, c.token, row.operation, variables)
				} else {
					got = c.world.code(t, c.token, row.operation, variables)
				}
				if got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		}
	}
}
