package graph_test

import (
	"testing"

	"go.uber.org/goleak"

	"chattok/internal/await"
)

// TestMain fails if a goroutine is left running after every world has stopped.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Stopping a world with open subscriptions of every kind leaves no goroutine.
func TestStopEndsEverything(t *testing.T) {
	before := goleak.IgnoreCurrent()
	w := newWorld(t, options{})
	me := w.join(t, "room", "PUBLISHER")
	var open []interface{ close() }
	for _, query := range []string{`subscription{entryAdded(after:"0"){seq}}`, `subscription{signalReceived{type}}`, `subscription{sessionEvents{__typename}}`} {
		s := w.subscribe(t, me.token, query, nil)
		open = append(open, closer(func() { _ = s.Close() }))
	}
	w.mustDo(t, me.token, addEntry, map[string]any{"c": me.id, "b": "x"})
	await.True(t, "three subscriptions are under way", func() bool {
		_, subscriptions := w.sockets()
		return subscriptions == 3
	})
	w.stop()
	for _, s := range open {
		s.close()
	}
	goleak.VerifyNone(t, before)
}

type closer func()

func (c closer) close() { c() }
