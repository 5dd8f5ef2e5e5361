package natsbus_test

import (
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"chattok/bus/bustest"
	"chattok/bus/natsbus"
	"chattok/bus/wire"
	"chattok/internal/await"
	"chattok/internal/natstest"
	"chattok/session"
)

// TestMain fails where a goroutine is left when all tests have ended.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBus(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Net {
		server := natstest.Start(t)
		return bustest.Net{Node: node(t, natsbus.Config{URL: server.URL()}), Down: server.Kill, Up: server.Start}
	})
}

// node returns a function that opens nodes with this Config, which are closed when the test ends.
func node(t testing.TB, c natsbus.Config) func() session.Bus {
	return func() session.Bus { return mustOpen(t, c) }
}

func mustOpen(t testing.TB, c natsbus.Config) *natsbus.Bus {
	t.Helper()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Installation == "" {
		c.Installation = "test"
	}
	b, err := natsbus.Open(c)
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

// TestLate: a network may bring a publisher's message after a later one, as from a connection that was given up, or
// twice. A signal that is late is dropped, and a wake-up does no harm.
func TestLate(t *testing.T) {
	server := natstest.Start(t)
	b := mustOpen(t, natsbus.Config{URL: server.URL()})
	received := make(chan session.Message, 10)
	stop, err := b.Subscribe("s", func(m session.Message) { received <- m })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	conn, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send := func(node, sequence uint64, m session.Message) {
		t.Helper()
		m.SessionID = "s"
		payload, err := wire.Marshal(wire.Envelope{Node: node, Sequence: sequence, Message: m}, 1<<10)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Publish("chattok.test.s", payload); err != nil {
			t.Fatal(err)
		}
	}
	signal := func(kind string) session.Message { return session.Message{Signal: &session.Signal{Type: kind}} }
	send(1, 1, signal("first"))
	send(1, 3, signal("third"))
	send(1, 2, signal("late"))
	send(1, 3, signal("twice"))
	send(1, 2, session.Message{Seq: 7})
	send(2, 1, signal("another's"))
	send(1, 4, signal("fourth"))
	for _, want := range []string{"first", "third", "7", "another's", "fourth"} {
		m := await.Value(t, want, received)
		if got := m.Signal; got != nil && got.Type != want || got == nil && (want != "7" || m.Seq != 7) {
			t.Fatalf("received %+v, want %s", m, want)
		}
	}
}
