package bus_test

import (
	"testing"

	"go.uber.org/goleak"

	"chattok/bus"
	"chattok/bus/bustest"
	"chattok/session"
)

// TestMain fails where a goroutine is left when all tests have ended.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBus(t *testing.T) {
	bustest.Run(t, func(*testing.T) bustest.Net {
		b := bus.New()
		return bustest.Net{Node: func() session.Bus { return b }}
	})
}
