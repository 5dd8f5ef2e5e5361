package session_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chattok/bus/bustest"
	"chattok/db"
	"chattok/internal/await"
	"chattok/internal/pgtest"
	"chattok/session"
)

// erasedEverywhere checks that a user who is erased on one node is gone from the memory of every node when the erasure is done, whether
// messages of the bus arrive or not: from the logs, the rosters, the feed, and what is remembered of connections.
func erasedEverywhere(t *testing.T, c *cluster) {
	a, b := c.start(quick), c.start(quick)
	nodes := map[string]*node{"a": a, "b": b}
	const data = "Ann of the secret"
	ann, bob := c.connectUser(a, "ann"), c.moderate(b)
	_, ended := c.attach(a, ann)
	c.attach(b, bob)
	if _, err := a.SetData(t.Context(), ann, text(data)); err != nil {
		t.Fatal(err)
	}
	const many = 120 // more than two steps
	for k := range many {
		c.add(a, ann, fmt.Sprint("secret ", k))
		c.add(b, bob, fmt.Sprint("public ", k))
	}
	if _, err := b.ReactToChatEntry(t.Context(), bob, session.ReactArgs{ID: session.EntryID(7, 1), Name: "+", On: true}); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes { // so that they have all of it in memory
		n.Sender(t, ann)
		c.readAll(n, bob, 2*many)
		events, stop := c.feed(n, text("0"), "")
		for seen := 0; seen < 2*many; {
			if e := await.Value(t, "the feed", events); e.Kind == session.FeedLog {
				seen++
			}
		}
		defer stop()
	}
	wants(t, "by a moderator", erasedBy(t, b, bob), session.CodeForbidden, "")
	wants(t, "by a guest", erasedBy(t, b, b.Anonymous()), session.CodeUnauthenticated, "")

	erasure, err := b.EraseUser(t.Context(), operator, text("ann"), nil)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "her socket", await.Value(t, "its end", ended), session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
	await.True(t, "it is done", func() bool {
		erasure, err = a.Erasure(t.Context(), operator, erasure.ID)
		return err == nil && erasure.State == session.ErasureDone
	})
	if erasure.Entries != many {
		t.Errorf("%d entries were erased, want %d", erasure.Entries, many)
	}
	for name, n := range nodes {
		wants(t, "she posts on "+name, post(t, n, ann, "late"), session.CodeUnauthenticated, session.ReasonConnectionDestroyed)
		if sender := n.Sender(t, ann); sender.UserID != nil || sender.Data != nil {
			t.Errorf("%s remembers her as %v, %v", name, sender.UserID, sender.Data)
		}
		for _, e := range c.readAll(n, bob, 2*many) {
			if strings.HasPrefix(e.Body, "secret") || e.UserID != nil || e.Deleted() != (e.ConnectionID == ann.Connection.ID) {
				t.Errorf("%s still has entry %d: %+v", name, e.Seq, e)
			}
		}
		wantErasedFeed(t, c, n, erasure.ID, many)
		list, err := n.Erasures(t.Context(), operator)
		if err != nil || len(list) != 1 || list[0].ID != erasure.ID {
			t.Errorf("%s lists %v, %v", name, list, err)
		}
	}
	again := c.connectUser(a, "ann") // somebody new
	e := c.add(a, again, "back")
	if page := c.readAll(b, bob, 2*many+1); page[2*many].Body != "back" || *page[2*many].UserID != "ann" || e.Seq != 2*many+1 {
		t.Errorf("who comes back has posted %+v", page[2*many])
	}
}

func text(s string) *string { return &s }

func erasedBy(t *testing.T, n *node, caller session.Caller) error {
	t.Helper()
	_, err := n.EraseUser(t.Context(), caller, text("ann"), nil)
	return err
}

// Sender returns a connection as entries on the node show it.
func (n *node) Sender(t *testing.T, caller session.Caller) *session.Connection {
	t.Helper()
	if known, ok := n.KnownConnection(caller.Connection.ID); ok {
		return known
	}
	found, err := n.Connections(t.Context(), []string{caller.Connection.ID})
	if err != nil || found[caller.Connection.ID] == nil {
		t.Fatalf("%v, %v", found, err)
	}
	return found[caller.Connection.ID]
}

