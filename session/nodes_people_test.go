package session_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/session"
)

// connectUser makes a connection of a user in session "s".
func (c *cluster) connectUser(n *node, user string) session.Caller {
	c.t.Helper()
	return c.connectAs(n, &session.SessionGrant{SessionID: "s", Role: session.RolePublisher, UserID: &user})
}

func post(t *testing.T, n *node, caller session.Caller, body string) error {
	_, err := n.AddChatEntry(t.Context(), caller, session.EntryArgs{ConnectionID: &caller.Connection.ID, Body: body})
	return err
}

// events follows the events of a caller's session until the test ends.
func (c *cluster) events(n *node, caller session.Caller) <-chan session.SessionEvent {
	c.t.Helper()
	f, err := n.FollowEvents(c.t.Context(), caller)
	if err != nil {
		c.t.Fatal(err)
	}
	return f.Deliver(c.following)
}

var operator = session.Caller{Kind: session.Operator}

// operatorIn is the holder of the API secret in a session.
func operatorIn(sessionID string) session.Caller {
	return session.Caller{Kind: session.Operator, SessionID: sessionID}
}

// eachBus runs a test with a bus that works and with one that loses every message.
func eachBus(t *testing.T, test func(t *testing.T, c *cluster)) {
	for name, faults := range map[string]bustest.Faults{"bus": {}, "check": {Drop: 1}} {
		t.Run(name, func(t *testing.T) { test(t, newCluster(t, faults)) })
	}
}

// TestNodesBan: somebody who is banned on one node is out on every node, by each of its connections, and comes back nowhere, by
// no connection and no token, until the ban is lifted. Its entries are deleted, and nobody else's.
func TestNodesBan(t *testing.T) {
	eachBus(t, func(t *testing.T, c *cluster) {
		a, b := c.start(quick), c.start(quick)
		mod, mod2 := c.moderate(a), c.moderate(b)
		ann, annB, bob := c.connectUser(a, "ann"), c.connectUser(b, "ann"), c.connectUser(b, "bob")
		_, endedA := c.attach(a, ann)
		_, endedB := c.attach(b, annB)
		const many = 450 // more than one batch of deletions
		for i := range many {
			if err := post(t, []*node{a, b}[i%2], []session.Caller{ann, annB}[i%2], "spam"); err != nil {
				t.Fatal(err)
			}
		}
		c.add(b, bob, "hello")

		_, err := a.BanConnection(t.Context(), bob, session.BanArgs{ConnectionID: ann.Connection.ID, Seconds: 60})
		wants(t, "a ban by who is no moderator", err, session.CodeForbidden, "")
		_, err = a.BanConnection(t.Context(), mod, session.BanArgs{ConnectionID: mod2.Connection.ID, Seconds: 60})
		wants(t, "a ban of a moderator", err, session.CodeForbidden, "")
		for _, seconds := range []int64{-1, 0, 365*24*3600 + 1} {
			_, err = a.BanConnection(t.Context(), mod, session.BanArgs{ConnectionID: ann.Connection.ID, Seconds: seconds})
			wants(t, fmt.Sprint("seconds ", seconds), err, session.CodeBadUserInput, "")
		}
		_, err = a.BanConnection(t.Context(), mod, session.BanArgs{ConnectionID: "nope", Seconds: 60})
		wants(t, "a ban of nobody", err, session.CodeNotFound, "")

		ban, err := a.BanConnection(t.Context(), mod, session.BanArgs{ConnectionID: annB.Connection.ID, Seconds: 3600, DeleteEntries: true})
		if err != nil {
			t.Fatal(err)
		}
		if ban.UserID == nil || *ban.UserID != "ann" || ban.Moderator.ID != mod.Connection.ID || ban.Until.Sub(ban.CreatedAt) != time.Hour {
			t.Errorf("the ban: %+v", ban)
		}
		// At once, whatever the nodes have heard.
		for i, n := range []*node{a, b} {
			if err := post(t, n, []session.Caller{ann, annB}[i], "again"); err == nil {
				t.Errorf("node %d takes an entry of the banned", i)
			}
			user := "ann"
			_, _, err := n.Connect(t.Context(), session.ConnectArgs{Grant: &session.SessionGrant{SessionID: "s", Role: session.RolePublisher, UserID: &user}})
			wants(t, "it connects again", err, session.CodeForbidden, session.ReasonBanned)
			if e, ok := err.(*session.Error); !ok || !e.Until.Equal(ban.Until) {
				t.Errorf("it is banned until %v, want %v", err, ban.Until)
			}
		}
		for name, ended := range map[string]<-chan *session.Error{"here": endedA, "there": endedB} {
			if e := await.Value(t, "the socket ends "+name, ended); e.Reason != session.ReasonConnectionDestroyed {
				t.Errorf("the socket ends %s with %v", name, e)
			}
		}
		for _, n := range []*node{a, b} {
			last, err := n.ChatEntries(t.Context(), mod, session.PageArgs{Last: new(int64(200))})
			if err != nil {
				t.Fatal(err)
			}
			kept := 0
			for _, e := range last.Entries {
				if !e.Deleted() {
					kept++
				}
			}
			if kept != 1 || last.Entries[len(last.Entries)-1].Body != "hello" {
				t.Errorf("%d of the last entries are kept", kept)
			}
			all, err := c.store.Entries(t.Context(), session.EntryQuery{SessionID: "s", Epoch: 7, NotDeleted: true, Limit: 1000})
			if err != nil || len(all) != 1 {
				t.Errorf("%d entries are kept, %v; want bob's alone", len(all), err)
			}
		}
		if err := post(t, b, bob, "and I?"); err != nil {
			t.Errorf("somebody else posts: %v", err)
		}

		bans, err := b.Bans(t.Context(), mod2)
		if err != nil || len(bans) != 1 || bans[0].ID != ban.ID {
			t.Errorf("bans: %v, %v", bans, err)
		}
		lifted, err := b.Unban(t.Context(), operatorIn("s"), ban.ID)
		if err != nil || lifted.ID != ban.ID {
			t.Fatalf("unban: %v, %v", lifted, err)
		}
		_, err = b.Unban(t.Context(), mod2, ban.ID)
		wants(t, "unban twice", err, session.CodeNotFound, "")
		if err := post(t, b, c.connectUser(b, "ann"), "back"); err != nil {
			t.Errorf("after the ban: %v", err)
		}
	})
}

