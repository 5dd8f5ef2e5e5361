package accept

import (
	"context"
	"testing"
	"time"
)

// Requests of an address above its rate wait, those of others do not, and a client that goes is not waited for.
func TestRequestsArePaced(t *testing.T) {
	w := newWorld(t, Config{Max: 100, PerAddress: 50}, false)
	flooding, other := w.dial(t, "127.0.0.3"), w.dial(t, "127.0.0.4")
	for _, c := range []*client{flooding, other} {
		if !c.ask("/") {
			t.Fatal("not answered")
		}
	}
	w.waits(t, 2)
	of, others := w.conn(flooding), w.conn(other)
	begun := of.of[0].requests
	for range 3 { // one now, and the others within the second to come
		begun.ReserveN(time.Now(), begun.Burst())
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if of.pace(gone) {
		t.Error("a request above the rate does not wait")
	}
	if !others.pace(gone) {
		t.Error("one of another address waits")
	}
	const minute = 60 * maxRequestRate
	for range minute {
		of.pace(gone)
	}
	if owed := -begun.Tokens(); owed > (longestPace.Seconds()+1)*maxRequestRate {
		t.Errorf("after a flood of requests that were given up, %.0f s have to pass", owed/maxRequestRate)
	}
	if !flooding.ask("/") {
		t.Error("what has waited is not answered")
	}
}
