package graph_test

import (
	"fmt"
	"testing"

	"chattok/internal/await"
	"chattok/session"
)

const (
	negotiate = `mutation($s:ID!,$to:ID!,$d:SessionDescriptionInput,$c:IceCandidateInput){negotiate(streamId:$s,to:$to,description:$d,candidate:$c){` + negotiation + `}}`

	negotiation  = `streamId fromConnectionId to description{type sdp} candidate{candidate sdpMid sdpMLineIndex usernameFragment} missed`
	negotiations = `subscription{negotiationReceived{` + negotiation + `}}`
)

// negotiated is an event of negotiationReceived.
type negotiated struct {
	NegotiationReceived struct {
		StreamID, FromConnectionID, To string
		Description                    *struct{ Type, SDP string }
		Candidate                      *struct {
			Candidate                string
			SDPMid, UsernameFragment *string
			SDPMLineIndex            *int
		}
		Missed int
	}
}

func (n negotiated) String() string {
	r := n.NegotiationReceived
	text := ""
	if r.Description != nil {
		text += r.Description.Type + " " + r.Description.SDP
	}
	if r.Candidate != nil {
		text += "candidate " + r.Candidate.Candidate
	}
	return fmt.Sprintf("%s about %s from %s", text, r.StreamID, r.FromConnectionID)
}

// A publisher and a subscriber exchange descriptions and candidates in order, and nobody else gets them.
func TestNegotiation(t *testing.T) {
	w := newWorld(t, options{})
	ann, bob, eve := w.join(t, "room", "PUBLISHER"), w.join(t, "room", "SUBSCRIBER"), w.join(t, "room", "PUBLISHER")
	stream := w.publish(t, ann, `name:"cam"`)
	atAnn, atBob, atEve := w.subscribe(t, ann.token, negotiations, nil), w.subscribe(t, bob.token, negotiations, nil), w.subscribe(t, eve.token, negotiations, nil)

	offer := map[string]any{"s": stream, "to": bob.id, "d": map[string]any{"type": "offer", "sdp": "v=0\r\n\u20ac"}}
	same(t, w.mustDo(t, ann.token, negotiate, offer), `{"negotiate":{"streamId":"`+stream+`","fromConnectionId":"`+ann.id+`","to":"`+bob.id+`",
		"description":{"type":"offer","sdp":"v=0\r\n\u20ac"},"candidate":null,"missed":0}}`)
	const count = 50
	for i := range count {
		w.mustDo(t, ann.token, negotiate, map[string]any{"s": stream, "to": bob.id,
			"c": map[string]any{"candidate": fmt.Sprint(i), "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": nil}})
	}
	w.mustDo(t, bob.token, negotiate, map[string]any{"s": stream, "to": ann.id, "d": map[string]any{"type": "answer", "sdp": "yes"}})
	about := fmt.Sprintf(" about %s from %s", stream, ann.id)
	if got := next[negotiated](t, atBob).String(); got != "offer v=0\r\n\u20ac"+about {
		t.Errorf("bob got %q", got)
	}
	for i := range count {
		if got := next[negotiated](t, atBob); got.String() != fmt.Sprint("candidate ", i, about) || *got.NegotiationReceived.Candidate.SDPMid != "0" ||
			*got.NegotiationReceived.Candidate.SDPMLineIndex != 0 || got.NegotiationReceived.Missed != 0 {
			t.Fatalf("bob got %s, want candidate %d", got, i)
		}
	}
	if got := next[negotiated](t, atAnn).String(); got != fmt.Sprintf("answer yes about %s from %s", stream, bob.id) {
		t.Errorf("ann got %q", got)
	}
	// Neither end is the stream's publisher.
	if code := w.code(t, bob.token, negotiate, map[string]any{"s": stream, "to": eve.id, "d": map[string]any{"type": "offer", "sdp": ""}}); code != "FORBIDDEN" {
		t.Errorf("bob to eve: %s", code)
	}
	// The first message that eve gets is the one sent to her.
	w.mustDo(t, ann.token, negotiate, map[string]any{"s": stream, "to": eve.id, "d": map[string]any{"type": "offer", "sdp": "for eve"}})
	if got := next[negotiated](t, atEve).String(); got != "offer for eve"+about {
		t.Errorf("eve got %q", got)
	}

	other := w.join(t, "elsewhere", "PUBLISHER")
	theirs := w.publish(t, other, `name:"x"`)
	for name, c := range map[string]map[string]any{
		"another session's stream":     {"s": theirs, "to": other.id},
		"another session's connection": {"s": stream, "to": other.id},
	} {
		c["d"] = map[string]any{"type": "offer", "sdp": ""}
		if code := w.code(t, ann.token, negotiate, c); code != "NOT_FOUND" {
			t.Errorf("%s: %s", name, code)
		}
	}
	w.mustDo(t, bob.token, `mutation{disconnect{id}}`, nil)
	if code := w.code(t, ann.token, negotiate, offer); code != "NOT_FOUND" {
		t.Errorf("to one that has gone: %s", code)
	}
	w.unpublish(t, ann, stream)
	if code := w.code(t, eve.token, negotiate, map[string]any{"s": stream, "to": ann.id, "d": map[string]any{"type": "answer", "sdp": ""}}); code != "NOT_FOUND" {
		t.Errorf("about a stream that has ended: %s", code)
	}
}

