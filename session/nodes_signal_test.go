package session_test

import (
	"context"
	"testing"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/session"
)

// signals follows the signals to a caller until the test ends.
func (c *cluster) signals(n *node, caller session.Caller) <-chan *session.Signal {
	c.t.Helper()
	f, err := n.FollowSignals(c.t.Context(), caller, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return f.Deliver(c.following)
}

// signal sends a signal of a type, to one connection or to all.
func signal(t *testing.T, n *node, from session.Caller, kind string, to *session.Caller) error {
	g := session.Signal{Type: kind}
	if to != nil {
		g.To = &to.Connection.ID
	}
	_, err := n.SendSignal(t.Context(), from, g)
	return err
}

// TestNodesSignals: a signal reaches its addressees on every node. While the nodes are cut off from each other, a signal that
// would have to reach another node is refused, and reaches nobody.
func TestNodesSignals(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a, b := c.start(quick), c.start(quick)
	here, alsoHere, there := c.connect(a), c.connect(a), c.connect(b)
	c.attach(a, here)
	c.attach(a, alsoHere)
	socket, _ := c.attach(b, c.member(b, there.Connection))
	toHere, toThere := c.signals(a, alsoHere), c.signals(b, there)

	expect := func(what string, from <-chan *session.Signal, kind string) {
		t.Helper()
		if got := await.Value(t, what, from); got.Type != kind || got.Missed != 0 {
			t.Fatalf("%s: got %+v, want %s", what, got, kind)
		}
	}
	sent := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sent(signal(t, a, here, "all", nil))
	sent(signal(t, a, here, "there", &there))
	sent(signal(t, a, here, "here", &alsoHere))
	expect("all, here", toHere, "all")
	expect("one here", toHere, "here")
	expect("all, there", toThere, "all")
	expect("one there", toThere, "there")

	a.bus.Cut()
	wants(t, "to one there, cut off", signal(t, a, here, "x", &there), session.CodeUnavailable, "")
	wants(t, "to all, of whom one is there, cut off", signal(t, a, here, "x", nil), session.CodeUnavailable, "")
	sent(signal(t, a, here, "here-cut-off", &alsoHere))
	expect("one here, cut off", toHere, "here-cut-off")

	// The connection on b ends, and a hears nothing of it: all connections that are left are on a.
	socket.Detach()
	if _, err := b.Disconnect(t.Context(), there); err != nil {
		t.Fatal(err)
	}
	wants(t, "to one that has ended", signal(t, a, here, "x", &there), session.CodeNotFound, "")
	sent(signal(t, a, here, "all-here", nil))
	expect("to all, all of whom are here", toHere, "all-here")
}

// TestNodesNegotiation: a negotiation reaches its addressee on another node, and is refused while the nodes are cut off.
func TestNodesNegotiation(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a, b := c.start(quick), c.start(quick)
	publisher, viewer := c.connect(a), c.connect(b)
	stream, err := a.PublishStream(t.Context(), publisher, session.StreamUpdate{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := a.FollowNegotiations(t.Context(), publisher)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	received := f.Deliver(ctx)
	offer := session.Negotiation{StreamID: stream.ID, To: publisher.Connection.ID,
		Description: &session.SessionDescription{Type: session.SDPOffer, SDP: "v=0"}}
	if _, err := b.Negotiate(t.Context(), viewer, offer); err != nil {
		t.Fatal(err)
	}
	if got := await.Value(t, "the offer", received); got.FromConnectionID != viewer.Connection.ID || got.Description.SDP != "v=0" {
		t.Errorf("got %+v", got)
	}
	b.bus.Cut()
	_, err = b.Negotiate(t.Context(), viewer, offer)
	wants(t, "cut off", err, session.CodeUnavailable, "")
}

// TestNodesSignalsWait: a signal to a connection that does not listen yet waits for it, also on a node that did not make it.
func TestNodesSignalsWait(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a, b := c.start(quick), c.start(quick)
	sender := c.connect(a)
	c.signals(b, sender) // so that b has the session open
	late := c.connect(a)
	if err := signal(t, a, sender, "early", &late); err != nil {
		t.Fatal(err)
	}
	if got := await.Value(t, "what was sent early", c.signals(b, c.member(b, late.Connection))); got.Type != "early" {
		t.Errorf("got %+v", got)
	}
}