// TestNodesSettings: a change of a session's settings on one node is told of, known and obeyed on every node.
func TestNodesSettings(t *testing.T) {
	eachBus(t, func(t *testing.T, c *cluster) {
		a, b := c.start(quick), c.start(quick)
		mod, ann, annB := c.moderate(a), c.connectUser(a, "ann"), c.connectUser(b, "ann")
		onA, onB := c.events(a, mod), c.events(b, annB)
		seconds := int64(3600)
		_, err := a.UpdateSession(t.Context(), ann, session.SessionArgs{SlowMode: &seconds})
		wants(t, "by who is no moderator", err, session.CodeForbidden, "")
		for _, wrong := range []int64{-1, 86401} {
			_, err := a.UpdateSession(t.Context(), mod, session.SessionArgs{SlowMode: &wrong})
			wants(t, fmt.Sprint(wrong, " seconds"), err, session.CodeBadUserInput, "")
		}
		for _, by := range []struct {
			caller session.Caller
			slow   int64
		}{{mod, 3600}, {operatorIn("s"), 7200}} {
			changed, err := a.UpdateSession(t.Context(), by.caller, session.SessionArgs{SlowMode: &by.slow})
			want := time.Duration(by.slow) * time.Second
			if err != nil || changed.SlowMode != want || changed.ID != "s" {
				t.Fatalf("updated: %+v, %v", changed, err)
			}
			same, err := b.UpdateSession(t.Context(), by.caller, session.SessionArgs{SlowMode: &by.slow})
			if err != nil || same.SlowMode != want {
				t.Fatalf("the same again: %+v, %v", same, err)
			}
			for _, events := range []<-chan session.SessionEvent{onA, onB} {
				for told := false; !told; {
					if e, ok := await.Value(t, "SessionChanged", events).(*session.SessionChanged); ok {
						told = true
						if e.Session.SlowMode != want || e.Session.ID != "s" || e.Session.Epoch != changed.Epoch {
							t.Errorf("SessionChanged tells %+v, want %v", e.Session, want)
						}
					}
				}
			}
			for _, n := range []*node{a, b} {
				sess, err := n.Session(t.Context(), mod)
				if err != nil || sess.SlowMode != want {
					t.Errorf("the session is %+v, %v", sess, err)
				}
			}
		}
		late := c.start(quick) // opens the room now
		if sess, err := late.Session(t.Context(), mod); err != nil || sess.SlowMode != 2*time.Hour {
			t.Errorf("a new node knows %+v, %v", sess, err)
		}

		// One of many posts at once, on two nodes and by two connections of one user.
		errs := make(chan error, 20)
		var group sync.WaitGroup
		for i := range cap(errs) {
			group.Go(func() { errs <- post(t, []*node{a, b}[i%2], []session.Caller{ann, annB}[i%2], "me") })
		}
		group.Wait()
		stored := 0
		for range cap(errs) {
			err := <-errs
			if err == nil {
				stored++
				continue
			}
			wants(t, "too soon", err, session.CodeRateLimited, session.ReasonSlowMode)
			if wait := err.(*session.Error).RetryAfter; wait <= time.Hour || wait > 2*time.Hour {
				t.Errorf("wait %v", wait)
			}
		}
		if stored != 1 {
			t.Errorf("%d of the posts were stored, want 1", stored)
		}
		for range 2 {
			if err := post(t, a, mod, "a moderator"); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestNodesReadMarks: what a user reads or posts on one device is known to its others, on every node, and to nobody else.
func TestNodesReadMarks(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	a, b := c.start(quick), c.start(quick)
	ann, annB, bob := c.connectUser(a, "ann"), c.connectUser(b, "ann"), c.connectUser(a, "bob")
	plain := c.connect(a)
	sess, err := a.Session(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	follow := func(n *node, caller session.Caller) <-chan *session.UserEvent {
		t.Helper()
		f, err := n.FollowUserEvents(t.Context(), caller)
		if err != nil {
			t.Fatal(err)
		}
		return f.Deliver(c.following)
	}
	first := c.add(a, bob, "one")
	c.add(a, bob, "two")
	third := c.add(a, bob, "three")
	mark := func(n *node, caller session.Caller, want session.ReadMark) {
		t.Helper()
		user, err := n.Reader(caller, sess, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := n.ReadMark(t.Context(), sess.ID, user)
		if err != nil || got != want {
			t.Errorf("the mark is %+v, %v; want %+v", got, err, want)
		}
	}
	mark(b, annB, session.ReadMark{Unread: 3})
	onB, onA, bobs := follow(b, annB), follow(a, ann), follow(a, bob)
	hear := func(events <-chan *session.UserEvent, user string, place int64) {
		t.Helper()
		if e := await.Value(t, "an event", events); e.Place != place || e.UserID != user || e.Epoch != sess.Epoch || e.Seq != 0 {
			t.Errorf("the event is %+v, want place %d of %s", e, place, user)
		}
	}
	hear(onB, "ann", 0)
	hear(onA, "ann", 0)
	hear(bobs, "bob", 3)
	if _, err := a.MarkRead(t.Context(), ann, first.Cursor()); err != nil {
		t.Fatal(err)
	}
	hear(onB, "ann", 1)
	hear(onA, "ann", 1)
	mark(b, annB, session.ReadMark{Place: 1, Unread: 2})
	if _, err := b.MarkRead(t.Context(), annB, third.Cursor()); err != nil {
		t.Fatal(err)
	}
	for _, earlier := range []string{session.StartCursor, first.Cursor(), third.Cursor()} {
		if _, err := a.MarkRead(t.Context(), ann, earlier); err != nil { // changes nothing, and is told to nobody
			t.Fatal(err)
		}
	}
	hear(onB, "ann", 3)
	hear(onA, "ann", 3)
	mark(a, ann, session.ReadMark{Place: 3})
	c.add(a, bob, "four")
	c.add(a, ann, "five") // posting is reading
	hear(onB, "ann", 5)
	hear(onA, "ann", 5)
	hear(bobs, "bob", 4)
	mark(b, annB, session.ReadMark{Place: 5})
	hear(follow(b, annB), "ann", 5) // who begins to follow hears the present mark

	for what, cursor := range map[string]string{"beyond the end": session.Cursor(sess.Epoch, 6), "of another log": session.Cursor(sess.Epoch+1, 2), "nonsense": "x"} {
		_, err := a.MarkRead(t.Context(), ann, cursor)
		wants(t, what, err, session.CodeBadUserInput, session.ReasonCursorMismatch)
	}
	_, err = a.MarkRead(t.Context(), plain, first.Cursor())
	wants(t, "without a user", err, session.CodeForbidden, session.ReasonNoUser)
	_, err = a.FollowUserEvents(t.Context(), plain)
	wants(t, "events without a user", err, session.CodeForbidden, session.ReasonNoUser)
	_, err = a.FollowUserEvents(t.Context(), operator)
	wants(t, "events of the API secret", err, session.CodeForbidden, "")
	if user, err := a.Reader(plain, sess, nil); user != "" || err != nil {
		t.Errorf("the reader without a user: %q, %v", user, err)
	}
	if user, err := a.Reader(ann, &session.Session{ID: "other"}, nil); user != "" || err != nil {
		t.Errorf("the reader in another session: %q, %v", user, err)
	}
}

// TestNodesSettingsAfterAbsence: a node that hears of a change of the settings when the Store no longer has the change, as after
// a week without the others, knows the settings all the same, and tells its followers.
func TestNodesSettingsAfterAbsence(t *testing.T) {
	c := newCluster(t, bustest.Faults{Drop: 1})
	a, b := c.start(quick), c.start(seldom)
	mod := c.moderate(a)
	events := c.events(b, mod)
	slow := int64(60)
	if _, err := a.UpdateSession(t.Context(), mod, session.SessionArgs{SlowMode: &slow}); err != nil {
		t.Fatal(err)
	}
	c.pass(session.FeedKept+2*time.Hour, a)
	await.True(t, "the change is removed", func() bool {
		changes, err := c.store.RosterChanges(t.Context(), "s", 1, 10)
		return err == nil && len(changes) == 0
	})
	c.events(b, mod) // a new follower needs the newest state
	for {
		if e, ok := await.Value(t, "SessionChanged", events).(*session.SessionChanged); ok {
			if e.Session.SlowMode != time.Minute {
				t.Errorf("SessionChanged tells %+v", e.Session)
			}
			break
		}
	}
	if sess, err := b.Session(t.Context(), mod); err != nil || sess.SlowMode != time.Minute {
		t.Errorf("the session is %+v, %v", sess, err)
	}
}
