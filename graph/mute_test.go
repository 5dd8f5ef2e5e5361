package graph_test

import (
	"strings"
	"testing"

	"chattok/session"
)

// Clients that know no `active` hear mutes as they always did, with the server's own connection as the moderator where the API secret
// muted, and nothing of the end of a mute, which they would take for a mute.
func TestMutesOfOlderClients(t *testing.T) {
	w := newWorld(t, options{})
	ann := w.join(t, "room", session.RolePublisher)
	const older = `subscription{sessionEvents{__typename ...on MuteForced{streamId except moderator{id role data createdAt}}}}`
	const newer = `subscription{sessionEvents{__typename ...on MuteForced{active moderator{id}}}}`
	address := serve(t, w.handler, 0)
	for _, f := range framings {
		old, later := mustFollow(t, address, f, ann.token, older, nil), mustFollow(t, address, f, ann.token, newer, nil)
		for _, s := range []follower{old, later} {
			if got := mustRespond(t, s); !strings.Contains(got, "SessionState") {
				t.Fatalf("in place of the snapshot: %s", got)
			}
		}
		w.mustDo(t, testSecret, `mutation{forceMute(stay:true,sessionId:"room"){id}}`, nil)
		w.mustDo(t, testSecret, `mutation{disableForceMute(sessionId:"room"){id}}`, nil)
		w.mustDo(t, testSecret, `mutation{forceMute(sessionId:"room"){id}}`, nil)
		heard := func(s follower) (moderators []string, actives []bool) {
			for len(moderators) < 3 {
				got := read[struct {
					Data struct {
						SessionEvents struct {
							Typename  string `json:"__typename"`
							Active    bool
							Moderator struct{ ID, Role string }
						}
					}
				}](t, []byte(mustRespond(t, s)))
				e := got.Data.SessionEvents
				if e.Typename != "MuteForced" {
					t.Fatalf("%s: %+v", f, got)
				}
				moderators, actives = append(moderators, e.Moderator.ID), append(actives, e.Active)
				if s == old && len(moderators) == 2 {
					break
				}
			}
			return moderators, actives
		}
		before, _ := heard(old)
		now, actives := heard(later)
		if len(before) != 2 || len(now) != 3 || before[0] != now[0] || before[0] == ann.id || before[1] != before[0] {
			t.Errorf("%s: moderators %v and %v", f, before, now)
		}
		if !actives[0] || actives[1] || !actives[2] {
			t.Errorf("%s: active %v", f, actives)
		}
		// The server's connection is in no roster, and is nobody's to address.
		if roster := w.mustDo(t, ann.token, `{session{connections{id} connectionCount}}`, nil); strings.Contains(string(roster), now[0]) {
			t.Errorf("the roster has the server's connection: %s", roster)
		}
		old.stop()
		later.stop()
	}
}

// A connection of role PUBLISHER_ONLY publishes, and others subscribe to it, but it subscribes to nobody, whoever begins.
func TestPublisherOnly(t *testing.T) {
	w := newWorld(t, options{})
	only, ann := w.join(t, "room", session.RolePublisherOnly), w.join(t, "room", session.RolePublisher)
	mine, hers := w.publish(t, only, `name:"mine"`), w.publish(t, ann, `name:"hers"`)
	send := func(from, to person, stream string) string {
		return w.code(t, from.token, negotiate, map[string]any{"s": stream, "to": to.id, "c": map[string]any{"candidate": ""}})
	}
	for _, c := range []struct {
		name, got, want string
	}{
		{"it, about its own", send(only, ann, mine), "ok"},
		{"a subscriber, about its", send(ann, only, mine), "ok"},
		{"it, about another's", send(only, ann, hers), "FORBIDDEN"},
		{"another, about hers", send(ann, only, hers), "FORBIDDEN"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
	same(t, w.mustDo(t, only.token, `{connection{role}}`, nil), `{"connection":{"role":"PUBLISHER_ONLY"}}`)
	same(t, w.mustDo(t, only.token, `mutation($c:ID!){addChatEntry(connectionId:$c,body:"x"){body} sendSignal{type data}}`, map[string]any{"c": only.id}),
		`{"addChatEntry":{"body":"x"},"sendSignal":{"type":"","data":null}}`)
}

// A signal without a type reaches those who follow all types, and those who follow the signals without one.
func TestSignalsWithoutType(t *testing.T) {
	w := newWorld(t, options{})
	ann, bob := w.join(t, "room", session.RolePublisher), w.join(t, "room", session.RoleSubscriber)
	w.mustDo(t, ann.token, `mutation{a:sendSignal(type:"t",data:"1"){type} b:sendSignal(data:"2"){type} c:sendSignal(type:null,data:"3"){type} d:sendSignal(type:"",data:"4"){type}}`, nil)
	all := w.subscribe(t, ann.token, `subscription{signalReceived{type data}}`, nil)
	without := w.subscribe(t, bob.token, `subscription{signalReceived(type:""){type data}}`, nil)
	type received struct{ SignalReceived struct{ Type, Data string } }
	for _, want := range []string{"t 1", " 2", " 3", " 4"} {
		if got := next[received](t, all).SignalReceived; got.Type+" "+got.Data != want {
			t.Errorf("of all types: %+v, want %q", got, want)
		}
	}
	for _, want := range []string{" 2", " 3", " 4"} {
		if got := next[received](t, without).SignalReceived; got.Type+" "+got.Data != want {
			t.Errorf("of none: %+v, want %q", got, want)
		}
	}
}
