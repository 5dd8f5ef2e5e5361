package bus_test

import (
	"testing"

	"chattok/bus"
	"chattok/bus/bustest"
	"chattok/session"
)

func TestBus(t *testing.T) {
	bustest.Run(t, func(*testing.T) bustest.Net {
		b := bus.New()
		return bustest.Net{Node: func() session.Bus { return b }}
	})
}
