package media

import (
	"net"
	"net/netip"
	"testing"
)

// TestPublic has an address of each block that nothing is relayed to, at its ends, in IPv4's dress of IPv6 too.
func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "9.255.255.255": true, "11.0.0.0": true, "100.63.255.255": true, "100.128.0.0": true,
		"126.255.255.255": true, "128.0.0.0": true, "172.15.255.255": true, "172.32.0.0": true, "192.167.255.255": true,
		"192.169.0.0": true, "169.253.255.255": true, "169.255.0.0": true, "223.255.255.255": true, "198.17.255.255": true,
		"2606:4700:4700::1111": true, "2a00:1450::1": true, "::ffff:8.8.8.8": true,

		"0.0.0.0": false, "0.255.255.255": false, "10.0.0.0": false, "10.255.255.255": false, "100.64.0.0": false,
		"100.127.255.255": false, "127.0.0.1": false, "127.255.255.254": false, "169.254.169.254": false, "172.16.0.0": false,
		"172.31.255.255": false, "192.0.0.1": false, "192.0.2.1": false, "192.88.99.1": false, "192.168.0.0": false,
		"192.168.255.255": false, "198.18.0.1": false, "198.19.255.255": false, "198.51.100.1": false, "203.0.113.1": false,
		"224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::7f00:1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:192.168.1.1": false,
		"::ffff:169.254.169.254": false, "::ffff:0:0": false, "64:ff9b::a00:1": false, "64:ff9b:1::1": false, "100::1": false,
		"2001::1": false, "2001:db8::1": false, "2002:a00:1::1": false, "3fff::1": false, "fc00::1": false, "fdff::1": false,
		"fe80::1": false, "febf::1": false, "fec0::1": false, "ff02::1": false,
		"1fff:ffff::1": false, "4000::1": false, "400::1": false, "e000::1": false, "8000::1": false, "::1:0:0:1": false,
		"2000::1": true, "3ffe::1": true,
	} {
		if got := isPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is public: %t, want %t", text, got, want)
		}
	}
	if isPublic(netip.Addr{}) || isPublic(netip.MustParseAddr("2a00::1%eth0")) {
		t.Error("no address, or one of a zone, is public")
	}
}

// TestOwnHost: this machine's public address is a peer at the ports where it relays, and nowhere else.
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

// TestQuotaForgets: who has nothing allocated and used nothing lately is forgotten, and nobody else.
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

// TestShares has connections take all the ports that they get, of one address and of many: those who come later find some.
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
