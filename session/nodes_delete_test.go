package session_test

import (
	"fmt"
	"testing"

	"chattok/bus/bustest"
	"chattok/internal/await"
	"chattok/internal/pgtest"
	"chattok/internal/sequence"
	"chattok/session"
)

// deletedEverywhere checks that a session which is deleted on one node is over on every node, for sockets and for callers without one,
// that what it had is removed, and that one that is made again has nothing to do with it.
func deletedEverywhere(t *testing.T, c *cluster) {
	a, b, other := c.start(quick), c.start(quick), c.start(quick)
	nodes := map[string]*node{"a": a, "b": b, "other": other}
	ann, bob, carol := c.connectUser(a, "ann"), c.moderate(b), c.connect(other)
	_, endedA := c.attach(a, ann)
	_, endedB := c.attach(b, bob)
	callers := map[string]session.Caller{"ann": ann, "bob": bob, "carol": carol}
	for range 300 { // more than one step of the removal
		c.add(a, ann, "hello")
	}
	if _, err := b.PublishStream(t.Context(), bob, session.StreamUpdate{}); err != nil {
		t.Fatal(err)
	}
	id := "s"
	const gone = session.ReasonSessionDeleted

	wants(t, "by a moderator", b.DeleteSession(t.Context(), bob, "s"), session.CodeForbidden, "")
	wants(t, "by a guest", b.DeleteSession(t.Context(), b.Anonymous(), "s"), session.CodeUnauthenticated, "")
	wants(t, "of the lobby", b.DeleteSession(t.Context(), operator, session.Lobby), session.CodeBadUserInput, "")
	wants(t, "of an unknown session", b.DeleteSession(t.Context(), operator, "nope"), session.CodeNotFound, "")
	if err := a.DeleteSession(t.Context(), operator, "s"); err != nil {
		t.Fatal(err)
	}
	// At once, whatever the nodes have heard.
	for name, n := range nodes {
		for who, caller := range callers {
			wants(t, who+" posts on "+name, post(t, n, caller, "late"), session.CodeNotFound, gone)
		}
		_, _, err := n.Connect(t.Context(), session.ConnectArgs{SessionID: &id})
		wants(t, "it is made by its link on "+name, err, session.CodeNotFound, gone)
		_, _, err = n.Connect(t.Context(), session.ConnectArgs{Grant: &session.SessionGrant{SessionID: "s", Role: session.RolePublisher, MakeSession: true}})
		wants(t, "it is made by a token on "+name, err, session.CodeNotFound, gone)
		wants(t, "it is deleted again on "+name, n.DeleteSession(t.Context(), operator, "s"), session.CodeNotFound, gone)
	}
	for who, ended := range map[string]<-chan *session.Error{"ann": endedA, "bob": endedB} {
		wants(t, "the socket of "+who, await.Value(t, "its end", ended), session.CodeNotFound, gone)
	}
	for name, n := range nodes {
		for who, caller := range callers {
			await.True(t, who+" reads no more on "+name, func() bool {
				_, err := n.Session(t.Context(), caller)
				return session.CodeOf(err) == session.CodeNotFound
			})
			await.True(t, who+" is nobody on "+name, func() bool {
				_, err := n.Member(t.Context(), session.AccessGrant{SessionID: "s", ConnectionID: caller.Connection.ID})
				e, ok := err.(*session.Error)
				return ok && e.Reason == gone
			})
		}
	}
	await.True(t, "all is removed, and it is made again", func() bool {
		_, err := b.CreateSession(t.Context(), operator, &id, session.MediaRelayed, nil)
		if err != nil && session.CodeOf(err) != session.CodeUnavailable {
			t.Fatal(err)
		}
		return err == nil
	})
	found, err := c.store.Connections(t.Context(), []string{ann.Connection.ID, bob.Connection.ID})
	if err != nil || len(found) > 0 {
		t.Errorf("connections are left: %v, %v", found, err)
	}
	dan := c.moderate(other)
	_, endedD := c.attach(other, dan)
	for name, n := range nodes {
		if err := post(t, n, ann, "back"); session.CodeOf(err) != session.CodeUnauthenticated {
			t.Errorf("somebody of the deleted session posts on %s: %v", name, err)
		}
		page, err := n.ChatEntries(t.Context(), dan, session.PageArgs{})
		if err != nil || len(page.Entries) != 0 {
			t.Errorf("on %s the new session has %v, %v", name, page, err)
		}
	}
	if e := c.add(b, dan, "first"); e.Seq != 1 {
		t.Errorf("the first entry has seq %d", e.Seq)
	}
	select {
	case e := <-endedD:
		t.Errorf("a socket of the new session ends: %v", e)
	default:
	}
}

func TestNodesDelete(t *testing.T) { eachBus(t, deletedEverywhere) }

func TestNodesDeleteOnPostgres(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{})
	deletedEverywhere(t, newClusterOn(t, server.DatabaseT(t), bustest.Faults{Drop: 1}))
}

