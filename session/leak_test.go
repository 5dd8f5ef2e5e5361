package session_test

import (
	"testing"

	"go.uber.org/goleak"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRunEndsEveryGoroutine: after Run has returned, nothing of a node goes on, though it had rooms, sockets, followers in every
// kind of sequence, a room that is behind and callers that wait.
func TestRunEndsEveryGoroutine(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	before := goleak.IgnoreCurrent() // the database is closed after the test
	a, b := c.start(quick), c.start(seldom)
	here, there := c.connect(a), c.connect(b)
	c.attach(a, here)
	socket, _ := c.attach(b, there)
	entries, stopEntries := c.entries(b, there, nil)
	signals, events := c.signals(b, there), c.watch(b, there)
	c.add(a, here, "1")
	if e := await.Value(t, "the entry", entries); e.Seq != 1 {
		t.Fatalf("got %+v", e)
	}
	if err := signal(t, a, here, "x", &there); err != nil {
		t.Fatal(err)
	}
	await.Value(t, "the signal", signals)
	await.True(t, "both are there", func() bool { return events.is([]string{here.Connection.ID, there.Connection.ID}) })

	b.bus.Cut() // the room of b falls behind, and nobody tells
	c.add(a, here, "2")
	socket.Detach()
	b.store.pause()
	if _, _, err := a.Roster(t.Context(), &session.Session{ID: "s"}, 1); err != nil {
		t.Fatal(err)
	}
	b.stop()
	a.stop()
	stopEntries()
	c.stopFollowing()
	goleak.VerifyNone(t, before)
}
