package transport

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chattok/graph/transport/streamtest"
	"chattok/internal/await"
	"chattok/session"
)

// Shards of one address take every other turn beside a group of another, however many wait, and shards of one bucket keep their order.
func TestAddressesTakeTurns(t *testing.T) {
	g := newGroups(StreamConfig{}, nil)
	names := make(map[*shard]string)
	put := func(name string, of *group) {
		h := &shard{group: of}
		names[h] = name
		g.queue.put(h)
		g.queue.put(h) // it is there already
	}
	open := func(client string) *group {
		of := &group{all: g}
		if client != "" {
			of.client = netip.MustParsePrefix(client)
		}
		of.bucket.Store(g.bucketOf(of.client))
		return of
	}
	var all []*group
	for i := range 4 {
		all = append(all, open("203.0.113.1/32"))
		put(fmt.Sprint("a", i), all[i])
	}
	mixed, other, local, another := open("203.0.113.1/32"), open("203.0.113.2/32"), open(""), open("")
	mixed.mix(netip.MustParsePrefix("203.0.113.1/32"))
	if mixed.bucket.Load() != all[0].bucket.Load() {
		t.Error("groups of one address have several buckets")
	}
	mixed.mix(netip.MustParsePrefix("203.0.113.3/32"))
	put("m0", mixed)
	put("m1", mixed)
	put("b0", other)
	put("l0", local)
	put("n0", another)
	put("a4", all[0])
	take := func(n int) (got []string) {
		for range n {
			got = append(got, names[g.queue.take()])
		}
		return got
	}
	if got := strings.Join(take(8), " "); got != "a0 m0 b0 l0 n0 a1 m1 a2" {
		t.Errorf("the turns are %s", got)
	}
	put("b1", other)
	if got := strings.Join(take(3), " "); got != "a3 b1 a4" {
		t.Errorf("then they are %s", got)
	}
	for _, of := range append(all, mixed, other, local, another) {
		of.leaveBucket()
	}
	if len(g.buckets) > 0 {
		t.Errorf("%d buckets are left", len(g.buckets))
	}
}

func TestQueueAllocatesNothing(t *testing.T) {
	g := newGroups(StreamConfig{}, nil)
	of := &group{all: g}
	of.bucket.Store(new(bucket))
	h := &shard{group: of}
	if n := testing.AllocsPerRun(100, func() {
		g.queue.put(h)
		g.queue.take()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// clients is a StreamConfig in which each subscription is of another connection, and sockets come from the address that is set.
func clients(config StreamConfig) (StreamConfig, *atomic.Pointer[netip.Addr]) {
	var from atomic.Pointer[netip.Addr]
	var connections atomic.Int64
	config.Connection = func(context.Context) string { return fmt.Sprint(connections.Add(1)) }
	config.Client = func(*http.Request) netip.Addr {
		if a := from.Load(); a != nil {
			return *a
		}
		return netip.Addr{}
	}
	return config, &from
}

// The different selections of all connections of one address are bounded; those of loopback and of other addresses are not with them.
func TestSelectionsOfAnAddress(t *testing.T) {
	config, from := clients(StreamConfig{MaxSelections: 1})
	g, w := newGroupWorldWith(t, config)
	at := func(address string) *rawSocket {
		from.Store(new(netip.MustParseAddr(address)))
		return w.ready(t)
	}
	selection := func(i int) string { return fmt.Sprintf(`subscription{entryAdded{a%d:body}}`, i) }
	local := at("127.0.0.1")
	for i := range 2 * addressTimes {
		local.subscribe(fmt.Sprint(i), selection(i))
	}
	until(t, "all of loopback follow", func() bool { return w.sockets.Subscriptions() == 2*addressTimes })
	one, two := at("203.0.113.1"), at("203.0.113.1")
	for i := range addressTimes {
		one.subscribe(fmt.Sprint(i), selection(i))
	}
	until(t, "all of the address follow", func() bool { return w.sockets.Subscriptions() == 3*addressTimes })
	two.subscribe("more", selection(addressTimes))
	two.expect(`{"id":"more","type":"error","payload":[{"message":"at most 20 subscriptions of one address may select something different at once","extensions":{"code":"RATE_LIMITED","reason":"TOO_MANY_SELECTIONS"}}]}`)
	two.subscribe("same", selection(0))
	at("203.0.113.2").subscribe("other", selection(addressTimes))
	until(t, "the same selection and another address follow", func() bool { return w.sockets.Subscriptions() == 3*addressTimes+2 })
	one.text(`{"id":"1","type":"complete"}`)
	until(t, "one has left", func() bool { return w.sockets.Subscriptions() == 3*addressTimes+1 })
	two.subscribe("again", selection(addressTimes))
	until(t, "another follows", func() bool { return w.sockets.Subscriptions() == 3*addressTimes+2 })
	if n := g.alone.Load(); n > 0 {
		t.Errorf("%d ran alone", n)
	}
	all := w.sockets.groups
	all.mu.Lock()
	buckets := make(map[*bucket]int)
	for _, of := range all.byKey {
		buckets[of.bucket.Load()]++
	}
	all.mu.Unlock()
	if len(buckets) != 2*addressTimes {
		t.Errorf("groups with a member of loopback have %d buckets", len(buckets))
	}
	for _, s := range []*rawSocket{local, one, two} {
		_ = s.Close()
	}
	until(t, "all have left but the other address", func() bool { return w.sockets.Subscriptions() == 1 })
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.addresses) != 1 || len(all.networks) != 1 || len(all.callers) != 1 {
		t.Errorf("%d addresses and %d callers are left", len(all.addresses), len(all.callers))
	}
}

// All groups of one address share a bucket until a member of another address comes.
func TestGroupsOfAnAddressShareABucket(t *testing.T) {
	config, from := clients(StreamConfig{})
	_, w := newGroupWorldWith(t, config)
	all := w.sockets.groups
	shared := func() (groups, buckets int) {
		all.mu.Lock()
		defer all.mu.Unlock()
		seen := make(map[*bucket]bool)
		for _, of := range all.byKey {
			seen[of.bucket.Load()] = true
		}
		return len(all.byKey), len(seen)
	}
	from.Store(new(netip.MustParseAddr("2001:db8::1")))
	one := w.ready(t)
	for i := range 3 {
		one.subscribe(fmt.Sprint(i), fmt.Sprintf(`subscription{entryAdded{a%d:body}}`, i))
	}
	until(t, "three follow", func() bool { return w.sockets.Subscriptions() == 3 })
	if groups, buckets := shared(); groups != 3 || buckets != 1 {
		t.Errorf("%d groups in %d buckets", groups, buckets)
	}
	from.Store(new(netip.MustParseAddr("2001:db8:0:1::1")))
	two := w.ready(t)
	two.subscribe("0", `subscription{entryAdded{a0:body}}`)
	until(t, "four follow", func() bool { return w.sockets.Subscriptions() == 4 })
	if groups, buckets := shared(); groups != 3 || buckets != 2 {
		t.Errorf("%d groups in %d buckets where one has another member", groups, buckets)
	}
}

// The networks of one IPv6 site are bounded together.
func TestSelectionsOfASite(t *testing.T) {
	g := newGroups(StreamConfig{MaxSelections: 1}, nil)
	for network := range siteTimes {
		for i := range addressTimes {
			m := &membership{group: &group{}, spelling: fmt.Sprint(network, i), client: limited(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: byte(network)}))}
			if err := g.full(m); err != nil {
				t.Fatal(err)
			}
			g.count(m)
		}
	}
	m := &membership{spelling: "another", client: limited(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: siteTimes}))}
	if err := g.full(m); err == nil || asError(err).Code != session.CodeRateLimited || !strings.Contains(err.Error(), "at most 200") {
		t.Errorf("one more: %v", err)
	}
}

