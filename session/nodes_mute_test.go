package session_test

import (
	"testing"
	"time"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/session"
)

// TestNodesMuteStays: after a mute that stays, a stream that is published on any node begins muted, and everybody is told so, until
// the mute is ended; with a bus that works and with one that loses every message.
func TestNodesMuteStays(t *testing.T) {
	for name, faults := range map[string]bustest.Faults{"bus": {}, "check": {Drop: 1}} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, faults)
			a, b := c.start(quick), c.start(quick)
			ann, bob := c.connect(a), c.connect(b)
			in := "s"
			follow := func(n *node, who session.Caller) <-chan session.SessionEvent {
				f, err := n.FollowEvents(t.Context(), who)
				if err != nil {
					t.Fatal(err)
				}
				return f.Deliver(t.Context())
			}
			onA, onB := follow(a, ann), follow(b, bob)
			hearMute := func(events <-chan session.SessionEvent) *session.MuteForced {
				for late := time.After(await.Patience); ; {
					select {
					case e := <-events:
						if forced, ok := e.(*session.MuteForced); ok {
							return forced
						}
					case <-late:
						t.Fatal("no mute was heard")
					}
				}
			}
			publish := func(n *node, who session.Caller) *session.Stream {
				stream, err := n.PublishStream(t.Context(), who, session.StreamUpdate{})
				if err != nil {
					t.Fatal(err)
				}
				return stream
			}
			muted := func(n *node) bool {
				on, err := n.MuteForced(t.Context(), &session.Session{ID: in})
				if err != nil {
					t.Fatal(err)
				}
				return on
			}

			kept := publish(a, ann)
			if _, err := a.ForceMute(t.Context(), operatorIn(in), session.MuteArgs{Except: []string{kept.ID}, Stay: true}); err != nil {
				t.Fatal(err)
			}
			server, err := c.store.ServiceConnection(t.Context(), in, session.ServiceActor{})
			if err != nil {
				t.Fatal(err)
			}
			for _, events := range []<-chan session.SessionEvent{onA, onB} {
				forced := hearMute(events)
				if forced.StreamID != nil || !forced.Active || forced.Moderator.ID != server.ID || len(forced.Except) != 1 || forced.Except[0] != kept.ID {
					t.Errorf("heard %+v", forced)
				}
			}
			if !muted(a) || !muted(b) {
				t.Error("the session is not muted")
			}
			later := publish(b, bob)
			if later.HasAudio {
				t.Error("a stream began with its audio on")
			}
			for _, events := range []<-chan session.SessionEvent{onA, onB} {
				forced := hearMute(events)
				if forced.StreamID == nil || *forced.StreamID != later.ID || !forced.Active || forced.Moderator.ID != server.ID {
					t.Errorf("heard %+v", forced)
				}
			}
			on := true
			if unmuted, err := b.UpdateStream(t.Context(), bob, later.ID, session.StreamUpdate{HasAudio: &on}); err != nil || !unmuted.HasAudio {
				t.Errorf("unmuted: %+v, %v", unmuted, err)
			}

			third := c.start(quick)
			if state := (<-follow(third, c.connect(third))).(*session.SessionState); !state.MuteForced {
				t.Error("a node that starts later knows of no mute")
			}
			if sess, err := third.DisableForceMute(t.Context(), operatorIn(in)); err != nil || sess.ID != in {
				t.Fatalf("%+v, %v", sess, err)
			}
			for _, events := range []<-chan session.SessionEvent{onA, onB} {
				if forced := hearMute(events); forced.Active || forced.StreamID != nil || forced.Moderator.ID != server.ID {
					t.Errorf("heard %+v", forced)
				}
			}
			await.True(t, "the mute has ended on every node", func() bool { return !muted(a) && !muted(b) && !muted(third) })
			if !publish(a, ann).HasAudio {
				t.Error("a stream began muted after the end of the mute")
			}
		})
	}
}
