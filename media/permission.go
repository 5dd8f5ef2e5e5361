package media

import (
	"net"
	"net/netip"
	"sync"
)

// maxPermissions is how many peers an allocation may have permissions for: a browser asks for one for each candidate of
// its one peer. Each is a timer and a place in a map, and a client may ask for as many as there are addresses.
const maxPermissions = 64

// permissions are those that each allocation has, by its client's address, of which there is one allocation at most.
type permissions struct {
	mu    sync.Mutex
	peers map[permissionKey]map[netip.Addr]struct{}
}

// permissionKey is a client's socket: an address of UDP and the same of TCP are two.
type permissionKey struct{ network, client string }

func newPermissions() *permissions {
	return &permissions{peers: make(map[permissionKey]map[netip.Addr]struct{})}
}

func keyOf(client net.Addr) permissionKey { return permissionKey{client.Network(), client.String()} }

// room says whether an allocation may have a permission for this peer: it has one, or has few.
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

// remove is called for each when its time has passed, and for all that are left when the allocation ends.
func (p *permissions) remove(client net.Addr, peer netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := keyOf(client)
	if delete(p.peers[key], peer); len(p.peers[key]) == 0 {
		delete(p.peers, key)
	}
}