// Rendering ends after the first event that it executes when its time is over, and goes on with those that it did not come to.
func TestRenderingIsBounded(t *testing.T) {
	g, w := newGroupWorld(t)
	for range 2 {
		s := w.ready(t)
		s.subscribe("1", `subscription{entryAdded{body}}`)
	}
	until(t, "both follow", func() bool { return w.sockets.Subscriptions() == 2 })
	all := w.sockets.groups
	all.mu.Lock()
	var of *group
	for _, of = range all.byKey {
	}
	all.mu.Unlock()
	events := make([]any, 5)
	for i := range events {
		events[i] = g.entry("a", fmt.Sprint(i))
	}
	for n := range events {
		got, blocked := of.render(nil, events, false, time.Unix(1, 0))
		if len(got) != n+1 || blocked {
			t.Fatalf("turn %d renders %d events, blocked %v", n, len(got), blocked)
		}
	}
	events = append(events, g.entry("a", "5"), g.entry("a", "6"))
	if got, _ := of.render(nil, events, false, time.Time{}); len(got) != len(events) {
		t.Errorf("without a bound: %d events of %d", len(got), len(events))
	}
}

// Members at every position get all events in order where each pass has time for one event alone.
func TestShortPasses(t *testing.T) {
	const events, members = 60, 30
	g, w := newGroupWorld(t)
	w.sockets.groups.passTime = 0
	for n := range events / 2 {
		g.window.Append(w.entry("a", fmt.Sprint(n)))
	}
	sockets := make([]*rawSocket, members)
	for i := range sockets {
		sockets[i] = w.ready(t)
		sockets[i].subscribe("1", fmt.Sprintf(`subscription{entryAdded(after:"%d"){body}}`, i))
	}
	until(t, "all follow", func() bool { return w.sockets.Subscriptions() == members })
	for n := range events / 2 {
		g.window.Append(w.entry("a", fmt.Sprint(events/2+n)))
	}
	for i, s := range sockets {
		for n := i; n < events; n++ {
			s.expect(fmt.Sprintf(`{"id":"1","type":"next","payload":{"data":{"entryAdded":{"body":"%d"}}}}`, n))
		}
	}
}

