package media

import (
	"net"
	"net/netip"
	"testing"
)

// TestOwnHost: this machine's public address may be a peer at the ports of relays alone.
func TestOwnHost(t *testing.T) {
	own, other := netip.MustParseAddr("8.8.4.4"), netip.MustParseAddr("8.8.8.8")
	server, err := New(Config{Listen: "127.0.0.1:0", Relay: []netip.Addr{own}})
	if err != nil {
		t.Fatal(err)
	}
	server.local = map[netip.Addr]bool{own: true}
	relaying := netip.AddrPortFrom(own, 50000)
	server.relays.open[relaying] = &relay{}
	for peer, want := range map[netip.AddrPort]bool{
		relaying: true, netip.AddrPortFrom(own, 53): false, netip.AddrPortFrom(own, 50001): false,
		netip.AddrPortFrom(other, 53): true, netip.AddrPortFrom(other, 50000): true,
	} {
		if got := server.mayReach(peer); got != want {
			t.Errorf("%s may be reached: %t, want %t", peer, got, want)
		}
	}
}

// TestQuotaForgets: a connection that has no allocation and has relayed nothing lately is forgotten, and no other one.
func TestQuotaForgets(t *testing.T) {
	q := newQuotas(1, 8000, 100)
	u := q.take("idle")
	q.give(u)
	spent := q.take("spent")
	spent.limiter.AllowN(q.swept, minBurst)
	q.give(spent)
	q.take("busy")
	q.swept = q.swept.Add(-2e9)
	q.take("new")
	for id, want := range map[string]bool{"idle": false, "spent": true, "busy": true, "new": true} {
		if got := q.users[id] != nil; got != want {
			t.Errorf("%s is known: %t, want %t", id, got, want)
		}
	}
	if q.room("busy", netip.Addr{}) || !q.room("spent", netip.Addr{}) || !q.room("unheard of", netip.Addr{}) || q.take("busy") != nil {
		t.Error("the quota is not kept")
	}
}

// TestShares: connections of one address and of many take all the ports that they can get, and later ones still find some.
func TestShares(t *testing.T) {
	const ports = 200
	takeAll := func(q *quotas, connection string, host netip.Addr) (taken int) {
		for q.room(connection, host) && q.take(connection) != nil {
			q.here(host, 1)
			taken++
		}
		return taken
	}
	at := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, n}) }

	q := newQuotas(64, 8000, ports)
	sum := 0
	for n := range byte(4) {
		taken := takeAll(q, string('a'+rune(n)), at(n))
		if sum += taken; taken == 0 || taken > ports/freeForConnection {
			t.Errorf("connection %d takes %d", n, taken)
		}
	}
	if sum > ports*3/5 || takeAll(q, "late", at(9)) < 10 {
		t.Errorf("four connections take %d of %d ports", sum, ports)
	}

	q = newQuotas(64, 8000, ports)
	sum = 0
	for n := range 40 {
		sum += takeAll(q, string('a'+rune(n)), at(1))
	}
	if sum < ports/4 || sum > ports/3+1 {
		t.Errorf("one address takes %d of %d ports", sum, ports)
	}
	if taken := takeAll(q, "late", at(2)); taken < 20 {
		t.Errorf("another address gets %d", taken)
	}
	q.here(at(1), -sum)
	if len(q.hosts) != 1 {
		t.Errorf("%d addresses are remembered", len(q.hosts))
	}
	if a, b := hostOf(&net.UDPAddr{IP: net.ParseIP("2a00::1:1")}), hostOf(&net.TCPAddr{IP: net.ParseIP("2a00::2:1")}); a != b {
		t.Errorf("one /64 counts as %s and %s", a, b)
	}
}
