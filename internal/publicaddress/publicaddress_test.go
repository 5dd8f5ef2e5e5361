package publicaddress

import (
	"net/netip"
	"testing"
)

// TestPublic tries the first and last address of each special block, also in IPv4-mapped form.
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
		if got := Is(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is public: %t, want %t", text, got, want)
		}
	}
	if Is(netip.Addr{}) || Is(netip.MustParseAddr("2a00::1%eth0")) {
		t.Error("no address, or one of a zone, is public")
	}
}
