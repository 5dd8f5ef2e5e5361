package transport

import (
	"context"
	"net/netip"
	"testing"

	"chattok/internal/await"
)

// Readers of an address that hold what they have read keep further ones of it waiting, and nobody else; those of an IPv6 site have twice as
// many places, of which one of its networks can't take all.
func TestBehindPlaces(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	var b behindPlaces
	enter := func(network string) func() {
		t.Helper()
		leave, ok := b.enter(t.Context(), netip.MustParsePrefix(network))
		if !ok {
			t.Fatal("can't enter")
		}
		return leave
	}
	full := func(network string) {
		t.Helper()
		if _, ok := b.enter(done, netip.MustParsePrefix(network)); ok {
			t.Error("one too many has entered")
		}
	}
	var leave []func()
	for range maxBehind {
		leave = append(leave, enter("192.0.2.1/32"), enter("2001:db8:1:1::/64"))
	}
	full("192.0.2.1/32")
	full("2001:db8:1:1::/64")
	enter("192.0.2.2/32")()
	for range maxBehind {
		leave = append(leave, enter("2001:db8:1:2::/64"))
	}
	full("2001:db8:1:3::/64")
	enter("2001:db8:2:1::/64")()

	entered := make(chan func(), 1)
	go func() { entered <- enter("192.0.2.1/32") }()
	for _, l := range leave {
		l()
	}
	await.Value(t, "the place of one that has left", entered)()
	if len(b.of) > 0 {
		t.Errorf("%d networks are remembered", len(b.of))
	}
	for range 2 * maxBehind { // this machine's own
		if _, ok := b.enter(t.Context(), netip.Prefix{}); !ok {
			t.Fatal("a client of this machine can't enter")
		}
	}
}
