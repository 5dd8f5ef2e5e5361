package transport

import "net/netip"

// Prefixes of IPv6 addresses that tell clients and sites apart; each has a network of this size at least (RFC 6177).
const (
	ipv6Client = 64
	ipv6Site   = 48
	siteTimes  = 10 // a site may have open so many times as much as a client
)

// limited returns the part of a client's address that is counted: an IPv4 address as a whole, the network of an IPv6
// address, and nothing where the client is on this machine or is not known.
func limited(client netip.Addr) netip.Prefix {
	client = client.Unmap()
	if !client.IsValid() || client.IsLoopback() {
		return netip.Prefix{}
	}
	bits := client.BitLen()
	if client.Is6() {
		bits = ipv6Client
	}
	prefix, _ := client.Prefix(bits) // can't fail for these lengths
	return prefix
}

// site returns the network of a site that a client's network is part of; the zero Prefix for an IPv4 address.
func site(client netip.Prefix) netip.Prefix {
	if !client.IsValid() || client.Addr().Is4() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(client.Addr(), ipv6Site).Masked()
}

// networksOf returns a client's network and its site's, of which the second, or both, may be the zero Prefix.
func networksOf(client netip.Prefix) [2]netip.Prefix { return [2]netip.Prefix{client, site(client)} }

// networkCounts counts something by the networks of clients and of their sites.
type networkCounts[N int | int64] map[netip.Prefix]N

// add counts n, which may be negative, to a client's network and its site's.
func (c networkCounts[N]) add(client netip.Prefix, n N) {
	for _, network := range networksOf(client) {
		if !network.IsValid() {
			continue
		}
		if c[network] += n; c[network] <= 0 {
			delete(c, network)
		}
	}
}
