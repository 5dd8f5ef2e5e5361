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

// maxChannels bounds an allocation's channels, of which a permission may have one for each port of its peer. pion looks through all of
// them for each packet. With so many, nothing more is permitted or renewed until some of them end.
const maxChannels = 128

// permissions holds the permissions of each allocation, by its client's address; an address has one allocation at most.
type permissions struct {
	mu    sync.Mutex
	peers map[permissionKey]map[netip.Addr]struct{}

	channels map[permissionKey]int
}

// permissionKey is a client's socket. The same address over UDP and over TCP makes two.
type permissionKey struct{ network, client string }

func newPermissions() *permissions {
	return &permissions{peers: make(map[permissionKey]map[netip.Addr]struct{}), channels: make(map[permissionKey]int)}
}

func keyOf(client net.Addr) permissionKey { return permissionKey{client.Network(), client.String()} }

// room says whether an allocation may have a permission for this peer: it has that one already, or has fewer than the most; nor has it as
// many channels as it may.
func (p *permissions) room(client net.Addr, peer netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := keyOf(client)
	held := p.peers[key]
	_, has := held[peer]
	return (has || len(held) < maxPermissions) && p.channels[key] < maxChannels
}

// bind counts a channel that an allocation binds, and unbind the same channel when its time has passed, or its allocation ends.
func (p *permissions) bind(client net.Addr) { p.addChannels(client, 1) }

func (p *permissions) unbind(client net.Addr) { p.addChannels(client, -1) }

func (p *permissions) addChannels(client net.Addr, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := keyOf(client)
	if p.channels[key] += n; p.channels[key] <= 0 {
		delete(p.channels, key)
	}
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