// A pass whose time is over ends before the next position, and the next one begins there.
func TestPassesBeginWhereTheLastEnded(t *testing.T) {
	g, w := newGroupWorld(t)
	w.sockets.groups.passTime = 0
	sockets := []*rawSocket{w.ready(t), w.ready(t), w.ready(t)}
	for i, s := range sockets {
		s.subscribe("1", `subscription{entryAdded{body}}`)
		until(t, "one more follows", func() bool { return w.sockets.Subscriptions() == i+1 })
	}
	all := w.sockets.groups
	all.mu.Lock()
	var of *group
	for _, of = range all.byKey {
	}
	all.mu.Unlock()
	h := (*of.shards.Load())[0]
	until(t, "nothing is queued", func() bool { return !h.queued.Load() })
	h.queued.Store(true) // so that no worker is given it
	for n := range 3 {
		g.window.Append(w.entry("a", fmt.Sprint(n)))
	}
	h.mu.Lock()
	for i, m := range h.members {
		m.after += int64(i) // they are at three positions
	}
	h.mu.Unlock()
	var d delivery
	for _, want := range [][3]int64{{1, 1, 2}, {1, 2, 2}, {1, 2, 3}, {3, 2, 3}} {
		d.pass(h)
		for i, m := range h.members {
			if m.after != want[i] {
				t.Fatalf("member %d is at %d, want %v", i, m.after, want)
			}
		}
	}
	h.queued.Store(false)
	all.queue.put(h)
	for i, s := range sockets {
		for n := i; n < 3; n++ {
			s.expect(fmt.Sprintf(`{"id":"1","type":"next","payload":{"data":{"entryAdded":{"body":"%d"}}}}`, n))
		}
	}
}

// An address is in a bounded number of groups of the same selection, such as those of its users, and counts each once.
func TestGroupsOfAnAddress(t *testing.T) {
	g := newGroups(StreamConfig{MaxSelections: 1}, func(func()) {})
	client := netip.MustParsePrefix("203.0.113.1/32")
	members := make([]*membership, addressGroups+1)
	for i := range members {
		members[i] = &membership{group: new(group), client: client, spelling: "the same"}
		err := g.full(members[i])
		if session.CodeOf(err) == session.CodeRateLimited != (i == addressGroups) {
			t.Fatalf("group %d: %v", i+1, err)
		}
		if err == nil {
			g.count(members[i])
		}
	}
	if err := g.full(members[0]); err != nil {
		t.Errorf("one more member of a group: %v", err)
	}
	for _, m := range members[:addressGroups] {
		g.forget(m)
	}
	if len(g.addresses)+len(g.networks) > 0 {
		t.Errorf("%d and %d addresses are left", len(g.addresses), len(g.networks))
	}
}

// So is an IPv6 site, whose clients may be in ten times as many together.
func TestGroupsOfASite(t *testing.T) {
	g := newGroups(StreamConfig{MaxSelections: 1}, func(func()) {})
	for i := range siteTimes*addressGroups + 1 {
		client := limited(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 6: byte(i >> 8), 7: byte(i)}))
		m := &membership{group: new(group), client: client, spelling: "the same"}
		err := g.full(m)
		if full := session.CodeOf(err) == session.CodeRateLimited; full != (i == siteTimes*addressGroups) {
			t.Fatalf("group %d: %v", i+1, err)
		}
		g.count(m)
	}
}

// Events that are rendered for one reader alone, such as one that begins at an old cursor, wait for its turn, over WebSocket and HTTP.
func TestReadersBehindTakeTurns(t *testing.T) {
	turns := make(chan struct{}, 1)
	var waiting atomic.Int64
	g, w := newGroupWorldWith(t, StreamConfig{Render: func(ctx context.Context) (func(), error) {
		waiting.Add(1)
		select {
		case turns <- struct{}{}:
			return func() { <-turns }, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}})
	for i := range takeEvents {
		g.window.Append(w.entry("a", fmt.Sprint(i)))
	}
	turns <- struct{}{}
	s := w.ready(t)
	s.subscribe("1", `subscription{entryAdded(after:"0"){body}}`)
	e := w.open(t, streamtest.SSE, `subscription{entryAdded(after:"0"){body}}`)
	await.True(t, "both wait", func() bool { return waiting.Load() == 2 })
	if n := w.sockets.counts.deliveries.Load(); n != 0 {
		t.Errorf("%d deliveries without a turn", n)
	}
	<-turns
	for i := range takeEvents {
		event := fmt.Sprintf(`{"data":{"entryAdded":{"body":"%d"}}}`, i)
		s.expect(`{"id":"1","type":"next","payload":` + event + `}`)
		e.expect(t, event)
	}
}

// Small messages of a socket are parsed in turns.
func TestMessagesAreParsedInTurns(t *testing.T) {
	turns := make(chan struct{}, 1)
	w := newSocketWorld(t, StreamConfig{Parse: func(ctx context.Context) (func(), error) {
		select {
		case turns <- struct{}{}:
			return func() { <-turns }, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}})
	s := w.ready(t)
	turns <- struct{}{}
	s.text(`{"type":"ping"}`)
	_ = s.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if got := s.next(); got != "eof" {
		t.Fatalf("without a turn: %s", got)
	}
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
	<-turns
	s.expect(`{"type":"pong"}`)
}
