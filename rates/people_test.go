package rates

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

var office = netip.MustParseAddr("198.51.100.7")

// must takes, and fails the test where that is refused.
func must(t *testing.T, what string, c *Payer, charges ...Charge) {
	t.Helper()
	if kind, wait := c.Take(charges); wait > 0 {
		t.Fatalf("%s: refused for %s, for %v", what, kind, wait)
	}
}

// Fifty people behind one address talk for five minutes, faster than anybody types, and move on between rooms.
func TestOfficeIsNotLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(DefaultLimits())
		people := make([]*Payer, 50)
		for i := range people {
			must(t, "connect", a.Payer("", office), Charge{Connects, 1})
			people[i] = a.Payer(fmt.Sprint("person ", i), office)
			for range 5 { // what the page subscribes to
				must(t, "subscribe", people[i], Charge{Subscriptions, 1})
			}
		}
		for second := range 300 {
			for i, p := range people {
				if (second+i)%2 == 0 {
					must(t, "post", p, Charge{Posts, 1}, Charge{PostBytes, 400})
				}
				must(t, "typing", p, Charge{Signals, 1}, Charge{MessageBytes, 30})
				for range 3 {
					if wait := p.Spend(Frames, 1); wait > 0 {
						t.Fatalf("frames: read %v later", wait)
					}
				}
				if wait := p.Spend(Processor, 5_000); wait > 0 { // a page of the log each second
					t.Fatalf("queries: owes %v", wait)
				}
				if second%60 == i {
					must(t, "mute", p, Charge{RosterChanges, 2})
				}
			}
			time.Sleep(time.Second)
		}
	})
}

// A bot posts 20 a second, for ten minutes.
func TestBotIsNotLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bot := New(DefaultLimits()).Payer("bot", office)
		for range 600 * 20 {
			must(t, "post", bot, Charge{Posts, 1}, Charge{PostBytes, 1000})
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// A page joins a room of nine videos: 1,000 negotiations at once, of which 18 are descriptions of 8 KiB.
func TestNineVideosAreNotLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := New(DefaultLimits()).Payer("page", office)
		for i := range 1000 {
			bytes := 300
			if i < 18 {
				bytes = 8 << 10
			}
			must(t, "negotiate", page, Charge{Negotiations, 1}, Charge{MessageBytes, bytes})
			if wait := page.Spend(Frames, 1); wait > 0 {
				t.Fatalf("frames: read %v later", wait)
			}
		}
		for range 10 {
			must(t, "stream", page, Charge{RosterChanges, 1})
		}
	})
}

// Somebody pastes the longest text there is, again and again.
func TestPastingIsNotLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writer := New(DefaultLimits()).Payer("writer", office)
		for range 100 {
			must(t, "post", writer, Charge{Posts, 1}, Charge{PostBytes, 16 << 10})
			time.Sleep(time.Second)
		}
	})
}

// All 500 people behind one address load the page again at the same moment, twice in a minute.
func TestReloadStormIsNotLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(DefaultLimits())
		for storm := range 2 {
			for i := range 500 {
				must(t, "connect", a.Payer("", office), Charge{Connects, 1})
				p := a.Payer(fmt.Sprint(storm, i), office)
				for range 5 {
					must(t, "subscribe", p, Charge{Subscriptions, 1})
				}
				for range 10 {
					if wait := p.Spend(Frames, 1); wait > 0 {
						t.Fatalf("frames: read %v later", wait)
					}
				}
				if wait := p.Spend(Processor, 20_000); wait > 0 {
					t.Fatalf("queries: owes %v", wait)
				}
			}
			time.Sleep(30 * time.Second)
		}
	})
}
