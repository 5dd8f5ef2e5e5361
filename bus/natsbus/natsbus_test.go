package natsbus_test

import (
	"log/slog"
	"testing"

	"chattok/bus/bustest"
	"chattok/bus/natsbus"
	"chattok/internal/natstest"
	"chattok/session"
)

func TestBus(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Net {
		server := natstest.Start(t)
		return bustest.Net{Node: node(t, natsbus.Config{URL: server.URL()}), Down: server.Kill, Up: server.Start}
	})
}

// node returns what opens nodes with this Config, which are closed when the test ends.
func node(t testing.TB, c natsbus.Config) func() session.Bus {
	return func() session.Bus { return mustOpen(t, c) }
}

func mustOpen(t testing.TB, c natsbus.Config) *natsbus.Bus {
	t.Helper()
	c.Logger = slog.New(slog.DiscardHandler)
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