// readAll returns the entries of session "s" as a follower of additions gets them, n of them.
func (c *cluster) readAll(n *node, caller session.Caller, count int) (all []*session.ChatEntry) {
	c.t.Helper()
	entries, stop := c.entries(n, caller, text("0"))
	defer stop()
	for range count {
		e := await.Value(c.t, "the log", entries)
		if e.Seq != int64(len(all)+1) {
			c.t.Fatalf("entry %d follows %d", e.Seq, len(all))
		}
		all = append(all, e)
	}
	return all
}

// wantErasedFeed checks that the feed tells of no user and no text that was erased, and of the erasure once.
func wantErasedFeed(t *testing.T, c *cluster, n *node, id string, entries int64) {
	t.Helper()
	events, stop := c.feed(n, text("0"), "nothing-begins-so") // which gets erasures all the same
	defer stop()
	if e := await.Value(t, "the erasure in the feed", events); e.Kind != session.FeedUserErased || e.Erasure.ID != id || e.Erasure.Entries != entries || e.SessionID != "" {
		t.Errorf("the feed has %+v", e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	f, err := n.FollowFeed(t.Context(), operator, text("0"), "")
	if err != nil {
		t.Fatal(err)
	}
	for e := range f.Deliver(ctx) {
		switch {
		case e.Kind == session.FeedLog && (strings.HasPrefix(e.Log.Entry.Body, "secret") || e.Log.Entry.UserID != nil):
			t.Errorf("the feed still has entry %d of %s", e.Log.Entry.Seq, e.SessionID)
		case e.Kind == session.FeedRoster && e.Roster.Connection != nil && (e.Roster.Connection.UserID != nil || e.Roster.Connection.Data != nil):
			t.Errorf("the feed still has a connection of %s", *e.Roster.Connection.UserID)
		case e.Kind == session.FeedUserErased:
			return
		}
	}
	t.Error("the feed ends without the erasure")
}

func TestNodesErase(t *testing.T) { eachBus(t, erasedEverywhere) }

func TestNodesEraseOnPostgres(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{})
	erasedEverywhere(t, newClusterOn(t, server.DatabaseT(t), bustest.Faults{Drop: 1}))
}

// An erasure that a node has left unfinished, as by a crash, is finished by any node, and is not done while a node that holds its lease
// has not said that it has nothing in memory.
func TestNodesEraseResumed(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	first := c.start(seldom)
	ann := c.connectUser(first, "ann")
	for range 3 {
		c.add(first, ann, "secret")
	}
	if _, err := c.store.CreateErasure(t.Context(), session.NewErasure{ID: "e", UserID: text("ann")}); err != nil {
		t.Fatal(err)
	}
	second := c.start(quick)
	await.True(t, "the database has nothing left", func() bool {
		pending, err := c.store.PendingErasures(t.Context())
		return err == nil && len(pending) == 1 && pending[0].Phase == session.PhaseSpreading
	})
	first.stop() // it holds its lease for a while, and says nothing
	for range 5 {
		if e, err := second.Erasure(t.Context(), operator, "e"); err != nil || e.State != session.ErasureErasing || e.Entries != 3 {
			t.Fatalf("the erasure is %+v, %v, while a node may have it in memory", e, err)
		}
		time.Sleep(2 * quick)
	}
	c.pass(lease+time.Hour, second)
	await.True(t, "it is done without the node that is gone", func() bool {
		e, err := second.Erasure(t.Context(), operator, "e")
		return err == nil && e.State == session.ErasureDone && e.Entries == 3
	})
}

// exec runs a statement on the cluster's SQLite file, beside its nodes.
func (c *cluster) exec(query string) {
	c.t.Helper()
	raw, err := sql.Open("sqlite", c.path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer raw.Close()
	for _, query := range []string{"PRAGMA busy_timeout = 5000", query} {
		if _, err := raw.ExecContext(c.t.Context(), query); err != nil {
			c.t.Fatal(err)
		}
	}
}

// An erasure that can't go on holds up no other one, and goes on when it can.
func TestNodesEraseBesideFailing(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	first := c.start(seldom)
	for _, who := range []string{"bad", "ann"} {
		user := c.connectUser(first, who)
		c.add(first, user, "secret of "+who)
		if _, err := c.store.CreateErasure(t.Context(), session.NewErasure{ID: who, UserID: &who}); err != nil {
			t.Fatal(err)
		}
		c.clock.Advance(time.Second) // so that the one that fails is the older one
	}
	c.exec("CREATE TRIGGER stuck BEFORE UPDATE ON entries WHEN old.user_id = 'bad' BEGIN SELECT RAISE(ABORT, 'stuck'); END")
	first.stop()
	second := c.start(quick)
	c.pass(lease+time.Hour, second) // without the node that is gone
	await.True(t, "the other one is done", func() bool {
		e, err := second.Erasure(t.Context(), operator, "ann")
		return err == nil && e.State == session.ErasureDone && e.Entries == 1
	})
	if e, err := second.Erasure(t.Context(), operator, "bad"); err != nil || e.State != session.ErasureErasing || e.Entries != 0 {
		t.Errorf("the one that fails is %+v, %v", e, err)
	}
	c.exec("DROP TRIGGER stuck")
	await.True(t, "both are done", func() bool {
		e, err := second.Erasure(t.Context(), operator, "bad")
		return err == nil && e.State == session.ErasureDone && e.Entries == 1
	})
}

// A node keeps each erasure for the case that an older copy is put back: one that has just been asked for, and one that was done
// without the node, as while its lease had run out.
func TestNodesKeepErasures(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{})
	c := newClusterOn(t, server.DatabaseT(t), bustest.Faults{})
	records := filepath.Join(t.TempDir(), "erasures")
	away, err := db.Open(t.Context(), db.Config{Path: c.path, ClockOffset: c.clock.Offset, Erasures: records, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = away.Close() })
	made := func(id string) {
		t.Helper()
		if _, err := c.store.CreateErasure(t.Context(), session.NewErasure{ID: id, UserID: text("ann")}); err != nil {
			t.Fatal(err)
		}
	}
	made("done") // no node holds a lease
	for _, want := range []session.ErasurePhase{session.PhaseSpreading, session.PhaseClearing} {
		if phase, err := c.store.SettleErasure(t.Context(), "done"); err != nil || phase != want {
			t.Fatalf("the phase is %s, %v, want %s", phase, err, want)
		}
	}
	if err := c.store.ClearErased(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := func() (ids []string) {
		content, err := os.ReadFile(records)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			var record struct{ ID string }
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, record.ID)
		}
		return ids
	}
	if ids := kept(); len(ids) > 0 {
		t.Fatalf("%v are kept before the node's first look", ids)
	}
	n := c.startOn(away, quick)
	await.True(t, "the one that is done is kept", func() bool { return slices.Equal(kept(), []string{"done"}) })
	// Another node erases, so that the next one stays as it is.
	if held, err := c.store.HoldLease(t.Context(), "erasures", "other", 100*time.Hour); err != nil || !held {
		t.Fatalf("the lease: %v, %v", held, err)
	}
	made("running")
	await.True(t, "the one that is running is kept", func() bool { return slices.Equal(kept(), []string{"done", "running"}) })
	if e, err := n.Erasure(t.Context(), operator, "running"); err != nil || e.State != session.ErasureErasing {
		t.Errorf("the erasure is %+v, %v", e, err)
	}
}

