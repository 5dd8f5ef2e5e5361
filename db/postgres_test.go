package db_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"chattok/db"
	"chattok/db/storetest"
	"chattok/internal/pgtest"
	"chattok/session"
)

// pgExec changes a database behind the store's back.
func pgExec(t testing.TB, url, query string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// pgCount asks for a number.
func pgCount(t testing.TB, url, query string, args ...any) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Ten nodes start at once on an empty database: one makes what there is once, and all have the same.
func TestTenNodesStartAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	stores := make([]*db.Store, 10)
	var opening sync.WaitGroup
	for i := range stores {
		opening.Go(func() {
			store, err := db.Open(t.Context(), db.Config{Path: url, Connections: 4, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Errorf("node %d: %v", i, err)
				return
			}
			stores[i] = store
			t.Cleanup(func() { mustClose(t, store) })
		})
	}
	opening.Wait()
	if t.Failed() {
		return
	}
	secret, err := stores[0].Secret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lobby, err := stores[0].Session(t.Context(), session.Lobby)
	if err != nil {
		t.Fatal(err)
	}
	for i, store := range stores {
		if got, err := store.Secret(t.Context()); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("node %d has another secret, or %v", i, err)
		}
		if got, err := store.Session(t.Context(), session.Lobby); err != nil || *got != *lobby {
			t.Errorf("node %d has another lobby, or %v", i, err)
		}
	}
	if n := pgCount(t, url, "SELECT count(*) FROM migrations"); n != pgCount(t, url, "SELECT max(version) FROM migrations") {
		t.Errorf("%d migrations are recorded", n)
	}
}

func TestOpenRefusesServer(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	good := pgtest.Database(t)
	foreign, newer, latin := pgtest.Database(t), pgtest.Database(t), "latin_"+strings.ToLower(t.Name())
	pgExec(t, foreign, "CREATE TABLE bookmarks (id INT)")
	mustClose(t, mustOpen(t, db.Config{Path: newer}))
	pgExec(t, newer, "INSERT INTO migrations (version, applied_at) VALUES (999, 0)")
	pgExec(t, good, "CREATE DATABASE "+latin+" ENCODING 'SQL_ASCII' TEMPLATE template0")
	t.Cleanup(func() {
		if err := server.DropDatabase(context.WithoutCancel(t.Context()), latin); err != nil {
			t.Error(err)
		}
	})
	parsed, err := url.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := parsed.User.Password()
	for _, c := range []struct{ name, url, want string }{
		{"no URL", "postgres://host:port:1/%zz", "can't be read"},
		{"no server", server.URLAt("127.0.0.1:1", "x"), "can't be reached"},
		{"no database", server.URL("nowhere"), "does not exist"},
		{"wrong password", strings.Replace(good, password, "wrong", 1), "refuses the user or the password"},
		{"another program's", foreign, "is not a ChatTok database"},
		{"newer", newer, "use a newer chattok"},
		{"another encoding", server.URL(latin), "must be UTF8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, readOnly := range []bool{false, true} {
				store, err := db.Open(t.Context(), db.Config{Path: c.url, ReadOnly: readOnly, LockWait: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
				if err == nil {
					mustClose(t, store)
					t.Fatal("opened")
				}
				wantText(t, err.Error(), c.want)
				if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "wrong") {
					t.Errorf("the error tells the password: %v", err)
				}
			}
		})
	}
	if name := db.DisplayName(good); strings.Contains(name, password) || !strings.Contains(name, parsed.Host) {
		t.Errorf("the name to show is %s", name)
	}
}

