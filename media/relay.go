package media

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/pion/turn/v5"
)

var (
	errClosed = errors.New("the TURN server is closed")
	errNoTCP  = errors.New("only UDP is relayed")
	errFamily = errors.New("there is no relay address of this family")
	errQuota  = errors.New("the connection has as many allocations as it may")
	errNoPort = errors.New("no free relay port was found")
)

// portTries is the number of ports that are tried before the range counts as full.
const portTries = 64

// relays opens the sockets of allocations. It implements pion's RelayAddressGenerator.
type relays struct {
	server *TURN

	mu     sync.RWMutex
	open   map[netip.AddrPort]*relay // by the address that peers see
	closed bool
}

var _ turn.RelayAddressGenerator = (*relays)(nil)

// Validate implements turn.RelayAddressGenerator.
func (r *relays) Validate() error { return nil }

// AllocateListener refuses TCP peers (RFC 6062), which browsers don't use.
func (r *relays) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errNoTCP
}

// AllocateConn refuses TCP peers, as AllocateListener does.
func (r *relays) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errNoTCP }

// AllocatePacketConn opens and counts a socket for a connection's allocation. When pion looks for an even port it passes no
// user, and closes the socket at once.
func (r *relays) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	seen, ok := r.server.relayAddr(strings.HasSuffix(c.Network, "6"))
	if !ok {
		return nil, nil, errFamily
	}
	one := &relay{relays: r}
	if c.UserID != "" {
		if one.user = r.server.quotas.take(c.UserID); one.user == nil {
			return nil, nil, errQuota
		}
	}
	err := r.listen(one, c.Network, seen, c.RequestedPort)
	if err != nil {
		one.release()
		return nil, nil, err
	}
	return one, net.UDPAddrFromAddrPort(one.seen), nil
}

// listen opens the socket at the port, or at a random port of the range where port is 0.
func (r *relays) listen(one *relay, network string, seen netip.Addr, port int) error {
	bind := r.server.bind[seen]
	low, high := r.server.cfg.MinPort, r.server.cfg.MaxPort
	for range portTries {
		at := port
		if port == 0 {
			at = low + rand.IntN(high-low+1) //nolint:gosec // a port is no secret
		}
		socket, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(bind, uint16(at)))) //nolint:gosec // a port
		if err != nil && port == 0 {
			continue
		}
		if err != nil {
			return fmt.Errorf("open relay port: %w", err)
		}
		one.UDPConn, one.seen = socket, netip.AddrPortFrom(seen, uint16(at)) //nolint:gosec // a port
		return r.add(one)
	}
	return errNoPort
}

func (r *relays) add(one *relay) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errors.Join(errClosed, one.UDPConn.Close())
	}
	r.open[one.seen] = one
	return nil
}

// has says whether an address is that of one of these relays.
func (r *relays) has(peer netip.AddrPort) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.open[peer] != nil
}

// close closes every socket, and makes later allocations fail.
func (r *relays) close() {
	r.mu.Lock()
	r.closed = true
	open := make([]*relay, 0, len(r.open))
	for _, one := range r.open {
		open = append(open, one)
	}
	r.mu.Unlock()
	for _, one := range open {
		_ = one.Close() // pion may have been first
	}
}

// relay is the socket of one allocation.
type relay struct {
	*net.UDPConn
	relays *relays
	seen   netip.AddrPort // by peers
	user   *user          // nil for nobody

	once sync.Once
}

// WriteTo sends a packet to a peer. A packet to a forbidden address, or above the bandwidth, is dropped.
func (r *relay) WriteTo(p []byte, to net.Addr) (int, error) {
	peer, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("peer %v is no UDP address", to)
	}
	server := r.relays.server
	switch at := peer.AddrPort(); {
	case !server.mayReach(netip.AddrPortFrom(at.Addr().Unmap(), at.Port())):
		server.refused.Add(1)
		return len(p), nil
	case !r.admit(len(p)):
		return len(p), nil
	}
	server.sent.Add(int64(len(p)))
	return r.UDPConn.WriteTo(p, to)
}

// ReadFrom receives a packet from a peer. Packets above the bandwidth are dropped.
func (r *relay) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := r.UDPConn.ReadFrom(p)
		if err != nil {
			return n, from, err
		}
		if r.admit(n) {
			r.relays.server.received.Add(int64(n))
			return n, from, nil
		}
	}
}

// admit says whether n bytes are within the connection's bandwidth.
func (r *relay) admit(n int) bool {
	if r.user == nil || r.user.limiter.AllowN(r.relays.server.cfg.Now(), n) {
		return true
	}
	r.relays.server.dropped.Add(1)
	return false
}

// Close closes the socket and returns its place in the quota.
func (r *relay) Close() error {
	err := r.UDPConn.Close()
	r.once.Do(func() {
		r.relays.mu.Lock()
		delete(r.relays.open, r.seen)
		r.relays.mu.Unlock()
		r.release()
	})
	return err
}

func (r *relay) release() {
	if r.user != nil {
		r.relays.server.quotas.give(r.user)
	}
}
