package transport

import (
	"net/netip"
	"sync"
)

// Defaults of the limits on requests under way.
const (
	DefaultMaxRequests           = 10_000
	DefaultMaxRequestsPerAddress = 500

	// siteRequests is how many times as many an IPv6 site (/48) may have, or half of all where that is fewer: fewer than of what is small,
	// since a request may keep 45 KiB.
	siteRequests = 2
)

// requests counts the requests under way over HTTP.
type requests struct {
	max, maxPerAddress int

	mu        sync.Mutex
	all       int
	byAddress networkCounts[int]
}

// enter counts a request in, where there is room.
func (r *requests) enter(client netip.Prefix) denial {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.all >= r.max:
		return deniedRequests
	case client.IsValid() && r.byAddress[client] >= r.maxPerAddress, r.byAddress[site(client)] >= max(r.maxPerAddress, min(siteRequests*r.maxPerAddress, r.max/2)):
		return deniedAddressRequests
	}
	r.all++
	r.byAddress.add(client, 1)
	return ""
}

func (r *requests) leave(client netip.Prefix) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all--
	r.byAddress.add(client, -1)
}
