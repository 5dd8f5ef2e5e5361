//go:build unix

package pgbus_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"chattok/bus/bustest"
	"chattok/bus/pgbus"
	"chattok/internal/await"
	"chattok/internal/faultproxy"
	"chattok/internal/pgtest"
	"chattok/session"
)

// TestMain fails where a goroutine is left when all tests have ended.
func TestMain(m *testing.M) {
	code := pgtest.Main(m)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func TestBus(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Net {
		proxy, url := throughProxy(t)
		return bustest.Net{
			Node: func() session.Bus { return mustOpen(t, url, "test") },
			Down: func() {
				proxy.Set(faultproxy.Fault{Refuse: true})
				proxy.Cut()
			},
			Up: func() { proxy.Set(faultproxy.Fault{}) },
		}
	})
}

// throughProxy returns the URL of a new database, which leads through a proxy.
func throughProxy(t testing.TB) (proxy *faultproxy.Proxy, url string) {
	t.Helper()
	server := pgtest.Shared(t)
	direct := server.DatabaseT(t)
	proxy, err := faultproxy.Listen(server.Addr(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	return proxy, strings.Replace(direct, server.Addr(), proxy.Addr(), 1)
}

func mustOpen(t testing.TB, url, installation string) *pgbus.Bus {
	t.Helper()
	b, err := pgbus.Open(t.Context(), pgbus.Config{URL: url, Installation: installation, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// inbox subscribes to session "s". The channel gets the messages that are received.
func inbox(t testing.TB, b session.Bus) <-chan session.Message {
	t.Helper()
	received := make(chan session.Message, 10_000)
	stop, err := b.Subscribe("s", func(m session.Message) { received <- m })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return received
}

// signal returns a message with a signal whose data has this size.
func signal(kind string, bytes int) session.Message {
	data := strings.Repeat("x", bytes)
	return session.Message{SessionID: "s", Signal: &session.Signal{Type: kind, Data: &data}}
}

// TestSilence: a server that no longer answers, though its connection stays open, is noticed.
func TestSilence(t *testing.T) {
	proxy, url := throughProxy(t)
	a := mustOpen(t, url, "test")
	<-a.Lost() // of the first connection
	proxy.Set(faultproxy.Both(faultproxy.Link{Blackhole: true}))
	await.True(t, "Err tells of the silence", func() bool { return a.Err() != nil })
	proxy.Cut()
	proxy.Set(faultproxy.Fault{})
	await.True(t, "Err is nil again", func() bool { return a.Err() == nil })
	<-a.Lost()
}

// TestRestart crashes the server and starts it again: the nodes reach each other again, with large messages too.
func TestRestart(t *testing.T) {
	server := pgtest.StartT(t, pgtest.Config{})
	url := server.DatabaseT(t)
	a, b := mustOpen(t, url, "test"), mustOpen(t, url, "test")
	received := inbox(t, b)
	for _, round := range []string{"before", "after"} {
		for _, bytes := range []int{10, session.MaxSignalDataBytes} {
			if err := a.Publish(t.Context(), signal(round, bytes)); err != nil {
				t.Fatal(err)
			}
			if got := await.Value(t, "a message", received); got.Signal.Type != round || len(*got.Signal.Data) != bytes {
				t.Fatalf("%s: received %s with %d bytes, want %d", round, got.Signal.Type, len(*got.Signal.Data), bytes)
			}
		}
		if round == "after" {
			break
		}
		if err := server.Restart(t.Context(), pgtest.Immediate); err != nil {
			t.Fatal(err)
		}
		for _, node := range []*pgbus.Bus{a, b} {
			await.True(t, "Lost has a second value", func() bool { return node.Stats().Lost >= 1 })
			await.True(t, "Err is nil again", func() bool { return node.Err() == nil })
		}
	}
}

// TestStarts opens many nodes on an empty database at once.
func TestStarts(t *testing.T) {
	url := pgtest.Database(t)
	nodes := make([]*pgbus.Bus, 10)
	var starts sync.WaitGroup
	for i := range nodes {
		starts.Go(func() { nodes[i] = mustOpen(t, url, "test") })
	}
	starts.Wait()
	for i, n := range nodes {
		if lost := n.Stats().Lost; lost != 0 || n.Err() != nil {
			t.Errorf("node %d has lost %d times at its first connection, which took more than one try: %v", i, lost, n.Err())
		}
		select {
		case <-n.Lost(): // other nodes may have made changes before it connected
		default:
			t.Errorf("node %d does not have the sessions compared", i)
		}
	}
}

// TestInstallations: two installations in one database don't hear each other.
func TestInstallations(t *testing.T) {
	url := pgtest.Database(t)
	a, other, b := mustOpen(t, url, "one"), mustOpen(t, url, "two"), mustOpen(t, url, "one")
	received := inbox(t, b)
	for _, from := range []struct {
		node *pgbus.Bus
		kind string
	}{{other, "other"}, {a, "mine"}} {
		if err := from.node.Publish(t.Context(), signal(from.kind, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := await.Value(t, "a message", received); got.Signal.Type != "mine" {
		t.Errorf("received %s", got.Signal.Type)
	}
}

// TestWakeUps: the last numbers of many commits that wait to be announced arrive, in fewer notifications.
func TestWakeUps(t *testing.T) {
	const commits = 2000
	url := pgtest.Database(t)
	a, b := mustOpen(t, url, "test"), mustOpen(t, url, "test")
	received := inbox(t, b)
	for i := range int64(commits) {
		m := session.Message{SessionID: "s", Seq: i + 1}
		if i%2 == 1 {
			m = session.Message{SessionID: "s", Revision: i + 1}
		}
		if err := a.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var seq, revision int64
	n := 0
	for seq < commits-1 || revision < commits {
		m := await.Value(t, "a message", received)
		if m.Seq < seq && m.Seq > 0 || m.Revision < revision && m.Revision > 0 {
			t.Fatalf("%d/%d after %d/%d", m.Seq, m.Revision, seq, revision)
		}
		seq, revision, n = max(seq, m.Seq), max(revision, m.Revision), n+1
	}
	if n >= commits {
		t.Errorf("%d notifications for %d commits", n, commits)
	}
}

// TestSweep: old messages are removed from the table, and new ones stay. A notification of a message that was removed
// counts as a loss, and the bus goes on.
func TestSweep(t *testing.T) {
	url := pgtest.Database(t)
	b := mustOpen(t, url, "test")
	<-b.Lost()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	exec := func(query string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	for i, age := range []string{"2 hours", "61 seconds", "0 seconds", "50 seconds"} {
		exec(fmt.Sprintf("INSERT INTO bus_messages VALUES ('k%d', '\\x00', clock_timestamp() - interval '%s')", i, age))
	}
	pgbus.SweepNow(b)
	exec("SELECT pg_notify('chattok_test', '@nope')")
	<-b.Lost()
	exec("SELECT pg_notify('chattok_test', 'what is no message')")
	<-b.Lost()
	await.True(t, "the old ones are gone", func() bool {
		var keys string
		if err := conn.QueryRow(t.Context(), "SELECT string_agg(key, ' ' ORDER BY key) FROM bus_messages").Scan(&keys); err != nil {
			t.Fatal(err)
		}
		return keys == "k2 k3"
	})
	received := inbox(t, b)
	if err := mustOpen(t, url, "test").Publish(t.Context(), signal("goes-on", 1)); err != nil {
		t.Fatal(err)
	}
	await.Value(t, "a message", received)
}

// TestConfig: the error for a URL that can't be read has no password in it, and a server that can't be reached is no
// error.
func TestConfig(t *testing.T) {
	_, err := pgbus.Open(t.Context(), pgbus.Config{URL: "postgres://me:secret@host:port/x"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
	b := mustOpen(t, "postgres://nobody@127.0.0.1:1/none", "test")
	if b.Err() == nil {
		t.Error("no error of a server that is not there")
	}
}
