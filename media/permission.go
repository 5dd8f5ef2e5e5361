package media

import (
	"net"
	"net/netip"
	"sync"
)

// maxPermissions bounds the peers that an allocation has permissions for. A browser asks for one for each candidate of its
// one peer. Each takes a timer and a place in a map, and without a bound a client could ask for as many as there are
// addresses.
const maxPermissions = 64

// permissions holds the permissions of each allocation, by its client's address; an address has one allocation at most.
type permissions struct {
	mu    sync.Mutex
	peers map[permissionKey]map[netip.Addr]struct{}
}

// permissionKey is a client's socket. The same address over UDP and over TCP makes two.
type permissionKey struct{ network, client string }

func newPermissions() *permissions {
	return &permissions{peers: make(map[permissionKey]map[netip.Addr]struct{})}
}

func keyOf(client net.Addr) permissionKey { return permissionKey{client.Network(), client.String()} }

// room says whether an allocation may have a permission for this peer: it has that one already, or has fewer than the most.
func (p *permissions) room(client net.Addr, peer netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.peers[keyOf(client)]
	_, has := held[peer]
	return has || len(held) < maxPermissions
}

func (p *permissions) add(client net.Addr, peer netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := keyOf(client)
	if p.peers[key] == nil {
		p.peers[key] = make(map[netip.Addr]struct{})
	}
	p.peers[key][peer] = struct{}{}
}

// remove is called for each permission when its time has passed, and for the remaining ones when the allocation ends.
func (p *permissions) remove(client net.Addr, peer netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := keyOf(client)
	if delete(p.peers[key], peer); len(p.peers[key]) == 0 {
		delete(p.peers, key)
	}
}
