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
	"time"

	"github.com/jackc/pgx/v5"

	"chattok/bus/bustest"
	"chattok/bus/pgbus"
	"chattok/internal/faultproxy"
	"chattok/internal/pgtest"
	"chattok/session"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

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

// throughProxy returns a new database's URL by way of a proxy.
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

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not so after %v", what, patience)
		}
	}
}

// inbox subscribes; the channel gets what is received.
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

func take(t testing.TB, received <-chan session.Message) session.Message {
	t.Helper()
	select {
	case m := <-received:
		return m
	case <-time.After(patience):
		t.Fatalf("nothing was received in %v", patience)
	}
	panic("not reached")
}

// signal is a message that carries a signal, whose data has so many bytes.
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
	eventually(t, "Err tells of the silence", func() bool { return a.Err() != nil })
	proxy.Cut()
	proxy.Set(faultproxy.Fault{})
	eventually(t, "Err is nil again", func() bool { return a.Err() == nil })
	<-a.Lost()
}

// TestRestart has the server crash and come back: the nodes find each other again, large messages too.
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
			if got := take(t, received); got.Signal.Type != round || len(*got.Signal.Data) != bytes {
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
			eventually(t, "Lost has a second value", func() bool { return node.Stats().Lost >= 1 })
			eventually(t, "Err is nil again", func() bool { return node.Err() == nil })
		}
	}
}

// TestLate: what was published before the bus was cut off, and would be sent after, is refused, as its sender was told.
func TestLate(t *testing.T) {
	url := pgtest.Database(t)
	a, b := mustOpen(t, url, "test"), mustOpen(t, url, "test")
	received := inbox(t, b)
	select {
	case err := <-pgbus.PublishLate(a, signal("late", 10)):
		if err == nil {
			t.Error("a late signal was sent")
		}
	case <-time.After(patience):
		t.Fatal("a late signal got no answer")
	}
	if err := a.Publish(t.Context(), signal("next", 10)); err != nil {
		t.Fatal(err)
	}
	if got := take(t, received); got.Signal.Type != "next" {
		t.Errorf("received %s", got.Signal.Type)
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
		case <-n.Lost(): // what others did before it is to be compared all the same
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
	if got := take(t, received); got.Signal.Type != "mine" {
		t.Errorf("received %s", got.Signal.Type)
	}
}

// TestWakeUps: of many commits that wait to be told of, the last numbers arrive, in fewer notifications.
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
		m := take(t, received)
		if m.Seq < seq && m.Seq > 0 || m.Revision < revision && m.Revision > 0 {
			t.Fatalf("%d/%d after %d/%d", m.Seq, m.Revision, seq, revision)
		}
		seq, revision, n = max(seq, m.Seq), max(revision, m.Revision), n+1
	}
	if n >= commits {
		t.Errorf("%d notifications for %d commits", n, commits)
	}
}

// TestSweep: what was put into the table long ago is removed, and what is new stays. A notification of what is gone is a
// loss, and no more than that.
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
	eventually(t, "the old ones are gone", func() bool {
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
	take(t, received)
}

// TestConfig: a URL that can't be read is told without its password, and a server that is not there is no error.
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