// An offer sent at once on StreamCreated or ConnectionCreated waits for a peer that does not listen yet. The newest 64
// wait, once, and signals do not count among them.
func TestNegotiationWaits(t *testing.T) {
	w := newWorld(t, options{})
	ann := w.join(t, "room", "PUBLISHER")
	stream := w.publish(t, ann, `name:"cam"`)
	bob := w.join(t, "room", "SUBSCRIBER")
	const sent, wait = 70, 64
	for i := range sent {
		w.mustDo(t, ann.token, negotiate, map[string]any{"s": stream, "to": bob.id, "d": map[string]any{"type": "offer", "sdp": fmt.Sprint(i)}})
	}
	heard := w.subscribe(t, bob.token, signals, nil) // the first signalReceived does not count as the first negotiationReceived
	w.mustDo(t, ann.token, sendSignal, map[string]any{"t": "t", "to": bob.id})
	if got := next[received](t, heard).SignalReceived; got.Type != "t" {
		t.Errorf("got %+v", got)
	}
	s := w.subscribe(t, bob.token, negotiations, nil)
	for i := sent - wait; i < sent; i++ {
		if got := next[negotiated](t, s).NegotiationReceived; got.Description.SDP != fmt.Sprint(i) {
			t.Fatalf("got %+v, want %d", got, i)
		}
	}
	// A second subscription has no known beginning, so messages are sent until one arrives.
	again := w.subscribe(t, bob.token, negotiations, nil)
	came := make(chan string, 1)
	go func() {
		var first negotiated
		if err := again.Next(&first); err == nil {
			came <- first.NegotiationReceived.Description.SDP
		}
	}()
	await.True(t, "the second follows", func() bool {
		w.mustDo(t, ann.token, negotiate, map[string]any{"s": stream, "to": bob.id, "d": map[string]any{"type": "offer", "sdp": "live"}})
		select {
		case got := <-came:
			if got != "live" {
				t.Errorf("a second subscription got %q", got)
			}
			return true
		default:
			return false
		}
	})
}

// iceServers names one server for each caller.
type iceServers struct{}

func (iceServers) Servers(c *session.Connection) []*session.ICEServer {
	return []*session.ICEServer{{URLs: []string{"turn:a", "turn:b"}, Username: &c.ID}}
}

func TestIceServers(t *testing.T) {
	none := newWorld(t, options{})
	same(t, none.mustDo(t, none.join(t, "room", "SUBSCRIBER").token, `{iceServers{urls}}`, nil), `{"iceServers":[]}`)
	w := newWorld(t, options{ice: iceServers{}})
	ann := w.join(t, "room", "SUBSCRIBER")
	same(t, w.mustDo(t, ann.token, `{iceServers{urls username credential expiresAt}}`, nil),
		`{"iceServers":[{"urls":["turn:a","turn:b"],"username":"`+ann.id+`","credential":null,"expiresAt":null}]}`)
}
