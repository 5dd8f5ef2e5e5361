package rates

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chattok/internal/processors"
)

// only returns limits of one kind.
func only(k Kind, r Rate) Limits {
	l := Limits{AddressTimes: 10}
	l.Rates[k] = r
	return l
}

// refusals takes so many single ones, and returns how many are refused and the last one's time to wait.
func refusals(c *Payer, k Kind, n int) (refused int, wait time.Duration) {
	for range n {
		if kind, w := c.Take([]Charge{{k, 1}}); w > 0 {
			if kind != k {
				panic(fmt.Sprint("refused for ", kind))
			}
			refused, wait = refused+1, w
		}
	}
	return refused, wait
}

func TestTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(only(Posts, Rate{10, 5}))
		c := a.Payer("me", netip.Addr{})
		if refused, wait := refusals(c, Posts, 7); refused != 2 || wait != 100*time.Millisecond {
			t.Errorf("%d of 7 were refused, for %v", refused, wait)
		}
		if refused, _ := refusals(a.Payer("another", netip.Addr{}), Posts, 5); refused != 0 {
			t.Errorf("another caller was refused %d times", refused)
		}
		if refused, _ := refusals(a.Payer("me", netip.Addr{}), Posts, 1); refused != 1 {
			t.Error("the same connection has another account")
		}
		time.Sleep(100 * time.Millisecond)
		if refused, _ := refusals(c, Posts, 2); refused != 1 {
			t.Errorf("%d of 2 were refused after the time for one", refused)
		}
		time.Sleep(time.Minute)
		if refused, _ := refusals(c, Posts, 7); refused != 2 {
			t.Errorf("%d of 7 were refused after a rest", refused)
		}
		if refused, _ := refusals(c, Signals, 1000); refused != 0 {
			t.Error("what has no limit was refused")
		}
		if refused, _ := refusals(nil, Posts, 1000); refused != 0 {
			t.Error("nobody was refused")
		}
	})
}

// TestTakeAll charges several kinds at once: all of them, or none where one is lacking. A charge above the bucket's burst takes
// the burst.
func TestTakeAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := only(Posts, Rate{1, 3})
		l.Rates[PostBytes] = Rate{100, 1000}
		c := New(l).Payer("me", netip.Addr{})
		if _, wait := c.Take([]Charge{{Posts, 1}, {PostBytes, 900}}); wait != 0 {
			t.Fatal("refused")
		}
		for range 5 {
			if kind, wait := c.Take([]Charge{{Posts, 1}, {PostBytes, 300}}); kind != PostBytes || wait != 2*time.Second {
				t.Fatalf("%v, %v", kind, wait)
			}
		}
		if _, wait := c.Take([]Charge{{Posts, 2}, {PostBytes, 100}}); wait != 0 {
			t.Error("a refusal took something")
		}
		time.Sleep(time.Minute)
		if _, wait := c.Take([]Charge{{Posts, 100}, {PostBytes, 1 << 20}}); wait != 0 {
			t.Error("more than a bucket holds is never let through")
		}
		if kind, wait := c.Take([]Charge{{Posts, 1}}); kind != Posts || wait != time.Second {
			t.Errorf("after it: %v, %v", kind, wait)
		}
	})
}

// An address has more than a connection, an IPv6 site more than an address; this machine's has no limit, but its
// connections do.
func TestAddresses(t *testing.T) {
	a := New(only(Posts, Rate{0.001, 2}))
	addr := netip.MustParseAddr
	for _, c := range []struct {
		name    string
		callers func(i int) *Payer
		pass    int
	}{
		{"guests of one address", func(int) *Payer { return a.Payer("", addr("192.0.2.1")) }, 20},
		{"its connections", func(i int) *Payer { return a.Payer(fmt.Sprint("c", i), addr("192.0.2.2")) }, 20},
		{"one of its connections", func(int) *Payer { return a.Payer("c", addr("192.0.2.3")) }, 2},
		{"the same in IPv6", func(int) *Payer { return a.Payer("", addr("::ffff:192.0.2.4")) }, 20},
		{"a /64", func(i int) *Payer { return a.Payer("", addr(fmt.Sprintf("2001:db8:1:1::%x", i))) }, 20},
		{"a /48", func(i int) *Payer { return a.Payer("", addr(fmt.Sprintf("2001:db8:2:%x::1", i))) }, 200},
		{"this machine", func(int) *Payer { return a.Payer("", addr("127.0.0.1")) }, 500},
		{"this machine, IPv6", func(int) *Payer { return a.Payer("", addr("::1")) }, 500},
		{"nobody knows where", func(int) *Payer { return a.Payer("", netip.Addr{}) }, 500},
		{"a connection of this machine", func(int) *Payer { return a.Payer("local", addr("127.0.0.1")) }, 2},
	} {
		passed := 0
		for i := range 500 {
			if _, wait := c.callers(i).Take([]Charge{{Posts, 1}}); wait == 0 {
				passed++
			}
		}
		if passed != c.pass {
			t.Errorf("%s: %d passed, want %d", c.name, passed, c.pass)
		}
	}
	connects := New(only(Connects, Rate{0.001, 7}))
	if refused, _ := refusals(connects.Payer("", addr("192.0.2.1")), Connects, 10); refused != 3 {
		t.Errorf("%d of 10 connects were refused, want 3: their rate is an address's", refused)
	}
}