// A database that was restored gets new epochs, one that was not keeps them.
func TestEpochsOnServer(t *testing.T) {
	t.Parallel()
	server := pgtest.StartT(t, pgtest.Config{})
	original := server.DatabaseT(t)
	epoch := func(url string) session.Epoch {
		t.Helper()
		store := mustOpen(t, db.Config{Path: url})
		defer mustClose(t, store)
		at, err := store.Session(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		return at.Epoch
	}
	store := mustOpen(t, db.Config{Path: original})
	connect(t, store, "a", "a1")
	mustPost(t, store, "a1", "x", "")
	mustClose(t, store)
	first := epoch(original)
	if again := epoch(original); again != first {
		t.Error("a restart of the node changed the epoch")
	}
	if err := server.Restart(t.Context(), pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	if again := epoch(original); again != first {
		t.Error("a crash of the server changed the epoch")
	}
	name := original[strings.LastIndex(original, "/")+1 : strings.Index(original, "?")]
	if err := server.Exec(t.Context(), "postgres", "CREATE DATABASE restored TEMPLATE "+name); err != nil {
		t.Fatal(err)
	}
	second := epoch(server.URL("restored"))
	if second == first {
		t.Error("a copy has the epoch of the original")
	}
	if again := epoch(server.URL("restored")); again != second {
		t.Error("a restart on the copy changed the epoch again")
	}
}

// An older state is put back while nodes run: the first that writes finds it behind, and the sessions get new epochs once,
// however many nodes find it so.
func TestPutBackUnderRunningNodes(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	nodes := []*db.Store{mustOpen(t, db.Config{Path: url}), mustOpen(t, db.Config{Path: url})}
	connect(t, nodes[0], "a", "a1")
	const tables = "sessions connections entries sender_entries writers meta"
	for range 20 {
		mustPost(t, nodes[0], "a1", "kept", "")
		mustPost(t, nodes[1], "a1", "kept", "")
	}
	for table := range strings.FieldsSeq(tables) {
		pgExec(t, url, "CREATE TABLE kept_"+table+" AS SELECT * FROM "+table)
	}
	for range 20 {
		mustPost(t, nodes[0], "a1", "lost", "")
		mustPost(t, nodes[1], "a1", "lost", "")
	}
	before, err := nodes[0].Session(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	var back strings.Builder
	back.WriteString("BEGIN; SET session_replication_role = replica;")
	for table := range strings.FieldsSeq(tables) {
		fmt.Fprintf(&back, "DELETE FROM %s; INSERT INTO %[1]s SELECT * FROM kept_%[1]s;", table)
	}
	pgExec(t, url, back.String()+"COMMIT")

	if seq := mustPost(t, nodes[0], "a1", "new", ""); seq != 41 {
		t.Errorf("the next number is %d, want 41", seq)
	}
	after, err := nodes[0].Session(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if after.Epoch == before.Epoch {
		t.Error("the epoch is the same")
	}
	for range 20 { // every writer of both
		for _, node := range nodes {
			r := post(t, node, "a1", "more", "")
			if r.Err != nil || r.Entry.Epoch != after.Epoch {
				t.Fatalf("epoch %d became %+v", after.Epoch, r)
			}
		}
	}
}

// What two nodes do to the same connections at the same time comes to one end.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	const rounds = 60
	url := pgtest.Database(t)
	var clock storetest.Clock
	a := mustOpen(t, db.Config{Path: url, ClockOffset: clock.Offset})
	b := mustOpen(t, db.Config{Path: url, ClockOffset: clock.Offset})
	both := func(t *testing.T, first, second func() error) {
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
	ctx := t.Context()
	renew := func(node string) {
		t.Helper()
		if _, err := a.RenewNode(ctx, node, 1000*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	ids := func(t *testing.T, round int) (ids []string) {
		for i := range 4 {
			ids = append(ids, fmt.Sprintf("%s-%d-%d", t.Name(), round, i))
		}
		return ids
	}
	sweepAll := func(store *db.Store) (ended []string) {
		t.Helper()
		for {
			changes, err := store.Sweep(ctx, "", time.Minute, 1000*time.Hour, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if len(changes) == 0 {
				return ended
			}
			for _, c := range changes {
				ended = append(ended, c.Connection.ID)
			}
		}
	}
	renew("a")
	renew("b")

	t.Run("the last two sockets close", func(t *testing.T) {
		for round := range rounds {
			ids := ids(t, round)
			connect(t, a, "detach", ids...)
			for node, store := range map[string]*db.Store{"a": a, "b": b} {
				if _, err := store.Attach(ctx, node, ids); err != nil {
					t.Fatal(err)
				}
			}
			backward := []string{ids[3], ids[2], ids[1], ids[0]}
			both(t, func() error { return a.Detach(ctx, "a", ids, time.Minute) },
				func() error { return b.Detach(ctx, "b", backward, time.Minute) })
		}
		clock.Advance(time.Hour)
		if ended := sweepAll(a); len(ended) != 4*rounds {
			t.Errorf("%d of %d end", len(ended), 4*rounds)
		}
	})

	t.Run("a socket opens while the time is up", func(t *testing.T) {
		for round := range rounds {
			ids := ids(t, round)
			connect(t, a, "attach", ids...)
			clock.Advance(2 * time.Hour) // connect gives an hour
			ended, refused := map[string]bool{}, map[string]error{}
			both(t, func() error {
				changes, err := a.Sweep(ctx, "", time.Minute, 1000*time.Hour, 1000)
				for _, c := range changes {
					ended[c.Connection.ID] = true
				}
				return err
			}, func() (err error) {
				refused, err = b.Attach(ctx, "b", ids)
				return err
			})
			for _, id := range ids {
				if ended[id] != (refused[id] != nil) {
					t.Fatalf("%s ended: %v, refused: %v", id, ended[id], refused[id])
				}
			}
			if err := b.Detach(ctx, "b", ids, time.Minute); err != nil {
				t.Fatal(err)
			}
			clock.Advance(time.Hour)
			sweepAll(b)
		}
	})

	t.Run("two end the same", func(t *testing.T) {
		for round := range rounds {
			ids := ids(t, round)
			connect(t, a, "end", ids...)
			clock.Advance(2 * time.Hour)
			var mu sync.Mutex
			ends := map[string]int{}
			sweep := func(store *db.Store) func() error {
				return func() error {
					changes, err := store.Sweep(ctx, "", time.Minute, 1000*time.Hour, 1000)
					mu.Lock()
					defer mu.Unlock()
					for _, c := range changes {
						ends[c.Connection.ID]++
					}
					return err
				}
			}
			force := func() error {
				_, err := b.DestroyConnection(ctx, ids[2], session.ForceDisconnected)
				mu.Lock()
				defer mu.Unlock()
				switch session.CodeOf(err) {
				case "":
					ends[ids[2]]++
					return nil
				case session.CodeNotFound:
					return nil
				}
				return err
			}
			both(t, sweep(a), func() error {
				if round%2 == 0 {
					return force()
				}
				return sweep(b)()
			})
			for _, id := range ids {
				if ends[id] != 1 {
					t.Fatalf("%s ended %d times", id, ends[id])
				}
			}
			changes, err := a.RosterChanges(ctx, "end", int64(8*round), 100)
			if err != nil || len(changes) != 8 {
				t.Fatalf("%d changes without a hole, want 8: %v", len(changes), err)
			}
		}
	})

	t.Run("an empty session goes while somebody comes", func(t *testing.T) {
		for round := range rounds {
			id := fmt.Sprint("empty", round)
			connect(t, a, id, id+"-1")
			if _, err := a.DestroyConnection(ctx, id+"-1", session.ClientDisconnected); err != nil {
				t.Fatal(err)
			}
			clock.Advance(2000 * time.Hour)
			renew("a")
			renew("b")
			var made session.ConnectionResult
			both(t, func() error {
				_, err := a.Sweep(ctx, "", time.Minute, time.Hour, 1000)
				return err
			}, func() error {
				made = b.CreateConnections(ctx, []session.NewConnection{{ID: id + "-2", SessionID: id,
					Role: session.RolePublisher, MakeSession: true, NewEpoch: session.Epoch(round + 2)}}, time.Hour)[0]
				return made.Err
			})
			r := b.AppendEntries(ctx, []session.NewEntry{{SessionID: id, ConnectionID: id + "-2", Body: "x"}})[0]
			if r.Err != nil || r.Entry.Epoch != made.Session.Epoch || r.Entry.Seq != 1 {
				t.Fatalf("in %+v: %+v", made.Session, r)
			}
		}
	})
}

// A node is taken for gone while it attaches: what it attached has an end all the same.
func TestAttachWhileLeaseEnds(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	var clock storetest.Clock
	store := mustOpen(t, db.Config{Path: url, ClockOffset: clock.Offset})
	for round := range 40 {
		node, id := fmt.Sprint("n", round), fmt.Sprint("c", round)
		if _, err := store.RenewNode(t.Context(), node, time.Minute); err != nil {
			t.Fatal(err)
		}
		connect(t, store, "s", id)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = store.Attach(t.Context(), node, []string{id}) }) // or it holds no lease any more
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

// A role that owns no more than its database is enough.
func TestOrdinaryRole(t *testing.T) {
	t.Parallel()
	server := pgtest.StartT(t, pgtest.Config{})
	const make = "CREATE ROLE ordinary LOGIN PASSWORD 'ordinary'; "
	if err := server.Exec(t.Context(), "postgres", make); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec(t.Context(), "postgres", "CREATE DATABASE theirs OWNER ordinary"); err != nil {
		t.Fatal(err)
	}
	store := mustOpen(t, db.Config{Path: "postgres://ordinary:ordinary@" + server.Addr() + "/theirs?sslmode=disable"})
	connect(t, store, "a", "a1")
	mustPost(t, store, "a1", "x", "")
	if err := store.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}
