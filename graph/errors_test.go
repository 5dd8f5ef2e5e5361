package graph_test

import "testing"

// A value that its scalar refuses is the caller's fault, with the scalar's message, in every position.
func TestArgumentErrors(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", "PUBLISHER")
	for _, c := range []struct {
		query     string
		variables map[string]any
		want      string
	}{
		{`query($n:Int){chatEntries(first:$n){nodes{seq}}}`, map[string]any{"n": 1 << 40}, invalidDoc},
		{`{chatEntries(first:4294967296){nodes{seq}}}`, nil, invalidDoc},
		{`query($n:Int){chatEntries(first:$n){nodes{seq}}}`, map[string]any{"n": 1.5}, invalidDoc},
		{`{chatEntries(first:"1"){nodes{seq}}}`, nil, invalidDoc},
		{`mutation{createToken(sessionId:"room",role:KING){token}}`, nil, invalidDoc},
		{`mutation($r:Role){createToken(sessionId:"room",role:$r){token}}`, map[string]any{"r": "KING"}, invalidDoc},
	} {
		_, failures := w.do(t, me.token, c.query, c.variables)
		if len(failures) != 1 || codeOf(failures) != c.want || failures[0].Message == "internal error" {
			t.Errorf("%s: %+v, want %s", c.query, failures, c.want)
		}
	}
}

// A caller that lacks a credential is told how a client gets one and sends it.
func TestMissingCredentials(t *testing.T) {
	open, closed := newWorld(t, options{}), newWorld(t, options{closed: true})
	for _, c := range []struct {
		world       *world
		query, want string
	}{
		{closed, `{session{id}}`, `this needs an access token: call connect with a session token, and send its accessToken as "Authorization: Bearer …"`},
		{open, `mutation{disconnect{id}}`, `this needs a connection of your own: call connect(sessionId: "lobby"), and send its accessToken as "Authorization: Bearer …"`},
		{open, `mutation{createSession{id}}`, `this needs the API secret: send it as "Authorization: Bearer …"`},
	} {
		_, failures := c.world.do(t, "", c.query, nil)
		if len(failures) != 1 || codeOf(failures) != "UNAUTHENTICATED" || failures[0].Message != c.want {
			t.Errorf("%s: %+v, want %s", c.query, failures, c.want)
		}
	}
}
