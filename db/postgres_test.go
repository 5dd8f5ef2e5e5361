package db_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"chattok/db"
	"chattok/internal/pgtest"
	"chattok/session"
)

// pgExec changes a database without the store.
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

// pgCount returns the number that a query selects.
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

// Ten nodes start at once on an empty database: one of them creates what there is once, and all use it.
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

// A database that was restored gets new epochs. A database that was not keeps its epochs.
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

// An older state is put back while nodes run. The first node that writes finds the database behind, and the sessions
// get new epochs once, however many nodes find it so.
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
	for range 20 { // every writer of both nodes
		for _, node := range nodes {
			r := post(t, node, "a1", "more", "")
			if r.Err != nil || r.Entry.Epoch != after.Epoch {
				t.Fatalf("epoch %d became %+v", after.Epoch, r)
			}
		}
	}
}

// A role that owns nothing but its database can serve it.
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

// A server that takes no writes, such as a standby, is passed over for the next one in the URL. Alone it can't be
// reached to write, but may be read from.
func TestServerThatTakesNoWrites(t *testing.T) {
	t.Parallel()
	primary, standby := pgtest.Shared(t), pgtest.StartT(t, pgtest.Config{})
	for _, server := range []*pgtest.Server{primary, standby} {
		for _, statement := range []string{"CREATE ROLE either LOGIN PASSWORD 'either'", "CREATE DATABASE either OWNER either"} {
			if err := server.Exec(t.Context(), "postgres", statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	url := func(hosts string) string { return "postgres://either:either@" + hosts + "/either?sslmode=disable" }
	mustClose(t, mustOpen(t, db.Config{Path: url(standby.Addr())}))
	if err := standby.Exec(t.Context(), "postgres", "ALTER ROLE either SET default_transaction_read_only = on"); err != nil {
		t.Fatal(err)
	}

	store := mustOpen(t, db.Config{Path: url(standby.Addr() + "," + primary.Addr())})
	connect(t, store, "a", "a1")
	mustPost(t, store, "a1", "x", "")

	alone := db.Config{Path: url(standby.Addr()), LockWait: time.Millisecond}
	if _, err := db.Open(t.Context(), alone); err == nil || !strings.Contains(err.Error(), "can't be reached") {
		t.Errorf("alone: %v", err)
	}
	alone.ReadOnly = true
	if _, err := mustOpen(t, alone).Session(t.Context(), session.Lobby); err != nil {
		t.Errorf("alone, to read: %v", err)
	}
}

// A node runs on while its database fails over to a new timeline, as to a standby. The node's next write gives the
// sessions new epochs before it stores anything, though nothing of this node is missing there. That happens once for
// all nodes.
func TestFailoverUnderRunningNodes(t *testing.T) {
	t.Parallel()
	server := pgtest.StartT(t, pgtest.Config{Settings: map[string]string{"restore_command": "/bin/false"}})
	url := server.DatabaseT(t)
	nodes := []*db.Store{mustOpen(t, db.Config{Path: url}), mustOpen(t, db.Config{Path: url})}
	connect(t, nodes[0], "a", "a1")
	mustPost(t, nodes[0], "a1", "x", "")
	mustPost(t, nodes[1], "a1", "x", "")
	epoch := func() session.Epoch {
		t.Helper()
		at, err := nodes[0].Session(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		return at.Epoch
	}
	first := epoch()
	if err := server.Restart(t.Context(), pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	mustPost(t, nodes[0], "a1", "x", "")
	if epoch() != first {
		t.Fatal("a crash of the server changed the epoch")
	}

	if err := server.Stop(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	// With this setting the server ends its recovery on a new timeline, as a standby that is promoted does.
	if err := os.WriteFile(filepath.Join(filepath.Dir(server.LogFile()), "data", "recovery.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 20 { // every writer of both nodes
		for _, node := range nodes {
			r := post(t, node, "a1", "y", "")
			if r.Err != nil || r.Entry.Epoch == first || r.Entry.Epoch != epoch() {
				t.Fatalf("the epoch was %d and is %d now: %+v", first, epoch(), r)
			}
		}
	}
	second := epoch()
	mustPost(t, nodes[1], "a1", "z", "")
	if epoch() != second {
		t.Error("the epoch changed again")
	}
}
