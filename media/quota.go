package media

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// minBurst is how many bytes a connection may always relay at once: some packets.
const minBurst = 16 << 10

// How many of the relay ports that are free one connection may have itself, and one client address: each a part, so that
// one that has none finds some. As the free ones become few, so does what a holder may add: four connections that ask for
// all they can get leave two fifths of the ports, and all of one address together two thirds.
const (
	freeForConnection = 4 // a quarter
	freeForAddress    = 2 // a half
)

// quotas are what each connection may have, and each address that they come from.
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

// user is a connection that relays, or did until a moment ago.
type user struct {
	allocations int // guarded by quotas.mu
	limiter     *rate.Limiter
}

func newQuotas(allocations, bitsPerSecond, ports int) *quotas {
	return &quotas{ports: ports, allocations: allocations, bandwidth: rate.Limit(bitsPerSecond) / 8,
		users: make(map[string]*user), hosts: make(map[netip.Addr]int)}
}

// room says whether a connection at an address may have one more allocation.
func (q *quotas) room(connectionID string, host netip.Addr) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	held := 0
	if u := q.users[connectionID]; u != nil {
		held = u.allocations
	}
	free := q.ports - q.used
	if free <= 0 { // which is an error of its own, when one is looked for
		return held < q.allocations
	}
	return held < q.allocations && held*freeForConnection < free && q.hosts[host]*freeForAddress < free
}

// here counts allocations in or out of an address.
func (q *quotas) here(host netip.Addr, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.hosts[host] += n; q.hosts[host] == 0 {
		delete(q.hosts, host)
	}
}

// hostOf returns whose allocations count together: an IPv4 address, or the /64 of an IPv6 one, which is one network's.
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

// take counts an allocation in; nil where there may be none.
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

// sweep forgets, once a second, who has no allocation and has used nothing lately, so that to allocate anew brings no
// bandwidth.
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
