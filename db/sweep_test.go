package db

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"chattok/internal/pgtest"
	"chattok/session"
)

// statementCounter counts the statements that are sent to the database.
type statementCounter struct{ n atomic.Int64 }

func (c *statementCounter) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	c.n.Add(1)
	return ctx
}

func (c *statementCounter) AfterQuery(context.Context, *bun.QueryEvent) {}

// openCounted opens a new database of each engine, whose clock the test moves, and counts the statements that are sent
// to it.
func openCounted(t *testing.T, test func(t *testing.T, store *Store, counter *statementCounter, clock *atomic.Int64)) {
	t.Helper()
	for name, path := range map[string]func(testing.TB) string{
		"SQLite":     func(t testing.TB) string { return filepath.Join(t.TempDir(), "test.db") },
		"PostgreSQL": pgtest.Database,
	} {
		t.Run(name, func(t *testing.T) {
			clock := new(atomic.Int64)
			store, err := Open(t.Context(), Config{Path: path(t), Logger: slog.New(slog.DiscardHandler),
				ClockOffset: func() time.Duration { return time.Duration(clock.Load()) }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
			counter := new(statementCounter)
			store.writer = store.writer.WithQueryHook(counter)
			test(t, store, counter, clock)
		})
	}
}

// TestSweepInFewStatements ends a thousand connections at once, each in a session of its own whose senders are not
// indexed yet. A statement for each would be a thousand round trips to a server within one transaction's time.
func TestSweepInFewStatements(t *testing.T) {
	const number, half = 1000, 500
	openCounted(t, func(t *testing.T, store *Store, counter *statementCounter, clock *atomic.Int64) {
		var made []session.NewConnection
		var posted []session.NewEntry
		for i := range number {
			id := fmt.Sprint("c", i)
			made = append(made, session.NewConnection{ID: id, SessionID: "s" + id, Role: session.RolePublisher, MakeSession: true, NewEpoch: session.Epoch(i)})
			if i < half {
				posted = append(posted, session.NewEntry{SessionID: "s" + id, ConnectionID: id, Body: "x"})
			}
		}
		for _, r := range store.CreateConnections(t.Context(), made, time.Hour) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		for _, r := range store.AppendEntries(t.Context(), posted) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		clock.Store(int64(2 * time.Hour))
		counter.n.Store(0)
		changes, err := store.Sweep(t.Context(), "", time.Minute, 1000*time.Hour, number)
		if err != nil {
			t.Fatal(err)
		}
		if sent := counter.n.Load(); len(changes) != number || sent > 250 {
			t.Errorf("%d of %d connections were ended, by %d statements", len(changes), number, sent)
		}
		for _, c := range changes {
			if c.Revision != 2 || c.SessionID != "s"+c.Connection.ID || c.Reason != session.NetworkDisconnected {
				t.Fatalf("%+v", c)
			}
		}
		var purged, indexed, behind int
		for query, into := range map[string]*int{
			"SELECT count(*) FROM connections WHERE purge_at IS NOT NULL": &purged,
			"SELECT count(*) FROM sender_entries":                         &indexed,
			"SELECT count(*) FROM sessions WHERE indexed_seq <> last_seq": &behind,
		} {
			if err := store.writer.NewRaw(query).Scan(t.Context(), into); err != nil {
				t.Fatal(err)
			}
		}
		if purged != number-half || indexed != half || behind != 0 {
			t.Errorf("%d are to be purged, %d entries are indexed, %d sessions are behind", purged, indexed, behind)
		}
	})
}

// TestClockThatWentBack ends connections in time though the clock went back by far more: connections that were never
// attached, connections whose socket closed, and connections of a node that died.
func TestClockThatWentBack(t *testing.T) {
	const grace, idle, lease = time.Minute, 10 * time.Minute, 10 * time.Second
	openCounted(t, func(t *testing.T, store *Store, _ *statementCounter, clock *atomic.Int64) {
		clock.Store(int64(5 * time.Hour))
		for _, node := range []string{"dead", "alive"} {
			if _, err := store.RenewNode(t.Context(), node, lease, session.NodeReport{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range []string{"idle", "closed", "orphan", "here"} {
			r := store.CreateConnections(t.Context(), []session.NewConnection{
				{ID: id, SessionID: "s", Role: session.RolePublisher, MakeSession: true, NewEpoch: 1}}, idle)
			if r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
		}
		attach := func(node string, ids ...string) {
			t.Helper()
			if refused, err := store.Attach(t.Context(), node, ids); err != nil || len(refused) > 0 {
				t.Fatal(refused, err)
			}
		}
		attach("dead", "orphan")
		attach("alive", "here", "closed")
		if err := store.Detach(t.Context(), "alive", []string{"closed"}, grace); err != nil {
			t.Fatal(err)
		}

		clock.Store(int64(4 * time.Hour)) // an hour back
		ended := map[string]bool{}
		for range 30 { // minutes
			if held, err := store.RenewNode(t.Context(), "alive", lease, session.NodeReport{}); err != nil || !held {
				attach("alive", "here")
			}
			changes, err := store.Sweep(t.Context(), "alive", grace, idle, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range changes {
				ended[c.Connection.ID] = true
			}
			clock.Add(int64(time.Minute))
		}
		if !ended["idle"] || !ended["closed"] || !ended["orphan"] || ended["here"] {
			t.Errorf("half an hour after the clock went back an hour these have ended: %v", ended)
		}
	})
}
