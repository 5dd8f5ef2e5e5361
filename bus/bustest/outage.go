package bustest

import (
	"testing"

	"chattok/internal/await"
	"chattok/session"
)

// testErr: a bus that works has no error.
func testErr(t *testing.T, n Net) {
	await.True(t, "Err is nil", func() bool { return n.Node().Err() == nil })
}

// drain takes the value that waits in Lost, if any.
func drain(b session.Bus) {
	select {
	case <-b.Lost():
	default:
	}
}

func lost(b session.Bus) bool {
	select {
	case <-b.Lost():
		return true
	default:
		return false
	}
}

// testOutage: while nodes are cut off, Err and Publish say so, and a node's own subscribers get each message once. When
// the outage ends, Lost says that messages may have been lost, and everything works as before.
func testOutage(t *testing.T, n Net) {
	a, b := n.Node(), n.Node()
	mine, _ := listen(t, a, "s")
	other, _ := listen(t, b, "s")
	send(t, a, signal("s", "before"))
	mine.expect(t, "before")
	other.expect(t, "before")
	drain(a)
	drain(b)

	n.Down()
	for _, node := range []session.Bus{a, b} {
		await.True(t, "Err tells of the outage", func() bool { return node.Err() != nil })
	}
	for _, m := range []session.Message{signal("s", "cut-off"), {SessionID: "s", Seq: 3}} {
		if err := a.Publish(t.Context(), m); session.CodeOf(err) != session.CodeUnavailable {
			t.Errorf("publish while cut off: %v, want UNAVAILABLE", err)
		}
	}
	mine.expect(t, "before", "cut-off", "3/0")
	if lost(a) || lost(b) {
		t.Error("Lost has a value before the connection is back, when a check would come too early")
	}

	n.Up()
	for _, node := range []session.Bus{a, b} {
		await.True(t, "Lost tells that messages may have been lost", func() bool { return lost(node) })
		await.True(t, "Err is nil again", func() bool { return node.Err() == nil })
	}
	send(t, a, signal("s", "after"))
	send(t, b, signal("s", "other"))
	mine.expect(t, "before", "cut-off", "3/0", "after", "other")
	// No message of the outage is sent late.
	got := other.until(t, "both", func(m []session.Message) bool { return len(m) >= 3 })
	if text := types(got); text != "before after other" && text != "before other after" {
		t.Errorf("the other node received %s", text)
	}
}

// testSubscribedInOutage: a subscription made while the nodes are cut off holds when they no longer are.
func testSubscribedInOutage(t *testing.T, n Net) {
	a, b := n.Node(), n.Node()
	n.Down()
	await.True(t, "Err tells of the outage", func() bool { return b.Err() != nil && a.Err() != nil })
	in, _ := listen(t, b, "s")
	_, stop := listen(t, b, "gone")
	stop()
	n.Up()
	await.True(t, "Err is nil again", func() bool { return b.Err() == nil && a.Err() == nil })
	send(t, a, signal("s", "after"))
	in.expect(t, "after")
}
