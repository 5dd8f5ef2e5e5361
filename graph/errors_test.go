package graph_test

import "testing"

// TestArgumentErrors: a value that its scalar refuses is the caller's fault, in its own words, wherever it stands.
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
