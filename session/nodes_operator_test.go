package session_test

import (
	"testing"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/session"
)

// TestOperatorModerates: the holder of the API secret moderates the session that it names, as the server's own connection, which
// is in no roster.
func TestOperatorModerates(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a, b := c.start(quick), c.start(quick)
	mod, ann, bob := c.moderate(a), c.connect(a), c.connect(b)
	streams := make([]*session.Stream, 2)
	for i := range streams {
		var err error
		if streams[i], err = a.PublishStream(t.Context(), ann, session.StreamUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	events := c.events(b, bob)
	seconds := int64(1)
	operations := map[string]func(by session.Caller) error{
		"forceDisconnect": func(by session.Caller) error {
			_, err := a.ForceDisconnect(t.Context(), by, ann.Connection.ID)
			return err
		},
		"forceUnpublish": func(by session.Caller) error {
			_, err := a.ForceUnpublish(t.Context(), by, streams[0].ID)
			return err
		},
		"forceMute": func(by session.Caller) error {
			_, err := a.ForceMute(t.Context(), by, session.MuteArgs{})
			return err
		},
		"banConnection": func(by session.Caller) error {
			_, err := a.BanConnection(t.Context(), by, session.BanArgs{ConnectionID: mod.Connection.ID, Seconds: 60})
			return err
		},
		"unban": func(by session.Caller) error {
			_, err := a.Unban(t.Context(), by, "no ban")
			return err
		},
		"bans": func(by session.Caller) error {
			_, err := a.Bans(t.Context(), by)
			return err
		},
		"updateSession": func(by session.Caller) error {
			_, err := a.UpdateSession(t.Context(), by, session.SessionArgs{SlowMode: &seconds})
			return err
		},
		"setRole": func(by session.Caller) error {
			_, err := a.SetRole(t.Context(), by, bob.Connection.ID, session.RolePublisher)
			return err
		},
	}
	for name, operation := range operations {
		wants(t, name+" in no session", operation(operator), session.CodeForbidden, "")
		wants(t, name+" by another", operation(ann), session.CodeForbidden, "")
		wants(t, name+" by a guest", operation(a.Anonymous()), session.CodeUnauthenticated, "")
	}
	server, err := c.store.ServiceConnection(t.Context(), "s", session.ServiceActor{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"forceMute", "forceUnpublish", "forceDisconnect", "banConnection"} {
		if err := operations[name](operatorIn("s")); err != nil {
			t.Errorf("%s with the API secret: %v", name, err)
		}
	}
	heard := map[string]bool{}
	for len(heard) < 4 {
		switch e := await.Value(t, "an event", events).(type) {
		case *session.MuteForced:
			heard["mute"] = true
			if e.Moderator.ID != server.ID || e.Moderator.Role != session.RoleModerator {
				t.Errorf("the moderator is %+v, want the server's connection", e.Moderator)
			}
		case *session.StreamDestroyed:
			if e.Stream.ID == streams[0].ID {
				heard["unpublish"] = e.Reason == session.ForceUnpublished
			}
		case *session.ConnectionDestroyed:
			heard[e.Connection.ID] = e.Reason == session.ForceDisconnected
		}
	}
	for what, ok := range heard {
		if !ok {
			t.Errorf("%s has another reason", what)
		}
	}
	sess, err := b.Session(t.Context(), bob)
	if err != nil {
		t.Fatal(err)
	}
	if live, n, err := b.Roster(t.Context(), sess, 10); err != nil || n != 1 {
		t.Errorf("there are%s, %v; want bob alone", show(live), err)
	}
	there := session.Caller{Connection: server}
	wants(t, "a signal to the server", signal(t, b, bob, "x", &there), session.CodeNotFound, "")
	_, err = b.ForceDisconnect(t.Context(), operatorIn("s"), server.ID)
	wants(t, "the end of the server's connection", err, session.CodeNotFound, "")
}
