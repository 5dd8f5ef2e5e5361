package media

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// minBurst is the least number of bytes that a connection may relay at once: a few packets.
const minBurst = 16 << 10

// A connection, and a client address, may hold a part of the relay ports that are free, so that a newcomer finds some. As
// fewer ports are free, a holder may add fewer: four connections that ask for all they can get leave two fifths of the
// ports, and all of one address together two thirds.
const (
	freeForConnection = 4 // a quarter
	freeForAddress    = 2 // a half
)

// quotas counts the allocations and bandwidth of each connection, and the allocations of each address.
type quotas struct {
	ports       int        // to relay through
	allocations int        // of one connection
	bandwidth   rate.Limit // of one connection in both directions, bytes a second

	mu    sync.Mutex
	users map[string]*user
	hosts map[netip.Addr]int // allocations by their client's address
	used  int                // allocations in all
	swept time.Time
}

// user is a connection that relays, or did so lately.
type user struct {
	allocations int // guarded by quotas.mu
	limiter     *rate.Limiter
}

func newQuotas(allocations, bitsPerSecond, ports int) *quotas {
	return &quotas{ports: ports, allocations: allocations, bandwidth: rate.Limit(bitsPerSecond) / 8,
		users: make(map[string]*user), hosts: make(map[netip.Addr]int)}
}

// room says whether a connection at an address may have another allocation.
func (q *quotas) room(connectionID string, host netip.Addr) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	held := 0
	if u := q.users[connectionID]; u != nil {
		held = u.allocations
	}
	free := q.ports - q.used
	if free <= 0 { // the search for a port reports this
		return held < q.allocations
	}
	return held < q.allocations && held*freeForConnection < free && q.hosts[host]*freeForAddress < free
}

// here adds to the number of allocations of an address.
func (q *quotas) here(host netip.Addr, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.hosts[host] += n; q.hosts[host] == 0 {
		delete(q.hosts, host)
	}
}

// hostOf returns the address whose allocations count together: an IPv4 address, or the /64 of an IPv6 address, which is one
// network.
func hostOf(client net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(client.String())
	if err != nil {
		return netip.Addr{}
	}
	host := at.Addr().Unmap().WithZone("")
	if host.Is6() {
		host = netip.PrefixFrom(host, 64).Masked().Addr()
	}
	return host
}

// take counts a new allocation and returns its user; nil where the quota allows none.
func (q *quotas) take(connectionID string) *user {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sweep()
	u := q.users[connectionID]
	if u == nil {
		u = &user{limiter: rate.NewLimiter(q.bandwidth, max(minBurst, int(q.bandwidth/4)))}
		q.users[connectionID] = u
	}
	if u.allocations >= q.allocations {
		return nil
	}
	u.allocations++
	q.used++
	return u
}

func (q *quotas) give(u *user) {
	q.mu.Lock()
	defer q.mu.Unlock()
	u.allocations--
	q.used--
}

// sweep forgets, at most once a second, users that have no allocation and have relayed nothing lately. Those that have are
// kept, so that a new allocation brings no new bandwidth.
func (q *quotas) sweep() {
	now := time.Now()
	if now.Sub(q.swept) < time.Second {
		return
	}
	q.swept = now
	for id, u := range q.users {
		if u.allocations == 0 && u.limiter.TokensAt(now) >= float64(u.limiter.Burst()) {
			delete(q.users, id)
		}
	}
}
