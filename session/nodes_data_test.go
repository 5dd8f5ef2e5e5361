package session_test

import (
	"testing"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/session"
)

// TestNodesConnectionData: a connection that changes its data on one node is told of on every node, in its streams too, and
// every node's memory of it follows, with a bus that works and with one that loses every message.
func TestNodesConnectionData(t *testing.T) {
	for name, faults := range map[string]bustest.Faults{"bus": {}, "check": {Drop: 1}} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, faults)
			a, b := c.start(quick), c.start(quick)
			ann, bob := c.connect(a), c.connect(b)
			stream, err := a.PublishStream(t.Context(), ann, session.StreamUpdate{})
			if err != nil {
				t.Fatal(err)
			}
			sess, err := a.Session(t.Context(), ann)
			if err != nil {
				t.Fatal(err)
			}
			nameOn := func(n *node) string {
				found, err := n.Connections(t.Context(), []string{ann.Connection.ID})
				if err != nil {
					t.Fatal(err)
				}
				if data := found[ann.Connection.ID].Data; data != nil {
					return *data
				}
				return ""
			}
			f, err := b.FollowEvents(t.Context(), bob)
			if err != nil {
				t.Fatal(err)
			}
			events := f.Deliver(t.Context())
			state := (<-events).(*session.SessionState)
			for len(state.Streams) == 0 { // the check has yet to bring it
				if published, ok := (<-events).(*session.StreamCreated); ok {
					state.Streams = append(state.Streams, published.Stream)
				}
			}
			if nameOn(b) != "" {
				t.Error("there is a name before one was given")
			}

			name := "Ann"
			changed, err := a.SetData(t.Context(), ann, &name)
			if err != nil || *changed.Data != name || changed.ID != ann.Connection.ID {
				t.Fatalf("changed: %+v, %v", changed, err)
			}
			if me, err := a.Me(ann); err != nil || me.Data == nil || *me.Data != name {
				t.Errorf("who was somebody before says %+v, %v", me, err)
			}
			updated, ok := (<-events).(*session.ConnectionUpdated)
			if !ok || *updated.Connection.Data != name || updated.Connection.ID != ann.Connection.ID {
				t.Fatalf("the other node tells %+v", updated)
			}
			for _, n := range []*node{a, b} {
				await.True(t, "the node knows the name", func() bool { return nameOn(n) == name })
				streams, _, err := n.Streams(t.Context(), sess, 10)
				if err != nil || len(streams) != 1 || streams[0].ID != stream.ID || *streams[0].Connection.Data != name {
					t.Errorf("streams: %+v, %v", streams, err)
				}
			}
			if again, err := a.SetData(t.Context(), ann, &name); err != nil || *again.Data != name {
				t.Errorf("the same again: %+v, %v", again, err)
			}
			if _, err := a.Disconnect(t.Context(), ann); err != nil {
				t.Fatal(err)
			}
			for e := range events { // the same data again was no event
				switch e := e.(type) {
				case *session.StreamDestroyed:
					if *e.Stream.Connection.Data != name {
						t.Errorf("a stream ended with its publisher as %+v", e.Stream.Connection)
					}
					continue
				case *session.ConnectionDestroyed:
					if *e.Connection.Data != name {
						t.Errorf("it ended as %+v", e.Connection)
					}
				default:
					t.Errorf("there is %T", e)
				}
				break
			}
			if nameOn(b) != name {
				t.Errorf("afterwards b says %q", nameOn(b))
			}
		})
	}
}
