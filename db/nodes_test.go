package db_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"chattok/db"
	"chattok/db/storetest"
	"chattok/internal/await"
	"chattok/internal/pgtest"
	"chattok/session"
)

// rounds is how often each collision is tried.
const rounds = 30

// nodePair is two nodes on one database whose clock the test moves.
type nodePair struct {
	a, b  *db.Store
	clock *storetest.Clock
}

func openPair(t *testing.T) *nodePair {
	t.Helper()
	url, clock := pgtest.Database(t), new(storetest.Clock)
	config := db.Config{Path: url, ClockOffset: clock.Offset}
	p := &nodePair{mustOpen(t, config), mustOpen(t, config), clock}
	p.renew(t)
	return p
}

// renew gives both nodes a long lease.
func (p *nodePair) renew(t *testing.T) {
	t.Helper()
	for _, node := range []string{"a", "b"} {
		if _, err := p.a.RenewNode(t.Context(), node, 1000*time.Hour, session.NodeReport{}); err != nil {
			t.Fatal(err)
		}
	}
}

// both runs two calls at the same time. Neither may fail.
func (p *nodePair) both(t *testing.T, first, second func() error) {
	t.Helper()
	var wg sync.WaitGroup
	for _, f := range []func() error{first, second} {
		wg.Go(func() {
			if err := f(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// connect creates four connections, and returns their ids.
func (p *nodePair) connect(t *testing.T, sessionID string, round int) (ids []string) {
	t.Helper()
	for i := range 4 {
		ids = append(ids, fmt.Sprintf("%s-%d-%d", sessionID, round, i))
	}
	connect(t, p.a, sessionID, ids...)
	return ids
}

func sweep(ctx context.Context, store *db.Store) (ended []string, err error) {
	changes, err := store.Sweep(ctx, "", time.Minute, 1000*time.Hour, 1000)
	for _, c := range changes {
		ended = append(ended, c.Connection.ID)
	}
	return ended, err
}

// The last two sockets of connections close on two nodes at the same time: the connections end in their time.
func TestLastSocketsClose(t *testing.T) {
	t.Parallel()
	p, ctx := openPair(t), t.Context()
	for round := range rounds {
		ids := p.connect(t, "s", round)
		for node, store := range map[string]*db.Store{"a": p.a, "b": p.b} {
			if _, err := store.Attach(ctx, node, ids); err != nil {
				t.Fatal(err)
			}
		}
		backward := []string{ids[3], ids[2], ids[1], ids[0]}
		p.both(t, func() error { return p.a.Detach(ctx, "a", ids, time.Minute) },
			func() error { return p.b.Detach(ctx, "b", backward, time.Minute) })
	}
	p.clock.Advance(time.Hour)
	if ended, err := sweep(ctx, p.a); err != nil || len(ended) != 4*rounds {
		t.Errorf("%d of %d end: %v", len(ended), 4*rounds, err)
	}
}

// A socket opens on one node while the other node finds that its connection is due: either the socket is refused, or
// the connection goes on.
func TestSocketOpensInTheEnd(t *testing.T) {
	t.Parallel()
	p, ctx := openPair(t), t.Context()
	for round := range rounds {
		ids := p.connect(t, "s", round)
		p.clock.Advance(2 * time.Hour) // connect gives each an hour
		var ended []string
		var refused map[string]error
		p.both(t, func() (err error) {
			ended, err = sweep(ctx, p.a)
			return err
		}, func() (err error) {
			refused, err = p.b.Attach(ctx, "b", ids)
			return err
		})
		for _, id := range ids {
			if slices.Contains(ended, id) != (refused[id] != nil) {
				t.Fatalf("%s is among %v, refused: %v", id, ended, refused[id])
			}
		}
		if err := p.b.Detach(ctx, "b", ids, time.Minute); err != nil {
			t.Fatal(err)
		}
		p.clock.Advance(time.Hour)
		if _, err := sweep(ctx, p.b); err != nil {
			t.Fatal(err)
		}
	}
}

// Two nodes end the same connections: each connection ends once, and the changes have no hole.
func TestTwoEndTheSame(t *testing.T) {
	t.Parallel()
	p, ctx := openPair(t), t.Context()
	for round := range rounds {
		ids := p.connect(t, "s", round)
		p.clock.Advance(2 * time.Hour)
		var byA, byB []string
		p.both(t, func() (err error) {
			byA, err = sweep(ctx, p.a)
			return err
		}, func() (err error) {
			if round%2 == 0 {
				byB, err = sweep(ctx, p.b)
				return err
			}
			_, err = p.b.DestroyConnection(ctx, ids[2], "", session.ForceDisconnected)
			if session.CodeOf(err) == session.CodeNotFound {
				return nil
			}
			byB = ids[2:3]
			return err
		})
		ended := append(byA, byB...)
		slices.Sort(ended)
		if !slices.Equal(ended, ids) {
			t.Fatalf("%v ended, want %v", ended, ids)
		}
		changes, err := p.a.RosterChanges(ctx, "s", int64(8*round), 100)
		if err != nil || len(changes) != 8 {
			t.Fatalf("%d changes without a hole, want 8: %v", len(changes), err)
		}
	}
}

// One node removes an empty session while a connection is created in it and posts on the other node: the connection is
// in the session that exists afterwards.
func TestEmptySessionGoes(t *testing.T) {
	t.Parallel()
	p, ctx := openPair(t), t.Context()
	for round := range rounds {
		id := fmt.Sprint("empty", round)
		connect(t, p.a, id, id+"-1")
		if _, err := p.a.DestroyConnection(ctx, id+"-1", "", session.ClientDisconnected); err != nil {
			t.Fatal(err)
		}
		p.clock.Advance(2000 * time.Hour)
		p.renew(t)
		var made session.ConnectionResult
		p.both(t, func() error {
			_, err := p.a.Sweep(ctx, "", time.Minute, time.Hour, 1000)
			return err
		}, func() error {
			made = p.b.CreateConnections(ctx, []session.NewConnection{{ID: id + "-2", SessionID: id,
				Role: session.RolePublisher, MakeSession: true, NewEpoch: session.Epoch(round + 2)}}, time.Hour)[0]
			return made.Err
		})
		r := p.b.AppendEntries(ctx, []session.NewEntry{{SessionID: id, ConnectionID: id + "-2", Body: "x"}})[0]
		if r.Err != nil || r.Entry.Epoch != made.Session.Epoch || r.Entry.Seq != 1 {
			t.Fatalf("in %+v: %+v", made.Session, r)
		}
	}
}

// A node's lease runs out while it attaches connections: they have an end all the same.
func TestAttachWhileLeaseEnds(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	var clock storetest.Clock
	store := mustOpen(t, db.Config{Path: url, ClockOffset: clock.Offset})
	for round := range rounds {
		node, id := fmt.Sprint("n", round), fmt.Sprint("c", round)
		if _, err := store.RenewNode(t.Context(), node, time.Minute, session.NodeReport{}); err != nil {
			t.Fatal(err)
		}
		connect(t, store, "s", id)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = store.Attach(t.Context(), node, []string{id}) }) // or the node holds no lease any more
		wg.Go(func() {
			clock.Advance(2 * time.Minute)
			if _, err := store.Sweep(t.Context(), "", time.Minute, 1000*time.Hour, 1000); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
	}
	clock.Advance(10 * time.Hour)
	if _, err := store.Sweep(t.Context(), "", time.Minute, 1000*time.Hour, 1000); err != nil {
		t.Fatal(err)
	}
	roster, err := store.Roster(t.Context(), "s")
	if err != nil || len(roster.Connections) != 0 {
		t.Errorf("%d connections have no end: %v", len(roster.Connections), err)
	}
	for _, table := range []string{"attachments", "nodes"} {
		if n := pgCount(t, url, "SELECT count(*) FROM "+table); n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
}

// A node renews its lease at the moment when the lease ends by a sweeper's clock: the node was told that it holds the
// lease, so its attachments stay.
func TestRenewWhileLeaseEnds(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	var clock storetest.Clock
	store := mustOpen(t, db.Config{Path: url, ClockOffset: clock.Offset})
	if _, err := store.RenewNode(t.Context(), "n", time.Minute, session.NodeReport{}); err != nil {
		t.Fatal(err)
	}
	connect(t, store, "s", "c")
	if refused, err := store.Attach(t.Context(), "n", []string{"c"}); err != nil || len(refused) > 0 {
		t.Fatal(refused, err)
	}
	clock.Advance(2 * time.Minute)

	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, statement := range []string{"BEGIN", "UPDATE nodes SET lease_until = lease_until + 3600000"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	swept := make(chan error, 1)
	go func() {
		_, err := store.Sweep(context.WithoutCancel(t.Context()), "", time.Minute, 1000*time.Hour, 1000)
		swept <- err
	}()
	const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	await.True(t, "the sweep waits for the node", func() bool { return pgCount(t, url, waiting) > 0 })
	if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-swept; err != nil {
		t.Fatal(err)
	}
	if held, err := store.RenewNode(t.Context(), "n", time.Hour, session.NodeReport{}); err != nil || !held {
		t.Errorf("the node's lease is gone: %v", err)
	}
	if n := pgCount(t, url, "SELECT count(*) FROM attachments"); n != 1 {
		t.Errorf("%d connections are attached, want 1", n)
	}
}
