package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/client"
)

// A subscription for which @skip and @include leave no root field, or two, is refused as invalid; one for which they
// leave one field works.
func TestSubscriptionRoot(t *testing.T) {
	w := newWorld(t, options{})
	me := w.join(t, "room", "PUBLISHER")
	address := serve(t, w.handler, 0)
	first := w.add(t, me.token, me.id, "first")
	second := w.add(t, me.token, me.id, "second")
	for _, c := range []struct {
		query, variables string
		name             string // of the field in the answer; "" where it is refused
	}{
		{`subscription{entryAdded(after:"0") @skip(if:true){seq}}`, `{}`, ""},
		{`subscription{entryAdded(after:"0") @include(if:false){seq}}`, `{}`, ""},
		{`subscription($y:Boolean!){entryAdded(after:"0") @skip(if:$y){seq}}`, `{"y":true}`, ""},
		{`subscription($y:Boolean!){...@include(if:$y){entryAdded(after:"0"){seq}}}`, `{"y":false}`, ""},
		{`subscription($y:Boolean!){...F@include(if:$y)} fragment F on Subscription{entryAdded(after:"0"){seq}}`, `{"y":false}`, ""},
		{`subscription{a:entryAdded(after:"0"){seq} b:entryAdded(after:"0"){seq}}`, `{}`, ""},
		{`subscription{a:entryAdded(after:"0"){seq} ...F} fragment F on Subscription{b:entryAdded(after:"0"){seq}}`, `{}`, ""},
		{`subscription{entryAdded(after:"0"){seq} signalReceived{type}}`, `{}`, ""},
		{`subscription{entryAdded(after:"0") @skip(if:false){seq}}`, `{}`, "entryAdded"},
		{`subscription($y:Boolean!){e:entryAdded(after:"0") @include(if:$y){seq}}`, `{"y":true}`, "e"},
		{`subscription($y:Boolean!){...@include(if:$y){entryAdded(after:"0"){seq}}}`, `{"y":true}`, "entryAdded"},
		{`subscription($y:Boolean!){...F@include(if:$y)} fragment F on Subscription{...{entryAdded(after:"0"){seq}}}`, `{"y":true}`, "entryAdded"},
		{`subscription($y:Boolean!){a:entryAdded(after:"0") @skip(if:$y){seq} b:entryAdded(after:"0") @include(if:$y){seq}}`, `{"y":true}`, "b"},
		{`subscription{entryAdded(after:"0"){seq} ...F} fragment F on Subscription{entryAdded(after:"0"){seq}}`, `{}`, "entryAdded"},
	} {
		for _, f := range framings {
			s := mustFollow(t, address, f, me.token, c.query, rawVariables(c.variables))
			got, err := s.response()
			want := `{"data":{"` + c.name + `":{"seq":1}}}`
			if text := got + fmt.Sprint(err); c.name == "" && !strings.Contains(text, `"code":"GRAPHQL_VALIDATION_FAILED"`) || c.name != "" && got != want {
				t.Errorf("%s over %s: %s", c.query, f, text)
			}
			s.stop()
			if c.name == "" || f != sse {
				continue
			}
			// The event's id is the cursor, and Last-Event-ID resumes after it.
			stream := mustOpen(t, address, sse, me.token, c.query, rawVariables(c.variables))
			if _, err := stream.NextResponse(); err != nil || stream.ID != first.Cursor {
				t.Errorf("%s: the event's id is %q, want %q (%v)", c.query, stream.ID, first.Cursor, err)
			}
			resumed := mustOpen(t, address, sse, me.token, c.query, rawVariables(c.variables), [2]string{"Last-Event-ID", first.Cursor})
			if got, err := resumed.NextResponse(); err != nil || got != `{"data":{"`+c.name+`":{"seq":2}}}` || resumed.ID != second.Cursor {
				t.Errorf("%s: resumed with %s %v, id %q", c.query, got, err, resumed.ID)
			}
			stream.Close()
			resumed.Close()
		}
		// With the older subprotocol.
		s := w.WebsocketWithPayload(c.query, map[string]any{"Authorization": "Bearer " + me.token}, func(r *client.Request) { r.Variables = rawVariables(c.variables) })
		var event map[string]struct{ Seq int }
		err := s.Next(&event)
		if refused := err != nil && strings.Contains(err.Error(), "GRAPHQL_VALIDATION_FAILED"); c.name == "" && !refused || c.name != "" && event[c.name].Seq != 1 {
			t.Errorf("%s over graphql-ws: %v %v", c.query, event, err)
		}
		_ = s.Close()
	}
}
