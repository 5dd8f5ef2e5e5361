package media

import (
	"net"
	"net/netip"
)

func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// localAddrs returns this machine's own addresses.
func localAddrs() (map[netip.Addr]bool, error) {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	local := make(map[netip.Addr]bool, len(found))
	for _, one := range found {
		if network, ok := one.(*net.IPNet); ok {
			local[addrOf(network.IP)] = true
		}
	}
	return local, nil
}
