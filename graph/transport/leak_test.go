package transport

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chattok/graph/transport/streamtest"
)

// Shutdown ends every goroutine: of sockets that follow, are silent or have not sent connection_init, of HTTP streams
// in both framings, of shared and other subscriptions, and of a member that is still catching up.
func TestShutdownLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	g, w := newGroupWorld(t)
	for n := range 300 { // more than the window holds
		g.window.Append(w.entry("a", fmt.Sprint(n)))
	}
	for i := range 4 {
		s := w.ready(t)
		s.subscribe("live", entryQuery)
		s.subscribe("behind", fmt.Sprintf(`subscription{entryAdded(after:"0"){s%d:seq}}`, i))
	}
	w.ready(t)
	w.dial(t, protocolModern)
	var open []*streamtest.Stream
	for _, accept := range []string{streamtest.SSE, streamtest.Multipart} {
		h, err := streamtest.Open(t.Context(), streamtest.Request{URL: w.server.URL, Accept: accept, Query: entryQuery})
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, h)
	}
	until(t, "all follow", func() bool { return w.sockets.Subscriptions() == 10 && w.sockets.Sockets() == 6 })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := w.sockets.Shutdown(ctx); err != nil {
		t.Errorf("shut down: %v", err)
	}
	for _, h := range open {
		h.Close()
	}
	w.server.Close()
	goleak.VerifyNone(t, before)
	w.sockets = NewStreams(StreamConfig{}) // for the clean-up
}
