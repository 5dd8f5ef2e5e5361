package graph_test

import (
	"fmt"
	"testing"
	"time"

	"chattok/bus"
	"chattok/internal/await"
	"chattok/internal/need"
	"chattok/session"
)

// nodes starts two servers over one store. Where they share no bus, each learns of the other's changes from the store
// alone.
func nodes(t *testing.T, shared bool) (a, b *world) {
	t.Helper()
	var store session.Store
	between := func() session.Bus { return nil }
	if shared {
		one := bus.New()
		between = func() session.Bus { return one }
	}
	const grace = 2 * time.Second
	a = newWorld(t, options{grace: grace, bus: between(), store: func(s session.Store) session.Store { store = s; return s }})
	b = newWorld(t, options{grace: grace, bus: between(), store: func(session.Store) session.Store { return store }})
	t.Cleanup(b.stop) // before a, whose store it is
	return a, b
}

// Followers on both nodes get the same changes in one order, each once, also where no message of the bus arrives. A
// follower that begins between two changes misses none.
func TestStreamsOverNodes(t *testing.T) {
	need.Time(t, "streams of several nodes")
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprintf("bus %t", shared), func(t *testing.T) {
			a, b := nodes(t, shared)
			mod, ann := a.join(t, "room", "MODERATOR"), b.join(t, "room", "PUBLISHER")
			atA, atB := a.subscribe(t, mod.token, streamEvents, nil), b.subscribe(t, ann.token, streamEvents, nil)
			both := func(want ...string) {
				t.Helper()
				wantStreamEvents(t, atA, want...)
				wantStreamEvents(t, atB, want...)
			}
			if got := nextStreamEvent(t, atA); got == "state of 1:" {
				wantStreamEvents(t, atA, "created "+ann.id)
			}
			wantStreamEvents(t, atB, "state of 2:")
			cam := b.publish(t, ann, `name:"cam"`)
			both("StreamCreated: CAMERA cam of " + ann.id)
			// The other node knows the connection at once by asking the store, whatever the bus has brought.
			other := b.publish(t, ann, `name:"other"`)
			a.mustDo(t, mod.token, `mutation($s:ID!){forceMute(streamId:$s){id}}`, map[string]any{"s": cam})
			both("StreamCreated: CAMERA other of "+ann.id, "muted "+cam+" by "+mod.id+", except 0",
				"StreamUpdated: CAMERA cam no audio of "+ann.id)
			a.mustDo(t, mod.token, `mutation($s:ID!){forceUnpublish(streamId:$s){id}}`, map[string]any{"s": other})
			both("forceUnpublished: CAMERA other of " + ann.id)
			a.mustDo(t, mod.token, `mutation($c:ID!){forceDisconnect(connectionId:$c){id}}`, map[string]any{"c": ann.id})
			wantStreamEvents(t, atA, "forceDisconnected: CAMERA cam no audio of "+ann.id, "forceDisconnected "+ann.id)
			await.True(t, "the other node knows that she has gone", func() bool {
				return b.code(t, ann.token, `{connection{id}}`, nil) == "UNAUTHENTICATED CONNECTION_DESTROYED"
			})
		})
	}
}

// Negotiations travel between nodes in both directions.
func TestNegotiationOverNodes(t *testing.T) {
	a, b := nodes(t, true)
	ann, bob := a.join(t, "room", "PUBLISHER"), b.join(t, "room", "SUBSCRIBER")
	stream := a.publish(t, ann, `name:"cam"`)
	a.mustDo(t, ann.token, negotiate, map[string]any{"s": stream, "to": bob.id, "d": map[string]any{"type": "offer", "sdp": "o"}})
	b.mustDo(t, bob.token, negotiate, map[string]any{"s": stream, "to": ann.id, "d": map[string]any{"type": "answer", "sdp": "a"}})
	atA, atB := a.subscribe(t, ann.token, negotiations, nil), b.subscribe(t, bob.token, negotiations, nil)
	if got := next[negotiated](t, atB).String(); got != fmt.Sprintf("offer o about %s from %s", stream, ann.id) {
		t.Errorf("bob got %q", got)
	}
	if got := next[negotiated](t, atA).String(); got != fmt.Sprintf("answer a about %s from %s", stream, bob.id) {
		t.Errorf("ann got %q", got)
	}
}
