package edge

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the addresses of trusted proxies, whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// ParseProxies reads addresses and networks, such as 10.0.0.7, 10.0.0.0/8 or fd00::/8. Errors: an entry that is neither.
func ParseProxies(list []string) (Proxies, error) {
	var proxies Proxies
	for _, entry := range list {
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			addr, addrErr := netip.ParseAddr(entry)
			if addrErr != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%q is neither an address nor a network, such as 10.0.0.7 or 10.0.0.0/8", entry)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
		}
		proxies = append(proxies, prefix.Masked())
	}
	return proxies, nil
}

// Client returns the address that a request comes from: the connection's, or where that is a trusted proxy's, the last
// address in X-Forwarded-For that is not a trusted proxy's. Entries before it are the client's own claim and count for
// nothing. The result is the zero Addr where no address is known, as on a Unix socket. unbelieved says that there is an
// X-Forwarded-For from an address that is not trusted.
func (p Proxies) Client(r *http.Request) (client netip.Addr, unbelieved bool) {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	client = remote.Addr().Unmap().WithZone("")
	values := r.Header["X-Forwarded-For"]
	if !p.Trusted(client) {
		return client, len(values) > 0
	}
	forwarded := strings.Split(strings.Join(values, ","), ",")
	for _, entry := range slices.Backward(forwarded) {
		addr, err := forwardedAddr(strings.TrimSpace(entry))
		if err != nil {
			return client, false // the proxy named no client
		}
		client = addr
		if !p.Trusted(client) {
			break
		}
	}
	return client, false
}

// forwardedAddr reads an address, with or without a port.
func forwardedAddr(entry string) (netip.Addr, error) {
	if withPort, err := netip.ParseAddrPort(entry); err == nil {
		return withPort.Addr().Unmap().WithZone(""), nil
	}
	addr, err := netip.ParseAddr(strings.Trim(entry, "[]"))
	return addr.Unmap().WithZone(""), err
}

// Trusted says whether an address is a trusted proxy's.
func (p Proxies) Trusted(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("") // no prefix contains an address with a zone
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}
