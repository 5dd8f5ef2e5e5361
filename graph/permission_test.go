package graph_test

import (
	"strings"
	"testing"
	"time"

	"chattok/session"
	"chattok/token"
)

// Every operation has the expected code for every kind of caller; "ok" is no error.
func TestPermissions(t *testing.T) {
	open, closed := newWorld(t, options{}), newWorld(t, options{closed: true})
	me := map[session.Role]person{}
	for _, role := range []session.Role{session.RoleSubscriber, session.RolePublisher, session.RolePublisherOnly, session.RoleModerator} {
		me[role] = open.join(t, "room", role)
	}
	other := open.join(t, "elsewhere", session.RoleModerator)
	publisher := open.join(t, "room", session.RolePublisher) // publishes the streams that are not the caller's own
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

	callers := []struct {
		name  string
		world *world
		token string
		id    string // for operations on the caller itself
	}{
		{"guest", open, "", "alice"}, {"nobody", closed, "", "alice"},
		{"forged", open, forged, "alice"}, {"expired", open, expired, "alice"}, {"session token", open, admit, "alice"},
		{"other session", open, other.token, me[session.RolePublisher].id},
		{"subscriber", open, me[session.RoleSubscriber].token, me[session.RoleSubscriber].id},
		{"publisher", open, me[session.RolePublisher].token, me[session.RolePublisher].id},
		{"moderator", open, me[session.RoleModerator].token, me[session.RoleModerator].id},
		{"secret", open, testSecret, "alice"},
		{"publisher only", open, me[session.RolePublisherOnly].token, me[session.RolePublisherOnly].id},
	}
	// A caller of role PUBLISHER_ONLY has the codes of a publisher, save these.
	const publisherColumn = 7
	publisherOnly := map[string]string{
		`mutation($stream:ID!,$publisher:ID!){negotiate(streamId:$stream,to:$publisher,candidate:{candidate:""}){to}}`: no,
	}
	// The columns are in the order of callers. $me is the caller's id, or for the other session's caller an id of this
	// session. $stream is the publisher's stream, whose connection is $publisher; $own is the caller's own stream where
	// it may have one, else $stream.
	table := []struct {
		operation string
		want      [10]string
	}{
		//                                                    guest nobody forged  expired sess.tok other sub pub mod secret
		{`mutation($me:ID!){addChatEntry(connectionId:$me,body:"x"){seq}}`, [10]string{ok, who, invalid, late, invalid, no, no, ok, ok, "BAD_USER_INPUT"}},
		{`query($me:ID!){latestChatEntry(connectionId:$me){seq}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, "BAD_USER_INPUT"}},
		{`query($me:ID!){chatEntries(connectionId:$me){nodes{seq}}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, "BAD_USER_INPUT"}},
		{`{session{id lastCursor connections{id} connectionCount}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, "BAD_USER_INPUT"}},
		{`{connection{id}}`, [10]string{who, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`mutation{sendSignal(type:"t"){type}}`, [10]string{who, who, invalid, late, invalid, ok, no, ok, ok, "BAD_USER_INPUT"}},
		{`mutation($me:ID!){sendSignal(type:"t",to:$me){type}}`, [10]string{who, who, invalid, late, invalid, missing, no, ok, ok, "BAD_USER_INPUT"}},
		{`mutation{sendSignal(type:"t",sessionId:"room"){type}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`mutation{connect(sessionId:"free"){connection{id}}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, ok}},
		{`mutation{connect(sessionId:"room"){connection{id}}}`, [10]string{who, who, invalid, late, invalid, who, who, who, who, who}},
		{`mutation{setData(data:"x"){id}}`, [10]string{who, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`mutation{renewAccess{expiresAt}}`, [10]string{who, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`mutation{createSession(id:"room"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`mutation{createToken(sessionId:"room"){token}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{feedCursor}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{webhooks{id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{export{next}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{export(sessionId:"room"){next}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{export(sessionId:"nowhere"){next}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`{export(after:"x"){next}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, "BAD_USER_INPUT CURSOR_MISMATCH"}},
		{`mutation{createWebhook(url:"https://example.com/"){secret}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`mutation{deleteWebhook(id:"nothing-has-this-id"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`mutation{replayWebhook(id:"nothing-has-this-id",after:"0"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`mutation{replayWebhook(id:"x",after:"nonsense"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, "BAD_USER_INPUT CURSOR_MISMATCH"}},
		{`{server{nodes{id}}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{server{metrics{nodeId}}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{sessions{nodes{id}}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{sessions(after:"nonsense"){nodes{id}}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, "BAD_USER_INPUT CURSOR_MISMATCH"}},
		{`{server{version}}`, [10]string{ok, ok, invalid, late, invalid, ok, ok, ok, ok, ok}},
		{`{iceServers{urls}}`, [10]string{who, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`{session{streams{id} streamCount}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, "BAD_USER_INPUT"}},
		{`mutation{publishStream{id}}`, [10]string{who, who, invalid, late, invalid, ok, no, ok, ok, no}},
		{`mutation($own:ID!){updateStream(streamId:$own,hasAudio:true){id}}`, [10]string{who, who, invalid, late, invalid, ok, no, ok, ok, no}},
		{`mutation($stream:ID!){updateStream(streamId:$stream,hasAudio:true){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, no, no}},
		{`mutation($own:ID!){unpublishStream(streamId:$own){id}}`, [10]string{who, who, invalid, late, invalid, ok, no, ok, ok, no}},
		{`mutation($stream:ID!){unpublishStream(streamId:$stream){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, no, no}},
		{`mutation{unpublishStream(streamId:"nothing-has-this-id"){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, missing, missing, no}},
		{`mutation($stream:ID!){forceUnpublish(streamId:$stream){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, ok, "BAD_USER_INPUT"}},
		{`mutation($stream:ID!){forceMute(streamId:$stream){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, ok, "BAD_USER_INPUT"}},
		{`mutation{forceMute(except:["x"]){id}}`, [10]string{who, who, invalid, late, invalid, ok, no, no, ok, "BAD_USER_INPUT"}},
		{`mutation($stream:ID!){forceUnpublish(streamId:$stream,sessionId:"room"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`mutation($stream:ID!){forceUnpublish(streamId:$stream,sessionId:"elsewhere"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`mutation($stream:ID!){forceMute(streamId:$stream,sessionId:"room"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`mutation($stream:ID!){forceMute(streamId:$stream,sessionId:"elsewhere"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`mutation{forceMute(stay:true,sessionId:"room"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`mutation{forceMute(stay:true){id}}`, [10]string{who, who, invalid, late, invalid, ok, no, no, ok, "BAD_USER_INPUT"}},
		{`mutation($stream:ID!){forceMute(streamId:$stream,stay:true){id}}`, [10]string{who, who, invalid, late, invalid, "BAD_USER_INPUT", no, no, "BAD_USER_INPUT", "BAD_USER_INPUT"}},
		{`mutation{disableForceMute(sessionId:"room"){muteForced}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`mutation{disableForceMute(sessionId:"nowhere"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`mutation{disableForceMute{muteForced}}`, [10]string{who, who, invalid, late, invalid, ok, no, no, ok, "BAD_USER_INPUT"}},
		{`mutation($stream:ID!,$publisher:ID!){negotiate(streamId:$stream,to:$publisher,candidate:{candidate:""}){to}}`, [10]string{who, who, invalid, late, invalid, missing, ok, ok, ok, no}},
		{`mutation($stream:ID!,$me:ID!){negotiate(streamId:$stream,to:$me,candidate:{candidate:""}){to}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, no, no}},
		{`subscription{negotiationReceived{to}}`, [10]string{who, who, invalid, late, invalid, "waits", "waits", "waits", "waits", no}},
		{`mutation($me:ID!){forceDisconnect(connectionId:$me){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, "skip", "BAD_USER_INPUT"}},
		{`mutation{forceDisconnect(connectionId:"nobody-has-this-id"){id}}`, [10]string{who, who, invalid, late, invalid, missing, no, no, missing, "BAD_USER_INPUT"}},
		{`mutation{forceDisconnect(connectionId:"nobody-has-this-id",sessionId:"room"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`subscription{entryAdded(after:"0"){seq}}`, [10]string{ok, who, invalid, late, invalid, "waits", "waits", ok, ok, "BAD_USER_INPUT"}},
		{`subscription{signalReceived{type}}`, [10]string{who, who, invalid, late, invalid, "waits", "waits", "waits", "waits", "BAD_USER_INPUT"}},
		{`subscription{sessionEvents{__typename}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, "BAD_USER_INPUT"}},
		// In a session by its id, the API secret alone.
		{`mutation{addChatEntry(body:"x"){seq}}`, [10]string{"BAD_USER_INPUT", who, invalid, late, invalid, ok, no, ok, ok, "BAD_USER_INPUT"}},
		{`mutation{addChatEntry(body:"x",sessionId:"room"){seq}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`mutation{addChatEntry(body:"x",sessionId:"nowhere"){seq}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`mutation($me:ID!){addChatEntry(connectionId:$me,body:"x",sessionId:"room"){seq}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, "BAD_USER_INPUT"}},
		{`mutation{addChatEntry(body:"x",sessionId:"room",as:{name:"Bot"}){seq}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`mutation{addChatEntry(body:"x",as:{name:"Bot"}){seq}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, "BAD_USER_INPUT"}},
		{`mutation{addChatEntry(body:"x",sessionId:"room",as:{name:"Bot",userId:"u"}){seq}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, "BAD_USER_INPUT"}},
		{`mutation{addChatEntry(body:"x",sessionId:"room",as:{userId:"u",data:"d"}){connection{role}}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`query($me:ID!){latestChatEntry(connectionId:$me,sessionId:"room"){seq}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`query{latestChatEntry(connectionId:"x",sessionId:"nowhere"){seq}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`{chatEntries(sessionId:"room"){nodes{seq myReactions idempotencyKey}}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{chatEntries(sessionId:"nowhere"){nodes{seq}}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`{session(sessionId:"room"){id lastCursor connections{id} connectionCount streamCount readCursor unread muteForced}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{session(sessionId:"nowhere"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`{connections(search:"x"){nodes{id}}}`, [10]string{ok, who, invalid, late, invalid, ok, ok, ok, ok, "BAD_USER_INPUT"}},
		{`{connections(sessionId:"room"){nodes{id}}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`{connections(sessionId:"nowhere"){nodes{id}}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`mutation{sendSignal(type:"t",sessionId:"room",as:{userId:"u"}){fromConnectionId}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`subscription{entryAdded(after:"0",sessionId:"room"){seq}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`subscription{entryAdded(sessionId:"nowhere"){seq}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`subscription{signalReceived(sessionId:"room"){type}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, "waits"}},
		{`subscription{signalReceived(sessionId:"nowhere"){type}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`subscription{sessionEvents(sessionId:"room"){__typename}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		{`subscription{sessionEvents(sessionId:"nowhere"){__typename}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, missing}},
		{`subscription{feed(after:"0"){id}}`, [10]string{who, who, invalid, late, invalid, no, no, no, no, ok}},
		// The last operation, as it ends the callers.
		{`mutation{disconnect{id}}`, [10]string{who, who, invalid, late, invalid, ok, ok, ok, ok, no}},
		{`{connection{id}}`, [10]string{who, who, invalid, late, invalid, "UNAUTHENTICATED CONNECTION_DESTROYED", "UNAUTHENTICATED CONNECTION_DESTROYED", "UNAUTHENTICATED CONNECTION_DESTROYED", "UNAUTHENTICATED CONNECTION_DESTROYED", no}},
	}
	for _, row := range table {
		for i, c := range callers {
			var want string
			if i < len(row.want) {
				want = row.want[i]
			} else if want = row.want[publisherColumn]; publisherOnly[row.operation] != "" {
				want = publisherOnly[row.operation]
			}
			if want == "skip" || want == "waits" {
				continue // shown by the tests of the single operations
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
