package session_test

import (
	"testing"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/internal/pgtest"
	"chattok/session"
)

// rolesEverywhere checks that a change of a role on one node holds on every other: at once where something is stored, and with the
// next check where it is not. The callers are as old as their sockets.
func rolesEverywhere(t *testing.T, c *cluster) {
	a, b, other := c.start(quick), c.start(quick), c.start(quick)
	mod, mod2, bob := c.moderate(a), c.moderate(b), c.connect(other)
	viewer := c.connectAs(b, &session.SessionGrant{SessionID: "s", Role: session.RoleSubscriber})
	onA, onB := c.events(a, mod), c.events(b, viewer)
	id := viewer.Connection.ID
	told := func(role session.Role) {
		t.Helper()
		for name, events := range map[string]<-chan session.SessionEvent{"a": onA, "b": onB} {
			for heard := false; !heard; {
				if e, ok := await.Value(t, "ConnectionUpdated on "+name, events).(*session.ConnectionUpdated); ok && e.Connection.ID == id {
					heard = e.Connection.Role == role
				}
			}
		}
	}
	refused := map[string]func(n *node, as session.Caller) error{
		"add": func(n *node, as session.Caller) error { return post(t, n, as, "x") },
		"edit": func(n *node, as session.Caller) error {
			_, err := n.EditChatEntry(t.Context(), as, session.EditArgs{ID: session.EntryID(7, 1), Body: "y"})
			return err
		},
		"react": func(n *node, as session.Caller) error {
			_, err := n.ReactToChatEntry(t.Context(), as, session.ReactArgs{ID: session.EntryID(7, 1), Name: "+", On: true})
			return err
		},
		"publish": func(n *node, as session.Caller) error {
			_, err := n.PublishStream(t.Context(), as, session.StreamUpdate{})
			return err
		},
	}

	_, err := b.SetRole(t.Context(), viewer, id, session.RolePublisher)
	wants(t, "by who is no moderator", err, session.CodeForbidden, "")
	_, err = a.SetRole(t.Context(), mod, mod2.Connection.ID, session.RoleSubscriber)
	wants(t, "of another moderator", err, session.CodeForbidden, "")
	_, err = a.SetRole(t.Context(), mod, "nope", session.RoleSubscriber)
	wants(t, "of nobody", err, session.CodeNotFound, "")

	raised, err := a.SetRole(t.Context(), mod, id, session.RolePublisher)
	if err != nil || raised.Role != session.RolePublisher || raised.ID != id {
		t.Fatalf("raised: %+v, %v", raised, err)
	}
	told(session.RolePublisher)
	await.True(t, "its node knows", func() bool { return b.Current(viewer).Connection.Role == session.RolePublisher })
	speaker := b.Current(viewer)
	c.add(b, speaker, "I may speak")
	stream, err := b.PublishStream(t.Context(), speaker, session.StreamUpdate{})
	if err != nil {
		t.Fatal(err)
	}
	await.True(t, "everybody sees the stream", func() bool {
		sess, err := other.Session(t.Context(), bob)
		if err != nil {
			t.Fatal(err)
		}
		live, n, err := other.Streams(t.Context(), sess, 10)
		return err == nil && n == 1 && live[0].ID == stream.ID
	})

	if _, err := a.SetRole(t.Context(), operatorIn("s"), id, session.RoleSubscriber); err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]*node{"its node": b, "another": other, "the moderator's": a} { // whatever they have heard
		for what, operation := range refused {
			wants(t, what+" on "+name, operation(n, speaker), session.CodeForbidden, "")
		}
	}
	told(session.RoleSubscriber)
	await.True(t, "its signals are refused", func() bool {
		_, err := b.SendSignal(t.Context(), b.Current(speaker), session.Signal{})
		return session.CodeOf(err) == session.CodeForbidden
	})
	demotedEverywhere(t, c, map[string]*node{"its node": b, "another": other, "who demoted it": a}, mod2, bob)
	for name, n := range map[string]*node{"a": a, "b": b, "other": other} {
		sess, err := n.Session(t.Context(), mod)
		if err != nil {
			t.Fatal(err)
		}
		if _, count, err := n.Streams(t.Context(), sess, 10); err != nil || count != 0 {
			t.Errorf("on %s there are %d streams, %v", name, count, err)
		}
		await.True(t, "the role on "+name, func() bool { return c.member(n, viewer.Connection).Connection.Role == session.RoleSubscriber })
	}
}

// demotedEverywhere takes the role of a moderator, and checks that it moderates on no node any more, whatever the node has heard: all that
// it may ask for is refused, and changes nothing.
func demotedEverywhere(t *testing.T, c *cluster, nodes map[string]*node, was, bob session.Caller) {
	n := nodes["another"]
	stream, err := n.PublishStream(t.Context(), bob, session.StreamUpdate{})
	if err != nil {
		t.Fatal(err)
	}
	entry := c.add(n, bob, "bob was here")
	ban, err := n.BanConnection(t.Context(), was, session.BanArgs{ConnectionID: c.connect(n).Connection.ID, Seconds: 3600})
	if err != nil {
		t.Fatal(err)
	}
	before, err := c.store.LastSeqs(t.Context(), []string{"s"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nodes["who demoted it"].SetRole(t.Context(), operatorIn("s"), was.Connection.ID, session.RolePublisher); err != nil {
		t.Fatal(err)
	}
	for name, n := range nodes {
		for what, operation := range map[string]func() error{
			"updateSession": func() error {
				_, err := n.UpdateSession(t.Context(), was, session.SessionArgs{ReadOnly: pointerTo(true)})
				return err
			},
			"banConnection": func() error {
				_, err := n.BanConnection(t.Context(), was, session.BanArgs{ConnectionID: bob.Connection.ID, Seconds: 1})
				return err
			},
			"unban":          func() error { _, err := n.Unban(t.Context(), was, ban.ID); return err },
			"forceUnpublish": func() error { _, err := n.ForceUnpublish(t.Context(), was, stream.ID); return err },
			"forceDisconnect": func() error {
				_, err := n.ForceDisconnect(t.Context(), was, bob.Connection.ID)
				return err
			},
			"forceMute":        func() error { _, err := n.ForceMute(t.Context(), was, session.MuteArgs{Stay: true}); return err },
			"disableForceMute": func() error { _, err := n.DisableForceMute(t.Context(), was); return err },
			"setRole": func() error {
				_, err := n.SetRole(t.Context(), was, was.Connection.ID, session.RoleModerator)
				return err
			},
			"deleteChatEntry": func() error {
				_, err := n.DeleteChatEntry(t.Context(), was, session.EntryID(7, entry.Seq))
				return err
			},
		} {
			wants(t, what+" on "+name, operation(), session.CodeForbidden, "")
		}
	}
	after, err := c.store.LastSeqs(t.Context(), []string{"s"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := after["s"].Revision, before["s"].Revision+1; got != want || after["s"].Place != before["s"].Place {
		t.Errorf("after its end as a moderator the session is at %+v, and was at %+v", after["s"], before["s"])
	}
	if _, err := n.UnpublishStream(t.Context(), bob, stream.ID); err != nil {
		t.Error(err)
	}
}

func TestNodesRole(t *testing.T) { eachBus(t, rolesEverywhere) }

func TestNodesRoleOnPostgres(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{})
	rolesEverywhere(t, newClusterOn(t, server.DatabaseT(t), bustest.Faults{Drop: 1}))
}
