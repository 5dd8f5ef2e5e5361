package transport

import (
	"context"
	"net/netip"
	"testing"
)

// Readers of an address that hold what they have read keep further ones of it waiting, and nobody else; of an IPv6 site all count together.
func TestBehindPlaces(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name             string
		one, same, other string
	}{
		{"IPv4", "192.0.2.1/32", "192.0.2.1/32", "192.0.2.2/32"},
		{"IPv6", "2001:db8:1:1::/64", "2001:db8:1:2::/64", "2001:db8:2:1::/64"},
	} {
		var b behindPlaces
		one, same, other := netip.MustParsePrefix(c.one), netip.MustParsePrefix(c.same), netip.MustParsePrefix(c.other)
		leave := make([]func(), maxBehind)
		for i := range leave {
			var ok bool
			if leave[i], ok = b.enter(t.Context(), one); !ok {
				t.Fatalf("%s: %d can't enter", c.name, i)
			}
		}
		if _, ok := b.enter(done, same); ok {
			t.Errorf("%s: one too many has entered", c.name)
		}
		if leaveOther, ok := b.enter(t.Context(), other); ok {
			leaveOther()
		} else {
			t.Errorf("%s: another address can't enter", c.name)
		}
		entered := make(chan func())
		go func() {
			leave, _ := b.enter(t.Context(), same)
			entered <- leave
		}()
		leave[0]()
		(<-entered)()
		for _, leave := range leave[1:] {
			leave()
		}
		if len(b.of) > 0 {
			t.Errorf("%s: %d networks are remembered", c.name, len(b.of))
		}
	}
	var b behindPlaces
	for range 2 * maxBehind { // this machine's own
		if _, ok := b.enter(t.Context(), netip.Prefix{}); !ok {
			t.Fatal("a client of this machine can't enter")
		}
	}
}