// A removal that a node has left unfinished, as by a crash, is finished by any node.
func TestNodesDeleteResumed(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	first := c.start(seldom)
	ann := c.connect(first)
	c.add(first, ann, "hello")
	first.stop()
	if _, err := c.store.DeleteSession(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	c.start(quick)
	await.True(t, "it is removed", func() bool {
		_, err := c.store.CreateSession(t.Context(), session.Session{ID: "s", Epoch: 8, MediaMode: session.MediaRelayed})
		return err == nil
	})
}

// followersEnd checks that the subscriptions of the holder of the API secret to a session end when it is deleted, on every node,
// whether another one has its id by then or not, and that those to another session go on.
func followersEnd(t *testing.T, c *cluster) {
	nodes := []*node{c.start(quick), c.start(quick)}
	c.add(nodes[0], c.connect(nodes[0]), "hello")
	in := operatorIn("s")
	type ended struct {
		name string
		err  error
	}
	ends := make(chan ended, 8)
	for i, n := range nodes {
		entries, err := n.FollowEntries(t.Context(), in, nil)
		if err != nil {
			t.Fatal(err)
		}
		log, err := n.FollowLog(t.Context(), in, nil)
		if err != nil {
			t.Fatal(err)
		}
		events, err := n.FollowEvents(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		signals, err := n.FollowSignals(t.Context(), in, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, wait := range map[string]func() error{"entries": awaitEnd(t, entries), "log": awaitEnd(t, log), "events": awaitEnd(t, events), "signals": awaitEnd(t, signals)} {
			go func() { ends <- ended{fmt.Sprint(name, " on node ", i), wait()} }()
		}
	}
	if err := nodes[0].DeleteSession(t.Context(), operator, "s"); err != nil {
		t.Fatal(err)
	}
	for range cap(ends) {
		e := await.Value(t, "the end of a subscription", ends)
		wants(t, e.name, e.err, session.CodeNotFound, session.ReasonSessionDeleted)
	}
}

// awaitEnd returns a function that returns the error with which a follower ends.
func awaitEnd[T any](t *testing.T, f *sequence.Follower[T]) func() error {
	woken := make(chan struct{}, 1)
	stop := f.Watch(func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	return func() error {
		defer f.Close()
		defer stop()
		for after := f.After; ; {
			events, gone := f.Read(nil, after, 100)
			if gone {
				var err error
				if _, after, err = f.Behind(t.Context(), after); err != nil && session.CodeOf(err) != session.CodeUnavailable {
					return err
				}
				continue
			}
			after += int64(len(events))
			select {
			case <-woken:
			case <-t.Context().Done():
				return t.Context().Err()
			}
		}
	}
}

func TestNodesDeleteFollowers(t *testing.T) { eachBus(t, followersEnd) }

// TestNodesDeleteOfOldIDs: a session is deleted and made again, and a node has not heard of it. The ids of the old session's entries mean
// nothing in the new one, for those who were in the old one and for the holder of the API secret.
func TestNodesDeleteOfOldIDs(t *testing.T) {
	c := newCluster(t, bustest.Faults{Drop: 1})
	a, b := c.start(quick), c.start(seldom)
	mod := c.moderate(b)
	old := c.add(b, mod, "old")
	if err := a.DeleteSession(t.Context(), operator, "s"); err != nil {
		t.Fatal(err)
	}
	id := "s"
	await.True(t, "it is made again", func() bool {
		_, err := a.CreateSession(t.Context(), operator, &id, session.MediaRelayed, nil)
		return err == nil
	})
	dan := c.moderate(a)
	fresh := c.add(a, dan, "new")
	if fresh.Seq != old.Seq {
		t.Fatalf("entry %d of the new session, and %d of the old one", fresh.Seq, old.Seq)
	}
	in, oldID := operatorIn("s"), old.ID()
	for name, do := range map[string]func() error{
		"a moderator of before deletes": func() error { _, err := b.DeleteChatEntry(t.Context(), mod, oldID); return err },
		"the secret deletes":            func() error { _, err := b.DeleteChatEntry(t.Context(), in, oldID); return err },
		"the secret edits": func() error {
			_, err := b.EditChatEntry(t.Context(), in, session.EditArgs{ID: oldID, Body: "edited"})
			return err
		},
		"the secret reacts": func() error {
			_, err := b.ReactToChatEntry(t.Context(), in, session.ReactArgs{ID: oldID, Name: "+", On: true})
			return err
		},
		"the secret replies": func() error {
			_, err := b.AddChatEntry(t.Context(), in, session.EntryArgs{Body: "reply", ReplyTo: &oldID})
			return err
		},
	} {
		if err := do(); session.CodeOf(err) != session.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if page, err := b.ChatEntries(t.Context(), mod, session.PageArgs{}); session.CodeOf(err) != session.CodeUnauthenticated {
		t.Errorf("a moderator of before reads %+v, %v", page, err)
	}
	for name, read := range map[string]func() (*session.EntryPage, error){
		"somebody in it":       func() (*session.EntryPage, error) { return a.ChatEntries(t.Context(), dan, session.PageArgs{}) },
		"the secret elsewhere": func() (*session.EntryPage, error) { return b.ChatEntries(t.Context(), in, session.PageArgs{}) },
	} {
		page, err := read()
		if err != nil || len(page.Entries) != 1 || page.Entries[0].ID() != fresh.ID() || page.Entries[0].Body != "new" || page.Entries[0].Version != 1 {
			t.Errorf("%s reads %+v, %v", name, page, err)
		}
	}
}