func TestDebt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(only(Processor, Rate{1000, 5000})).Payer("me", netip.Addr{})
		if wait := c.Spend(Processor, 4000); wait != 0 || c.Owes(Processor) != 0 {
			t.Errorf("owes %v with something left", wait)
		}
		if wait := c.Spend(Processor, 3000); wait != 2*time.Second || c.Owes(Processor) != 2*time.Second {
			t.Errorf("owes %v, %v", wait, c.Owes(Processor))
		}
		time.Sleep(2 * time.Second)
		if wait := c.Owes(Processor); wait != 0 {
			t.Errorf("still owes %v", wait)
		}
		c.Spend(Processor, 1<<30) // no more than the bucket holds
		if wait := c.Owes(Processor); wait != 5*time.Second {
			t.Errorf("owes %v", wait)
		}
		var nobody *Payer
		if nobody.Spend(Processor, 1<<30) != 0 || nobody.Owes(Processor) != 0 {
			t.Error("nobody owes")
		}
	})
}

// Of one caller no more is worked on at once than its share of the processors, and who gives up waiting leaves nothing.
func TestTurns(t *testing.T) {
	a := New(Limits{AddressTimes: 1})
	c := a.Payer("me", netip.MustParseAddr("192.0.2.1"))
	most := cap(c.accounts[0].turns)
	var leaves []func()
	for range most {
		leave, err := c.Enter(t.Context(), Executing)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	given := errors.New("given up")
	cancel(given)
	if _, err := c.Enter(ctx, Executing); !errors.Is(err, given) {
		t.Errorf("one too many: %v", err)
	}
	if leave, err := a.Payer("another", netip.Addr{}).Enter(t.Context(), Executing); err != nil {
		t.Error(err)
	} else {
		leave()
	}
	for _, leave := range leaves {
		leave()
	}
	for range most {
		if _, err := c.Enter(t.Context(), Executing); err != nil {
			t.Error(err)
		}
	}
}

// Many callers together are not worked for by more processors than there are for such work; those that are not counted
// take turns too.
func TestTurnsOfAll(t *testing.T) {
	a := New(Limits{AddressTimes: 1})
	most := cap(a.works[Reading])
	for i := range most {
		if _, err := a.Payer(fmt.Sprint(i), netip.Addr{}).Enter(t.Context(), Reading); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	another := a.Payer("another", netip.Addr{})
	if _, err := another.Enter(ctx, Reading); !errors.Is(err, context.Canceled) {
		t.Errorf("one too many reads: %v", err)
	}
	if n := len(another.accounts[0].turns); n != 0 {
		t.Errorf("who gave up has %d turns", n)
	}
	if _, err := another.Enter(t.Context(), Executing); err != nil {
		t.Errorf("other work: %v", err)
	}
	for range cap(a.uncharged.turns) {
		if _, err := a.Payer("", netip.MustParseAddr("127.0.0.1")).Enter(t.Context(), Executing); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Payer("", netip.Addr{}).Enter(ctx, Executing); !errors.Is(err, context.Canceled) {
		t.Errorf("one too many of those that are not counted: %v", err)
	}
}

func TestConcurrently(t *testing.T) {
	c := New(only(Posts, Rate{0.001, 100})).Payer("me", netip.Addr{})
	var passing sync.WaitGroup
	passed := make(chan int, 8)
	for range cap(passed) {
		passing.Go(func() {
			refused, _ := refusals(c, Posts, 50)
			passed <- 50 - refused
		})
	}
	passing.Wait()
	close(passed)
	total := 0
	for n := range passed {
		total += n
	}
	if total != 100 {
		t.Errorf("%d passed, want 100", total)
	}
}

func TestAccountsAreBounded(t *testing.T) {
	a := New(only(Posts, Rate{1, 1}))
	for i := range maxAccounts + 100 {
		a.Payer(fmt.Sprint(i), netip.Addr{})
	}
	if n := a.byID.Len(); n != maxAccounts {
		t.Errorf("%d accounts", n)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		text string
		want Rate
	}{
		{Posts, "50/s,500", Rate{50, 500}},
		{Posts, "0.5/s, 1", Rate{0.5, 1}},
		{Posts, "off", Rate{}},
		{PostBytes, "128KiB/s,4MiB", Rate{128 << 10, 4 << 20}},
		{MessageBytes, "1000/s,1GiB", Rate{1000, 1 << 30}},
		{Processor, "250ms/s,10s", Rate{250_000, 10_000_000}},
	} {
		got, err := Parse(c.kind, c.text)
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v", c.text, got, err)
		}
		if again, err := Parse(c.kind, got.text(c.kind)); err != nil || again != got {
			t.Errorf("%s is written %s", c.text, got.text(c.kind))
		}
	}
	for _, text := range []string{"", "50", "50/s", "50/m,500", "50/s,0", "0/s,5", "-1/s,5", "x/s,5", "5/s,x", "NaN/s,5", "1KiB/s,5", "1e300/s,1", "5/s,1e300", "1s/s,5"} {
		if r, err := Parse(Posts, text); err == nil {
			t.Errorf("%q is taken for %v", text, r)
		}
	}
	if names := len(slices.Compact(Kinds())); names != int(kinds) {
		t.Errorf("%d kinds", names)
	}
	for _, k := range Kinds() {
		if k.String() == "" || Default(k).Unlimited() {
			t.Errorf("kind %d has no name or no default", k)
		}
	}
}

// BenchmarkTake is what an add of a connection from an IPv6 address is charged.
func BenchmarkTake(b *testing.B) {
	l := DefaultLimits()
	l.Rates[Posts], l.Rates[PostBytes] = Rate{1e9, 1e9}, Rate{1e9, 1e9}
	l.AddressTimes = 1
	c := New(l).Payer("me", netip.MustParseAddr("2001:db8::1"))
	b.ReportAllocs()
	for b.Loop() {
		if _, wait := c.Take([]Charge{{Posts, 1}, {PostBytes, 20}}); wait > 0 {
			b.Fatal(wait)
		}
	}
}

// Refusals are delayed where there are many of one account, for five seconds at most, and those of others are not.
func TestRefusalsOfOneAccount(t *testing.T) {
	a := New(DefaultLimits())
	flooding, other := a.Payer("one", netip.MustParseAddr("192.0.2.1")), a.Payer("two", netip.MustParseAddr("192.0.2.2"))
	if wait := flooding.Refused(); wait > 0 {
		t.Errorf("the first waits %v", wait)
	}
	longest := time.Duration(0)
	for range 10 * refusalRate {
		longest = max(longest, flooding.Refused())
	}
	if longest <= time.Second || longest > longestRefusal {
		t.Errorf("the longest wait is %v", longest)
	}
	if wait := other.Refused(); wait > 0 {
		t.Errorf("another one waits %v", wait)
	}
	if wait := (*Payer)(nil).Refused(); wait > 0 {
		t.Errorf("nobody waits %v", wait)
	}
}

// Of one address few writes wait for the store at once, and few messages are parsed, whatever connections they come from. Another address
// has turns of its own, and a client of this machine waits for none.
func TestTurnsOfANetwork(t *testing.T) {
	a := New(DefaultLimits())
	from := func(i int, address string) *Payer { return a.Payer(fmt.Sprint("c", i), netip.MustParseAddr(address)) }
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	for i := range maxWrites {
		if err := from(i, "192.0.2.1").BeginWrite(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if from(0, "192.0.2.1").BeginWrite(soon()) == nil {
		t.Error("one write more has a turn")
	}
	for _, other := range []string{"192.0.2.2", "127.0.0.1"} {
		if err := from(0, other).BeginWrite(t.Context()); err != nil {
			t.Errorf("%s waits: %v", other, err)
		}
	}
	from(1, "192.0.2.1").EndWrite()
	if err := from(0, "192.0.2.1").BeginWrite(t.Context()); err != nil {
		t.Errorf("after the end of another: %v", err)
	}

	var ends []func()
	for i := range max(1, processors.Count()-1) {
		done, err := from(i, "192.0.2.1").Parse(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, done)
	}
	if _, err := from(0, "192.0.2.1").Parse(soon()); err == nil {
		t.Error("one message more has a turn")
	}
	if _, err := from(0, "192.0.2.2").Parse(t.Context()); err != nil {
		t.Errorf("another address waits: %v", err)
	}
	ends[0]()
	if _, err := from(0, "192.0.2.1").Parse(t.Context()); err != nil {
		t.Errorf("after the end of another: %v", err)
	}
}
