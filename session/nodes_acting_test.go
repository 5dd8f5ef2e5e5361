package session_test

import (
	"fmt"
	"testing"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/session"
)

// TestIn: only the holder of the API secret names a session, and it must name one that is there.
func TestIn(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	n := c.start(quick)
	ann, guest := c.connect(n), n.Anonymous()
	s, nope := "s", "nope"
	in := func(by session.Caller, sessionID *string) error {
		_, err := n.In(t.Context(), by, sessionID)
		return err
	}
	for _, by := range []session.Caller{ann, guest, {}} {
		if same, err := n.In(t.Context(), by, nil); err != nil || same != by {
			t.Errorf("without a session: %+v, %v", same, err)
		}
	}
	wants(t, "a connection's own session by name", in(ann, &s), session.CodeForbidden, "")
	wants(t, "a guest's", in(guest, &s), session.CodeUnauthenticated, "")
	wants(t, "nobody's", in(session.Caller{}, &s), session.CodeUnauthenticated, "")
	wants(t, "none with the secret", in(operator, nil), session.CodeBadUserInput, "")
	for _, id := range []*string{&nope, new(""), new("nul\x00")} {
		wants(t, fmt.Sprintf("%q with the secret", *id), in(operator, id), session.CodeNotFound, "")
	}
	by, err := n.In(t.Context(), operator, &s)
	if err != nil || by != operatorIn("s") {
		t.Errorf("the secret in a session: %+v, %v", by, err)
	}

	name := "Bot"
	as := func(by session.Caller) error {
		_, err := n.As(t.Context(), by, &session.ActAs{Name: &name})
		return err
	}
	wants(t, "a connection as somebody", as(ann), session.CodeForbidden, "")
	wants(t, "a guest as somebody", as(guest), session.CodeUnauthenticated, "")
	if same, err := n.As(t.Context(), ann, nil); err != nil || same != ann {
		t.Errorf("as nobody: %+v, %v", same, err)
	}
	acting, err := n.As(t.Context(), by, &session.ActAs{Name: &name})
	if err != nil || acting.Kind != session.Operator || acting.SessionID != "s" || !acting.Connection.Service {
		t.Errorf("as a bot: %+v, %v", acting, err)
	}
	for what, err := range map[string]error{
		"it is no connection": func() error { _, err := n.Me(acting); return err }(),
		"it has no data":      func() error { _, err := n.SetData(t.Context(), acting, &name); return err }(),
		"it ends nothing":     func() error { _, err := n.Disconnect(t.Context(), acting); return err }(),
		"it follows no user":  func() error { _, err := n.FollowUserEvents(t.Context(), acting); return err }(),
	} {
		wants(t, what, err, session.CodeForbidden, "")
	}
	for what, c := range map[string]session.Caller{"a bot reads nothing": acting, "the secret reads nothing": by} {
		_, err := n.MarkRead(t.Context(), c, "0")
		wants(t, what, err, session.CodeForbidden, session.ReasonNoUser)
	}
	if a, err := n.Attach(t.Context(), by, func(*session.Error) {}); a != nil || err != nil {
		t.Errorf("a socket of the secret's is attached: %v, %v", a, err)
	}
}

// TestNodesSeeServiceData: the data of a bot's connection that one node changes is seen at once there, and on others that know
// another, though their room is open, no later than what they know of connections grows old.
func TestNodesSeeServiceData(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a, b := c.start(quick), c.start(quick)
	reader := c.connect(b)
	c.events(b, reader)
	name := "Bot"
	as := func(data string) *session.Connection {
		t.Helper()
		by, err := a.As(t.Context(), operatorIn("s"), &session.ActAs{Name: &name, Data: &data})
		if err != nil {
			t.Fatal(err)
		}
		return by.Connection
	}
	seen := func(n *node, id string) string {
		t.Helper()
		found, err := n.Connections(t.Context(), []string{id})
		if err != nil {
			t.Fatal(err)
		}
		return *found[id].Data
	}
	bot := as("one")
	if seen(a, bot.ID) != "one" || seen(b, bot.ID) != "one" {
		t.Error("the first data is not seen")
	}
	if changed := as("two"); changed.ID != bot.ID {
		t.Fatal("the bot has two connections")
	}
	if got := seen(a, bot.ID); got != "two" {
		t.Errorf("the node that changed it sees %s", got)
	}
	await.True(t, "the other node sees it", func() bool { return seen(b, bot.ID) == "two" })
}