// Limits of eraseUser.
func TestEraseUserRefused(t *testing.T) {
	c := newCluster(t, bustest.Faults{})
	n := c.start(quick)
	for name, bad := range map[string]struct{ user, connection *string }{
		"none": {}, "both": {text("ann"), text("ann")}, "an empty user": {user: text("")}, "a long user": {user: text(strings.Repeat("x", 129))},
		"no text": {user: text("\xff")}, "a long name": {connection: text(strings.Repeat("x", 129))}, "no name": {connection: text("a b")},
	} {
		_, err := n.EraseUser(t.Context(), operator, bad.user, bad.connection)
		wants(t, name, err, session.CodeBadUserInput, "")
	}
	_, err := n.Erasure(t.Context(), operator, "unknown")
	wants(t, "an unknown erasure", err, session.CodeNotFound, "")
	for _, unknown := range []struct{ user, connection *string }{{user: text("~nobody")}, {connection: text("nobody")}} {
		made, err := n.EraseUser(t.Context(), operator, unknown.user, unknown.connection)
		if err != nil {
			t.Fatal(err)
		}
		await.True(t, "nobody is erased", func() bool {
			e, err := n.Erasure(t.Context(), operator, made.ID)
			return err == nil && e.State == session.ErasureDone && e.Entries == 0 && e.DoneAt != nil
		})
	}
}
